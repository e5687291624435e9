//! Limits, and what else policies do to requests.

use std::sync::Arc;
use std::time::Duration;

use agw_core::access::{Access, Action, Authorization};
use agw_core::answer::{AnswerBody, Csrf, Delay, FixedAnswer, HeaderModifiers};
use agw_core::condition::{Case, Cases};
use agw_core::expr::Expression;
use agw_core::filter::{Cors, Credentials, HeaderEdits, Names, OriginPattern};
use agw_core::header::{FieldName, FieldValue};
use agw_core::hostname::Hostname;
use agw_core::id::RouteKind;
use agw_core::listener::Protocol;
use agw_core::matcher::PathMatch;
use agw_core::policy::TrafficPolicy;
use agw_core::rate_limit::{Limit, Limits, RateLimit, Unit};
use agw_core::transform::{Edits, Part, Transformation, Transformations};
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::Full;

use super::client::{HELLO, chat, request, send};
use super::gateway::{Gateway, Plan, ai, listener, routed};

fn compile(source: &str) -> Expression {
    Expression::compile(source).unwrap()
}

async fn under(policy: TrafficPolicy) -> Gateway {
    Gateway::start(|mock| Plan {
        backends: vec![(ai("gpt-4o", mock), 1)],
        policy,
        ..Plan::default()
    })
    .await
}

fn limit(unit: Unit, amount: u32, key: Option<&str>) -> Limit {
    Limit {
        id: format!("{unit:?} {amount} {key:?}").into(),
        unit,
        amount,
        per: Duration::from_secs(3600),
        burst: 0,
        key: key.map(compile),
    }
}

fn own<const N: usize>(limits: [Limit; N]) -> Limits {
    Limits {
        local: limits.into(),
        global: None,
    }
}

fn limited(limits: RateLimit) -> TrafficPolicy {
    TrafficPolicy {
        rate_limit: Some(Arc::new(limits)),
        ..TrafficPolicy::default()
    }
}

fn of(user: &str) -> Request<Full<Bytes>> {
    let mut request = chat(HELLO);
    request
        .headers_mut()
        .insert("x-user", user.parse().unwrap());
    request
}

#[tokio::test]
async fn a_limit_is_exact_across_workers_and_says_when_to_come_again() {
    let limits = Cases::always(own([limit(Unit::Requests, 10, None)]));
    let gateway = under(limited(limits)).await;
    let mut passed = 0;
    for _ in 0..30 {
        let answered = send(gateway.address, chat(HELLO)).await;
        if answered.status() == 200 {
            passed += 1;
            continue;
        }
        assert_eq!(answered.status(), 429);
        let headers = answered.response.headers();
        assert_eq!(answered.json()["error"]["message"], "rate limit exceeded");
        assert_eq!(headers["x-ratelimit-limit"], "10");
        let wait: u64 = headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((3500..=3600).contains(&wait), "{wait}");
    }
    assert_eq!(passed, 10);
    assert_eq!(gateway.log(30).await[29]["reason"], "rate_limited");
    gateway.stop().await;
}

#[tokio::test]
async fn a_limit_stays_through_another_configuration() {
    let policy = limited(Cases::always(own([limit(Unit::Requests, 1, None)])));
    let gateway = under(policy.clone()).await;
    assert_eq!(send(gateway.address, chat(HELLO)).await.status(), 200);
    let again = |policy| Plan {
        backends: vec![(ai("gpt-4o-mini", gateway.mock_address), 1)],
        policy,
        ..Plan::default()
    };
    gateway.apply(2, again(policy)).await;
    assert_eq!(send(gateway.address, chat(HELLO)).await.status(), 429);
    let wider = limited(Cases::always(own([limit(Unit::Requests, 2, None)])));
    gateway.apply(3, again(wider)).await;
    assert_eq!(send(gateway.address, chat(HELLO)).await.status(), 200);
    gateway.stop().await;
}

