//! BackendTLSPolicies: TLS towards Services.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use agw_api::conditions::{backend_tls as reasons, types};
use agw_api::external::BackendTlsPolicy;
use agw_api::external::backendtlspolicies::{
    BackendTlsPolicyValidation as Validation, BackendTlsPolicyValidationSubjectAltNames as AltName,
    BackendTlsPolicyValidationSubjectAltNamesType as AltNameType,
};
use agw_api::names::{CONTROLLER_NAME, GATEWAY_GROUP};
use agw_core::backend::{Roots, SubjectName, Trust, UpstreamTls, Verify};
use agw_core::hostname::Hostname;
use agw_core::id::ObjectKey;
use serde_json::{Value, json};

use crate::authority::{self, BundleRef, Why};
use crate::finding::Code;
use crate::gateway::GatewayPlan;
use crate::manifest::Sourced;
use crate::reference::From;
use crate::report::{Report, Subject};
use crate::route::Translated;
use crate::state::ClusterState;
use crate::status::{Condition, ObjectStatus, conditions};

/// What a policy makes of connections to its targets; `Err` says why none can be made.
type Outcome = Result<UpstreamTls, Arc<str>>;

/// A Service, or one of its ports by name.
type Target = (ObjectKey, Option<String>);

/// All policies, by what they are attached to.
#[derive(Debug, Default)]
pub(crate) struct TlsPolicies<'a> {
    targets: BTreeMap<Target, Outcome>,
    policies: Vec<Policy<'a>>,
}

#[derive(Debug)]
struct Policy<'a> {
    subject: Subject<'a>,
    generation: Option<i64>,
    /// Services in its namespace that it names.
    services: BTreeSet<ObjectKey>,
    conditions: Vec<Condition>,
}

/// Reads the policies, the older first: of two for one target the older counts, then the first by
/// name.
pub(crate) fn read<'a>(state: &'a ClusterState, report: &mut Report) -> TlsPolicies<'a> {
    let mut sorted: Vec<_> = state.tls_policies.iter().collect();
    sorted.sort_by_key(|(key, sourced)| {
        let created = sourced.object.metadata.creation_timestamp.as_ref();
        (created.map_or(i64::MAX, |t| t.0.as_second()), *key)
    });
    let mut all = TlsPolicies::default();
    for (key, sourced) in sorted {
        let subject = Subject {
            kind: "BackendTLSPolicy",
            key,
            origin: &sourced.origin,
        };
        all.add(state, subject, sourced, report);
    }
    all
}

impl<'a> TlsPolicies<'a> {
    fn add(
        &mut self,
        state: &'a ClusterState,
        subject: Subject<'a>,
        sourced: &Sourced<BackendTlsPolicy>,
        report: &mut Report,
    ) {
        let spec = &sourced.object.spec;
        if spec.options.as_ref().is_some_and(|o| !o.is_empty()) {
            let message = "no TLS option is served by this release";
            let field = "spec.options";
            report.add(subject, Code::UnsupportedValue, field, message, "remove it");
        }
        let (outcome, conditions) = validation(state, subject, &spec.validation, report);
        let (mut services, mut conflicts, mut taken) = (BTreeSet::new(), 0, 0);
        let mut missing = None;
        for (index, target) in spec.target_refs.iter().enumerate() {
            let field = format!("spec.targetRefs[{index}]");
            if (target.group.as_str(), target.kind.as_str()) != ("", "Service") {
                let message = format!("a `{}/{}` cannot be the target", target.group, target.kind);
                let remedy = "target a Service";
                report.add(subject, Code::UnsupportedRefKind, &field, message, remedy);
                continue;
            }
            let service = ObjectKey::new(subject.key.namespace.clone(), target.name.as_str());
            services.insert(service.clone());
            if let Some(message) = absent(state, &service, target.section_name.as_deref()) {
                let remedy = "create it, or correct the name; the section is the name of a port";
                report.add(
                    subject,
                    Code::TargetNotFound,
                    &field,
                    message.clone(),
                    remedy,
                );
                missing.get_or_insert(message);
                continue;
            }
            let target = (service, target.section_name.clone());
            if self.targets.contains_key(&target) {
                let message = format!("an older policy is attached to Service {}", target.0);
                let remedy = "keep one of them";
                report.add(subject, Code::PolicyConflict, &field, message, remedy);
                conflicts += 1;
                continue;
            }
            self.targets.insert(target, outcome.clone());
            taken += 1;
        }
        let older = || "an older policy has the same targets".to_owned();
        let refused = match missing {
            Some(why) => Some((reasons::TARGET_NOT_FOUND, why)),
            None => (conflicts > 0).then(|| (reasons::CONFLICTED, older())),
        };
        let conditions = match refused.filter(|_| taken == 0) {
            Some((reason, why)) => vec![
                Condition::no(types::ACCEPTED, reason, why),
                conditions[1].clone(),
            ],
            None => conditions.to_vec(),
        };
        self.policies.push(Policy {
            subject,
            generation: sourced.object.metadata.generation,
            services,
            conditions,
        });
    }

