//! Two replicas: the one that leads knows of the other's proxies too.

use std::sync::Arc;

use agw_core::config::GatewayConfig;
use agw_core::id::{BackendKey, ObjectKey, RouteKind};
use agw_xds::proto::proxy_message::Message;
use agw_xds::server::Standing;
use agw_xds::{ResourceKey, proto};
use tokio::net::TcpListener;

use crate::manifests::shop;
use crate::rig::{Authority, Controller, Replica, within};
use crate::wire::RawProxy;

/// A leader and a follower with one configuration, and the follower's relay.
struct Two {
    authority: Authority,
    leader: Controller,
    follower: Controller,
    replica: Replica,
}

impl Two {
    async fn start(config: &Arc<GatewayConfig>) -> Self {
        let authority = Authority::new();
        let leader = Controller::start(&authority).await;
        let follower = Controller::start(&authority).await;
        leader.standing.send_replace(Standing::Leads);
        // The same, and yet the revisions are each one's own.
        leader.publish(7, std::slice::from_ref(config));
        follower.publish(1, std::slice::from_ref(config));
        let replica = Replica::start("follower", &follower, &authority);
        replica.leader.send_replace(Some(leader.address));
        Self {
            authority,
            leader,
            follower,
            replica,
        }
    }

    /// A proxy that is connected to the follower, and the version that it is sent.
    async fn proxy(&self, name: &str) -> (RawProxy, u64) {
        let mut proxy = RawProxy::greet(self.follower.address, &self.authority, name).await;
        let version = proxy.next().await.unwrap().version;
        (proxy, version)
    }

    async fn stop(self) {
        self.replica.stop().await;
        self.follower.stop().await;
        self.leader.stop().await;
    }
}

fn route(name: &str) -> ResourceKey {
    ResourceKey::Route(RouteKind::Http, ObjectKey::new("shop", name))
}

#[tokio::test]
async fn the_leader_waits_for_the_followers_proxy() {
    let mut two = Two::start(&shop(&["a"], "k")).await;
    let (mut proxy, version) = two.proxy("far").await;
    let leader = &mut two.leader;
    let seen = leader
        .delivered("it is known", |d| d.proxies == ["far".into()])
        .await;
    assert_eq!(seen.acked_revision, Some(0));
    proxy.ack(version, Vec::new()).await;
    leader
        .delivered("it has it", |d| d.acked_revision == Some(7))
        .await;

    // A change is acknowledged only once the proxy over there has it, whoever is faster.
    let changed = shop(&["a", "b"], "k");
    leader.publish(8, std::slice::from_ref(&changed));
    let next = leader.delivered("it is published", |d| {
        d.acked_revision.is_some() && d.version > seen.version
    });
    assert_eq!(next.await.acked_revision, Some(7));
    two.follower.publish(2, std::slice::from_ref(&changed));
    let version = proxy.next().await.unwrap().version;
    proxy.ack(version, Vec::new()).await;
    leader
        .delivered("it has that", |d| d.acked_revision == Some(8))
        .await;
    let ahead = shop(&["a", "b", "c"], "k");
    two.follower.publish(3, std::slice::from_ref(&ahead));
    let version = proxy.next().await.unwrap().version;
    proxy.ack(version, Vec::new()).await;
    leader
        .delivered("it is ahead", |d| d.acked_revision == Some(0))
        .await;
    leader.publish(9, &[ahead]);
    leader
        .delivered("both are there", |d| d.acked_revision == Some(9))
        .await;
    drop(proxy);
    leader
        .delivered("it has gone", |d| d.acked_revision.is_none())
        .await;
    two.stop().await;
}