#[tokio::test]
async fn keys_have_limits_of_their_own() {
    let limits = [
        limit(Unit::Requests, 2, Some(r#"request.headers["x-user"]"#)),
        limit(Unit::Requests, 5, None),
    ];
    let gateway = under(limited(Cases::always(own(limits)))).await;
    let mut passed = Vec::new();
    for user in ["a", "a", "a", "b", "b", "b", "c", "c", "d"] {
        passed.push(send(gateway.address, of(user)).await.status() == 200);
    }
    // The third of each is over; what is refused takes nothing from the limit of all.
    assert_eq!(
        passed,
        [true, true, false, true, true, false, true, false, false]
    );
    gateway.stop().await;
}

#[tokio::test]
async fn tokens_are_counted_when_the_answer_tells() {
    let limits = Cases::always(own([limit(Unit::Tokens, 1, None)]));
    let gateway = under(limited(limits)).await;
    assert_eq!(send(gateway.address, chat(HELLO)).await.status(), 200);
    gateway.log(1).await;
    assert_eq!(send(gateway.address, chat(HELLO)).await.status(), 429);
    gateway.stop().await;
}

#[tokio::test]
async fn the_first_condition_that_holds_chooses_the_limit() {
    let case = |when: Option<&str>, amount| Case {
        when: when.map(compile),
        then: own([limit(Unit::Requests, amount, None)]),
    };
    let limits = Cases::new(vec![
        case(Some(r#"request.headers["x-user"] == "vip""#), 5),
        case(None, 1),
    ]);
    let gateway = under(limited(limits)).await;
    let mut passed = 0;
    for _ in 0..4 {
        passed += u32::from(send(gateway.address, of("vip")).await.status() == 200);
        send(gateway.address, of("other")).await;
    }
    assert_eq!(passed, 4);
    assert_eq!(send(gateway.address, of("other")).await.status(), 429);
    gateway.stop().await;
}

#[tokio::test]
async fn the_gateway_answers_itself() {
    let answer = |status, body: &str| {
        Arc::new(FixedAnswer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: vec![(FieldName::parse("X-Path").unwrap(), compile("request.path"))],
            body: AnswerBody::Computed(compile(body)),
        })
    };
    let direct = Cases::new(vec![
        Case {
            when: Some(compile(r#"request.path.startsWith("/v0/")"#)),
            then: answer(410, r#""gone: " + request.path"#),
        },
        Case {
            when: Some(compile(r#"json(request.body).ping == true"#)),
            then: answer(200, "{'pong': json(request.body).ping}"),
        },
    ]);
    let gateway = under(TrafficPolicy {
        direct_response: Some(Arc::new(direct)),
        ..TrafficPolicy::default()
    })
    .await;
    let gone = send(gateway.address, request(Method::GET, "/v0/a", "")).await;
    assert_eq!((gone.status(), gone.text().as_str()), (410, "gone: /v0/a"));
    assert_eq!(gone.response.headers()["x-path"], "/v0/a");
    let ping = request(Method::POST, "/x", r#"{"ping":true}"#);
    let pong = send(gateway.address, ping).await;
    assert_eq!(pong.text(), r#"{"pong":true}"#);
    assert_eq!(send(gateway.address, chat(HELLO)).await.status(), 200);
    let reasons: Vec<_> = gateway
        .log(3)
        .await
        .iter()
        .map(|l| l["reason"].clone())
        .collect();
    assert_eq!(reasons[..2], ["direct_response", "direct_response"]);
    gateway.stop().await;
}

#[tokio::test]
async fn headers_are_edited_both_ways_and_requests_wait() {
    let pair = |n: &str, v: &str| (FieldName::parse(n).unwrap(), FieldValue::parse(v).unwrap());
    let headers = HeaderModifiers {
        request: HeaderEdits {
            set: vec![pair("X-User", "gateway")],
            ..HeaderEdits::default()
        },
        response: HeaderEdits {
            add: vec![pair("X-Served-By", "agw")],
            ..HeaderEdits::default()
        },
    };
    let gateway = under(TrafficPolicy {
        headers: Some(Arc::new(headers)),
        delay: Some(Arc::new(Delay::Computed(compile(
            r#"request.headers["x-user"] == "gateway" ? 300 : 0"#,
        )))),
        ..TrafficPolicy::default()
    })
    .await;
    let answered = send(gateway.address, of("forged")).await;
    assert_eq!(answered.response.headers()["x-served-by"], "agw");
    let asked = serde_json::to_value(gateway.mock.requests().last().unwrap()).unwrap();
    assert_eq!(asked["headers"]["x-user"], "gateway");
    let took = gateway.log(1).await[0]["duration_ms"].as_f64().unwrap();
    assert!(took >= 300.0, "{took}");
    gateway.stop().await;
}

#[tokio::test]
async fn pages_of_other_sites_are_kept_out_and_preflights_need_no_credentials() {
    let deny = Authorization {
        action: Action::Deny,
        expressions: vec![compile("true")],
    };
    let cors = Cors {
        origins: vec![OriginPattern::parse("https://app.example").unwrap()],
        credentials: Credentials::Allowed,
        methods: Names::Any,
        headers: Names::Any,
        expose: Names::None,
        max_age: Duration::from_secs(60),
    };
    let policy = TrafficPolicy {
        cors: Some(Arc::new(cors.clone())),
        csrf: Some(Arc::new(Csrf { origins: vec![] })),
        ..TrafficPolicy::default()
    };
    let gateway = under(policy.clone()).await;
    let from = |origin: &str, mut request: Request<Full<Bytes>>| {
        request
            .headers_mut()
            .insert("origin", origin.parse().unwrap());
        request
    };
    let evil = send(gateway.address, from("https://evil.example", chat(HELLO))).await;
    assert_eq!(evil.status(), 403);
    let own = send(gateway.address, from("https://a.example", chat(HELLO))).await;
    assert_eq!(own.status(), 200);
    let shut = TrafficPolicy {
        access: Access {
            authorization: vec![Arc::new(deny)],
            ..Access::default()
        },
        ..policy
    };
    let plan = Plan {
        backends: vec![(ai("gpt-4o", gateway.mock_address), 1)],
        policy: shut,
        ..Plan::default()
    };
    gateway.apply(2, plan).await;
    let question = || {
        let mut question = request(Method::OPTIONS, "/v1/chat/completions", "");
        let name = "access-control-request-method";
        question.headers_mut().insert(name, "POST".parse().unwrap());
        from("https://app.example", question)
    };
    let answered = send(gateway.address, question()).await;
    assert_eq!(answered.status(), 204);
    assert_eq!(
        answered.response.headers()["access-control-allow-origin"],
        "https://app.example"
    );
    // An error tells the page too whose it is.
    let refused = send(gateway.address, from("https://app.example", chat(HELLO))).await;
    assert_eq!(refused.status(), 403);
    assert_eq!(
        refused.response.headers()["access-control-allow-origin"],
        "https://app.example"
    );
    // The same before the match: no route has to be there for a page to read the answer.
    let early = TrafficPolicy {
        pre_cors: Some(Arc::new(cors)),
        ..TrafficPolicy::default()
    };
    let plan = Plan {
        backends: vec![(ai("gpt-4o", gateway.mock_address), 1)],
        policy: early,
        rule: Some(Box::new(|rule| {
            rule.matches[0].path = PathMatch::prefix("/nowhere");
        })),
    };
    gateway.apply(3, plan).await;
    assert_eq!(send(gateway.address, question()).await.status(), 204);
    let lost = send(gateway.address, from("https://app.example", chat(HELLO))).await;
    assert_eq!(lost.status(), 404);
    assert_eq!(
        lost.response.headers()["access-control-allow-origin"],
        "https://app.example"
    );
    gateway.stop().await;
}

fn transformed(cases: Vec<(Option<&str>, Edits, Edits)>) -> Arc<Transformations> {
    let cases = cases.into_iter().map(|(when, request, response)| Case {
        when: when.map(compile),
        then: Arc::new(Transformation { request, response }),
    });
    Arc::new(Cases::new(cases.collect()))
}

fn head(parts: &[(Part, &str)]) -> Edits {
    let parts = parts.iter().map(|(part, source)| (*part, compile(source)));
    Edits {
        parts: parts.collect(),
        ..Edits::default()
    }
}

#[tokio::test]
async fn the_head_of_a_message_changes_by_condition() {
    let post = transformed(vec![
        (
            Some(r#"request.headers["x-user"] == "a""#),
            head(&[(Part::Path, r#""/v1/chat/completions?left=right""#)]),
            head(&[(Part::Status, "203")]),
        ),
        (
            Some(r#"json(request.body).model == "sideways""#),
            head(&[(Part::Path, r#""no path""#)]),
            head(&[(Part::Status, "1000")]),
        ),
    ]);
    let policy = TrafficPolicy {
        post_routing: Some(post),
        ..TrafficPolicy::default()
    };
    let gateway = under(policy).await;
    let mut elsewhere = of("a");
    *elsewhere.uri_mut() = "/elsewhere".parse().unwrap();
    assert_eq!(send(gateway.address, elsewhere).await.status(), 203);
    // What cannot stand in a head leaves it as it was.
    let sideways = chat(&HELLO.replacen('{', r#"{"model":"sideways","#, 1));
    assert_eq!(send(gateway.address, sideways).await.status(), 200);
    assert_eq!(send(gateway.address, of("b")).await.status(), 200);
    let metrics = gateway.proxy().metrics_text();
    for part in ["ns/route :path", "response :status"] {
        assert!(metrics.contains(part), "{part}: {metrics}");
    }
    gateway.stop().await;
}

#[tokio::test]
async fn a_head_that_changes_before_the_match_is_what_is_matched() {
    let pre = transformed(vec![(
        None,
        head(&[
            (Part::Path, r#""/v1" + request.path"#),
            (Part::Authority, r#""models.example""#),
            (Part::Method, r#""POST""#),
        ]),
        Edits::default(),
    )]);
    let policy = TrafficPolicy {
        pre_routing: Some(pre),
        ..TrafficPolicy::default()
    };
    let gateway = under(policy.clone()).await;
    let model = [(ai("gpt-4o", gateway.mock_address), 1)];
    let listener = listener("http", gateway.address.port(), Protocol::Http, "");
    let mut config = routed(vec![listener], &[("http", RouteKind::Http, &model)]);
    config.policy = policy;
    let route = Arc::make_mut(&mut config.routes[0]);
    route.hostnames = vec![Hostname::parse("models.example").unwrap()];
    let rule = Arc::make_mut(&mut route.rules[0]);
    rule.matches[0].path = PathMatch::Exact("/v1/chat/completions".into());
    rule.matches[0].method = Some(Method::POST);
    gateway.put(2, config).await;
    let mut short = chat(HELLO);
    *short.uri_mut() = "/chat/completions".parse().unwrap();
    *short.method_mut() = Method::PUT;
    assert_eq!(send(gateway.address, short).await.status(), 200);
    gateway.stop().await;
}
