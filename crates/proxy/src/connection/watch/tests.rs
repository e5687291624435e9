use std::time::Duration;

use super::*;

fn limits() -> Limits {
    Limits {
        header_read: Duration::from_secs(30),
        client_idle: Duration::from_secs(75),
        client_stall: Duration::from_secs(60),
        ..Limits::default()
    }
}

/// The verdict after `seconds`.
fn after(watch: &Watch, seconds: Seconds) -> Option<Closed> {
    watch.now.set(watch.now.get() + seconds);
    watch.judge(&limits())
}

#[test]
fn a_head_that_does_not_end_ends_the_connection() {
    let watched = Watches::new().add(80);
    assert_eq!(after(watched.watch(), 30), None);
    assert_eq!(after(watched.watch(), 1), Some(Closed::SlowHead));
    assert_eq!(after(watched.watch(), 1), None, "told once");
}

#[test]
fn a_second_head_is_timed_from_its_first_byte() {
    let watched = Watches::new().add(80);
    let watch = watched.watch();
    drop(watch.begin());
    assert_eq!(after(watch, 60), None);
    watch.came(b"GET");
    assert_eq!(after(watch, 31), Some(Closed::SlowHead));
}

#[test]
fn idleness_is_counted_from_the_last_answer() {
    let watched = Watches::new().add(80);
    let watch = watched.watch();
    let flight = watch.begin();
    assert_eq!(after(watch, 1000), None, "an answer may take its time");
    drop(flight);
    assert_eq!(after(watch, 75), None);
    assert_eq!(after(watch, 1), Some(Closed::Idle));
}

#[test]
fn a_client_that_does_not_read_or_send_is_stalled() {
    for wait in [Flight::offer, Flight::await_body] {
        let watched = Watches::new().add(80);
        let flight = watched.watch().begin();
        wait(&flight);
        assert_eq!(after(watched.watch(), 60), None);
        assert_eq!(after(watched.watch(), 1), Some(Closed::Stalled));
    }
    let watched = Watches::new().add(80);
    let flight = watched.watch().begin();
    flight.offer();
    flight.taken();
    flight.await_body();
    flight.got_body();
    assert_eq!(after(watched.watch(), 1000), None);
}

#[test]
fn forgets_connections_that_are_gone() {
    let watches = Watches::new();
    let (one, two) = (watches.add(80), watches.add(443));
    assert_eq!(watches.len(), 2);
    drop(one);
    assert_eq!(watches.len(), 1);
    drop(two);
    assert_eq!(watches.len(), 0);
}

#[tokio::test]
async fn only_connections_of_the_port_are_told_to_end_and_only_a_cut_stops_their_work() {
    let watches = Watches::new();
    let (one, other) = (watches.add(80), watches.add(443));
    watches.end(80);
    one.watch().ended().await;
    assert!(one.watch().is_ending() && !other.watch().is_ending());
    assert_eq!(one.watch().unless_cut(async { 1 }).await, Some(1));
    let cut = async {
        tokio::task::yield_now().await;
        one.watch().raise(Signal::Cut);
    };
    let work = one.watch().unless_cut(std::future::pending::<()>());
    assert_eq!(tokio::join!(work, cut).0, None);
}
