//! `AgentgatewayBackend`s.

mod auth;
mod model;
mod policies;
mod provider;
mod sticky;

use std::collections::BTreeMap;
use std::sync::Arc;

use agw_api::backend_policy::{BackendPolicies, RouteType};
use agw_api::conditions::{backend as reasons, types};
use agw_api::{AgentgatewayBackend, AgentgatewayBackendSpec};
use agw_core::backend::{
    AiBackend, AiProvider, Api, ApiRoute, AppProtocol, Backend, BackendTarget, Endpoint,
    EndpointBackend, ProviderKind,
};
use agw_core::id::{BackendKey, ObjectKey};
use serde_json::json;

use crate::backend_tls::TlsPolicies;
use crate::expression::Rejected;
use crate::finding::{Code, ObjectRef};
use crate::policy::Attached;
use crate::report::{Report, Subject};
use crate::service::Endpoints;
use crate::settings::Settings;
use crate::state::ClusterState;
use crate::status::{Condition, ObjectStatus, conditions};

pub(crate) use model::{OfModel, Unserved, of_model};
pub(crate) use policies::{Layer, Layers};

/// What an `AgentgatewayBackend` came to.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    Usable(Arc<Backend>),
    /// Requests to it get 500; the text says why.
    Unusable(String),
}

/// What leads from Services to their endpoints.
#[derive(Clone, Copy)]
pub(crate) struct Services<'a> {
    pub(crate) endpoints: &'a Endpoints<'a>,
    pub(crate) tls_policies: &'a TlsPolicies<'a>,
}

/// Every backend, and its status.
pub(crate) fn translate_all(
    state: &ClusterState,
    settings: &Settings,
    services: Services<'_>,
    policies: &Attached<'_>,
    report: &mut Report,
) -> (BTreeMap<ObjectKey, Outcome>, Vec<ObjectStatus>) {
    let mut outcomes = BTreeMap::new();
    let mut statuses = Vec::new();
    for (key, sourced) in &state.backends {
        let subject = Subject {
            kind: "AgentgatewayBackend",
            key,
            origin: &sourced.origin,
        };
        let context = Context {
            state,
            settings,
            services,
            subject,
        };
        let mut refs = Ok(());
        let layers = policies.backends.get(key).map_or(&[][..], Vec::as_slice);
        let mark = report.mark();
        let own = BackendKey::agentgateway(key.clone());
        let built = context.backend(own, &sourced.object.spec, layers, &mut refs, report);
        let built = built.map_err(|Rejected| report.errors_since(mark));
        statuses.push(status(key, &sourced.object, &built, &refs));
        let outcome = match (built, refs) {
            (Ok(_), Ok(())) if policies.closed.contains_key(key) => {
                Outcome::Unusable(policies.closed[key].clone())
            }
            (Ok(backend), Ok(())) => Outcome::Usable(Arc::new(backend)),
            (Ok(_), Err(unresolved)) => Outcome::Unusable(unresolved.message),
            (Err(why), _) => Outcome::Unusable(why),
        };
        outcomes.insert(key.clone(), outcome);
    }
    (outcomes, statuses)
}

/// A reference of a backend that leads nowhere.
#[derive(Debug, Clone)]
pub(crate) struct Unresolved {
    reason: &'static str,
    message: String,
}

/// The Services that a backend's providers are.
pub(crate) fn services_of<'a>(
    spec: &'a AgentgatewayBackendSpec,
    namespace: &'a str,
) -> impl Iterator<Item = ObjectKey> + 'a {
    let ai = spec.ai.as_ref();
    let lone = ai.and_then(|ai| ai.provider.as_ref());
    let groups = ai.into_iter().flat_map(|ai| &ai.groups);
    let named = groups.flat_map(|group| group.providers.iter().map(|named| &named.provider));
    lone.into_iter()
        .chain(named)
        .filter_map(|provider| provider.custom.as_ref()?.backend_ref.as_ref())
        .map(move |reference| ObjectKey::new(namespace, reference.name.as_str()))
}

/// What translating one backend looks at.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) state: &'a ClusterState,
    pub(crate) settings: &'a Settings,
    pub(crate) services: Services<'a>,
    pub(crate) subject: Subject<'a>,
}

