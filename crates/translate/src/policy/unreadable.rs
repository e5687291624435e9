//! Policies that cannot be read: what they were to guard is not open for that.

use agw_core::id::ObjectKey;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::target::Target;
use super::{Attached, Policy};
use crate::manifest::{Kind, Origin, Unreadable};
use crate::report::{Report, Subject};
use crate::state::ClusterState;

/// Fields of `traffic` that decide who may pass.
pub(super) const GUARDS: [&str; 5] = [
    "jwtAuthentication",
    "basicAuthentication",
    "apiKeyAuthentication",
    "extAuth",
    "authorization",
];

/// Closes the targets of such policies, as far as those can be made out. Their statuses and
/// findings are told with those of other objects that cannot be read.
pub(super) fn close(state: &ClusterState, attached: &mut Attached<'_>) {
    for ((kind, key), policy) in &state.unreadable {
        let is_policy = matches!(kind, Kind::Policy | Kind::EnterprisePolicy);
        if !is_policy || !guards(&policy.spec) {
            continue;
        }
        let why = format!("{} {key} cannot be read", kind.name());
        for target in targets(state, *kind, key, policy) {
            attached.close(target, &why);
        }
    }
}

fn guards(spec: &Value) -> bool {
    let traffic = &spec["traffic"];
    GUARDS.iter().any(|field| !traffic[field].is_null())
        || !spec["backend"]["ai"]["promptGuard"].is_null()
}

fn targets(state: &ClusterState, kind: Kind, key: &ObjectKey, policy: &Unreadable) -> Vec<Target> {
    let origin = Origin::cluster();
    let written = Policy {
        subject: Subject {
            kind: kind.name(),
            key,
            origin: &origin,
        },
        created: None,
        generation: policy.generation,
        refs: &readable(&policy.spec["targetRefs"]),
        selectors: &readable(&policy.spec["targetSelectors"]),
        traffic: None,
        inline_request: None,
        inline_response: None,
        backend: None,
    };
    let targets = written.targets(state, &mut Report::default()).into_iter();
    targets.filter_map(|(_, target)| target).collect()
}

/// The entries of a list that are what they should be.
fn readable<T: DeserializeOwned>(list: &Value) -> Vec<T> {
    let entries = list.as_array().into_iter().flatten();
    entries
        .filter_map(|entry| serde_json::from_value(entry.clone()).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use agw_api::policy::Traffic;
    use serde_json::json;

    use super::super::access;
    use super::*;

    #[test]
    fn what_guards_is_the_same_for_those_that_can_be_read() {
        let jwt = json!({"providers": [{"issuer": "a", "jwks": {"inline": "{}"}}]});
        let keys = json!({"secretRef": {"name": "a"}});
        let users = json!({"users": ["a"]});
        let asked = json!({"backendRef": {"name": "a"}, "grpc": {}});
        let decided = json!({"policy": {"matchExpressions": ["true"]}});
        for (field, value) in GUARDS.iter().zip([jwt, users, keys, asked, decided]) {
            let traffic = json!({ *field: value });
            assert!(guards(&json!({ "traffic": traffic.clone() })), "{field}");
            let read: Traffic = serde_json::from_value(traffic).unwrap();
            assert!(access::guards(&read), "{field}");
        }
        assert!(!guards(&json!({"traffic": {"retry": {"backoff": []}}})));
        let guard = json!({"backend": {"ai": {"promptGuard": {"request": 5}}}});
        assert!(guards(&guard));
    }
}
