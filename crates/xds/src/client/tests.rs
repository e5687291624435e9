//! What leaves a controller's cache is what a proxy serves from.

use std::sync::Arc;

use agw_core::backend::{Auth, BackendTarget};
use agw_core::config::GatewayConfig;
use agw_core::listener::Protocol;
use proptest::prelude::*;
use prost::Message as _;

use super::collect::{Change, Collector};
use super::held::{Effect, Held};
use crate::cache::{Baseline, Content, View};
use crate::convert::{Secrets, decode};
use crate::manifests::{corpus, shop};
use crate::proto;
use crate::publication::Publication;
use crate::resource::{Hash, Kind};

fn content(config: &Arc<GatewayConfig>) -> Arc<Content> {
    let publication = Publication {
        revision: 1,
        gateways: vec![config.clone()],
    };
    View::default().advance(&publication, 1000).gateways[&config.gateway].clone()
}

fn change(from: &Baseline, to: &Content) -> Change {
    let mut collector = Collector::default();
    let mut updates = from.updates(to).into_iter();
    updates
        .find_map(|update| collector.push(update).unwrap())
        .unwrap()
}

fn everything(config: &Arc<GatewayConfig>) -> Change {
    change(&Baseline::Nothing, &content(config))
}

fn held(config: &Arc<GatewayConfig>) -> Held {
    Held::nothing(config.gateway.clone())
        .apply(everything(config))
        .0
}

fn kinds(change: &Change) -> Vec<Kind> {
    let ids = change
        .upsert
        .iter()
        .map(|resource| resource.id.as_ref().unwrap().kind());
    ids.map(|kind| Kind::try_from(kind).unwrap()).collect()
}

/// The change with the body of one resource changed, and its hash too.
fn with_body(mut change: Change, kind: proto::Kind, body: impl Fn(Vec<u8>) -> Vec<u8>) -> Change {
    let of_kind = |r: &&mut proto::Resource| r.id.as_ref().unwrap().kind() == kind;
    let resource = change.upsert.iter_mut().find(of_kind).unwrap();
    resource.body = body(resource.body.to_vec()).into();
    resource.hash = Hash::of(&resource.body).bytes();
    change
}

fn messages(held: &Held) -> Vec<String> {
    held.problems()
        .into_iter()
        .map(|problem| problem.message)
        .collect()
}

#[test]
fn every_configuration_arrives_as_it_left() {
    let corpus = corpus();
    assert!(corpus.len() >= 25, "{} configurations", corpus.len());
    let mut keys = 0;
    let mut certificates = 0;
    for config in &corpus {
        let held = held(config);
        assert_eq!(messages(&held), [""; 0]);
        assert_eq!(held.config(), **config);
        let state = proto::State::decode(&*held.state().encode_to_vec()).unwrap();
        let restored = Held::restored(config.gateway.clone(), state);
        assert_eq!(restored.config(), **config);
        assert_eq!(restored.holdings(), held.holdings());
        for backend in &config.backends {
            if let BackendTarget::Ai(ai) = &backend.target {
                let providers = ai.groups.iter().flatten();
                keys += providers
                    .filter(|p| matches!(p.policy.auth, Some(Auth::Key(_))))
                    .count();
            }
        }
        let listeners = config.listeners.iter();
        certificates += listeners
            .filter(|l| matches!(l.protocol, Protocol::Https(_)))
            .count();
    }
    assert!(
        keys >= 5 && certificates >= 2,
        "{keys} keys, {certificates} certificates"
    );
}

#[test]
fn a_change_is_what_changed() {
    let before = content(&shop(&["a", "b", "c"], "k"));
    let table = [
        (shop(&["a", "b", "c", "d"], "k"), vec![Kind::Route], 0),
        (shop(&["a", "c"], "k"), vec![], 1),
        (shop(&["a", "b", "c"], "other"), vec![Kind::Secret], 0),
        (shop(&["a", "b", "c"], "k"), vec![], 0),
    ];
    for (config, upserts, removes) in table {
        let change = change(&Baseline::Sent(before.clone()), &content(&config));
        assert_eq!(kinds(&change), upserts);
        assert_eq!(change.remove.len(), removes);
        let (held, _) = held(&shop(&["a", "b", "c"], "k")).apply(change);
        assert_eq!(held.config(), *config);
    }
}

