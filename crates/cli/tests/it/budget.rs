//! Retries against an upstream that is down.

use std::time::Instant;

use crate::setup::{Rig, chat, one_route};

#[test]
fn retries_are_bounded_by_what_the_traffic_pays_for() {
    // It is never taken out: one that is gets no retries at all.
    let manifest = one_route("gpt-4o")
        + "  policies:\n"
        + "    retry: {attempts: 2, backoff: {baseInterval: 1ms, maxInterval: 1ms}}\n"
        + "    health: {eviction: {duration: 10s, consecutiveFailures: 1000}}\n";
    let rig = Rig::with(&manifest);
    let started = Instant::now();
    let requests = 300;
    let (mut attempts, mut given_up) = (0, 0);
    for _ in 0..requests {
        let request = chat("/v1/chat/completions", "Hi").header("x-mock-fault", "status=503");
        let (answer, line) = rig.logged(request);
        assert_eq!(answer.status, 503);
        let made = line["attempts"].as_array().unwrap().len();
        assert!((1..=3).contains(&made), "{line}");
        attempts += made;
        given_up += usize::from(made < 3);
    }
    // A hundred after rest, a fifth of the requests, and ten a second.
    let paid = 100.0 + 0.2 * f64::from(requests) + 10.0 * started.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let retries = attempts as f64 - f64::from(requests);
    assert!(
        (100.0..=paid + 1.0).contains(&retries),
        "{retries} of {paid}"
    );
    assert!(given_up > 0);
    let metrics = rig.agw.metrics().unwrap();
    assert!(
        metrics.contains("agentgateway_retries_refused_total{"),
        "{metrics}"
    );
}
