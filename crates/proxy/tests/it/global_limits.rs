//! Limits that a server counts for all proxies, as real servers hear them.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use agw_core::backend::AppProtocol;
use agw_core::condition::Cases;
use agw_core::expr::Expression;
use agw_core::guard::FailureMode;
use agw_core::policy::TrafficPolicy;
use agw_core::rate_limit::{Counting, Descriptor, GlobalLimit, Limits, Unit};
use agw_core::server::{Place, Server};
use agw_envoy::SHOULD_RATE_LIMIT;
use agw_envoy::core::HeaderValue;
use agw_envoy::known;
use agw_envoy::ratelimit::rate_limit_response::{Code, DescriptorStatus, RateLimit};
use agw_envoy::ratelimit::{RateLimitRequest, RateLimitResponse};
use parking_lot::Mutex;
use serde_json::json;
use tonic::Status;

use super::client::{HELLO, chat, send};
use super::gateway::{Gateway, Plan, ai, key, plain, refused};
use super::grpc_server::GrpcServer;

type Service = GrpcServer<RateLimitRequest>;

/// Counts up to `most` for each descriptor, in one endless window.
fn counting(most: u64) -> impl Fn(&RateLimitRequest) -> Result<RateLimitResponse, Status> {
    let counts: Mutex<HashMap<String, u64>> = Mutex::default();
    move |question| {
        let statuses = question.descriptors.iter().map(|descriptor| {
            let entries = descriptor.entries.iter();
            let name: Vec<_> = entries.map(|e| format!("{}={}", e.key, e.value)).collect();
            let mut counts = counts.lock();
            let count = counts.entry(name.join("|")).or_default();
            *count += descriptor.hits_addend.unwrap_or(1);
            let over = *count > most;
            DescriptorStatus {
                code: if over { Code::OverLimit } else { Code::Ok }.into(),
                current_limit: Some(RateLimit {
                    requests_per_unit: u32::try_from(most).unwrap(),
                    ..RateLimit::default()
                }),
                limit_remaining: u32::try_from(most.saturating_sub(*count)).unwrap(),
                duration_until_reset: Some(known::Duration {
                    seconds: 30,
                    nanos: 0,
                }),
            }
        });
        let statuses: Vec<_> = statuses.collect();
        let over = statuses.iter().any(|s| s.code() == Code::OverLimit);
        Ok(RateLimitResponse {
            overall_code: if over { Code::OverLimit } else { Code::Ok }.into(),
            statuses,
            ..RateLimitResponse::default()
        })
    }
}

fn compile(source: &str) -> Expression {
    Expression::compile(source).unwrap()
}

fn descriptor(unit: Unit, entry: &str, cost: Option<&str>) -> Descriptor {
    Descriptor {
        entries: vec![
            ("route".into(), compile("'chat'")),
            ("user".into(), compile(entry)),
        ],
        unit,
        cost: cost.map(compile),
        limit: None,
        window: None,
    }
}

fn global(descriptors: Vec<Descriptor>) -> GlobalLimit {
    GlobalLimit {
        server: Server {
            at: Place::Backend(key("limits")),
            authority: "limits.ns.svc.cluster.local:8081".into(),
        },
        by: Counting::Service,
        domain: "chat".into(),
        descriptors,
        failure_mode: FailureMode::FailClosed,
    }
}

/// A gateway with the limit, and the server at `at` under the name that the limit has for it.
pub(crate) async fn gateway(limit: GlobalLimit, at: SocketAddr) -> Gateway {
    let Place::Backend(counting) = &limit.server.at else {
        unreachable!("the limit is counted at a URL")
    };
    let counting = plain(&counting.object.name, at, AppProtocol::Http1);
    Gateway::start(|mock| Plan {
        backends: vec![(ai("gpt-4o", mock), 1), (counting, 0)],
        policy: TrafficPolicy {
            rate_limit: Some(Arc::new(Cases::always(Limits {
                global: Some(Arc::new(limit)),
                ..Limits::default()
            }))),
            ..TrafficPolicy::default()
        },
        ..Plan::default()
    })
    .await
}

fn of(user: &str) -> http::Request<http_body_util::Full<bytes::Bytes>> {
    let mut request = chat(HELLO);
    let user = user.parse().unwrap();
    request.headers_mut().insert("x-user", user);
    request
}

const USER: &str = "request.headers['x-user']";

#[tokio::test]
async fn two_proxies_share_a_limit() {
    let server = Service::start(SHOULD_RATE_LIMIT, counting(100)).await;
    let limit = || global(vec![descriptor(Unit::Requests, USER, None)]);
    let proxies = [
        gateway(limit(), server.address).await,
        gateway(limit(), server.address).await,
    ];
    let mut passed = 0;
    for turn in 0..120 {
        let answered = send(proxies[turn % 2].address, of("alice")).await;
        let headers = answered.response.headers();
        assert_eq!(headers["x-ratelimit-limit"], "100");
        assert_eq!(headers["x-ratelimit-reset"], "30");
        match answered.status() {
            200 => passed += 1,
            429 => {
                assert_eq!(answered.json()["error"]["message"], "rate limit exceeded");
                assert_eq!(headers["retry-after"], "30");
                assert_eq!(headers["x-ratelimit-remaining"], "0");
            }
            other => panic!("{other}: {}", answered.text()),
        }
    }
    assert_eq!(passed, 100);
    assert_eq!(send(proxies[0].address, of("bob")).await.status(), 200);
    // Without a value to count by nobody is asked.
    assert_eq!(send(proxies[0].address, chat(HELLO)).await.status(), 200);
    let asked = server.asked();
    assert_eq!(asked.len(), 121);
    assert_eq!(asked[0].domain, "chat");
    let entries = &asked[0].descriptors[0].entries;
    assert_eq!((&*entries[1].key, &*entries[1].value), ("user", "alice"));
    for proxy in proxies {
        proxy.stop().await;
    }
}

