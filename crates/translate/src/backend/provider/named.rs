//! Which provider an entry names, and the model that it forces.

mod azure;

use std::sync::Arc;

use agw_ai::dialect::bedrock::host;
use agw_ai::dialect::vertex::Place;
use agw_api::backend::{
    Anthropic, Azure, AzureOpenAi, Bedrock, Custom, CustomFormat, FormatType, Gemini, OpenAi,
    Provider, VertexAi,
};
use agw_core::backend::{Api, Offer, ProviderKind};

use super::{Context, Entry};
use crate::expression::Rejected;
use crate::finding::Code;
use crate::report::Report;

const DEFAULT_REGION: &str = "us-east-1";

const DEFAULT_LOCATION: &str = "global";

/// The fields of an entry that name a provider.
const VENDORS: &str =
    "`openai`, `anthropic`, `gemini`, `vertexai`, `bedrock`, `azure`, `azureopenai` and `custom`";

/// One of them.
#[derive(Clone, Copy)]
enum Vendor<'a> {
    OpenAi(&'a OpenAi),
    Anthropic(&'a Anthropic),
    Gemini(&'a Gemini),
    VertexAi(&'a VertexAi),
    Bedrock(&'a Bedrock),
    Azure(&'a Azure),
    AzureOpenAi(&'a AzureOpenAi),
    Custom(&'a Custom),
}

pub(super) struct Named {
    pub(super) kind: ProviderKind,
    pub(super) model: Option<Arc<str>>,
    /// Where the entry's own settings put the provider.
    pub(super) host: Option<Arc<str>>,
    pub(super) path_prefix: Option<Arc<str>>,
    pub(super) query: Option<Arc<str>>,
    pub(super) offers: Vec<Offer>,
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
            offers: Vec::new(),
            region: Arc::from(""),
        }
    }
}

/// All that `provider` names, where one is right.
fn named_in(provider: &Provider) -> Vec<Vendor<'_>> {
    let named = [
        provider.openai.as_ref().map(Vendor::OpenAi),
        provider.anthropic.as_ref().map(Vendor::Anthropic),
        provider.gemini.as_ref().map(Vendor::Gemini),
        provider.vertexai.as_ref().map(Vendor::VertexAi),
        provider.bedrock.as_ref().map(Vendor::Bedrock),
        provider.azure.as_ref().map(Vendor::Azure),
        provider.azureopenai.as_ref().map(Vendor::AzureOpenAi),
        provider.custom.as_ref().map(Vendor::Custom),
    ];
    named.into_iter().flatten().collect()
}

/// Whether a text is a part of a host's name, of these letters, digits and `-`.
fn is_label(text: &str, letter: impl Fn(u8) -> bool) -> bool {
    let plain = |byte: u8| letter(byte) || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.bytes().all(plain)
}

fn offered(kind: FormatType) -> Api {
    match kind {
        FormatType::Completions => Api::ChatCompletions,
        FormatType::Responses => Api::Responses,
        FormatType::Messages => Api::Messages,
        FormatType::AnthropicTokenCount => Api::CountTokens,
        FormatType::Embeddings => Api::Embeddings,
        FormatType::Rerank => Api::Rerank,
    }
}

impl Context<'_> {
    pub(super) fn named(self, entry: &Entry<'_>, report: &mut Report) -> Result<Named, Rejected> {
        let field = &entry.field;
        match named_in(entry.provider)[..] {
            [] => {
                // What `kubectl apply` makes of an `openai:` with nothing behind it.
                let message = "no provider is named: OpenAI is meant, with the client's model";
                let remedy = "write `openai: {}`";
                report.add(self.subject, Code::DialectProvider, field, message, remedy);
                Ok(Named::new(ProviderKind::OpenAi, None))
            }
            [Vendor::OpenAi(openai)] => {
                let model = self.openai_model(openai, &format!("{field}.openai"), report)?;
                Ok(Named {
                    model,
                    ..Named::new(ProviderKind::OpenAi, None)
                })
            }
            [Vendor::Anthropic(anthropic)] => Ok(Named::new(
                ProviderKind::Anthropic,
                anthropic.model.as_ref(),
            )),
            [Vendor::Gemini(gemini)] => Ok(Named::new(ProviderKind::Gemini, gemini.model.as_ref())),
            [Vendor::VertexAi(vertex)] => self.vertex_ai(vertex, field, report),
            [Vendor::Bedrock(bedrock)] => {
                let region = bedrock.region.as_deref().unwrap_or(DEFAULT_REGION);
                self.check_region(region, &format!("{field}.bedrock.region"), report)?;
                Ok(Named {
                    host: Some(host(region).into()),
                    region: region.into(),
                    ..Named::new(ProviderKind::Bedrock, bedrock.model.as_ref())
                })
            }
            [Vendor::Azure(azure)] => self.azure(azure, field, report),
            [Vendor::AzureOpenAi(azure)] => self.azure_openai(azure, field, report),
            [Vendor::Custom(custom)] => self.custom(custom, entry, report),
            _ => {
                report.add(
                    self.subject,
                    Code::InvalidBackend,
                    field,
                    "two providers in one entry",
                    format!("keep one of {VENDORS}"),
                );
                Err(Rejected)
            }
        }
    }

    /// The project and the location stand in every path.
    fn vertex_ai(
        self,
        vertex: &VertexAi,
        field: &str,
        report: &mut Report,
    ) -> Result<Named, Rejected> {
        let place = Place {
            project: &vertex.project_id,
            location: vertex.region.as_deref().unwrap_or(DEFAULT_LOCATION),
        };
        self.check_region(place.location, &format!("{field}.vertexai.region"), report)?;
        Ok(Named {
            host: Some(place.host().into()),
            path_prefix: Some(place.prefix().into()),
            ..Named::new(ProviderKind::VertexAi, vertex.model.as_ref())
        })
    }

    /// A region becomes a part of a host's name.
    fn check_region(self, region: &str, field: &str, report: &mut Report) -> Result<(), Rejected> {
        if is_label(region, |byte| byte.is_ascii_lowercase()) {
            return Ok(());
        }
        let message = format!("{region:?} is no name of a region");
        let remedy = "write one such as `us-east-1`, of small letters, digits and `-`";
        report.add(self.subject, Code::InvalidBackend, field, message, remedy);
        Err(Rejected)
    }

    /// A server by its APIs; where it is stands beside.
    fn custom(
        self,
        custom: &Custom,
        entry: &Entry<'_>,
        report: &mut Report,
    ) -> Result<Named, Rejected> {
        let Entry {
            provider, field, ..
        } = entry;
        let own_paths = custom.formats.iter().any(|format| format.path.is_some());
        let other_path = provider.path.is_some() || provider.path_prefix.is_some();
        let bad_path = |path: &String| !path.starts_with('/');
        let wrong = if provider.host.is_some() == custom.backend_ref.is_some() {
            Some((
                "`custom` has either `host` or a `backendRef`",
                "write where the server is",
            ))
        } else if custom.formats.is_empty() {
            Some((
                "`custom` without `formats`",
                "write which APIs the server has",
            ))
        } else if own_paths && other_path {
            let message = "`path` and `pathPrefix` exclude paths of `custom.formats`";
            Some((message, "keep one of the two"))
        } else if custom
            .formats
            .iter()
            .any(|f| f.path.as_ref().is_some_and(bad_path))
        {
            Some((
                "a path of `custom.formats` does not start with `/`",
                "write it from the root on",
            ))
        } else {
            None
        };
        if let Some((message, remedy)) = wrong {
            report.add(self.subject, Code::InvalidBackend, field, message, remedy);
            return Err(Rejected);
        }
        let offer = |format: &CustomFormat| Offer {
            api: offered(format.kind),
            path: format.path.as_deref().map(Into::into),
        };
        Ok(Named {
            offers: custom.formats.iter().map(offer).collect(),
            ..Named::new(ProviderKind::Custom, custom.model.as_ref())
        })
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
