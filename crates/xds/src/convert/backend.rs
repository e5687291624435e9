//! Backends.

use std::sync::Arc;

use agw_core::backend::{
    AiBackend, AiProvider, ApiRoute, Backend, BackendPolicy, BackendTarget, Ejection, Endpoint,
    EndpointBackend, Guardrail, Offer, Probe,
};

use super::common::{
    each, enumeration, expression, not_empty, one, optional, port, required, text,
};
use super::invalid::{At, Invalid};
use super::secret::{Outgoing, Secrets, Slot};
use super::{auth, shaping, tls};
use crate::proto;
use crate::proto::backend::Target;
use crate::resource::ResourceKey;

/// `name` is the resource's; the names of its secrets start with it.
pub(super) fn encode(backend: &Backend, name: &str, secrets: &mut Outgoing) -> proto::Backend {
    let Backend { key, target } = backend;
    let slot = |name| Slot {
        name,
        key: ResourceKey::Credential(key.clone()),
    };
    let target = match target {
        BackendTarget::Ai(ai) => {
            let entry = |group: usize, entry: usize| slot(format!("{name} {group}.{entry}"));
            Target::Ai(ai_message(ai, entry, secrets))
        }
        BackendTarget::Endpoints(backend) => {
            let EndpointBackend {
                endpoints,
                protocol,
                policy,
            } = &**backend;
            Target::Endpoints(proto::EndpointBackend {
                endpoints: endpoints
                    .iter()
                    .map(|e| endpoint_message(e, secrets))
                    .collect(),
                protocol: proto::AppProtocol::from(*protocol).into(),
                policy: Some(policy_message(policy, slot(name.to_owned()), secrets)),
            })
        }
    };
    proto::Backend {
        key: Some(key.into()),
        target: Some(target),
    }
}

fn ai_message(
    ai: &AiBackend,
    slot: impl Fn(usize, usize) -> Slot,
    secrets: &mut Outgoing,
) -> proto::AiBackend {
    let AiBackend { groups, routes } = ai;
    let mut messages = Vec::with_capacity(groups.len());
    for (group, providers) in groups.iter().enumerate() {
        let providers = providers
            .iter()
            .enumerate()
            .map(|(entry, provider)| provider_message(provider, slot(group, entry), secrets));
        messages.push(proto::ProviderGroup {
            providers: providers.collect(),
        });
    }
    proto::AiBackend {
        groups: messages,
        routes: routes.iter().map(route_message).collect(),
    }
}

fn route_message(ApiRoute { suffix, api }: &ApiRoute) -> proto::ApiRoute {
    proto::ApiRoute {
        suffix: suffix.to_string(),
        api: proto::Api::from(*api).into(),
    }
}

fn provider_message(
    provider: &AiProvider,
    slot: Slot,
    secrets: &mut Outgoing,
) -> proto::AiProvider {
    let AiProvider {
        name,
        kind,
        offers,
        routes,
        model,
        endpoint,
        path_prefix,
        path,
        query,
        guardrail,
        policy,
    } = provider;
    proto::AiProvider {
        name: name.to_string(),
        kind: proto::ProviderKind::from(*kind).into(),
        offers: offers.iter().map(offer_message).collect(),
        routes: routes.iter().map(route_message).collect(),
        model: text(model.as_ref()),
        endpoint: Some(endpoint_message(endpoint, secrets)),
        path_prefix: text(path_prefix.as_ref()),
        path: text(path.as_ref()),
        query: text(query.as_ref()),
        guardrail: guardrail.as_deref().map(
            |Guardrail {
                 identifier,
                 version,
             }| proto::Guardrail {
                identifier: identifier.to_string(),
                version: version.to_string(),
            },
        ),
        policy: Some(policy_message(policy, slot, secrets)),
    }
}

fn offer_message(offer: &Offer) -> proto::Offer {
    let Offer { api, path } = offer;
    proto::Offer {
        api: proto::Api::from(*api).into(),
        path: text(path.as_ref()),
    }
}

fn policy_message(
    policy: &BackendPolicy,
    slot: Slot,
    secrets: &mut Outgoing,
) -> proto::BackendPolicy {
    let BackendPolicy {
        auth,
        authorization,
        request_timeout,
        retry,
        probe,
        ejection,
        transformation,
        sticky,
        shaping,
    } = policy;
    proto::BackendPolicy {
        auth: auth.as_ref().map(|auth| auth::encode(auth, slot, secrets)),
        request_timeout: request_timeout.map(Into::into),
        retry: retry.as_ref().map(Into::into),
        probe: probe
            .as_ref()
            .map(|Probe { interval, timeout }| proto::Probe {
                interval: Some((*interval).into()),
                timeout: Some((*timeout).into()),
            }),
        ejection: ejection.as_ref().map(Into::into),
        transformation: transformation.as_deref().map(Into::into),
        shaping: shaping::said(shaping),
        authorization: authorization.as_deref().map(Into::into),
        sticky: sticky.as_ref().map(Into::into),
    }
}

pub(super) fn decode(
    message: proto::Backend,
    secrets: &mut Secrets<'_>,
) -> Result<Backend, Invalid> {
    let proto::Backend { key, target } = message;
    let target = match required(target, "target")? {
        Target::Ai(ai) => BackendTarget::Ai(ai_backend(ai, secrets).at("ai")?),
        Target::Endpoints(backend) => BackendTarget::Endpoints(Box::new(
            endpoint_backend(backend, secrets).at("endpoints")?,
        )),
    };
    Ok(Backend {
        key: one(key, "key")?,
        target,
    })
}

