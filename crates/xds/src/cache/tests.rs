use std::sync::Arc;

use agw_core::config::GatewayConfig;
use agw_core::id::RouteKind;

use super::{EARLIER, View};
use crate::limits;
use crate::manifests::shop;
use crate::publication::Publication;
use crate::resource::ResourceKey;

fn publication(revision: u64, config: &Arc<GatewayConfig>) -> Publication {
    Publication {
        revision,
        gateways: vec![config.clone()],
    }
}

fn version(view: &View) -> u64 {
    view.gateways.values().next().unwrap().version
}

#[test]
fn the_version_changes_with_the_content_only() {
    let one = View::default().advance(&publication(1, &shop(&["a"], "k")), 5000);
    assert_eq!(version(&one), 5000);
    // Another value with the same meaning.
    let two = one.advance(&publication(2, &shop(&["a"], "k")), 6000);
    assert_eq!((version(&two), two.revision), (5000, 2));
    let three = two.advance(&publication(3, &shop(&["a", "b"], "k")), 7000);
    assert_eq!(version(&three), 7000);
    // Also when the clock is set back, and when the change is undone.
    let four = three.advance(&publication(4, &shop(&["a"], "k")), 10);
    assert_eq!(version(&four), 7001);
}

#[test]
fn what_did_not_change_is_not_encoded_again() {
    let one = View::default().advance(&publication(1, &shop(&["a", "b"], "k")), 1);
    let two = one.advance(&publication(2, &shop(&["a", "c"], "k")), 2);
    let entries = |view: &View| view.gateways.values().next().unwrap().entries.clone();
    let kept = entries(&two)
        .iter()
        .filter(|new| entries(&one).iter().any(|old| Arc::ptr_eq(old, new)))
        .count();
    // The route, the backend and its key; the listener is encoded every time.
    assert_eq!(kept, 3);
}

#[test]
fn earlier_versions_are_remembered_up_to_a_bound() {
    let mut view = View::default().advance(&publication(1, &shop(&["a"], "k")), 1);
    let first = version(&view);
    view = view.advance(&publication(2, &shop(&["a"], "k")), 1);
    view = view.advance(&publication(3, &shop(&["b"], "k")), 1);
    let content = view.gateways.values().next().unwrap().clone();
    assert_eq!(content.revision_of(first), Some(2));
    assert_eq!(content.revision_of(content.version), None);
    let both = [shop(&["a"], "k"), shop(&["b"], "k")];
    for revision in 4..100_usize {
        view = view.advance(&publication(revision as u64, &both[revision % 2]), 1);
    }
    let content = view.gateways.values().next().unwrap();
    assert_eq!(content.earlier.len(), EARLIER);
    assert_eq!(content.revision_of(first), None);
}

/// With a first route that is too large to travel.
fn with_large_route(config: &GatewayConfig) -> GatewayConfig {
    let mut config = config.clone();
    let mut route = (*config.routes[0]).clone();
    route.listeners = vec!["x".repeat(limits::RESOURCE).into()];
    config.routes[0] = Arc::new(route);
    config
}

#[test]
fn a_resource_that_is_too_large_stays_as_it_was() {
    let small = shop(&["a", "b"], "k");
    let one = View::default().advance(&publication(1, &small), 1);
    let key = small.routes[0].key.clone();
    let mut large = with_large_route(&small);
    large.routes.remove(1);
    let two = one.advance(&publication(2, &Arc::new(large)), 2);
    let content = two.gateways.values().next().unwrap();
    assert_eq!(
        content.refused[0].key,
        ResourceKey::Route(RouteKind::Http, key)
    );
    let names: Vec<_> = content
        .entries
        .iter()
        .map(|e| e.encoded.id.to_string())
        .collect();
    assert!(names.contains(&"route shop/a".to_owned()), "{names:?}");
    assert!(!names.contains(&"route shop/b".to_owned()), "{names:?}");
}

#[test]
fn the_digest_is_that_of_what_is_wanted_whatever_was_before() {
    let digest = |view: &View| view.gateways.values().next().unwrap().digest;
    let first = View::default();
    let one = first.advance(&publication(1, &shop(&["a"], "k")), 1);
    let two = one.advance(&publication(2, &shop(&["b"], "k")), 2);
    let three = two.advance(&publication(3, &shop(&["a"], "k")), 3);
    assert_ne!(digest(&one), digest(&two));
    assert_eq!(digest(&one), digest(&three));
    let content = three.gateways.values().next().unwrap();
    assert_eq!(content.digest_of(version(&two)), Some(digest(&two)));
    assert_eq!(content.revision_with(digest(&two), 3), Some(2));
    assert_eq!(content.revision_with(digest(&one), 3), Some(3));
    // A resource that is too large is served as it was before here, and not at all there.
    let large = Arc::new(with_large_route(&shop(&["a"], "k")));
    let here = three.advance(&publication(4, &large), 4);
    let there = first.advance(&publication(1, &large), 4);
    assert_ne!(digest(&here), digest(&three));
    assert_eq!(digest(&here), digest(&there));
}
