//! What models cost, by prices of one's own.

use std::sync::Arc;

use agw_core::config::GatewayConfig;
use agw_core::price::Price;

use crate::client::{HELLO, chat, send};
use crate::gateway::{Gateway, Plan, ai};

#[tokio::test]
async fn a_price_of_ones_own_counts_from_the_next_request_on() {
    let gateway = Gateway::start(|mock| Plan {
        backends: vec![(ai("gpt-4o", mock), 1)],
        ..Plan::default()
    })
    .await;
    let priced = |config: &mut GatewayConfig| {
        let price = Price {
            input: 1_000_000_000,
            ..Price::default()
        };
        config.prices = Arc::new([("gpt-4o".into(), price)].into());
    };
    send(gateway.address, chat(HELLO)).await;
    gateway.log(1).await;
    gateway.change(2, priced).await;
    send(gateway.address, chat(HELLO)).await;
    gateway.log(2).await;
    gateway
        .change(3, |config| config.prices = Arc::default())
        .await;
    send(gateway.address, chat(HELLO)).await;
    let log = gateway.stopped(3).await;
    let cost = |line: usize| log[line]["gen_ai"]["cost_usd"].as_f64().unwrap();
    let input = log[1]["gen_ai"]["usage"]["input_tokens"].as_f64().unwrap();
    // A thousand dollars a million tokens are a tenth of a cent each.
    assert!((cost(1) - input / 1000.0).abs() < 1e-9, "{log:?}");
    assert!(cost(0) < cost(1) && cost(0).to_bits() == cost(2).to_bits());
}