fn ai_backend(message: proto::AiBackend, secrets: &mut Secrets<'_>) -> Result<AiBackend, Invalid> {
    let proto::AiBackend { groups, routes } = message;
    let groups = each(groups, "groups", |proto::ProviderGroup { providers }| {
        each(providers, "providers", |p| provider(p, secrets))
    });
    Ok(AiBackend {
        groups: groups.and_then(|groups| not_empty(groups, "groups"))?,
        routes: each(routes, "routes", api_route)?,
    })
}

fn api_route(proto::ApiRoute { suffix, api }: proto::ApiRoute) -> Result<ApiRoute, Invalid> {
    Ok(ApiRoute {
        suffix: suffix.into(),
        api: enumeration::<proto::Api, _>(api, "api")?,
    })
}

fn provider(message: proto::AiProvider, secrets: &mut Secrets<'_>) -> Result<AiProvider, Invalid> {
    let proto::AiProvider {
        name,
        kind,
        model,
        endpoint: at,
        path_prefix,
        path,
        query,
        policy: asked,
        offers,
        routes,
        guardrail,
    } = message;
    Ok(AiProvider {
        name: name.into(),
        kind: enumeration::<proto::ProviderKind, _>(kind, "kind")?,
        offers: each(offers, "offers", |proto::Offer { api, path }| {
            Ok(Offer {
                api: enumeration::<proto::Api, _>(api, "api")?,
                path: path.map(Into::into),
            })
        })?,
        routes: each(routes, "routes", api_route)?,
        model: model.map(Into::into),
        endpoint: required(at, "endpoint").and_then(|at| endpoint(at, secrets).at("endpoint"))?,
        path_prefix: path_prefix.map(Into::into),
        path: path.map(Into::into),
        query: query.map(Into::into),
        guardrail: guardrail.map(|guardrail| {
            Arc::new(Guardrail {
                identifier: guardrail.identifier.into(),
                version: guardrail.version.into(),
            })
        }),
        policy: policy(asked, secrets).at("policy")?,
    })
}

fn endpoint_backend(
    message: proto::EndpointBackend,
    secrets: &mut Secrets<'_>,
) -> Result<EndpointBackend, Invalid> {
    let proto::EndpointBackend {
        endpoints,
        protocol,
        policy: asked,
    } = message;
    Ok(EndpointBackend {
        endpoints: each(endpoints, "endpoints", |e| endpoint(e, secrets))?,
        protocol: enumeration::<proto::AppProtocol, _>(protocol, "protocol")?,
        policy: policy(asked, secrets).at("policy")?,
    })
}

fn policy(
    message: Option<proto::BackendPolicy>,
    secrets: &mut Secrets<'_>,
) -> Result<BackendPolicy, Invalid> {
    let proto::BackendPolicy {
        auth: proof,
        request_timeout,
        retry,
        probe,
        ejection,
        transformation,
        shaping,
        authorization,
        sticky,
    } = message.ok_or_else(|| Invalid::new("is not set"))?;
    Ok(BackendPolicy {
        auth: proof
            .map(|proof| auth::decode(proof, secrets))
            .transpose()
            .at("auth")?,
        authorization: optional(authorization, "authorization")?.map(Arc::new),
        request_timeout: optional(request_timeout, "request_timeout")?,
        retry: optional(retry, "retry")?,
        probe: optional(probe, "probe")?,
        ejection: optional(ejection, "ejection")?,
        transformation: optional(transformation, "transformation")?.map(Arc::new),
        sticky: optional(sticky, "sticky")?,
        shaping: optional(shaping, "shaping")?.unwrap_or_default(),
    })
}

impl TryFrom<proto::Probe> for Probe {
    type Error = Invalid;

    fn try_from(probe: proto::Probe) -> Result<Self, Invalid> {
        let proto::Probe { interval, timeout } = probe;
        Ok(Self {
            interval: one(interval, "interval")?,
            timeout: one(timeout, "timeout")?,
        })
    }
}

impl From<&Ejection> for proto::Ejection {
    fn from(ejection: &Ejection) -> Self {
        let Ejection {
            unhealthy_threshold,
            healthy_threshold,
            base,
            max,
            unhealthy_condition,
        } = ejection;
        Self {
            unhealthy_threshold: *unhealthy_threshold,
            healthy_threshold: *healthy_threshold,
            base: Some((*base).into()),
            max: Some((*max).into()),
            unhealthy_condition: unhealthy_condition.as_ref().map(|e| e.source().to_owned()),
        }
    }
}

impl TryFrom<proto::Ejection> for Ejection {
    type Error = Invalid;

    fn try_from(ejection: proto::Ejection) -> Result<Self, Invalid> {
        let proto::Ejection {
            unhealthy_threshold,
            healthy_threshold,
            base,
            max,
            unhealthy_condition,
        } = ejection;
        let condition = unhealthy_condition.map(|source| expression(&source));
        Ok(Self {
            unhealthy_threshold,
            healthy_threshold,
            base: one(base, "base")?,
            max: one(max, "max")?,
            unhealthy_condition: condition.transpose().at("unhealthy_condition")?,
        })
    }
}

fn endpoint_message(endpoint: &Endpoint, secrets: &mut Outgoing) -> proto::Endpoint {
    let Endpoint { host, port, tls } = endpoint;
    proto::Endpoint {
        host: host.to_string(),
        port: (*port).into(),
        tls: tls.as_ref().map(|tls| tls::encode(tls, secrets)),
    }
}

fn endpoint(message: proto::Endpoint, secrets: &mut Secrets<'_>) -> Result<Endpoint, Invalid> {
    let proto::Endpoint {
        host,
        port: number,
        tls,
    } = message;
    Ok(Endpoint {
        host: host.into(),
        port: port(number, "port")?,
        tls: tls
            .map(|tls| tls::decode(tls, secrets))
            .transpose()
            .at("tls")?,
    })
}
