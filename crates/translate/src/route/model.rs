//! `AgentgatewayModel`s: routes by the name of a model, and the backends behind them.

mod headers;
mod paths;
mod provider;
mod virtual_model;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use agw_api::AgentgatewayModel;
use agw_api::conditions::route as reasons;
use agw_api::external::httproutes::{HttpRouteParentRefs, HttpRouteSpec};
use agw_api::model::{AgentgatewayModelSpec, Visibility};
use agw_core::backend::Backend;
use agw_core::filter::Filter;
use agw_core::id::{BackendKey, ObjectKey, RouteKind};
use agw_core::policy::TrafficPolicy;
use agw_core::route::{BackendRef, Destination, Route, Rule};
use agw_core::shaping::ModelPattern;

use super::{Context, Problems, Translated, attach, status};
use crate::backend::Unserved;
use crate::expression::Rejected;
use crate::finding::Code;
use crate::manifest::{RouteObject, Sourced};
use crate::report::{Report, Subject};
use crate::settings::Settings;

/// A model that a virtual one may stand for.
struct Known<'a> {
    spec: &'a AgentgatewayModelSpec,
    /// Absent for a virtual model; the error says why it cannot be used.
    served: Option<Result<Served, Unserved>>,
    findings: Report,
}

/// What stands behind a model of a provider.
#[derive(Clone)]
struct Served {
    backend: Arc<Backend>,
    /// Of requests that go there, whoever leads them.
    filters: Vec<Filter>,
}

/// Backends, and how requests are shared between them.
type Made = (BTreeMap<BackendKey, Arc<Backend>>, Vec<BackendRef>);

type All<'a> = BTreeMap<&'a ObjectKey, Known<'a>>;

/// Every model as a route, in the order of their names.
pub(crate) fn translate_models(context: Context<'_>, settings: &Settings) -> Vec<Arc<Translated>> {
    let sources = &context.state.models;
    let mut known: All<'_> = sources
        .iter()
        .map(|(key, source)| (key, context.known(key, source, settings)))
        .collect();
    let mut all = Vec::new();
    for (key, source) in sources {
        let report = known.get_mut(key).map(|known| &mut known.findings);
        let report = report.map(std::mem::take).unwrap_or_default();
        let maker = Maker {
            context,
            subject: subject(key, source),
            known: &known,
            problems: Problems::default(),
            report,
        };
        all.push(Arc::new(maker.model(source)));
    }
    all
}

fn subject<'a>(key: &'a ObjectKey, source: &'a Sourced<AgentgatewayModel>) -> Subject<'a> {
    Subject {
        kind: RouteKind::Model.as_str(),
        key,
        origin: &source.origin,
    }
}

/// The name or the pattern by which a model is asked for.
fn pattern(spec: &AgentgatewayModelSpec, key: &ObjectKey) -> ModelPattern {
    let written = spec.match_.as_ref().and_then(|m| m.model.as_deref());
    ModelPattern::new(written.unwrap_or(&key.name))
}

impl<'a> Context<'a> {
    fn known(
        self,
        key: &'a ObjectKey,
        source: &'a Sourced<AgentgatewayModel>,
        settings: &Settings,
    ) -> Known<'a> {
        let mut findings = Report::default();
        let spec = &source.object.spec;
        let served = spec.provider.map(|provider| {
            let about = provider::Model {
                subject: subject(key, source),
                context: self,
                settings,
                spec,
                provider,
            };
            about.served(&mut findings)
        });
        Known {
            spec,
            served,
            findings,
        }
    }
}

/// Makes one model's route, noting what is wrong with it.
struct Maker<'a, 'k> {
    context: Context<'a>,
    subject: Subject<'a>,
    known: &'k All<'a>,
    problems: Problems,
    report: Report,
}

impl Maker<'_, '_> {
    fn model(mut self, source: &Arc<Sourced<AgentgatewayModel>>) -> Translated {
        let (key, spec) = (self.subject.key, &source.object.spec);
        let made = self.backends(spec);
        let why = self.problems.accepted.as_ref().map(|(_, why)| why.as_str());
        let broken = made.is_err().then(|| why.unwrap_or_default().into());
        let (backends, refs) = made.unwrap_or_default();
        let is_public = spec.visibility.unwrap_or_default() == Visibility::Public;
        let matches = match self.pattern(spec) {
            Ok(pattern) if is_public => paths::matches(&pattern),
            _ => Vec::new(),
        };
        let rule = Rule {
            name: None,
            matches,
            filters: Vec::new(),
            request_timeout: None,
            backend_request_timeout: None,
            retry: None,
            session: None,
            backends: refs,
            policy: TrafficPolicy::default(),
            broken,
        };
        let metadata = &source.object.metadata;
        let created = metadata.creation_timestamp.as_ref();
        let route = Route {
            kind: RouteKind::Model,
            key: key.clone(),
            listeners: Vec::new(),
            hostnames: Vec::new(),
            created: created.map(|t| t.0.as_second()),
            rules: vec![Arc::new(rule)],
            policy: TrafficPolicy::default(),
        };
        let object = RouteObject {
            kind: RouteKind::Model,
            metadata: metadata.clone(),
            spec: HttpRouteSpec {
                parent_refs: Some(parents(spec)),
                ..HttpRouteSpec::default()
            },
        };
        let (attachments, parents) = attach::attach(
            self.context,
            &object,
            self.subject,
            &route,
            &mut self.report,
        );
        let status = status(self.subject, &object, &parents, &self.problems).map(Arc::new);
        Translated {
            source: Arc::new(Sourced {
                object,
                origin: source.origin.clone(),
            }),
            route,
            attachments,
            backends,
            services: services(spec, &key.namespace),
            status,
            is_accepted: self.problems.accepted.is_none(),
            claims: Vec::new(),
            findings: self.report.into_findings(),
        }
    }

