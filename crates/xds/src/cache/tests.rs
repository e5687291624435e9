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

#[test]
fn a_resource_that_is_too_large_stays_as_it_was() {
    let small = shop(&["a", "b"], "k");
    let one = View::default().advance(&publication(1, &small), 1);
    let mut large = (*small).clone();
    let mut route = (*small.routes[0]).clone();
    route.listeners = vec!["x".repeat(limits::RESOURCE).into()];
    let key = route.key.clone();
    large.routes[0] = Arc::new(route);
    large.routes.remove(1);
    let two = one.advance(&publication(2, &Arc::new(large)), 2);
    let content = two.gateways.values().next().unwrap();
    assert_eq!(
        content.refused[0].0,
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
