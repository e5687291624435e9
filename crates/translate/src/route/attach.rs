//! Which listeners a route is attached to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use agw_api::conditions::route as reasons;
use agw_api::external::HttpRoute;
use agw_api::external::httproutes::HttpRouteParentRefs;
use agw_api::names::GATEWAY_GROUP;
use agw_core::hostname::Hostname;
use agw_core::id::ObjectKey;
use agw_core::route::Route;
use serde_json::{Value, json};

use super::Context;
use crate::finding::Code;
use crate::gateway::{GatewayPlan, ListenerPlan};
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
    pub(super) refused: Option<(&'static str, String)>,
}

struct Refused {
    reason: &'static str,
    code: Code,
    message: String,
    remedy: &'static str,
}

pub(super) fn attach(
    context: Context<'_>,
    object: &HttpRoute,
    subject: Subject<'_>,
    route: &Route,
    report: &mut Report,
) -> (Vec<Attachment>, Vec<Parent>) {
    let mut taken_by: BTreeMap<usize, BTreeSet<Arc<str>>> = BTreeMap::new();
    let mut parents = Vec::new();
    for (index, parent) in object.spec.parent_refs.iter().flatten().enumerate() {
        let field = format!("spec.parentRefs[{index}]");
        let Some(gateway) = find(context, parent, subject, &field, report) else {
            continue;
        };
        let taken = listeners(
            context,
            &context.gateways[gateway],
            parent,
            subject.key,
            &route.hostnames,
        );
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

/// The Gateway of ours that a parentRef names. What is somebody else's gets no status from us.
fn find(
    context: Context<'_>,
    parent: &HttpRouteParentRefs,
    subject: Subject<'_>,
    field: &str,
    report: &mut Report,
) -> Option<usize> {
    let kind = parent.kind.as_deref().unwrap_or("Gateway");
    let group = parent.group.as_deref().unwrap_or(GATEWAY_GROUP);
    if kind != "Gateway" || group != GATEWAY_GROUP {
        let message = format!("parents of kind {group}/{kind} are not served by this release");
        report.add(
            subject,
            Code::KindNotServed,
            field,
            message,
            "refer to a Gateway",
        );
        return None;
    }
    let namespace = parent
        .namespace
        .as_deref()
        .unwrap_or(&subject.key.namespace);
    let key = ObjectKey::new(namespace, parent.name.as_str());
    let found = context.gateways.iter().position(|g| g.key == key);
    let known = context.state.gateways.contains_key(&key);
    if found.is_none() && !known && !context.state.is_broken("Gateway", &key) {
        let message = format!("Gateway {key} does not exist");
        let remedy = "create it, or correct the name or namespace";
        report.add(
            subject,
            Code::ParentNotFound,
            &format!("{field}.name"),
            message,
            remedy,
        );
    }
    found
}

fn listeners(
    context: Context<'_>,
    gateway: &GatewayPlan,
    parent: &HttpRouteParentRefs,
    route: &ObjectKey,
    hostnames: &[Hostname],
) -> Result<Vec<Arc<str>>, Refused> {
    let named = |listener: &&ListenerPlan| {
        parent
            .section_name
            .as_deref()
            .is_none_or(|name| name == &*listener.name)
            && parent
                .port
                .is_none_or(|port| port == i32::from(listener.port))
    };
    let named: Vec<_> = gateway.listeners.iter().filter(named).collect();
    if named.is_empty() {
        return Err(Refused {
            reason: reasons::NO_MATCHING_PARENT,
            code: Code::ParentNotFound,
            message: format!(
                "Gateway {} has no listener of that name and port",
                gateway.key
            ),
            remedy: "correct `sectionName` or `port`",
        });
    }
    let allowed: Vec<_> = named
        .into_iter()
        .filter(|l| l.takes_http_routes() && l.allows.namespace(context.state, &route.namespace))
        .collect();
    if allowed.is_empty() {
        return Err(Refused {
            reason: reasons::NOT_ALLOWED_BY_LISTENERS,
            code: Code::NotAllowedByListeners,
            message: format!(
                "no listener of Gateway {} allows routes of namespace {}",
                gateway.key, route.namespace
            ),
            remedy: "set `allowedRoutes.namespaces` of the listener",
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
            message: format!(
                "no listener of Gateway {} has a hostname of the route",
                gateway.key
            ),
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
