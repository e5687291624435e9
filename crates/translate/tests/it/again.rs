//! A translation that builds on the one before says what one from nothing says.

use std::sync::Arc;

use agw_core::id::ObjectKey;
use agw_translate::manifest::{ManifestFile, Object, load};
use agw_translate::{ClusterState, Mode, Settings, Translation, translate, translate_again};
use proptest::prelude::*;

const FILES: [&str; 3] = [
    "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: agentgateway}\nspec: {controllerName: agentgateway.dev/agentgateway}\n",
    include_str!("../../testdata/weighted-standby.yaml"),
    include_str!("../../testdata/precedence.yaml"),
];

/// Every object of the files.
fn objects() -> Vec<Object> {
    let files = FILES.map(|text| ManifestFile::new("a.yaml", text));
    load(&files).objects
}

fn settings() -> Settings {
    Settings {
        mode: Mode::Cluster,
        ..Settings::default()
    }
}

fn remove(state: &mut ClusterState, object: &Object) {
    let reference = object.reference();
    let key = ObjectKey::new(reference.namespace.unwrap_or_default(), reference.name);
    state.remove(object.kind(), &key);
}

fn same(a: &Translation, b: &Translation) -> Result<(), TestCaseError> {
    prop_assert_eq!(&a.gateways, &b.gateways);
    prop_assert_eq!(&a.statuses, &b.statuses);
    prop_assert_eq!(&a.findings, &b.findings);
    prop_assert_eq!(&a.infra, &b.infra);
    Ok(())
}

proptest! {
    #[test]
    fn every_change_gives_what_a_fresh_translation_gives(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 1..60)
    ) {
        let (objects, settings) = (objects(), settings());
        let mut state = ClusterState::default();
        let mut last = Translation::default();
        for (at, comes) in changes {
            let object = at.get(&objects);
            if comes {
                state.apply(object.clone());
            } else {
                remove(&mut state, object);
            }
            last = translate_again(&last, &state, &settings);
            same(&last, &translate(&state, &settings))?;
        }
    }
}

#[test]
fn routes_that_did_not_change_stay_the_same_values() {
    let settings = settings();
    let mut state = ClusterState::default();
    objects().into_iter().for_each(|object| state.apply(object));
    let before = translate(&state, &settings);
    let is_route = |object: &Object| matches!(object, Object::Route(_));
    let changed = objects().into_iter().find(is_route).unwrap();
    let name = changed.reference().name;
    state.apply(changed);
    let after = translate_again(&before, &state, &settings);
    let pairs = before.gateways.iter().zip(&after.gateways);
    let routes = pairs.flat_map(|(a, b)| a.routes.iter().zip(&b.routes));
    let mut kept = 0;
    for (a, b) in routes {
        assert_eq!(a, b);
        assert_eq!(Arc::ptr_eq(a, b), *a.key.name != *name, "{}", a.key);
        kept += usize::from(Arc::ptr_eq(a, b));
    }
    assert!(kept > 0, "nothing to keep");
}