    /// TLS towards a port of a Service. A policy for the port counts before one for the whole.
    pub(crate) fn of(&self, service: &ObjectKey, port: Option<&str>) -> Option<&Outcome> {
        let section = port.and_then(|port| {
            let target = (service.clone(), Some(port.to_owned()));
            self.targets.get(&target)
        });
        section.or_else(|| self.targets.get(&(service.clone(), None)))
    }

    /// Their statuses: an entry for each Gateway that has a route to a target.
    pub(crate) fn statuses(
        &self,
        gateways: &[GatewayPlan],
        routes: &[Arc<Translated>],
    ) -> Vec<ObjectStatus> {
        let mut reached: BTreeMap<&ObjectKey, BTreeSet<usize>> = BTreeMap::new();
        if !self.policies.is_empty() {
            for route in routes {
                for service in &route.services {
                    let by = route.attachments.iter().map(|a| a.gateway);
                    reached.entry(service).or_default().extend(by);
                }
            }
        }
        let policies = self.policies.iter();
        policies
            .map(|policy| {
                let services = policy.services.iter();
                let by: BTreeSet<_> = services
                    .filter_map(|service| reached.get(service))
                    .flatten()
                    .collect();
                let by = by.into_iter().take(crate::policy::MAX_ANCESTORS);
                policy.status(by.map(|gateway| &gateways[*gateway].key))
            })
            .collect()
    }
}

impl Policy<'_> {
    fn status<'k>(&self, gateways: impl Iterator<Item = &'k ObjectKey>) -> ObjectStatus {
        let entries = gateways.map(|gateway| {
            json!({
                "ancestorRef": {
                    "group": GATEWAY_GROUP,
                    "kind": "Gateway",
                    "namespace": &*gateway.namespace,
                    "name": &*gateway.name,
                },
                "controllerName": CONTROLLER_NAME,
                "conditions": conditions(&self.conditions, self.generation),
            })
        });
        let status = json!({ "ancestors": entries.collect::<Value>() });
        ObjectStatus::new(self.subject.reference(), status)
    }
}

/// Why a target cannot be attached to: it is not there.
fn absent(state: &ClusterState, service: &ObjectKey, section: Option<&str>) -> Option<String> {
    let Some(found) = state.services.get(service) else {
        return Some(format!("Service {service} does not exist"));
    };
    let section = section?;
    let ports = found
        .object
        .spec
        .as_ref()
        .and_then(|spec| spec.ports.as_ref());
    let mut ports = ports.into_iter().flatten();
    let is_there = ports.any(|port| port.name.as_deref() == Some(section));
    (!is_there).then(|| format!("Service {service} has no port named `{section}`"))
}

