//! Parameters objects, and the references to them.

use std::collections::BTreeMap;

use agw_api::AgentgatewayParametersSpec;
use agw_api::names::{ENTERPRISE_GROUP, GROUP};
use agw_api::parameters::ServiceType;
use agw_core::header::FieldName;
use agw_core::id::ObjectKey;

use super::catalog;
use super::shape::Shape;
use crate::finding::Code;
use crate::report::{Report, Subject};
use crate::state::ClusterState;

/// Every parameters object by kind and name: what it asks for, or why that cannot be.
pub(crate) type Parameters = BTreeMap<(&'static str, ObjectKey), Result<Shape, String>>;

const OPEN: &str = "AgentgatewayParameters";
const ENTERPRISE: &str = "EnterpriseAgentgatewayParameters";

/// A `parametersRef`, of a GatewayClass or a Gateway.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ParametersRef<'a> {
    pub(crate) group: &'a str,
    pub(crate) kind: &'a str,
    /// `None` for a GatewayClass that names none.
    pub(crate) namespace: Option<&'a str>,
    pub(crate) name: &'a str,
}

/// Headers whose values are credentials: they are never logged.
const CREDENTIALS: [&str; 8] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "x-amz-security-token",
];

/// Reads every parameters object, also those that nothing refers to.
pub(crate) fn read_all(state: &ClusterState, report: &mut Report) -> Parameters {
    let mut all = Parameters::new();
    for (key, sourced) in &state.parameters {
        let (kind, origin) = (OPEN, &sourced.origin);
        let subject = Subject { kind, key, origin };
        let shape = read(state, &sourced.object.spec, subject, report);
        all.insert((kind, key.clone()), shape);
    }
    for (key, sourced) in &state.enterprise_parameters {
        let (kind, origin) = (ENTERPRISE, &sourced.origin);
        let subject = Subject { kind, key, origin };
        let shape = read(state, &sourced.object.spec.standard(), subject, report);
        all.insert((kind, key.clone()), shape);
    }
    all
}

/// What an object asks for; the error tells what is wrong with it.
fn read(
    state: &ClusterState,
    spec: &AgentgatewayParametersSpec,
    subject: Subject<'_>,
    report: &mut Report,
) -> Result<Shape, String> {
    let mark = report.mark();
    let logged_headers = headers(spec, subject, report);
    let prices = catalog::prices(state, spec, subject, report);
    let mut wrong = |field: &str, message: &str, remedy: &str| {
        report.add(subject, Code::InvalidParameters, field, message, remedy);
    };
    if let Some(budget) = &spec.pod_disruption_budget
        && budget.spec.min_available.is_some() == budget.spec.max_unavailable.is_some()
    {
        let message = "a budget has either `minAvailable` or `maxUnavailable`";
        let remedy = "write exactly one of the two";
        wrong("spec.podDisruptionBudget.spec", message, remedy);
    }
    let autoscaler = spec.horizontal_pod_autoscaler.as_ref().map(|a| &a.spec);
    if let Some(autoscaler) = autoscaler
        && autoscaler.min_replicas.unwrap_or(1) > autoscaler.max_replicas
    {
        let field = "spec.horizontalPodAutoscaler.spec.minReplicas";
        wrong(
            field,
            "it is more than `maxReplicas`",
            "make it at most as many",
        );
    }
    if let Some(shutdown) = spec.shutdown
        && shutdown
            .min
            .zip(shutdown.max)
            .is_some_and(|(min, max)| min > max)
    {
        let remedy = "make it at most as long";
        wrong("spec.shutdown.min", "it is longer than `max`", remedy);
    }
    let service = spec.service.as_ref().and_then(|s| s.spec.as_ref());
    if let Some(service) = service.filter(|s| s.type_ == Some(ServiceType::ClusterIp))
        && service.ports.iter().any(|port| port.node_port.is_some())
    {
        let remedy = "remove it, or make the type `NodePort`";
        let message = "a Service of type `ClusterIP` has no `nodePort`";
        wrong("spec.service.spec.ports", message, remedy);
    }
    let why = report.errors_since(mark);
    if why.is_empty() {
        let shape = Shape::of(spec);
        Ok(Shape {
            logged_headers,
            prices,
            ..shape
        })
    } else {
        Err(why)
    }
}

fn headers(
    spec: &AgentgatewayParametersSpec,
    subject: Subject<'_>,
    report: &mut Report,
) -> Vec<FieldName> {
    let written = spec.logging.iter().flat_map(|l| &l.request_headers);
    let mut names = Vec::new();
    for (index, text) in written.enumerate() {
        let field = format!("spec.logging.requestHeaders[{index}]");
        match FieldName::parse(text) {
            Ok(name) if CREDENTIALS.contains(&name.name().as_str()) => {
                let message = format!("`{text}` carries credentials, which are never logged");
                report.add(
                    subject,
                    Code::InvalidParameters,
                    &field,
                    message,
                    "remove it",
                );
            }
            Ok(name) => names.push(name),
            Err(error) => {
                let remedy = "write the name of a header";
                let message = error.to_string();
                report.add(subject, Code::InvalidParameters, &field, message, remedy);
            }
        }
    }
    names
}

/// What a reference leads to; the error tells why to nothing, or to what cannot be.
pub(crate) fn follow(
    state: &ClusterState,
    parameters: &Parameters,
    reference: ParametersRef<'_>,
    subject: Subject<'_>,
    field: &str,
    report: &mut Report,
) -> Result<Shape, String> {
    let ParametersRef {
        group,
        kind,
        namespace,
        name,
    } = reference;
    let known = match (group, kind) {
        (GROUP, OPEN) => OPEN,
        (ENTERPRISE_GROUP, ENTERPRISE) => ENTERPRISE,
        _ => {
            let message = format!("`{group}/{kind}` is not a kind of parameters");
            let remedy = format!("refer to an {OPEN} or an {ENTERPRISE}");
            let at = format!("{field}.kind");
            report.add(
                subject,
                Code::UnsupportedRefKind,
                &at,
                message.clone(),
                remedy,
            );
            return Err(message);
        }
    };
    let Some(namespace) = namespace else {
        let message = format!("the {known} `{name}` needs a namespace");
        let at = format!("{field}.namespace");
        let remedy = "write its `namespace`";
        report.add(
            subject,
            Code::ParametersNotFound,
            &at,
            message.clone(),
            remedy,
        );
        return Err(message);
    };
    let key = ObjectKey::new(namespace, name);
    match parameters.get(&(known, key.clone())) {
        Some(Ok(shape)) => Ok(shape.clone()),
        Some(Err(why)) => Err(format!("{known} {key}: {why}")),
        None if state.is_broken(known, &key) => Err(format!("{known} {key} cannot be read")),
        None => {
            let message = format!("{known} {key} does not exist");
            let at = format!("{field}.name");
            let remedy = "create it, or correct the reference";
            report.add(
                subject,
                Code::ParametersNotFound,
                &at,
                message.clone(),
                remedy,
            );
            Err(message)
        }
    }
}
