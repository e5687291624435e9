//! The backend of a model: its provider, as an AgentgatewayBackend would have it.

use std::collections::BTreeMap;
use std::sync::Arc;

use agw_ai::dialect::compatible;
use agw_api::ai_policy::AiPolicies;
use agw_api::backend::{Anthropic, Azure, Bedrock, Custom, Gemini, OpenAi, Provider, VertexAi};
use agw_api::backend_policy::{BackendPolicies, BackendTls};
use agw_api::model::{AgentgatewayModelSpec, ModelProvider};
use agw_core::access::Authorization;
use agw_core::backend::{Backend, BackendTarget};
use agw_core::id::BackendKey;
use agw_core::shaping::Shaping;
use http::Uri;

use super::{Served, headers, pattern};
use crate::backend::{Context, OfModel, Services, Unserved, of_model};
use crate::expression::Rejected;
use crate::finding::Code;
use crate::policy::own_authorization;
use crate::report::{Report, Subject};
use crate::settings::Settings;
use crate::shaping;

/// A model that has a provider.
pub(super) struct Model<'a> {
    pub(super) subject: Subject<'a>,
    pub(super) context: super::Context<'a>,
    pub(super) settings: &'a Settings,
    pub(super) spec: &'a AgentgatewayModelSpec,
    pub(super) provider: ModelProvider,
}

/// What a model's policies make of the requests to it, and who may send them.
struct Asked {
    shaping: Shaping,
    authorization: Option<Arc<Authorization>>,
}

/// Where a provider is that has no address of its own.
struct Place {
    provider: Provider,
    tls: Option<BackendTls>,
}