#[tokio::test]
async fn the_leader_learns_of_errors_and_health_over_there() {
    let mut two = Two::start(&shop(&["a"], "k")).await;
    let (proxy, version) = two.proxy("far").await;
    let error = proto::ResourceError {
        id: Some(proto::ResourceId {
            kind: proto::Kind::Route.into(),
            name: "shop/a".to_owned(),
        }),
        message: "no".to_owned(),
    };
    proxy.ack(version, vec![error]).await;
    let leader = &mut two.leader;
    let delivery = leader
        .delivered("it is told", |d| !d.problems.is_empty())
        .await;
    let problem = &delivery.problems[0];
    assert_eq!(
        (&problem.resource, &*problem.message, problem.proxies),
        (&route("a"), "no", 1)
    );
    assert_eq!(delivery.acked_revision, Some(7));
    let model = BackendKey::agentgateway(ObjectKey::new("shop", "model"));
    let health = |healthy| proto::BackendHealth {
        backend: Some((&model).into()),
        healthy,
        total: 1,
        unhealthy: Vec::new(),
        changed: 5,
    };
    for healthy in [0, 1] {
        let reports = vec![health(healthy)];
        proxy.say(Message::Health(proto::Health { reports })).await;
        let told = leader.deliveries.wait_for(|all| {
            let health = all.health.get(&model);
            health.is_some_and(|h| (h.healthy, h.proxies) == (healthy, 1))
        });
        within("its health is told", told).await.unwrap();
    }
    proxy.ack(version, Vec::new()).await;
    leader
        .delivered("it is mended", |d| d.problems.is_empty())
        .await;
    drop(proxy);
    let gone = leader.deliveries.wait_for(|all| all.health.is_empty());
    within("nobody reports on it", gone).await.unwrap();
    two.stop().await;
}

#[tokio::test]
async fn who_goes_in_order_is_forgotten_at_once_and_who_vanishes_later() {
    let mut two = Two::start(&shop(&["a"], "k")).await;
    let (_near, _) = two.proxy("far").await;
    let leader = &mut two.leader;
    leader
        .delivered("it is known", |d| d.proxies.len() == 1)
        .await;
    assert_eq!(leader.deliveries.borrow().replicas, ["follower".into()]);
    let second = Replica::start("second", &two.follower, &two.authority);
    second.leader.send_replace(Some(leader.address));
    let both = leader.deliveries.wait_for(|all| all.replicas.len() == 2);
    within("both tell", both).await.unwrap();
    second.stop().await;
    let one = leader.deliveries.wait_for(|all| all.replicas.len() == 1);
    within("one has gone", one).await.unwrap();
    two.replica.vanish();
    let none = leader.deliveries.wait_for(|all| all.replicas.is_empty());
    within("none is there", none).await.unwrap();
    leader
        .delivered("it counts no more", |d| d.proxies.is_empty())
        .await;
    two.follower.stop().await;
    two.leader.stop().await;
}

#[tokio::test]
async fn who_leads_no_more_forgets_and_the_next_one_hears_everything() {
    let mut two = Two::start(&shop(&["a"], "k")).await;
    let (proxy, version) = two.proxy("far").await;
    proxy.ack(version, Vec::new()).await;
    let known = |d: &agw_xds::server::Delivery| d.acked_revision == Some(7);
    two.leader.delivered("it is known", known).await;
    let mut third = Controller::start(&two.authority).await;
    third.publish(7, &[shop(&["a"], "k")]);
    two.leader.standing.send_replace(Standing::Follows);
    two.leader
        .delivered("it is forgotten", |d| d.proxies.is_empty())
        .await;
    // It is told where to go before that one knows that it leads.
    two.replica.leader.send_replace(Some(third.address));
    third.standing.send_replace(Standing::Leads);
    third.delivered("the next one knows", known).await;
    third.stop().await;
    two.stop().await;
}

#[tokio::test]
async fn a_leader_that_is_not_there_yet_is_tried_again() {
    let authority = Authority::new();
    let follower = Controller::start(&authority).await;
    follower.publish(1, &[shop(&["a"], "k")]);
    let proxy = RawProxy::greet(follower.address, &authority, "far").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let replica = Replica::start("follower", &follower, &authority);
    replica.leader.send_replace(Some(address));
    tokio::task::yield_now().await;
    let mut leader = Controller::start_at(&authority, address, Default::default()).await;
    leader.standing.send_replace(Standing::Leads);
    leader.publish(1, &[shop(&["a"], "k")]);
    leader
        .delivered("it is known", |d| d.proxies.len() == 1)
        .await;
    drop(proxy);
    replica.stop().await;
    follower.stop().await;
    leader.stop().await;
}