/// What a policy asks for, and its conditions `Accepted` and `ResolvedRefs`.
fn validation(
    state: &ClusterState,
    subject: Subject<'_>,
    spec: &Validation,
    report: &mut Report,
) -> (Outcome, [Condition; 2]) {
    let field = "spec.validation";
    let accepted = Condition::yes(types::ACCEPTED, reasons::ACCEPTED);
    let resolved = Condition::yes(types::RESOLVED_REFS, reasons::RESOLVED_REFS);
    let invalid = |why: String, resolved: Condition| {
        let accepted = Condition::no(types::ACCEPTED, reasons::INVALID, why.clone());
        (Err(why.into()), [accepted, resolved])
    };
    let Ok(Hostname::Exact(hostname)) = Hostname::parse(&spec.hostname) else {
        let message = format!("{:?} is not a precise hostname", spec.hostname);
        let at = format!("{field}.hostname");
        let remedy = "write the name that the backend's certificate is for";
        report.add(subject, Code::InvalidValue, &at, message.clone(), remedy);
        return invalid(message, resolved);
    };
    let (roots, resolved) = match roots(state, subject, spec, report) {
        Ok((roots, problem)) => (roots, problem.unwrap_or(resolved)),
        Err(problem) => {
            let why = problem.message.clone();
            let no = Condition::no(types::ACCEPTED, reasons::NO_VALID_CA_CERTIFICATE, &why);
            return (Err(why.into()), [no, problem]);
        }
    };
    let names = spec.subject_alt_names.iter().flatten().map(name).collect();
    let trust = Trust { roots, names };
    let tls = UpstreamTls {
        sni: Some(hostname),
        verify: Verify::Trust(Arc::new(trust)),
        client: None,
    };
    (Ok(tls), [accepted, resolved])
}

fn name(written: &AltName) -> SubjectName {
    match written.r#type {
        AltNameType::Uri => SubjectName::Uri(written.uri.clone().unwrap_or_default().into()),
        AltNameType::Hostname => {
            SubjectName::Dns(written.hostname.clone().unwrap_or_default().into())
        }
    }
}

/// Who vouches for the backend, and what is wrong with some of the references. The error is the
/// condition when none is usable.
fn roots(
    state: &ClusterState,
    subject: Subject<'_>,
    spec: &Validation,
    report: &mut Report,
) -> Result<(Roots, Option<Condition>), Condition> {
    let references = spec.ca_certificate_refs.as_deref().unwrap_or_default();
    if references.is_empty() {
        return match spec.well_known_ca_certificates.as_deref() {
            Some("System") => Ok((Roots::System, None)),
            other => {
                let message = format!("{other:?} are no well-known certificates");
                let (field, remedy) = ("spec.validation", "use `wellKnownCACertificates: System`");
                report.add(subject, Code::InvalidValue, field, message.clone(), remedy);
                let reason = reasons::INVALID_CA_CERTIFICATE_REF;
                Err(Condition::no(types::RESOLVED_REFS, reason, message))
            }
        };
    }
    let from = From {
        group: GATEWAY_GROUP,
        kind: "BackendTLSPolicy",
        namespace: &subject.key.namespace,
    };
    let (mut authorities, mut problem) = (Vec::new(), None);
    for (index, reference) in references.iter().enumerate() {
        let bundle = BundleRef {
            group: &reference.group,
            kind: &reference.kind,
            namespace: None,
            name: &reference.name,
        };
        match authority::read(state, from, &bundle) {
            Ok(found) => authorities.extend(found),
            Err(unusable) => {
                let (reason, code) = match unusable.why {
                    Why::Kind => (reasons::INVALID_KIND, Code::UnsupportedRefKind),
                    Why::NotPermitted | Why::Content => (
                        reasons::INVALID_CA_CERTIFICATE_REF,
                        Code::InvalidCertificate,
                    ),
                };
                let at = format!("spec.validation.caCertificateRefs[{index}]");
                let remedy = "refer to a ConfigMap with the authority's certificate under `ca.crt`";
                report.add(subject, code, &at, unusable.message.clone(), remedy);
                problem.get_or_insert_with(|| {
                    Condition::no(types::RESOLVED_REFS, reason, unusable.message)
                });
            }
        }
    }
    match problem {
        Some(problem) if authorities.is_empty() => Err(problem),
        problem => Ok((Roots::Only(authorities), problem)),
    }
}
