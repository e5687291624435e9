//! Several replicas and one Lease.

use std::time::Duration;

use crate::fake::Fake;
use crate::rig::{ADDRESS, basics, is_accepted, published, route, settle, start, until};

fn writers(fake: &Fake, from: usize) -> Vec<&'static str> {
    let mut writers: Vec<_> = fake.writes()[from..].iter().map(|write| write.by).collect();
    writers.sort_unstable();
    writers.dedup();
    writers
}

#[tokio::test(start_paused = true)]
async fn one_of_two_writes_and_the_other_takes_over_when_it_stops() {
    let fake = Fake::default();
    fake.apply(basics());
    let first = start(&fake, "first");
    until("the first leads", || first.leadership().is_held()).await;
    until("the route is accepted", || is_accepted(&fake, "route")).await;
    let second = start(&fake, "second");
    published(&second).await;
    fake.apply([route("two", "gw", "model")]);
    until("the second route is accepted", || is_accepted(&fake, "two")).await;
    settle(&fake).await;
    assert_eq!(writers(&fake, 0), ["first"]);
    assert!(!second.leadership().is_held());
    // Each knows where the one is that leads, unless it is itself.
    assert_eq!(*second.leader().borrow(), Some(ADDRESS.parse().unwrap()));
    assert_eq!(*first.leader().borrow(), None);

    let before = fake.writes().len();
    first.stop(Duration::from_secs(5)).await;
    until("the second leads", || second.leadership().is_held()).await;
    settle(&fake).await;
    assert_eq!(fake.writes().len(), before, "there was nothing to write");
    fake.apply([route("three", "gw", "model")]);
    until("the third route is accepted", || {
        is_accepted(&fake, "three")
    })
    .await;
    assert_eq!(writers(&fake, before), ["second"]);
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_vanishes_is_replaced_within_fifteen_seconds() {
    let fake = Fake::default();
    fake.apply(basics());
    let first = start(&fake, "first");
    until("the first leads", || first.leadership().is_held()).await;
    let second = start(&fake, "second");
    published(&second).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(first.leadership().is_held() && !second.leadership().is_held());
    // Time is virtual here: this is not about how fast the machine is.
    let vanished = tokio::time::Instant::now();
    drop(first);
    until("the second leads", || second.leadership().is_held()).await;
    let took = vanished.elapsed();
    assert!(took <= Duration::from_secs(15), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn who_cannot_renew_stops_writing_before_another_may_start() {
    let fake = Fake::default();
    fake.apply(basics());
    let first = start(&fake, "first");
    until("the route is accepted", || is_accepted(&fake, "route")).await;
    fake.fail("leases", 500, 40);
    let failing = tokio::time::Instant::now();
    until("the first gives up", || !first.leadership().is_held()).await;
    let took = failing.elapsed();
    assert!(
        took < Duration::from_secs(12),
        "others wait for twelve: {took:?}"
    );
    let before = fake.writes().len();
    fake.apply([route("two", "gw", "model")]);
    settle(&fake).await;
    assert_eq!(fake.writes().len(), before);
    until("the first leads again", || first.leadership().is_held()).await;
    until("and catches up", || is_accepted(&fake, "two")).await;
}
