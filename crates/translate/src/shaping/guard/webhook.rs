//! Webhooks that are asked about what is said.

use std::sync::Arc;

use agw_api::access::BackendObjectRef;
use agw_api::prompt_guard::{ForwardMatchType, GuardFailureMode, GuardWebhook};
use agw_core::backend::{AppProtocol, BackendTarget, Endpoint};
use agw_core::guard::{FailureMode, Webhook};
use agw_core::header::FieldName;
use agw_core::id::ObjectKey;
use agw_core::matcher::{HeaderMatch, Pattern, ValueMatch};

use crate::backend_tls;
use crate::expression::{self, Rejected, collect};
use crate::report::Report;
use crate::server::Reference;
use crate::service::{self, Endpoints, Transport};
use crate::shaping::Source;

/// Names that belong to the connection, or to the question itself.
const OURS: [&str; 6] = [
    "host",
    "content-length",
    "content-type",
    "transfer-encoding",
    "connection",
    "accept-encoding",
];

/// Where a webhook is.
struct To {
    label: Arc<str>,
    authority: String,
    endpoints: Vec<Endpoint>,
    protocol: AppProtocol,
}

impl Source<'_, '_> {
    pub(super) fn webhook(&mut self, spec: &GuardWebhook, at: &str) -> Result<Webhook, Rejected> {
        let to = self.webhook_backend(&spec.backend_ref, &format!("{at}.backendRef"));
        let mut path = None;
        let headers = collect(spec.headers.iter().map(|(name, source)| {
            let at = format!("{at}.headers.{name}");
            let field = format!("{}.{at}", self.field);
            let value = expression::compile(source, self.subject, &field, self.report)?;
            if name == ":path" {
                path = Some(value);
                return Ok(None);
            }
            Ok(Some((self.webhook_header(name, &at)?, value)))
        }));
        let forwarded = spec.forward_header_matches.iter().enumerate();
        let forwarded = collect(forwarded.map(|(index, wanted)| {
            let at = format!("{at}.forwardHeaderMatches[{index}]");
            let name = self.webhook_header(&wanted.name, &at)?;
            let value = match wanted.kind.unwrap_or_default() {
                ForwardMatchType::Exact => ValueMatch::Exact(wanted.value.as_str().into()),
                ForwardMatchType::RegularExpression => {
                    let pattern = Pattern::compile(&wanted.value).map_err(|error| {
                        let message = format!("the pattern does not compile: {error}");
                        self.refuse(&format!("{at}.value"), message, "correct it")
                    })?;
                    ValueMatch::Regex(pattern)
                }
            };
            Ok(HeaderMatch { name, value })
        }));
        let To {
            label,
            authority,
            endpoints,
            protocol,
        } = to?;
        Ok(Webhook {
            label,
            authority: authority.into(),
            endpoints,
            protocol,
            headers: headers?.into_iter().flatten().collect(),
            path,
            forwarded: forwarded?,
            failure_mode: match spec.failure_mode {
                None | Some(GuardFailureMode::FailClosed) => FailureMode::FailClosed,
                Some(GuardFailureMode::FailOpen) => FailureMode::FailOpen,
            },
        })
    }

    fn webhook_header(&mut self, name: &str, at: &str) -> Result<FieldName, Rejected> {
        let ours = OURS.iter().any(|ours| ours.eq_ignore_ascii_case(name));
        match FieldName::parse(name) {
            Ok(name) if !ours => Ok(name),
            Ok(_) => {
                let message = format!("`{name}` is set by the gateway");
                Err(self.refuse(at, message, "remove it"))
            }
            Err(error) => {
                let message = format!("`{name}` is no name of a header: {error}");
                Err(self.refuse(at, message, "correct it"))
            }
        }
    }

    fn webhook_backend(&mut self, to: &BackendObjectRef, at: &str) -> Result<To, Rejected> {
        let reference = Reference {
            state: self.state,
            subject: self.subject,
            field: format!("{}.{at}", self.field),
            report: self.report,
        };
        let key = reference.find(to)?;
        match key.port {
            Some(number) => self.webhook_service(&key.object, number, at),
            None => self.webhook_static(&key.object, at),
        }
    }

    fn webhook_service(&mut self, key: &ObjectKey, number: u16, at: &str) -> Result<To, Rejected> {
        let state = self.state;
        let found = state.services.get(key);
        let port = found.and_then(|s| service::port(&s.object, number, Transport::Streams));
        // The reference was found to lead there.
        let port = port.ok_or(Rejected)?;
        let tls = backend_tls::read(state, &mut Report::default());
        if tls.of(key, port.name.as_deref()).is_some() {
            let message = format!("Service {key} is spoken to in TLS, which webhooks are not");
            return Err(self.refuse(at, message, "refer to a port without a BackendTLSPolicy"));
        }
        let endpoints = Endpoints::of(state);
        let made = service::backend(&endpoints, key, port, Transport::Streams, None);
        let (endpoints, protocol) = match made.target {
            BackendTarget::Endpoints(backend) => (backend.endpoints, backend.protocol),
            BackendTarget::Ai(_) => (Vec::new(), AppProtocol::Http1),
        };
        Ok(To {
            label: key.to_string().into(),
            authority: format!("{}.{}.svc.cluster.local:{number}", key.name, key.namespace),
            endpoints,
            protocol,
        })
    }

    fn webhook_static(&mut self, key: &ObjectKey, at: &str) -> Result<To, Rejected> {
        let found = self.state.backends.get(key).map(|found| &found.object.spec);
        // The reference was found to lead there.
        let spec = found.ok_or(Rejected)?;
        let fixed = spec.static_.as_ref().ok_or(Rejected)?;
        if spec.policies.is_some() {
            let message =
                format!("AgentgatewayBackend {key} has policies, which webhooks have not");
            return Err(self.refuse(at, message, "refer to one without `policies`"));
        }
        Ok(To {
            label: key.to_string().into(),
            authority: format!("{}:{}", fixed.host, fixed.port),
            endpoints: vec![Endpoint {
                host: fixed.host.as_str().into(),
                port: fixed.port,
                tls: None,
            }],
            protocol: AppProtocol::Http1,
        })
    }
}
