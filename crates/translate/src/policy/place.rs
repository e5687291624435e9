//! Where in a policy something is written, and what is said about it.

use agw_api::access::BackendObjectRef;
use agw_api::backend_policy::BackendPolicies;
use agw_core::expr::Expression;
use agw_core::id::{BackendKey, ObjectKey};
use agw_core::server::{Place as To, Server};

use crate::expression::{self, Rejected};
use crate::finding::Code;
use crate::report::{Report, Subject};
use crate::server::{self, Reference};
use crate::state::ClusterState;

/// A field of a policy that is being compiled.
pub(super) struct Place<'a, 'r> {
    pub(super) state: &'a ClusterState,
    pub(super) subject: Subject<'a>,
    /// Path of the field.
    pub(super) field: String,
    pub(super) report: &'r mut Report,
}

impl<'a> Place<'a, '_> {
    /// A field inside this one.
    pub(super) fn inside(&mut self, name: &str) -> Place<'a, '_> {
        Place {
            state: self.state,
            subject: self.subject,
            field: format!("{}.{name}", self.field),
            report: self.report,
        }
    }

    /// Notes what is wrong at `at` inside this field.
    pub(super) fn say(&mut self, code: Code, at: &str, message: &str, remedy: &str) {
        let field = match at {
            "" => self.field.clone(),
            at => format!("{}.{at}", self.field),
        };
        self.report.add(self.subject, code, &field, message, remedy);
    }

    /// The same, of what keeps the policy from being valid.
    pub(super) fn refuse(&mut self, at: &str, message: &str, remedy: &str) -> Rejected {
        self.say(Code::InvalidPolicy, at, message, remedy);
        Rejected
    }

    /// What the reference in this field leads to.
    pub(super) fn server(&mut self, to: &BackendObjectRef) -> Result<BackendKey, Rejected> {
        let reference = Reference {
            state: self.state,
            subject: self.subject,
            field: self.field.clone(),
            report: self.report,
        };
        reference.find(to)
    }

    /// A server that this field has asked, by `backendRef` or `url`, and the path in its URL.
    pub(super) fn asked(
        &mut self,
        reference: Option<&BackendObjectRef>,
        url: Option<&str>,
    ) -> Result<(Server, Option<String>), Rejected> {
        match (reference, url) {
            (Some(to), None) => {
                let key = self.inside("backendRef").server(to)?;
                let server = self.named(key)?;
                Ok((server, None))
            }
            (None, Some(url)) => server::at(url).ok_or_else(|| {
                let remedy = "write `http://host:port` or `https://host`";
                self.refuse("url", "this is no URL of a server", remedy)
            }),
            _ => {
                let remedy = "write exactly one of `backendRef` and `url`";
                Err(self.refuse("", "it is not said where the server is", remedy))
            }
        }
    }

    /// The server that a reference leads to, as it is called in requests to it.
    fn named(&mut self, key: BackendKey) -> Result<Server, Rejected> {
        let ObjectKey { namespace, name } = &key.object;
        let authority = match (key.port, self.state.backends.get(&key.object)) {
            (Some(port), _) => format!("{name}.{namespace}.svc.cluster.local:{port}"),
            (None, found) => {
                // The reference was found to lead there.
                let spec = &found.ok_or(Rejected)?.object.spec;
                let fixed = spec.static_.as_ref().ok_or(Rejected)?;
                let has_more = spec.policies.as_ref().is_some_and(|policies| {
                    let tls = policies.tls.clone();
                    *policies
                        != BackendPolicies {
                            tls,
                            ..BackendPolicies::default()
                        }
                });
                if has_more {
                    let why = format!(
                        "AgentgatewayBackend {} has `policies` beside `tls`, which requests of the \
                         gateway itself do not get",
                        key.object
                    );
                    let remedy = "refer to one without them";
                    return Err(self.refuse("backendRef.name", &why, remedy));
                }
                format!("{}:{}", fixed.host, fixed.port)
            }
        };
        if http::uri::Authority::try_from(authority.as_str()).is_err() {
            let why = "the server's host is none that a request can name";
            return Err(self.refuse("backendRef.name", why, "correct it"));
        }
        Ok(Server {
            at: To::Backend(key),
            authority: authority.into(),
        })
    }

    /// Compiles the expression at `at`.
    pub(super) fn expression(&mut self, at: &str, source: &str) -> Result<Expression, Rejected> {
        let field = format!("{}.{at}", self.field);
        expression::compile(source, self.subject, &field, self.report)
    }
}
