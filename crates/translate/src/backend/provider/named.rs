//! Which provider an entry names, and the model that it forces.

use std::sync::Arc;

use agw_ai::dialect::azure::deployment;
use agw_ai::dialect::bedrock::host;
use agw_api::backend::{AzureOpenAi, OpenAi, Provider};
use agw_core::backend::ProviderKind;

use super::{Context, Entry};
use crate::expression::Rejected;
use crate::finding::Code;
use crate::report::Report;

const DEFAULT_REGION: &str = "us-east-1";

pub(super) struct Named {
    pub(super) kind: ProviderKind,
    pub(super) model: Option<Arc<str>>,
    /// Where the entry's own settings put the provider.
    pub(super) host: Option<Arc<str>>,
    pub(super) path_prefix: Option<Arc<str>>,
    pub(super) query: Option<Arc<str>>,
    /// Where signatures are good; empty where nothing is signed.
    pub(super) region: Arc<str>,
}

impl Named {
    fn new(kind: ProviderKind, model: Option<&String>) -> Self {
        Self {
            kind,
            model: model.map(|model| model.as_str().into()),
            host: None,
            path_prefix: None,
            query: None,
            region: Arc::from(""),
        }
    }
}

impl Context<'_> {
    pub(super) fn named(self, entry: &Entry<'_>, report: &mut Report) -> Result<Named, Rejected> {
        let Provider {
            openai,
            anthropic,
            gemini,
            bedrock,
            azureopenai,
            ..
        } = entry.provider;
        let field = &entry.field;
        match (openai, anthropic, gemini, bedrock, azureopenai) {
            (None, None, None, None, None) => {
                // What `kubectl apply` makes of an `openai:` with nothing behind it.
                let message = "no provider is named: OpenAI is meant, with the client's model";
                let remedy = "write `openai: {}`";
                report.add(self.subject, Code::DialectProvider, field, message, remedy);
                Ok(Named::new(ProviderKind::OpenAi, None))
            }
            (Some(openai), None, None, None, None) => {
                let model = self.openai_model(openai, &format!("{field}.openai"), report)?;
                Ok(Named {
                    model,
                    ..Named::new(ProviderKind::OpenAi, None)
                })
            }
            (None, Some(anthropic), None, None, None) => Ok(Named::new(
                ProviderKind::Anthropic,
                anthropic.model.as_ref(),
            )),
            (None, None, Some(gemini), None, None) => {
                Ok(Named::new(ProviderKind::Gemini, gemini.model.as_ref()))
            }
            (None, None, None, Some(bedrock), None) => {
                let region = bedrock.region.as_deref().unwrap_or(DEFAULT_REGION);
                Ok(Named {
                    host: Some(host(region).into()),
                    region: region.into(),
                    ..Named::new(ProviderKind::Bedrock, bedrock.model.as_ref())
                })
            }
            (None, None, None, None, Some(azure)) => self.azure(azure, field, report),
            _ => {
                report.add(
                    self.subject,
                    Code::InvalidBackend,
                    field,
                    "two providers in one entry",
                    "keep one of `openai`, `anthropic`, `gemini`, `bedrock` and `azureopenai`",
                );
                Err(Rejected)
            }
        }
    }

    /// Versions with a date name the deployment in the path, `v1` as the model.
    fn azure(
        self,
        azure: &AzureOpenAi,
        field: &str,
        report: &mut Report,
    ) -> Result<Named, Rejected> {
        let named = Named {
            host: Some(azure.endpoint.trim_start_matches("https://").into()),
            ..Named::new(ProviderKind::Azure, azure.deployment_name.as_ref())
        };
        match (azure.api_version.as_deref(), &azure.deployment_name) {
            (None | Some("v1"), _) => Ok(named),
            (Some(version), Some(name)) => Ok(Named {
                kind: ProviderKind::AzureDeployment,
                path_prefix: Some(deployment(name).into()),
                query: Some(format!("api-version={version}").into()),
                ..named
            }),
            (Some(version), None) => {
                report.add(
                    self.subject,
                    Code::InvalidBackend,
                    &format!("{field}.azureopenai.deploymentName"),
                    format!("version {version} of Azure's API names the deployment in the path, and none is written"),
                    "write `deploymentName`, or use `apiVersion: v1`",
                );
                Err(Rejected)
            }
        }
    }

    fn openai_model(
        self,
        openai: &OpenAi,
        field: &str,
        report: &mut Report,
    ) -> Result<Option<Arc<str>>, Rejected> {
        let config = openai
            .config
            .as_ref()
            .and_then(|config| config.model.as_ref());
        match (&openai.model, config) {
            (Some(own), Some(config)) if own != config => {
                report.add(
                    self.subject,
                    Code::InvalidBackend,
                    &format!("{field}.config.model"),
                    format!("`model` says {own:?} and `config.model` says {config:?}"),
                    "keep `model`",
                );
                Err(Rejected)
            }
            (own, config) => {
                if config.is_some() {
                    report.add(
                        self.subject,
                        Code::DialectModel,
                        &format!("{field}.config.model"),
                        "the model stands in `openai.config.model`",
                        "the standard place is `openai.model`",
                    );
                }
                Ok(own.as_ref().or(config).map(|model| model.as_str().into()))
            }
        }
    }
}
