//! Which provider of a priority group is asked.

use std::net::SocketAddr;
use std::sync::Arc;

use agw_core::backend::{AiBackend, Backend, BackendTarget};
use agw_mock_provider::FaultRule;

use crate::client::{HELLO, chat, send};
use crate::gateway::{Gateway, Plan, ai, key};

/// One group with a provider for each model.
fn group(models: &[&str], at: SocketAddr) -> Arc<Backend> {
    let providers = models.iter().map(|model| {
        let backend = ai(model, at);
        let BackendTarget::Ai(one) = &backend.target else {
            unreachable!("it is an AI backend")
        };
        let mut provider = one.groups[0][0].clone();
        provider.name = (*model).into();
        provider
    });
    let target = BackendTarget::Ai(AiBackend {
        groups: vec![providers.collect()],
        routes: vec![],
    });
    Arc::new(Backend {
        key: key("group"),
        target,
    })
}

async fn gateway(models: &[&str]) -> Gateway {
    Gateway::start(|mock| Plan {
        backends: vec![(group(models, mock), 1)],
        ..Plan::default()
    })
    .await
}

async fn ask(gateway: &Gateway, times: usize) -> Vec<String> {
    let mut answered = Vec::new();
    for _ in 0..times {
        let answer = send(gateway.address, chat(HELLO)).await;
        answered.push(answer.json()["model"].as_str().unwrap().to_owned());
    }
    answered
}

fn of(answered: &[String], model: &str) -> usize {
    answered.iter().filter(|name| *name == model).count()
}

fn slow(gateway: &Gateway, model: &str) {
    let fault = FaultRule {
        fault: "delay=400ms".parse().unwrap(),
        times: None,
    };
    gateway.mock.set_fault(model.into(), fault).unwrap();
}

#[tokio::test]
async fn equals_share_and_a_slow_one_gets_little_until_it_is_quick_again() {
    let gateway = gateway(&["gpt-4o", "gpt-4o-mini", "gpt-4.1"]).await;
    slow(&gateway, "gpt-4o-mini");
    let answered = ask(&gateway, 30).await;
    // It is asked until it has been seen to be slow.
    assert!(
        (1..=3).contains(&of(&answered, "gpt-4o-mini")),
        "{answered:?}"
    );
    assert!(of(&answered, "gpt-4o") >= 9 && of(&answered, "gpt-4.1") >= 9);
    gateway.stop().await;
}

#[tokio::test]
async fn who_has_a_request_makes_way_for_who_has_none() {
    let gateway = gateway(&["gpt-4o", "gpt-4o-mini"]).await;
    slow(&gateway, "gpt-4o");
    let address = gateway.address;
    // The first turn is the slow one's, and it keeps its request while the others are asked.
    let first = tokio::spawn(async move { send(address, chat(HELLO)).await });
    while gateway.mock.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    let answered = ask(&gateway, 4).await;
    assert_eq!(of(&answered, "gpt-4o-mini"), 4, "{answered:?}");
    assert_eq!(first.await.unwrap().json()["model"], "gpt-4o");
    gateway.stop().await;
}

#[tokio::test]
async fn a_failing_one_is_passed_over_in_its_group() {
    let gateway = gateway(&["gpt-4o", "gpt-4o-mini"]).await;
    let fault = FaultRule {
        fault: "status=500".parse().unwrap(),
        times: None,
    };
    gateway.mock.set_fault("gpt-4o".into(), fault).unwrap();
    let answered = ask(&gateway, 12).await;
    assert_eq!(of(&answered, "gpt-4o-mini"), 12);
    let log = gateway.stopped(12).await;
    let tries: usize = log
        .iter()
        .map(|line| line["attempts"].as_array().unwrap().len())
        .sum();
    // That it answers at once does not draw requests to it.
    assert!(tries <= 14, "{tries}");
}