impl Context<'_> {
    fn backend(
        self,
        key: BackendKey,
        spec: &AgentgatewayBackendSpec,
        attached: &[Layer<'_>],
        refs: &mut Result<(), Unresolved>,
        report: &mut Report,
    ) -> Result<Backend, Rejected> {
        let own = spec.policies.as_ref().map(|policies| Layer {
            policies,
            subject: self.subject,
            field: "spec.policies".to_owned(),
        });
        let layers: Layers<'_> = own.into_iter().chain(attached.iter().cloned()).collect();
        let target = match (&spec.ai, &spec.static_) {
            (Some(_), None) => BackendTarget::Ai(self.ai(spec, &layers, refs, report)?),
            (None, Some(fixed)) => {
                let purpose = policies::Purpose::Plain(&fixed.host);
                let made = policies::merge(self, &layers, purpose, refs, report)?;
                let tls = made.tls;
                let endpoint = Endpoint {
                    host: fixed.host.as_str().into(),
                    port: fixed.port,
                    tls,
                };
                BackendTarget::Endpoints(Box::new(EndpointBackend {
                    endpoints: vec![endpoint],
                    protocol: AppProtocol::Http1,
                    policy: made.policy,
                }))
            }
            _ => {
                report.add(
                    self.subject,
                    Code::InvalidBackend,
                    "spec",
                    "a backend is either `ai` or `static`",
                    "write exactly one of the two",
                );
                return Err(Rejected);
            }
        };
        Ok(Backend { key, target })
    }

    fn ai(
        self,
        spec: &AgentgatewayBackendSpec,
        layers: &Layers<'_>,
        refs: &mut Result<(), Unresolved>,
        report: &mut Report,
    ) -> Result<AiBackend, Rejected> {
        let Some(ai) = &spec.ai else {
            return Err(Rejected);
        };
        let groups = match (&ai.provider, &ai.groups[..]) {
            (Some(lone), []) => {
                let entry = provider::Entry {
                    name: None,
                    provider: lone,
                    field: "spec.ai.provider".to_owned(),
                };
                vec![self.provider(&entry, layers, refs, report)?]
            }
            (None, groups) if groups.iter().any(|g| !g.providers.is_empty()) => {
                self.groups(groups, layers, refs, report)?
            }
            _ => {
                report.add(
                    self.subject,
                    Code::InvalidBackend,
                    "spec.ai",
                    "an AI backend has either `provider` or `groups`",
                    "write exactly one of the two; a group needs at least one provider",
                );
                return Err(Rejected);
            }
        };
        Ok(AiBackend {
            groups,
            routes: self.routes(spec, layers, report)?,
        })
    }

    fn groups(
        self,
        groups: &[agw_api::backend::ProviderGroup],
        layers: &Layers<'_>,
        refs: &mut Result<(), Unresolved>,
        report: &mut Report,
    ) -> Result<Vec<Vec<AiProvider>>, Rejected> {
        let mut names = Vec::new();
        let mut all = Vec::new();
        let mut outcome = Ok(());
        for (g, group) in groups.iter().enumerate() {
            let mut entries = Vec::new();
            for (p, named) in group.providers.iter().enumerate() {
                let field = format!("spec.ai.groups[{g}].providers[{p}]");
                if names.contains(&&named.name) {
                    let message = format!("two providers are named `{}`", named.name);
                    report.add(
                        self.subject,
                        Code::InvalidBackend,
                        &format!("{field}.name"),
                        message,
                        "give each provider its own name",
                    );
                    outcome = Err(Rejected);
                }
                names.push(&named.name);
                let ai = named.policies.as_ref().and_then(|p| p.ai.as_ref());
                let routes = ai.map(|ai| api_routes(&ai.routes)).unwrap_or_default();
                let own = named.policies.as_ref().map(|policies| Layer {
                    policies,
                    subject: self.subject,
                    field: format!("{field}.policies"),
                });
                let layers: Layers<'_> = own.into_iter().chain(layers.iter().cloned()).collect();
                let entry = provider::Entry {
                    name: Some(&named.name),
                    provider: &named.provider,
                    field,
                };
                match self.provider(&entry, &layers, refs, report) {
                    Ok(made) => entries.extend(made.into_iter().map(|entry| AiProvider {
                        routes: routes.clone(),
                        ..entry
                    })),
                    Err(Rejected) => outcome = Err(Rejected),
                }
            }
            if !group.providers.is_empty() {
                all.push(entries);
            }
        }
        outcome.map(|()| all)
    }

    /// `ai.routes` or `policies.ai.routes`; both with different values contradict each other.
    fn routes(
        self,
        spec: &AgentgatewayBackendSpec,
        layers: &Layers<'_>,
        report: &mut Report,
    ) -> Result<Vec<ApiRoute>, Rejected> {
        let own = spec
            .ai
            .as_ref()
            .map(|ai| &ai.routes)
            .filter(|routes| !routes.is_empty());
        let settings = layers.iter().filter_map(|layer| layer.policies.ai.as_ref());
        let policy = settings
            .map(|ai| &ai.routes)
            .find(|routes| !routes.is_empty());
        if let (Some(own), Some(policy)) = (own, policy)
            && own != policy
        {
            report.add(
                self.subject,
                Code::InvalidBackend,
                "spec.ai.routes",
                "`ai.routes` and `policies.ai.routes` say different things",
                "keep one of the two",
            );
            return Err(Rejected);
        }
        Ok(own.or(policy).map(api_routes).unwrap_or_default())
    }
}