impl Model<'_> {
    /// What stands behind the model, or why nothing does.
    pub(super) fn served(&self, report: &mut Report) -> Result<Served, Unserved> {
        let mark = report.mark();
        let made = self.made(report);
        made.unwrap_or_else(|Rejected| Err(Unserved::Invalid(report.errors_since(mark))))
    }

    fn made(&self, report: &mut Report) -> Result<Result<Served, Unserved>, Rejected> {
        self.check(report)?;
        let Place { provider, tls } = self.place(report)?;
        let policies = self.spec.policies.clone().unwrap_or_default();
        let filters = policies.headers.as_ref();
        let filters = filters.map(|spec| headers::filters(spec, self.subject, report));
        let ai = AiPolicies {
            transformations: policies.transformations,
            final_transformations: policies.final_transformations,
            prompt_guard: policies.prompt_guard,
            ..AiPolicies::default()
        };
        let asked = policies.authorization.as_ref();
        let place = (
            self.context.state,
            self.subject,
            "spec.policies.authorization",
        );
        let authorization = asked.map(|spec| own_authorization(spec, place, report));
        let authorization = authorization.transpose();
        let source = shaping::Source {
            subject: self.subject,
            field: "spec.policies".to_owned(),
            state: self.context.state,
            report,
        };
        let shaping = shaping::shaping(&ai, source)?;
        let asked = Asked {
            shaping,
            authorization: authorization?.map(Arc::new),
        };
        let model = OfModel {
            key: BackendKey::model(self.subject.key.clone()),
            provider: &provider,
            policies: &BackendPolicies {
                auth: policies.auth,
                health: policies.health,
                tls: policies.tls.or(tls),
                ..BackendPolicies::default()
            },
        };
        let context = Context {
            state: self.context.state,
            settings: &self.settings(),
            services: Services {
                endpoints: self.context.endpoints,
                tls_policies: self.context.tls_policies,
            },
            subject: self.subject,
        };
        let backend = of_model(context, &model, report);
        let filters = filters.transpose()?.unwrap_or_default();
        Ok(backend.map(|mut backend| {
            asked.of(&mut backend);
            Served {
                backend: Arc::new(backend),
                filters,
            }
        }))
    }

    /// The usual key of OpenAI is not for those who merely speak its API.
    fn settings(&self) -> Settings {
        let mut settings = self.settings.clone();
        if self.spec.base_url.is_some() {
            settings.credentials = BTreeMap::new();
        }
        settings
    }

    fn refuse(&self, field: &str, message: &str, remedy: &str, report: &mut Report) -> Rejected {
        report.add(self.subject, Code::InvalidBackend, field, message, remedy);
        Rejected
    }

    /// What contradicts itself, and what is not served.
    fn check(&self, report: &mut Report) -> Result<(), Rejected> {
        let spec = self.spec;
        let of = |provider| self.provider == provider;
        let apart = |written: bool, provider| written != of(provider);
        let policies = spec.policies.as_ref();
        let wrong = [
            (
                apart(spec.azure.is_some(), ModelProvider::Azure),
                "spec.azure",
                "`azure` belongs to `provider: Azure`, which needs it",
                "write both or none",
            ),
            (
                apart(spec.vertexai.is_some(), ModelProvider::VertexAI),
                "spec.vertexai",
                "`vertexai` belongs to `provider: VertexAI`, which needs it",
                "write both or none",
            ),
            (
                apart(spec.custom.is_some(), ModelProvider::Custom),
                "spec.custom",
                "`custom` belongs to `provider: Custom`, which needs it",
                "write both or none",
            ),
            (
                spec.bedrock.is_some() && !of(ModelProvider::Bedrock),
                "spec.bedrock",
                "`bedrock` belongs to `provider: Bedrock`",
                "remove it",
            ),
            (
                of(ModelProvider::Ollama) && spec.base_url.is_none(),
                "spec.baseURL",
                "Ollama has no address of its own",
                "write `baseURL`",
            ),
            (
                spec.custom
                    .as_ref()
                    .is_some_and(|c| c.backend_ref.is_some() == spec.base_url.is_some()),
                "spec.custom",
                "a custom provider has either `baseURL` or a `backendRef`",
                "write where the server is",
            ),
            (
                self.is_deployment() && !pattern(spec, self.subject.key).is_exact(),
                "spec.azure.apiVersion",
                "this version of Azure's API names the deployment in the path: it is one model's",
                "write the deployment's name in `match.model`, or use `apiVersion: v1`",
            ),
            (
                policies.is_some_and(|p| p.tunnel.is_some()),
                "spec.policies.tunnel",
                "`tunnel` is not served on a model",
                "remove it; until then nobody may ask for the model",
            ),
        ];
        let mut made = Ok(());
        for (_, field, message, remedy) in wrong.into_iter().filter(|(is_wrong, ..)| *is_wrong) {
            made = Err(self.refuse(field, message, remedy, report));
        }
        made
    }

    /// The name of a provider that speaks OpenAI's language under its own address.
    fn compatible(&self) -> Option<&'static str> {
        Some(match self.provider {
            ModelProvider::Anthropic
            | ModelProvider::Azure
            | ModelProvider::Bedrock
            | ModelProvider::Custom
            | ModelProvider::Gemini
            | ModelProvider::OpenAI
            | ModelProvider::VertexAI => return None,
            ModelProvider::Baseten => "baseten",
            ModelProvider::Cerebras => "cerebras",
            ModelProvider::Cohere => "cohere",
            ModelProvider::Deepinfra => "deepinfra",
            ModelProvider::Deepseek => "deepseek",
            ModelProvider::Fireworks => "fireworks",
            ModelProvider::Groq => "groq",
            ModelProvider::Huggingface => "huggingface",
            ModelProvider::Mistral => "mistral",
            ModelProvider::Ollama => "ollama",
            ModelProvider::Openrouter => "openrouter",
            ModelProvider::TogetherAI => "together",
            ModelProvider::XAI => "xai",
        })
    }

    fn place(&self, report: &mut Report) -> Result<Place, Rejected> {
        let mut provider = self.named();
        let mut tls = None;
        if let Some(known) = self.compatible().and_then(compatible) {
            provider.path_prefix = Some(known.base_path.to_owned());
            // A mock stands in for those that have no host of their own.
            if self.settings.provider_override.is_none() {
                provider.host = Some(known.host.to_owned());
                provider.port = Some(known.port);
            }
        }
        if let Some(url) = &self.spec.base_url {
            tls = self.based(url, &mut provider, report)?;
        }
        Ok(Place { provider, tls })
    }

    fn named(&self) -> Provider {
        let mut named = Provider::default();
        match self.provider {
            ModelProvider::Anthropic => named.anthropic = Some(Anthropic::default()),
            ModelProvider::Gemini => named.gemini = Some(Gemini::default()),
            ModelProvider::Bedrock => {
                let own = self.spec.bedrock.clone().unwrap_or_default();
                named.bedrock = Some(Bedrock {
                    region: own.region,
                    guardrail: own.guardrail,
                    ..Bedrock::default()
                });
            }
            ModelProvider::Azure => named.azure = self.azure(),
            ModelProvider::VertexAI => {
                let vertex = self.spec.vertexai.as_ref();
                named.vertexai = vertex.map(|vertex| VertexAi {
                    project_id: vertex.project_id.clone(),
                    region: vertex.region.clone(),
                    model: None,
                });
            }
            ModelProvider::Custom => {
                named.custom = self.spec.custom.as_ref().map(|custom| Custom {
                    backend_ref: custom.backend_ref.clone(),
                    formats: custom.formats.clone(),
                    model: None,
                });
            }
            _ => named.openai = Some(OpenAi::default()),
        }
        named
    }

    /// Versions with a date name the deployment in the path: that of the model's own name.
    fn azure(&self) -> Option<Azure> {
        let azure = self.spec.azure.as_ref()?;
        let own = pattern(self.spec, self.subject.key);
        Some(Azure {
            resource_name: azure.resource_name.clone(),
            resource_type: azure.resource_type,
            project_name: azure.project_name.clone(),
            api_version: azure.api_version.clone(),
            model: self.is_deployment().then(|| own.as_str().to_owned()),
        })
    }

    fn is_deployment(&self) -> bool {
        let azure = self.spec.azure.as_ref();
        let version = azure.and_then(|azure| azure.api_version.as_deref());
        version.is_some_and(|version| version != "v1")
    }

    /// Puts a provider where a URL says; the TLS that it asks for.
    fn based(
        &self,
        url: &str,
        provider: &mut Provider,
        report: &mut Report,
    ) -> Result<Option<BackendTls>, Rejected> {
        let parsed = url.parse::<Uri>().ok();
        let parts = parsed.as_ref().and_then(|uri| {
            let plain = uri.authority().filter(|a| !a.as_str().contains('@'))?;
            let secure = match uri.scheme_str()? {
                "https" => true,
                "http" => false,
                _ => return None,
            };
            Some((plain, secure, uri.path()))
        });
        let Some((authority, secure, path)) = parts else {
            let message = "`baseURL` is no `http` or `https` URL with a host";
            let remedy = "write one, such as `https://models.example.com/v1`";
            return Err(self.refuse("spec.baseURL", message, remedy, report));
        };
        let host = authority.host().trim_matches(['[', ']']);
        provider.host = Some(host.to_owned());
        provider.port = Some(
            authority
                .port_u16()
                .unwrap_or(if secure { 443 } else { 80 }),
        );
        let path = path.trim_end_matches('/');
        if !path.is_empty() {
            provider.path_prefix = Some(path.to_owned());
        }
        Ok(secure.then(BackendTls::default))
    }
}

impl Asked {
    /// Asks it of the requests to a backend.
    fn of(&self, backend: &mut Backend) {
        if let BackendTarget::Ai(ai) = &mut backend.target {
            for provider in ai.groups.iter_mut().flatten() {
                provider.policy.shaping = self.shaping.clone();
                provider.policy.authorization = self.authorization.clone();
            }
        }
    }
}