#[tokio::test]
async fn tokens_are_counted_when_they_are_known() {
    let server = Service::start(SHOULD_RATE_LIMIT, counting(10)).await;
    let limit = global(vec![
        descriptor(Unit::Tokens, USER, None),
        descriptor(
            Unit::Tokens,
            "'cost'",
            Some("uint(llm.cost.total * 1000000000.0) + uint(request.headers['x-more'])"),
        ),
        descriptor(
            Unit::Requests,
            "'weighed'",
            Some("uint(request.headers['x-more'])"),
        ),
    ]);
    let gateway = gateway(limit, server.address).await;
    let ask = |user: &'static str| {
        let mut request = of(user);
        request.headers_mut().insert("x-more", "3".parse().unwrap());
        send(gateway.address, request)
    };
    assert_eq!(ask("alice").await.status(), 200);
    for _ in 0..500 {
        if server.asked().len() == 2 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let asked = server.asked();
    let addends = |index: usize| {
        let descriptors = asked[index].descriptors.iter();
        descriptors.map(|d| d.hits_addend).collect::<Vec<_>>()
    };
    assert_eq!(addends(0), [Some(0), Some(0), Some(3)]);
    let told = addends(1);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0] > Some(10), "all tokens of the answer: {told:?}");
    assert!(told[1] > Some(3), "what it cost, and more: {told:?}");
    // The answer took more than there was: now alice waits.
    assert_eq!(ask("alice").await.status(), 429);
    gateway.stop().await;
}

#[tokio::test]
async fn without_an_answer_it_closes_or_opens_and_recovers() {
    let address = refused();
    let limit = |failure_mode| GlobalLimit {
        failure_mode,
        ..global(vec![descriptor(Unit::Requests, USER, None)])
    };
    let closed = gateway(limit(FailureMode::FailClosed), address).await;
    let open = gateway(limit(FailureMode::FailOpen), address).await;
    for _ in 0..2 {
        assert_eq!(send(closed.address, of("a")).await.status(), 503);
        assert_eq!(send(open.address, of("a")).await.status(), 200);
        let server = Service::start_at(address, SHOULD_RATE_LIMIT, counting(1)).await;
        assert_eq!(send(closed.address, of("a")).await.status(), 200);
        assert_eq!(send(open.address, of("a")).await.status(), 429);
        drop(server);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let lines = closed.stopped(4).await;
    assert_eq!(lines[0]["reason"], "rate_limit_failed", "{}", lines[0]);
    assert!(lines[1].get("reason").is_none(), "{}", lines[1]);
    let lines = open.stopped(4).await;
    assert_eq!(
        lines[0]["failed_open"],
        json!(["rate_limit"]),
        "{}",
        lines[0]
    );
    assert!(lines[1].get("failed_open").is_none(), "{}", lines[1]);
}

#[tokio::test]
async fn the_server_adds_headers_but_none_of_the_connection() {
    let header = |key: &str, value: &str| HeaderValue {
        key: key.to_owned(),
        value: value.to_owned(),
        ..HeaderValue::default()
    };
    let server = Service::start(SHOULD_RATE_LIMIT, move |question: &RateLimitRequest| {
        let bob = question.descriptors[0].entries[1].value == "bob";
        Ok(RateLimitResponse {
            overall_code: if bob { Code::OverLimit } else { Code::Ok }.into(),
            response_headers_to_add: vec![
                header("x-quota", "gold"),
                header("content-length", "1"),
                header("transfer-encoding", "chunked"),
            ],
            request_headers_to_add: vec![header("x-tier", "gold"), header("host", "evil")],
            raw_body: if bob {
                "slow down".into()
            } else {
                bytes::Bytes::new()
            },
            ..RateLimitResponse::default()
        })
    })
    .await;
    let limit = global(vec![descriptor(Unit::Requests, USER, None)]);
    let gateway = gateway(limit, server.address).await;
    let answered = send(gateway.address, of("alice")).await;
    assert_eq!(answered.status(), 200, "{}", answered.text());
    assert_eq!(answered.response.headers()["x-quota"], "gold");
    let sent = format!("{:?}", gateway.mock.requests()[0].headers);
    assert!(sent.contains("gold") && !sent.contains("evil"), "{sent}");
    let refused = send(gateway.address, of("bob")).await;
    assert_eq!(
        (refused.status(), refused.text().as_str()),
        (429, "slow down")
    );
    assert_eq!(refused.response.headers()["x-quota"], "gold");
    gateway.stop().await;
}