#[test]
fn holdings_are_a_baseline() {
    let config = shop(&["a", "b"], "k");
    let stated = held(&config).holdings().unwrap();
    let read = |r: proto::HeldResource| {
        let id = r.id.unwrap().try_into().unwrap();
        (id, Hash::read(&r.hash).unwrap())
    };
    let baseline = Baseline::Stated {
        version: 5,
        held: stated.resources.into_iter().map(read).collect(),
    };
    let same = change(&baseline, &content(&config));
    assert_eq!((same.base, same.upsert.len(), same.remove.len()), (5, 0, 0));
    let other = change(&baseline, &content(&shop(&["a", "d"], "k")));
    assert_eq!((kinds(&other), other.remove.len()), (vec![Kind::Route], 1));
}

#[test]
fn a_large_configuration_comes_in_several_messages() {
    let names: Vec<_> = (0..40_000).map(|n| format!("r{n}")).collect();
    let template = shop(&["a"], "k");
    let route = |name: &String| {
        let mut route = (*template.routes[0]).clone();
        route.key.name = name.as_str().into();
        Arc::new(route)
    };
    let mut config = (*template).clone();
    config.routes = names.iter().map(route).collect();
    config.routes.sort_by(|a, b| a.key.cmp(&b.key));
    let config = Arc::new(config);
    let updates = Baseline::Nothing.updates(&content(&config));
    assert!(updates.len() > 1, "{}", updates.len());
    assert!(updates.iter().all(|u| u.encoded_len() < 2 << 20));
    assert_eq!(updates.iter().filter(|u| u.complete).count(), 1);
    assert_eq!(held(&config).config(), *config);
}

#[test]
fn what_cannot_be_taken_keeps_its_last_good_self_and_stops_nothing_else() {
    let good = shop(&["a"], "k");
    let before = held(&good);
    let next = everything(&shop(&["a", "b"], "k"));
    let broken = with_body(next, proto::Kind::Backend, |_| vec![0xff]);
    let (after, effect) = before.apply(broken);
    assert_eq!(effect, Effect::Configuration);
    assert_eq!(messages(&after), ["is no message of its kind"]);
    assert_eq!(after.config().routes, shop(&["a", "b"], "k").routes);
    assert_eq!(after.config().backends, good.backends);
    // The good one is still what is told and kept, so that the bad one is sent, and told of, again.
    assert_eq!(
        held(&good).holdings().unwrap().resources[0],
        after.holdings().unwrap().resources[0]
    );
    let (mended, _) = after.apply(everything(&shop(&["a"], "other")));
    assert_eq!(messages(&mended), [""; 0]);
    assert_eq!(mended.config(), *shop(&["a"], "other"));
}

#[test]
fn a_field_that_is_not_known_is_not_skipped() {
    let config = shop(&["a"], "k");
    let newer = with_body(everything(&config), proto::Kind::Route, |mut body| {
        // Field 900, a varint.
        body.extend([0xa0, 0x38, 0x01]);
        body
    });
    let (held, _) = Held::nothing(config.gateway.clone()).apply(newer);
    let problem = &messages(&held)[0];
    assert!(
        problem.contains("fields that this proxy does not know"),
        "{problem}"
    );
    assert!(held.config().routes.is_empty());
}

