//! Requests that are matched by the model they ask for.

use std::net::SocketAddr;
use std::sync::Arc;

use agw_core::access::{Action, Authorization};
use agw_core::backend::{Backend, BackendPolicy};
use agw_core::config::GatewayConfig;
use agw_core::expr::Expression;
use agw_core::filter::{Filter, HeaderEdits};
use agw_core::guard::{
    Action as GuardAction, Builtin, Check, Guard, PromptGuard, Refusal, Rules, Scopes,
};
use agw_core::header::{FieldName, FieldValue};
use agw_core::id::{ObjectKey, RouteKind};
use agw_core::listener::Protocol;
use agw_core::matcher::{Match, PathMatch};
use agw_core::policy::TrafficPolicy;
use agw_core::route::{BackendRef, Destination, Route, Rule};
use agw_core::shaping::ModelPattern;
use http::Method;
use serde_json::json;

use crate::client::{chat, request, send};
use crate::gateway::{Gateway, ai_with, listener, rule};

/// A model: the pattern by which it is asked for, and its targets with weights and names.
type Model<'a> = (&'a str, &'a [(&'a str, u32, Option<&'a str>)]);

fn backend(name: &str, at: SocketAddr) -> Arc<Backend> {
    ai_with(name, at, |provider| provider.model = None)
}

fn route(number: usize, (pattern, targets): &Model<'_>, backends: &[Arc<Backend>]) -> Route {
    let matching = |path| Match {
        path,
        method: None,
        headers: vec![],
        query: vec![],
        model: Some(ModelPattern::new(pattern)),
    };
    let mut made = rule(&[]);
    made.matches = vec![
        matching(PathMatch::Exact("/v1/chat/completions".into())),
        matching(PathMatch::Exact("/v1/messages".into())),
        matching(PathMatch::prefix("/v1beta/models")),
    ];
    made.backends = targets
        .iter()
        .map(|(name, weight, model)| BackendRef {
            weight: *weight,
            to: Destination::Backend(
                backends
                    .iter()
                    .find(|b| *b.key.object.name == **name)
                    .unwrap()
                    .key
                    .clone(),
            ),
            filters: vec![],
            model: model.map(Into::into),
            when: None,
        })
        .collect();
    Route {
        kind: RouteKind::Model,
        key: ObjectKey::new("ns", format!("model-{number}")),
        listeners: vec!["http".into()],
        hostnames: vec![],
        created: Some(1_700_000_000),
        rules: vec![Arc::new(made)],
        policy: TrafficPolicy::default(),
    }
}

