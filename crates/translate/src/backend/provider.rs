//! One provider entry of an AI backend.

mod named;
mod served_by;

use std::sync::Arc;

use agw_ai::dialect::compatible_at;
use agw_api::backend::Provider;
use agw_core::backend::{AiProvider, Endpoint, Guardrail, ProviderKind, UpstreamTls, Verify};
use agw_core::shaping::Shaping;

use super::policies::{self, Asked, Layers, Purpose};
use super::{Context, Unresolved};
use crate::expression::Rejected;
use crate::finding::Code;
use crate::report::Report;
use served_by::authority;

/// A provider as it is written, and where.
pub(super) struct Entry<'a> {
    pub(super) name: Option<&'a str>,
    pub(super) provider: &'a Provider,
    pub(super) field: String,
}

/// The base path of a server that is known by its host.
fn known_prefix(kind: ProviderKind, provider: &Provider) -> Option<Arc<str>> {
    if !matches!(kind, ProviderKind::OpenAi | ProviderKind::Custom) {
        return None;
    }
    let known = compatible_at(provider.host.as_deref()?)?;
    Some(known.base_path.into())
}

impl Context<'_> {
    /// One provider for each endpoint: where it is a Service, as many as that has ready.
    pub(super) fn provider(
        self,
        entry: &Entry<'_>,
        layers: &Layers<'_>,
        refs: &mut Result<(), Unresolved>,
        report: &mut Report,
    ) -> Result<Vec<AiProvider>, Rejected> {
        let Entry {
            provider, field, ..
        } = entry;
        let named = self.named(entry, report)?;
        let kind = named.kind;
        if provider.path.is_some() && provider.path_prefix.is_some() {
            let message = "`path` and `pathPrefix` exclude each other";
            report.add(
                self.subject,
                Code::InvalidBackend,
                field,
                message,
                "keep one of the two",
            );
            return Err(Rejected);
        }
        let dialect = agw_ai::dialect::of(kind).provider();
        let service = match &provider.custom {
            Some(custom) => self.service(custom, entry, refs, report)?,
            None => None,
        };
        let asked = Asked {
            kind,
            region: &named.region,
            host: provider
                .host
                .as_deref()
                .or(service.as_ref().map(|service| &*service.host))
                .or(named.host.as_deref())
                .unwrap_or(dialect.host),
        };
        let made = policies::merge(self, layers, Purpose::Ai(asked), refs, report)?;
        self.check_shaping(
            kind,
            named.model.as_deref(),
            &made.policy.shaping,
            field,
            report,
        );
        let bedrock = provider.bedrock.as_ref();
        let guardrail = bedrock.and_then(|bedrock| bedrock.guardrail.as_ref());
        let guardrail = guardrail.map(|guardrail| {
            Arc::new(Guardrail {
                identifier: guardrail.identifier.as_str().into(),
                version: guardrail.version.as_str().into(),
            })
        });
        let name = entry.name.unwrap_or(dialect.name);
        let rooted = |path: &String| Arc::from(format!("/{}", path.trim_start_matches('/')));
        let at = |name: Arc<str>, endpoint: Endpoint| AiProvider {
            name,
            kind,
            offers: named.offers.clone(),
            routes: Vec::new(),
            model: named.model.clone(),
            endpoint,
            path: provider.path.as_ref().map(rooted),
            path_prefix: provider
                .path_prefix
                .as_ref()
                .map(rooted)
                .or_else(|| named.path_prefix.clone())
                .or_else(|| known_prefix(kind, provider)),
            query: named.query.clone(),
            guardrail: guardrail.clone(),
            policy: made.policy.clone(),
        };
        if let Some(service) = service {
            let endpoints = service.endpoints(made.tls.as_ref());
            let each = endpoints.map(|endpoint| {
                let own = format!("{name}/{}", authority(&endpoint));
                at(own.into(), endpoint)
            });
            return Ok(each.collect());
        }
        let endpoint = self.endpoint(kind, named.host.clone(), entry, made.tls.clone(), report)?;
        Ok(vec![at(name.into(), endpoint)])
    }

    /// Says what of the settings does nothing for this provider.
    fn check_shaping(
        self,
        kind: ProviderKind,
        model: Option<&str>,
        shaping: &Shaping,
        field: &str,
        report: &mut Report,
    ) {
        if let (Some(model), Some(_)) = (model, &shaping.aliases) {
            let message = format!("every request asks for `{model}`: `modelAliases` does nothing");
            let remedy = "drop the provider's model, or the aliases";
            report.add(self.subject, Code::NoEffect, field, message, remedy);
        }
        let marks = matches!(
            kind,
            ProviderKind::Anthropic | ProviderKind::Bedrock | ProviderKind::VertexAi
        );
        if shaping.caching.is_some() && !marks {
            let name = agw_ai::dialect::of(kind).provider().name;
            let message = format!("`{name}` takes no marks: `promptCaching` does nothing");
            let remedy = "nothing to do: such providers keep prompts on their own";
            report.add(self.subject, Code::NoEffect, field, message, remedy);
        }
    }

    /// Where the provider is: its own host, the one that is written, or the mock's.
    fn endpoint(
        self,
        kind: ProviderKind,
        own: Option<Arc<str>>,
        entry: &Entry<'_>,
        tls: Option<UpstreamTls>,
        report: &mut Report,
    ) -> Result<Endpoint, Rejected> {
        let provider = agw_ai::dialect::of(kind).provider();
        let written = entry.provider;
        match (&written.host, written.port) {
            (None, Some(_)) => {
                let message = "`port` without `host`";
                report.add(
                    self.subject,
                    Code::InvalidBackend,
                    &entry.field,
                    message,
                    "write the host too",
                );
                Err(Rejected)
            }
            // A host without TLS settings speaks TLS on its well-known port and cleartext on any
            // other, as a URL without a scheme would be read.
            (Some(host), port) => {
                let port = port.unwrap_or(443);
                let tls = tls.or_else(|| (port == 443).then_some(UpstreamTls::new(Verify::Full)));
                Ok(Endpoint {
                    host: host.as_str().into(),
                    port,
                    tls,
                })
            }
            (None, None) => match &self.settings.provider_override {
                Some(endpoint) => Ok(endpoint.clone()),
                None => {
                    let full = UpstreamTls::new(Verify::Full);
                    let tls = provider.tls.then(|| tls.unwrap_or(full));
                    Ok(Endpoint {
                        host: own.unwrap_or_else(|| provider.host.into()),
                        port: provider.port,
                        tls,
                    })
                }
            },
        }
    }
}