fn api_routes(written: &BTreeMap<String, RouteType>) -> Vec<ApiRoute> {
    let routes = written.iter().map(|(suffix, kind)| ApiRoute {
        suffix: suffix.as_str().into(),
        api: api(*kind),
    });
    routes.collect()
}

fn api(kind: RouteType) -> Api {
    match kind {
        RouteType::Completions => Api::ChatCompletions,
        RouteType::Messages => Api::Messages,
        RouteType::AnthropicTokenCount => Api::CountTokens,
        RouteType::GenerateContent => Api::GenerateContent,
        RouteType::GeminiCountTokens => Api::GeminiCountTokens,
        RouteType::Responses => Api::Responses,
        RouteType::Embeddings => Api::Embeddings,
        RouteType::Rerank => Api::Rerank,
        RouteType::Models => Api::Models,
        RouteType::Passthrough => Api::Passthrough,
    }
}

fn status(
    key: &ObjectKey,
    object: &AgentgatewayBackend,
    built: &Result<Backend, String>,
    refs: &Result<(), Unresolved>,
) -> ObjectStatus {
    let accepted = match built {
        Ok(_) => Condition::yes(types::ACCEPTED, reasons::ACCEPTED),
        Err(why) => Condition::no(types::ACCEPTED, reasons::INVALID, why),
    };
    let resolved = match refs {
        Ok(()) => Condition::yes(types::RESOLVED_REFS, reasons::RESOLVED_REFS),
        Err(unresolved) => Condition::no(
            types::RESOLVED_REFS,
            unresolved.reason,
            unresolved.message.clone(),
        ),
    };
    let generation = object.metadata.generation;
    ObjectStatus {
        gateways: Vec::new(),
        object: ObjectRef::new("AgentgatewayBackend", Some(&key.namespace), &key.name),
        status: json!({ "conditions": conditions(&[accepted, resolved], generation) }),
    }
}

/// Whether the policies of a backend part can stand on their own: for policies without a target.
pub(crate) fn check_part(
    state: &ClusterState,
    settings: &Settings,
    policies: &BackendPolicies,
    subject: Subject<'_>,
    report: &mut Report,
) -> Result<(), Rejected> {
    let context = Context {
        state,
        settings,
        services: Services {
            endpoints: &Endpoints::default(),
            tls_policies: &TlsPolicies::default(),
        },
        subject,
    };
    let layers: Layers<'_> = vec![Layer {
        policies,
        subject,
        field: "spec.backend".to_owned(),
    }];
    let mut refs = Ok(());
    // What a policy suits is told of the backends that it is on.
    let signs = policies
        .auth
        .as_ref()
        .is_some_and(|auth| auth.aws.is_some());
    let kind = match signs {
        true => ProviderKind::Bedrock,
        false => ProviderKind::OpenAi,
    };
    policies::merge(
        context,
        &layers,
        policies::Purpose::Ai(policies::Asked {
            kind,
            region: "",
            host: "",
        }),
        &mut refs,
        report,
    )?;
    refs.map_err(|_| Rejected)
}
