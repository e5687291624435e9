//! Targets of a policy.

use std::fmt;

use agw_api::names::{GATEWAY_GROUP, GROUP};
use agw_api::policy::TargetSelector;
use agw_core::id::{ObjectKey, RouteKind};
use serde_json::{Value, json};

use super::Policy;
use crate::finding::Code;
use crate::report::Report;
use crate::state::ClusterState;

/// What a policy is attached to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    Gateway(ObjectKey),
    Listener(ObjectKey, String),
    Route(RouteKind, ObjectKey),
    Rule(RouteKind, ObjectKey, String),
    Backend(ObjectKey),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gateway(key) => write!(f, "Gateway {key}"),
            Self::Listener(key, name) => write!(f, "listener `{name}` of Gateway {key}"),
            Self::Route(kind, key) => write!(f, "{kind} {key}"),
            Self::Rule(kind, key, name) => write!(f, "rule `{name}` of {kind} {key}"),
            Self::Backend(key) => write!(f, "AgentgatewayBackend {key}"),
        }
    }
}

/// Kinds that policies can target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Gateway,
    Route(RouteKind),
    Backend,
}

impl Kind {
    fn of(group: &str, kind: &str) -> Option<Self> {
        match (group, kind) {
            (GATEWAY_GROUP, "Gateway") => Some(Self::Gateway),
            (GATEWAY_GROUP, "HTTPRoute") => Some(Self::Route(RouteKind::Http)),
            (GATEWAY_GROUP, "GRPCRoute") => Some(Self::Route(RouteKind::Grpc)),
            (GROUP, "AgentgatewayBackend") => Some(Self::Backend),
            _ => None,
        }
    }
}

impl Policy<'_> {
    /// Every target with the reference that its status entry repeats; `None` for one that is not
    /// there.
    pub(super) fn targets(
        &self,
        state: &ClusterState,
        report: &mut Report,
    ) -> Vec<(Value, Option<Target>)> {
        let mut all = Vec::new();
        for (index, reference) in self.refs.iter().enumerate() {
            let field = format!("spec.targetRefs[{index}]");
            let section = reference.section_name.as_deref();
            let key = ObjectKey::new(self.subject.key.namespace.clone(), reference.name.as_str());
            let kind = Kind::of(&reference.group, &reference.kind);
            let target = match kind {
                None => {
                    let message = format!(
                        "policies cannot target `{}/{}`",
                        reference.group, reference.kind
                    );
                    let remedy =
                        "target a Gateway, an HTTPRoute, a GRPCRoute or an AgentgatewayBackend";
                    report.add(
                        self.subject,
                        Code::UnsupportedRefKind,
                        &format!("{field}.kind"),
                        message,
                        remedy,
                    );
                    None
                }
                Some(kind) => {
                    let found = find(state, kind, &key, section);
                    if found.is_none() {
                        let section = section
                            .map(|s| format!(" with a section `{s}`"))
                            .unwrap_or_default();
                        let message = format!("{} {key}{section} does not exist", reference.kind);
                        let remedy = "create it, or correct the name; a policy and its target share a namespace";
                        report.add(
                            self.subject,
                            Code::TargetNotFound,
                            &format!("{field}.name"),
                            message,
                            remedy,
                        );
                    }
                    found
                }
            };
            all.push((
                ancestor(&reference.group, &reference.kind, &key, section),
                target,
            ));
        }
        for selector in self.selectors {
            all.extend(self.selected(state, selector));
        }
        all
    }

    fn selected<'s>(
        &'s self,
        state: &'s ClusterState,
        selector: &'s TargetSelector,
    ) -> impl Iterator<Item = (Value, Option<Target>)> + 's {
        let namespace = &self.subject.key.namespace;
        let section = selector.section_name.as_deref();
        let kind = Kind::of(&selector.group, &selector.kind);
        labelled(state, kind)
            .into_iter()
            .filter(move |(key, labels)| {
                let fits = |(k, v): (&String, &String)| labels.is_some_and(|l| l.get(k) == Some(v));
                key.namespace == *namespace && selector.match_labels.iter().all(fits)
            })
            .map(move |(key, _)| {
                let target = kind.and_then(|kind| find(state, kind, key, section));
                (
                    ancestor(&selector.group, &selector.kind, key, section),
                    target,
                )
            })
    }
}

type Labels<'a> = Option<&'a std::collections::BTreeMap<String, String>>;

fn labelled(state: &ClusterState, kind: Option<Kind>) -> Vec<(&ObjectKey, Labels<'_>)> {
    match kind {
        Some(Kind::Gateway) => state
            .gateways
            .iter()
            .map(|(k, o)| (k, o.object.metadata.labels.as_ref()))
            .collect(),
        Some(Kind::Route(kind)) => state
            .routes
            .iter()
            .filter(|((_, of), _)| *of == kind)
            .map(|((k, _), o)| (k, o.object.metadata.labels.as_ref()))
            .collect(),
        Some(Kind::Backend) => state
            .backends
            .iter()
            .map(|(k, o)| (k, o.object.metadata.labels.as_ref()))
            .collect(),
        None => Vec::new(),
    }
}

fn find(
    state: &ClusterState,
    kind: Kind,
    key: &ObjectKey,
    section: Option<&str>,
) -> Option<Target> {
    let name = || key.clone();
    match (kind, section) {
        (Kind::Gateway, None) => state.gateways.get(key).map(|_| Target::Gateway(name())),
        (Kind::Gateway, Some(section)) => {
            let listeners = &state.gateways.get(key)?.object.spec.listeners;
            let found = listeners.iter().any(|l| l.name == section);
            found.then(|| Target::Listener(name(), section.to_owned()))
        }
        (Kind::Route(kind), None) => {
            let found = state.routes.contains_key(&(name(), kind));
            found.then(|| Target::Route(kind, name()))
        }
        (Kind::Route(kind), Some(section)) => {
            let rules = &state.routes.get(&(name(), kind))?.object.spec.rules;
            let found = rules
                .iter()
                .flatten()
                .any(|r| r.name.as_deref() == Some(section));
            found.then(|| Target::Rule(kind, name(), section.to_owned()))
        }
        (Kind::Backend, None) => state.backends.get(key).map(|_| Target::Backend(name())),
        (Kind::Backend, Some(_)) => None,
    }
}

fn ancestor(group: &str, kind: &str, key: &ObjectKey, section: Option<&str>) -> Value {
    let mut reference = json!({
        "group": group,
        "kind": kind,
        "namespace": &*key.namespace,
        "name": &*key.name,
    });
    if let Some(section) = section {
        reference["sectionName"] = json!(section);
    }
    reference
}