#[test]
fn problems_name_the_field() {
    let config = shop(&["a"], "k");
    let broken = with_body(everything(&config), proto::Kind::Route, |body| {
        let mut route = proto::Route::decode(&*body).unwrap();
        let path = proto::r#match::Path::Regex("(".to_owned());
        route.rules[0].matches[0].path = Some(path);
        route.encode_to_vec()
    });
    let (held, _) = Held::nothing(config.gateway.clone()).apply(broken);
    let problem = &messages(&held)[0];
    assert!(
        problem.starts_with("rules[0].matches[0].regex: "),
        "{problem}"
    );
}

#[test]
fn a_secret_that_comes_late_completes_its_backend() {
    let config = shop(&["a"], "k");
    let mut all = everything(&config);
    let is_secret = |r: &proto::Resource| r.id.as_ref().unwrap().kind() == proto::Kind::Secret;
    let secrets: Vec<_> = all.upsert.extract_if(.., |r| is_secret(r)).collect();
    let (held, _) = Held::nothing(config.gateway.clone()).apply(all);
    let problem = &messages(&held)[0];
    assert!(
        problem.ends_with("secret AgentgatewayBackend shop/model 0.0 is missing"),
        "{problem}"
    );
    let late = Change {
        version: 2000,
        base: 1000,
        upsert: secrets,
        ..Change::default()
    };
    let (held, effect) = held.apply(late);
    assert_eq!(effect, Effect::Configuration);
    assert_eq!(messages(&held), [""; 0]);
    assert_eq!(held.config(), *config);
}

#[test]
fn a_body_that_is_not_what_its_hash_says_is_not_taken() {
    let config = shop(&["a"], "k");
    let mut change = everything(&config);
    change.upsert[0].hash = Hash::of(b"another").bytes();
    let (held, _) = Held::nothing(config.gateway.clone()).apply(change);
    assert_eq!(messages(&held), ["is not what its hash says"]);
}

#[test]
fn a_full_update_removes_what_it_does_not_hold() {
    let (held, effect) = held(&shop(&["a", "b"], "k")).apply(everything(&shop(&["b"], "k")));
    assert_eq!(effect, Effect::Configuration);
    assert_eq!(held.config(), *shop(&["b"], "k"));
    let (_, effect) = held.apply(everything(&shop(&["b"], "k")));
    assert_eq!(effect, Effect::None);
}

#[test]
fn no_debug_output_has_a_secret() {
    let config = shop(&["a"], "sk-canary");
    let content = content(&config);
    let updates = Baseline::Nothing.updates(&content);
    let held = held(&config);
    let mut shown = format!(
        "{updates:?} {content:?} {held:?} {:?} {:?}",
        held.state(),
        held.config()
    );
    shown.push_str(&format!("{:?}", everything(&config)));
    // Bytes print as escaped text or as a list of numbers.
    let numbers = format!("{:?}", b"canary").replace(['[', ']'], "");
    assert!(
        !shown.contains("canary") && !shown.contains(&numbers),
        "{shown}"
    );
    let secret = |r: &proto::Resource| String::from_utf8_lossy(&r.body).contains("sk-canary");
    assert!(updates[0].upsert.iter().any(secret));
}

proptest! {
    /// Whatever comes, nothing panics, and what is taken encodes to what came.
    #[test]
    fn any_bytes_are_taken_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let none = std::collections::BTreeMap::new();
        for kind in [Kind::Listener, Kind::Route, Kind::Backend, Kind::Policy, Kind::Secret] {
            let _ = decode(kind, &bytes, &mut Secrets::new(&none));
        }
    }

    #[test]
    fn a_damaged_resource_never_spoils_another(at in any::<prop::sample::Index>(), bit in 0..8) {
        let config = shop(&["a", "b"], "k");
        let damaged = with_body(everything(&config), proto::Kind::Route, |mut body| {
            let at = at.index(body.len());
            body[at] ^= 1u8 << bit;
            body
        });
        let (held, _) = Held::nothing(config.gateway.clone()).apply(damaged);
        let got = held.config();
        prop_assert_eq!(&got.backends, &config.backends);
        prop_assert!(got.routes.contains(&config.routes[1]));
    }
}
