//! The policies of both kinds, read alike.

use agw_api::policy::Traffic;

use super::Policy;
use crate::report::Subject;
use crate::state::ClusterState;

/// Every policy, the older first.
pub(super) fn all(state: &ClusterState) -> Vec<Policy<'_>> {
    let open = state.policies.iter().map(|(key, sourced)| {
        let (meta, spec) = (&sourced.object.metadata, &sourced.object.spec);
        Policy {
            subject: Subject {
                kind: "AgentgatewayPolicy",
                key,
                origin: &sourced.origin,
            },
            created: meta.creation_timestamp.as_ref().map(|t| t.0.as_second()),
            generation: meta.generation,
            refs: &spec.target_refs,
            selectors: &spec.target_selectors,
            traffic: spec.traffic.as_ref().map(Traffic::standard),
            inline_request: None,
            inline_response: None,
            backend: spec.backend.as_ref(),
        }
    });
    let enterprise = state.enterprise_policies.iter().map(|(key, sourced)| {
        let (meta, spec) = (&sourced.object.metadata, &sourced.object.spec);
        let traffic = spec.traffic.as_ref();
        Policy {
            subject: Subject {
                kind: "EnterpriseAgentgatewayPolicy",
                key,
                origin: &sourced.origin,
            },
            created: meta.creation_timestamp.as_ref().map(|t| t.0.as_second()),
            generation: meta.generation,
            refs: &spec.target_refs,
            selectors: &spec.target_selectors,
            traffic: traffic.map(|t| t.standard()),
            inline_request: traffic.and_then(|t| t.request_transformation.as_ref()),
            inline_response: traffic.and_then(|t| t.response_transformation.as_ref()),
            backend: spec.backend.as_ref(),
        }
    });
    let mut policies: Vec<_> = open.chain(enterprise).collect();
    policies.sort_by(|a, b| {
        let age = |p: &Policy<'_>| p.created.unwrap_or(i64::MAX);
        age(a)
            .cmp(&age(b))
            .then_with(|| a.subject.key.cmp(b.subject.key))
            .then_with(|| a.subject.kind.cmp(b.subject.kind))
    });
    policies
}
