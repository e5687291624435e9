//! Which listeners a route is attached to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use agw_api::conditions::route as reasons;
use agw_api::external::httproutes::HttpRouteParentRefs;
use agw_api::names::GATEWAY_GROUP;
use agw_core::id::ObjectKey;
use agw_core::route::Route;
use serde_json::{Value, json};

use super::Context;
use crate::finding::Code;
use crate::gateway::{GatewayPlan, ListenerPlan, Owner};
use crate::manifest::RouteObject;
use crate::report::{Report, Subject};

/// A Gateway that takes the route.
#[derive(Debug)]
pub(crate) struct Attachment {
    /// Position among the planned Gateways.
    pub(crate) gateway: usize,
    /// The route as that Gateway has it: with the names of its listeners.
    pub(crate) route: Arc<Route>,
}

/// A parent that is ours, for the route's status.
#[derive(Debug)]
pub(super) struct Parent {
    pub(super) reference: Value,
    pub(super) gateway: ObjectKey,
    pub(super) refused: Option<(&'static str, String)>,
}

/// What a parentRef names.
struct Found<'a> {
    /// Position among the planned Gateways.
    gateway: usize,
    /// Whose listeners the route may attach to.
    owner: Owner,
    plan: &'a GatewayPlan,
}

struct Refused {
    reason: &'static str,
    code: Code,
    message: String,
    remedy: &'static str,
}

pub(super) fn attach(
    context: Context<'_>,
    object: &RouteObject,
    subject: Subject<'_>,
    route: &Route,
    report: &mut Report,
) -> (Vec<Attachment>, Vec<Parent>) {
    let mut taken_by: BTreeMap<usize, BTreeSet<Arc<str>>> = BTreeMap::new();
    let mut parents = Vec::new();
    for (index, parent) in object.spec.parent_refs.iter().flatten().enumerate() {
        let field = format!("spec.parentRefs[{index}]");
        let Some(found) = find(context, parent, subject, &field, report) else {
            continue;
        };
        let gateway = found.gateway;
        let taken = listeners(context, &found, parent, route);
        let refused = match taken {
            Ok(listeners) => {
                taken_by.entry(gateway).or_default().extend(listeners);
                None
            }
            Err(refused) => {
                report.add(
                    subject,
                    refused.code,
                    &field,
                    refused.message.clone(),
                    refused.remedy,
                );
                Some((refused.reason, refused.message))
            }
        };
        parents.push(Parent {
            reference: reference(parent, subject.key),
            gateway: found.plan.key.clone(),
            refused,
        });
    }
    let attachments = taken_by.into_iter().map(|(gateway, listeners)| {
        let route = Arc::new(Route {
            listeners: listeners.into_iter().collect(),
            ..route.clone()
        });
        Attachment { gateway, route }
    });
    (attachments.collect(), parents)
}

/// The Gateway of ours that a parentRef names, or that a ListenerSet which it names belongs to.
/// What is somebody else's gets no status from us.
fn find<'a>(
    context: Context<'a>,
    parent: &HttpRouteParentRefs,
    subject: Subject<'_>,
    field: &str,
    report: &mut Report,
) -> Option<Found<'a>> {
    let kind = parent.kind.as_deref().unwrap_or("Gateway");
    let group = parent.group.as_deref().unwrap_or(GATEWAY_GROUP);
    if !matches!(kind, "Gateway" | "ListenerSet") || group != GATEWAY_GROUP {
        let message = format!("parents of kind {group}/{kind} are not served by this release");
        let remedy = "refer to a Gateway or a ListenerSet";
        report.add(subject, Code::KindNotServed, field, message, remedy);
        return None;
    }
    let namespace = parent
        .namespace
        .as_deref()
        .unwrap_or(&subject.key.namespace);
    let key = ObjectKey::new(namespace, parent.name.as_str());
    let (owner, known) = if kind == "Gateway" {
        (Owner::Gateway, context.state.gateways.contains_key(&key))
    } else {
        let known = context.state.listener_sets.contains_key(&key);
        (Owner::Set(key.clone()), known)
    };
    let mut plans = context.gateways.iter();
    let found = plans.position(|plan| match &owner {
        Owner::Gateway => plan.key == key,
        Owner::Set(set) => plan.has_set(set),
    });
    if found.is_none() && !known && !context.state.is_broken(kind, &key) {
        let message = format!("{kind} {key} does not exist");
        let remedy = "create it, or correct the name or namespace";
        let field = format!("{field}.name");
        report.add(subject, Code::ParentNotFound, &field, message, remedy);
    }
    found.map(|gateway| Found {
        gateway,
        owner,
        plan: &context.gateways[gateway],
    })
}

fn listeners(
    context: Context<'_>,
    found: &Found<'_>,
    parent: &HttpRouteParentRefs,
    route: &Route,
) -> Result<Vec<Arc<str>>, Refused> {
    let (hostnames, namespace) = (&route.hostnames, &route.key.namespace);
    let parent_label = match &found.owner {
        Owner::Gateway => format!("Gateway {}", found.plan.key),
        Owner::Set(set) => format!("ListenerSet {set}"),
    };
    let named = |listener: &&ListenerPlan| {
        listener.owner == found.owner
            && parent
                .section_name
                .as_deref()
                .is_none_or(|name| name == &*listener.section)
            && parent
                .port
                .is_none_or(|port| port == i32::from(listener.port))
    };
    let named: Vec<_> = found.plan.listeners.iter().filter(named).collect();
    if named.is_empty() {
        return Err(Refused {
            reason: reasons::NO_MATCHING_PARENT,
            code: Code::ParentNotFound,
            message: format!("{parent_label} has no listener of that name and port"),
            remedy: "correct `sectionName` or `port`",
        });
    }
    let allowed: Vec<_> = named
        .into_iter()
        .filter(|l| l.takes(route.kind) && l.allows.namespace(context.state, namespace))
        .collect();
    if allowed.is_empty() {
        return Err(Refused {
            reason: reasons::NOT_ALLOWED_BY_LISTENERS,
            code: Code::NotAllowedByListeners,
            message: format!(
                "no listener of {parent_label} allows {}s of namespace {namespace}",
                route.kind
            ),
            remedy: "set `allowedRoutes` of a listener whose protocol carries such routes",
        });
    }
    let intersects = |listener: &&ListenerPlan| {
        hostnames.is_empty()
            || hostnames
                .iter()
                .any(|h| h.intersect(&listener.hostname).is_some())
    };
    let matching: Vec<_> = allowed
        .into_iter()
        .filter(intersects)
        .map(|l| l.name.clone())
        .collect();
    if matching.is_empty() {
        return Err(Refused {
            reason: reasons::NO_MATCHING_LISTENER_HOSTNAME,
            code: Code::NoMatchingHostname,
            message: format!("no listener of {parent_label} has a hostname of the route"),
            remedy: "correct the route's `hostnames` or the listener's `hostname`",
        });
    }
    Ok(matching)
}

/// The parentRef as the status repeats it: group and kind written out.
fn reference(parent: &HttpRouteParentRefs, route: &ObjectKey) -> Value {
    let mut reference = json!({
        "group": parent.group.as_deref().unwrap_or(GATEWAY_GROUP),
        "kind": parent.kind.as_deref().unwrap_or("Gateway"),
        "namespace": parent.namespace.as_deref().unwrap_or(&route.namespace),
        "name": parent.name,
    });
    if let Some(section) = &parent.section_name {
        reference["sectionName"] = json!(section);
    }
    if let Some(port) = parent.port {
        reference["port"] = json!(port);
    }
    reference
}