    fn refuse(&mut self, code: Code, field: &str, message: String, remedy: &str) -> Rejected {
        self.problems
            .not_accepted(reasons::UNSUPPORTED_VALUE, format!("{field}: {message}"));
        self.report.add(self.subject, code, field, message, remedy);
        Rejected
    }

    /// One `*` at most, at the beginning or at the end; none for a virtual model.
    fn pattern(&mut self, spec: &AgentgatewayModelSpec) -> Result<ModelPattern, Rejected> {
        let pattern = pattern(spec, self.subject.key);
        let text = pattern.as_str();
        let inner = text.strip_prefix('*').or(text.strip_suffix('*'));
        let field = "spec.match.model";
        if inner.unwrap_or(text).contains('*') {
            let message = format!("`{text}` is not a name, a beginning or an end");
            let remedy = "write `*`, a suffix like `gpt-*`, or a prefix like `*-latest`";
            return Err(self.refuse(Code::InvalidValue, field, message, remedy));
        }
        if spec.virtual_model.is_some() && !pattern.is_exact() {
            let message = "a virtual model has an exact name".to_owned();
            return Err(self.refuse(Code::InvalidValue, field, message, "write the name out"));
        }
        Ok(pattern)
    }

    fn backends(&mut self, spec: &AgentgatewayModelSpec) -> Result<Made, Rejected> {
        match (&spec.provider, &spec.virtual_model) {
            (Some(_), None) => Ok(self.own()),
            (None, Some(virtual_model)) => {
                self.check_virtual(spec)?;
                self.aimed(virtual_model)
            }
            _ => {
                let message = "a model has either `provider` or `virtualModel`".to_owned();
                let remedy = "write exactly one of the two";
                Err(self.refuse(Code::InvalidBackend, "spec", message, remedy))
            }
        }
    }

    fn check_virtual(&mut self, spec: &AgentgatewayModelSpec) -> Result<(), Rejected> {
        let (field, message) = if spec.policies.is_some() {
            (
                "spec.policies",
                "policies are those of the models that it stands for",
            )
        } else if spec.visibility == Some(Visibility::Internal) {
            (
                "spec.visibility",
                "a virtual model is for clients: it is public",
            )
        } else {
            return Ok(());
        };
        Err(self.refuse(Code::InvalidBackend, field, message.to_owned(), "remove it"))
    }

    /// The one backend of a provider's model.
    fn own(&mut self) -> Made {
        let known = self.known.get(self.subject.key);
        match known.and_then(|known| known.served.as_ref()) {
            Some(Ok(served)) => {
                let refs = vec![served.reference(1)];
                let backend = served.backend.clone();
                (BTreeMap::from([(backend.key.clone(), backend)]), refs)
            }
            Some(Err(unserved)) => {
                match unserved {
                    Unserved::Invalid(why) => self
                        .problems
                        .not_accepted(reasons::UNSUPPORTED_VALUE, why.clone()),
                    Unserved::Unresolved(reason, why) => {
                        self.problems.not_resolved(reason, why.clone());
                    }
                }
                (BTreeMap::new(), vec![invalid(unserved.why().into(), 1)])
            }
            None => Made::default(),
        }
    }
}

impl Served {
    fn reference(&self, weight: u32) -> BackendRef {
        BackendRef {
            weight,
            to: Destination::Backend(self.backend.key.clone()),
            filters: self.filters.clone(),
            model: None,
            when: None,
        }
    }
}

/// A reference that leads nowhere.
fn invalid(why: Arc<str>, weight: u32) -> BackendRef {
    BackendRef {
        weight,
        to: Destination::Invalid(why),
        filters: Vec::new(),
        model: None,
        when: None,
    }
}

fn parents(spec: &AgentgatewayModelSpec) -> Vec<HttpRouteParentRefs> {
    let refs = spec.parent_refs.iter().cloned();
    let refs = refs.map(|parent| HttpRouteParentRefs {
        group: parent.group,
        kind: parent.kind,
        name: parent.name,
        namespace: parent.namespace,
        port: parent.port,
        section_name: parent.section_name,
    });
    refs.collect()
}

/// The Service that the model's provider is.
fn services(spec: &AgentgatewayModelSpec, namespace: &str) -> BTreeSet<ObjectKey> {
    let custom = spec.custom.as_ref();
    let reference = custom.and_then(|custom| custom.backend_ref.as_ref());
    let key = reference.map(|reference| ObjectKey::new(namespace, reference.name.as_str()));
    key.into_iter().collect()
}