async fn serving(models: &[Model<'_>]) -> Gateway {
    let gateway = Gateway::serving(
        |_| {},
        |port| GatewayConfig {
            gateway: ObjectKey::new("ns", "gateway"),
            listeners: vec![listener("http", port, Protocol::Http, "")],
            policy: TrafficPolicy::default(),
            routes: vec![],
            backends: vec![],
            logged_headers: vec![],
            prices: Arc::default(),
        },
    )
    .await;
    let backends: Vec<_> = ["a", "b"]
        .map(|name| backend(name, gateway.mock_address))
        .into();
    let routes = models.iter().enumerate();
    let routes = routes.map(|(n, model)| Arc::new(route(n, model, &backends)));
    let config = GatewayConfig {
        gateway: ObjectKey::new("ns", "gateway"),
        listeners: vec![listener("http", gateway.address.port(), Protocol::Http, "")],
        policy: TrafficPolicy::default(),
        routes: routes.collect(),
        backends: backends.clone(),
        logged_headers: vec![],
        prices: Arc::default(),
    };
    gateway.put(2, config).await;
    gateway
}

fn asking(model: &str) -> http::Request<http_body_util::Full<bytes::Bytes>> {
    let messages = json!([{"role": "user", "content": "Hi"}]);
    chat(&json!({"model": model, "messages": messages}).to_string())
}

#[tokio::test]
async fn the_nearest_name_takes_the_request() {
    let gateway = serving(&[
        ("*", &[("a", 1, Some("gpt-4o"))]),
        ("gpt-*", &[("a", 1, None)]),
        ("gpt-4o-mini", &[("b", 1, Some("gpt-4.1"))]),
        ("*-latest", &[("b", 1, None)]),
    ])
    .await;
    let mut seen = 0;
    for (asked, backend, model) in [
        ("gpt-4o-mini", "ns/b", "gpt-4.1"),
        ("gpt-4o", "ns/a", "gpt-4o"),
        ("claude-latest", "ns/b", "claude-latest"),
        ("mistral", "ns/a", "gpt-4o"),
    ] {
        let answered = send(gateway.address, asking(asked)).await;
        assert_eq!(answered.status(), 200, "{asked}: {}", answered.text());
        assert_eq!(answered.json()["model"], model, "{asked}");
        seen += 1;
        let line = gateway.log(seen).await.pop().unwrap();
        assert_eq!(line["backend"], backend, "{asked}: {line}");
        assert_eq!(line["gen_ai"]["request"]["client_model"], asked);
    }
    gateway.stop().await;
}

#[tokio::test]
async fn a_model_that_is_not_offered_is_told_in_the_clients_own_words() {
    let gateway = serving(&[("gpt-4o", &[("a", 1, None)])]).await;
    let answered = send(gateway.address, asking("gpt-5")).await;
    assert_eq!(answered.status(), 404);
    assert_eq!(answered.json()["error"]["code"], "model_not_found");
    let broken = send(gateway.address, chat("{")).await;
    assert_eq!(broken.status(), 400);
    assert_eq!(broken.json()["error"]["code"], "invalid_json");
    let nameless = send(gateway.address, chat("{}")).await;
    assert_eq!(nameless.status(), 400);
    let other = send(gateway.address, request(Method::GET, "/elsewhere", "")).await;
    assert_eq!(other.status(), 404);
    let gemini = request(Method::POST, "/v1beta/models/gemini:generateContent", "{}");
    let answered = send(gateway.address, gemini).await;
    assert_eq!(answered.status(), 404, "{}", answered.text());
    gateway.stop().await;
}

#[tokio::test]
async fn a_virtual_model_shares_requests_and_falls_over() {
    let gateway = serving(&[
        (
            "both",
            &[("a", 3, Some("gpt-4o")), ("b", 1, Some("gpt-4.1"))],
        ),
        (
            "steady",
            &[("a", 1, Some("gpt-4o")), ("b", 0, Some("gpt-4.1"))],
        ),
    ])
    .await;
    let mut answered = Vec::new();
    for _ in 0..4 {
        let answer = send(gateway.address, asking("both")).await;
        answered.push(answer.json()["model"].as_str().unwrap().to_owned());
    }
    answered.sort();
    assert_eq!(answered, ["gpt-4.1", "gpt-4o", "gpt-4o", "gpt-4o"]);
    let fault = r#"{"status":503}"#;
    let path = "/_mock/faults/gpt-4o";
    let set = send(gateway.mock_address, request(Method::PUT, path, fault)).await;
    assert!(set.response.status().is_success(), "{}", set.text());
    let answer = send(gateway.address, asking("steady")).await;
    assert_eq!(answer.json()["model"], "gpt-4.1", "{}", answer.text());
    gateway.stop().await;
}

/// A gateway whose one model is what `change` makes of a rule that leads to `a` and `b`.
async fn changed(change: impl Fn(&mut Rule)) -> Gateway {
    guarded(change, |_, _| {}).await
}

/// The same, with what `guard` asks of those who ask `a` or `b`.
async fn guarded(change: impl Fn(&mut Rule), guard: impl Fn(&str, &mut BackendPolicy)) -> Gateway {
    let targets: &[(&str, u32, Option<&str>)] =
        &[("a", 1, Some("gpt-4o")), ("b", 1, Some("gpt-4.1"))];
    let gateway = serving(&[("tiered", targets)]).await;
    let at = gateway.mock_address;
    let made = |name| {
        ai_with(name, at, |provider| {
            provider.model = None;
            guard(name, &mut provider.policy);
        })
    };
    let backends: Vec<_> = ["a", "b"].map(made).into();
    let mut made = route(0, &("tiered", targets), &backends);
    let mut rule = (*made.rules[0]).clone();
    change(&mut rule);
    made.rules = vec![Arc::new(rule)];
    let config = GatewayConfig {
        gateway: ObjectKey::new("ns", "gateway"),
        listeners: vec![listener("http", gateway.address.port(), Protocol::Http, "")],
        policy: TrafficPolicy::default(),
        routes: vec![Arc::new(made)],
        backends,
        logged_headers: vec![],
        prices: Arc::default(),
    };
    gateway.put(3, config).await;
    gateway
}

fn when(source: &str) -> Option<Expression> {
    Some(Expression::compile(source).unwrap())
}

fn tiered(tier: &str) -> http::Request<http_body_util::Full<bytes::Bytes>> {
    let mut asked = asking("tiered");
    let headers = asked.headers_mut();
    headers.insert("x-model-tier", tier.parse().unwrap());
    asked
}

#[tokio::test]
async fn the_first_target_whose_condition_holds_takes_the_request() {
    let gateway = changed(|rule| {
        rule.backends[0].when = when(r#"request.headers["x-model-tier"] == "premium""#);
    })
    .await;
    for (asked, model) in [
        (tiered("premium"), "gpt-4o"),
        (tiered("basic"), "gpt-4.1"),
        // Without the header the condition has no value: it does not hold.
        (asking("tiered"), "gpt-4.1"),
        (tiered("premium"), "gpt-4o"),
    ] {
        let answered = send(gateway.address, asked).await;
        assert_eq!(answered.json()["model"], model, "{}", answered.text());
    }
    gateway.stop().await;
}

#[tokio::test]
async fn a_condition_lets_no_other_target_take_over() {
    let gateway = changed(|rule| {
        rule.backends[0].when = when("llmRequest.messages.size() == 1");
        rule.backends[1].when = when("llmRequest.messages.size() > 1");
    })
    .await;
    let path = "/_mock/faults/gpt-4o";
    let set = request(Method::PUT, path, r#"{"status":503}"#);
    let set = send(gateway.mock_address, set).await;
    assert!(set.response.status().is_success(), "{}", set.text());
    let answered = send(gateway.address, asking("tiered")).await;
    assert_eq!(answered.status(), 503, "{}", answered.text());
    let line = gateway.log(1).await.pop().unwrap();
    assert_eq!(line["attempts"].as_array().unwrap().len(), 1, "{line}");
    gateway.stop().await;
}

fn require(source: &str) -> Option<Arc<Authorization>> {
    Some(Arc::new(Authorization {
        action: Action::Require,
        expressions: vec![Expression::compile(source).unwrap()],
    }))
}

#[tokio::test]
async fn a_model_takes_requests_of_those_alone_who_may_ask_it() {
    let gateway = guarded(
        |rule| rule.backends.truncate(1),
        |_, policy| {
            policy.authorization = require(
                r#"llm.requestModel == "tiered" && llmRequest.messages.size() == 1
                    && request.headers["x-model-tier"] == "premium""#,
            );
        },
    )
    .await;
    let answered = send(gateway.address, tiered("basic")).await;
    assert_eq!(answered.status(), 403, "{}", answered.text());
    assert!(answered.json()["error"]["message"].is_string());
    assert!(gateway.mock.requests().is_empty());
    let line = gateway.log(1).await.pop().unwrap();
    assert_eq!(line["reason"], "forbidden", "{line}");
    let answered = send(gateway.address, tiered("premium")).await;
    assert_eq!(answered.json()["model"], "gpt-4o", "{}", answered.text());
    gateway.stop().await;
}

#[tokio::test]
async fn a_virtual_model_is_no_way_around_what_its_targets_ask() {
    let gateway = guarded(
        |_| {},
        |name, policy| {
            if name == "a" {
                policy.authorization = require(r#"request.headers["x-model-tier"] == "premium""#);
            }
        },
    )
    .await;
    for _ in 0..4 {
        let answered = send(gateway.address, tiered("basic")).await;
        assert_eq!(answered.json()["model"], "gpt-4.1", "{}", answered.text());
    }
    let mut seen = Vec::new();
    for _ in 0..2 {
        let answered = send(gateway.address, tiered("premium")).await;
        seen.push(answered.json()["model"].clone());
    }
    seen.sort_by_key(ToString::to_string);
    assert_eq!(seen, ["gpt-4.1", "gpt-4o"]);
    gateway.stop().await;
}

#[tokio::test]
async fn a_models_own_guard_looks_at_requests_to_it_and_no_others() {
    let gateway = guarded(
        |rule| rule.backends[1].weight = 0,
        |name, policy| {
            let rules = Rules::new(GuardAction::Reject, vec![Builtin::CreditCard], vec![]);
            let guard = Guard {
                check: Check::Rules(rules.unwrap()),
                scopes: Scopes::ALL,
                refusal: Refusal::default(),
            };
            if name == "a" {
                policy.shaping.guard = Some(Arc::new(PromptGuard {
                    request: vec![guard],
                    ..PromptGuard::default()
                }));
            }
        },
    )
    .await;
    let said = |model: &str| {
        let messages = json!([{"role": "user", "content": "4111 1111 1111 1111"}]);
        chat(&json!({"model": model, "messages": messages}).to_string())
    };
    let refused = send(gateway.address, said("tiered")).await;
    assert_eq!(refused.status(), 403, "{}", refused.text());
    assert!(gateway.mock.requests().is_empty());
    let answered = send(gateway.address, asking("tiered")).await;
    assert_eq!(answered.status(), 200, "{}", answered.text());
    gateway.stop().await;
}

#[tokio::test]
async fn what_no_condition_holds_for_is_told_that_there_is_no_such_model() {
    let gateway = changed(|rule| {
        for backend in &mut rule.backends {
            backend.when = when(r#"llm.requestModel != "tiered""#);
        }
    })
    .await;
    let answered = send(gateway.address, asking("tiered")).await;
    assert_eq!(answered.status(), 404, "{}", answered.text());
    assert_eq!(answered.json()["error"]["code"], "model_not_found");
    assert!(gateway.mock.requests().is_empty());
    gateway.stop().await;
}

#[tokio::test]
async fn a_models_headers_are_those_of_requests_to_it() {
    let gateway = changed(|rule| {
        let pair = |n: &str, v: &str| (FieldName::parse(n).unwrap(), FieldValue::parse(v).unwrap());
        rule.backends.truncate(1);
        rule.backends[0].filters = vec![
            Filter::RequestHeaders(HeaderEdits {
                set: vec![pair("X-Model-Tier", "fixed")],
                add: vec![],
                remove: vec![],
            }),
            Filter::ResponseHeaders(HeaderEdits {
                set: vec![pair("X-Served-By", "a")],
                add: vec![],
                remove: vec![],
            }),
        ];
    })
    .await;
    let answered = send(gateway.address, tiered("client")).await;
    assert_eq!(answered.response.headers()["x-served-by"], "a");
    let asked = &gateway.mock.requests()[0];
    assert_eq!(asked.headers["x-model-tier"], "fixed");
    gateway.stop().await;
}

#[tokio::test]
async fn a_model_that_leads_nowhere_is_not_told_of() {
    let gateway = changed(|rule| {
        for backend in &mut rule.backends {
            backend.to = Destination::Invalid("its Secret is missing".into());
        }
    })
    .await;
    let list = send(gateway.address, request(Method::GET, "/v1/models", "")).await;
    assert_eq!(list.json()["data"], json!([]), "{}", list.text());
    let answered = send(gateway.address, asking("tiered")).await;
    assert_eq!(answered.status(), 500, "{}", answered.text());
    gateway.stop().await;
}

#[tokio::test]
async fn clients_are_told_which_models_there_are() {
    let gateway = serving(&[
        ("smart", &[("a", 1, None)]),
        ("fast", &[("a", 1, None)]),
        ("gpt-*", &[("a", 1, None)]),
    ])
    .await;
    let ask = |path: &str| request(Method::GET, path, "");
    let list = send(gateway.address, ask("/v1/models")).await;
    assert_eq!(list.status(), 200);
    let names: Vec<_> = list.json()["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| model["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["fast", "smart"]);
    assert_eq!(list.json()["data"][0]["created"], 1_700_000_000);
    let one = send(gateway.address, ask("/v1/models/smart")).await;
    assert_eq!(one.json()["id"], "smart");
    let none = send(gateway.address, ask("/v1/models/gpt-5")).await;
    assert_eq!(none.status(), 404);
    let mut theirs = ask("/v1/models");
    theirs
        .headers_mut()
        .insert("anthropic-version", "2023-06-01".parse().unwrap());
    let list = send(gateway.address, theirs).await;
    assert_eq!(list.json()["last_id"], "smart", "{}", list.text());
    assert!(gateway.mock.requests().is_empty());
    gateway.stop().await;
}
