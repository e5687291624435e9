//! References to other namespaces, and the grants that allow them.

use agw_core::id::ObjectKey;

use crate::state::ClusterState;

/// The referring side of a reference.
#[derive(Debug, Clone, Copy)]
pub(crate) struct From<'a> {
    pub(crate) group: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) namespace: &'a str,
}

/// Whether an object may refer to another: always within its namespace, else by a ReferenceGrant
/// in the other's.
pub(crate) fn permitted(
    state: &ClusterState,
    from: From<'_>,
    group: &str,
    kind: &str,
    to: &ObjectKey,
) -> bool {
    if from.namespace == &*to.namespace {
        return true;
    }
    let grants = state
        .grants
        .iter()
        .filter(|(key, _)| key.namespace == to.namespace);
    grants.map(|(_, grant)| &grant.object.spec).any(|spec| {
        let allows_from = spec
            .from
            .iter()
            .any(|f| f.group == from.group && f.kind == from.kind && f.namespace == from.namespace);
        let allows_to = spec.to.iter().any(|t| {
            t.group == group
                && t.kind == kind
                && t.name
                    .as_deref()
                    .is_none_or(|name| name.is_empty() || name == &*to.name)
        });
        allows_from && allows_to
    })
}
