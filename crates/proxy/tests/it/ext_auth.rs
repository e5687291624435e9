//! Servers that are asked whether requests may pass, as real servers hear them.

use std::sync::Arc;
use std::time::Duration;

use agw_core::access::{
    Access, Action, Authorization, Authorizer, ExternalAuth, HttpQuestion, Lifetime, Question,
    Remembered,
};
use agw_core::backend::AppProtocol;
use agw_core::condition::{Case, Cases};
use agw_core::expr::Expression;
use agw_core::guard::FailureMode;
use agw_core::header::FieldName;
use agw_core::policy::TrafficPolicy;
use agw_core::server::{Place, Server};
use agw_envoy::CHECK;
use agw_envoy::auth::check_response::HttpResponse;
use agw_envoy::auth::{CheckRequest, CheckResponse, DeniedHttpResponse, OkHttpResponse};
use agw_envoy::core::{HeaderValue, HeaderValueOption, QueryParameter};
use agw_envoy::known::{Struct, Value as Known, value::Kind};
use agw_envoy::rpc;
use agw_envoy::types::HttpStatus;
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use serde_json::json;
use tonic::Status;

use super::client::{HELLO, chat, request, send, send_h2};
use super::gateway::{Gateway, Plan, ai, key, plain, refused};
use super::grpc_server::GrpcServer;
use super::token_endpoint::{Say, TokenEndpoint};

type Checks = GrpcServer<CheckRequest>;

fn expression(source: &str) -> Expression {
    Expression::compile(source).unwrap()
}

fn by_grpc() -> Authorizer {
    Authorizer {
        server: Server {
            at: Place::Backend(key("authz")),
            authority: "authz.ns.svc.cluster.local:9000".into(),
        },
        question: Question::Grpc {
            context: vec![],
            metadata: vec![],
        },
        failure_mode: FailureMode::FailClosed,
        body: None,
        cache: None,
    }
}

fn by_http(http: HttpQuestion) -> Authorizer {
    Authorizer {
        question: Question::Http(Box::new(http)),
        ..by_grpc()
    }
}

fn access(authorizer: Authorizer) -> Access {
    Access {
        external: Some(Arc::new(Cases::always(Arc::new(authorizer)))),
        ..Access::default()
    }
}

async fn gateway(access: Access, at: std::net::SocketAddr) -> Gateway {
    Gateway::start(|mock| Plan {
        backends: vec![
            (ai("gpt-4o", mock), 1),
            (plain("authz", at, AppProtocol::Http1), 0),
        ],
        policy: TrafficPolicy {
            access,
            ..TrafficPolicy::default()
        },
        ..Plan::default()
    })
    .await
}

fn option(name: &str, value: &str) -> HeaderValueOption {
    HeaderValueOption {
        header: Some(HeaderValue {
            key: name.to_owned(),
            value: value.to_owned(),
            ..HeaderValue::default()
        }),
        ..HeaderValueOption::default()
    }
}

fn yes(ok: OkHttpResponse) -> CheckResponse {
    CheckResponse {
        status: Some(rpc::Status::default()),
        http_response: Some(HttpResponse::OkResponse(ok)),
        dynamic_metadata: None,
    }
}

fn no(denied: Option<DeniedHttpResponse>) -> CheckResponse {
    CheckResponse {
        status: Some(rpc::Status {
            code: 7,
            message: "no".to_owned(),
        }),
        http_response: denied.map(HttpResponse::DeniedResponse),
        dynamic_metadata: None,
    }
}

fn with(headers: &[(&'static str, &str)]) -> Request<Full<Bytes>> {
    let mut request = chat(HELLO);
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    request
}

fn http(question: &CheckRequest) -> agw_envoy::auth::attribute_context::HttpRequest {
    let attributes = question.attributes.clone().unwrap();
    attributes.request.unwrap().http.unwrap()
}

#[tokio::test]
async fn a_server_of_grpc_hears_the_request_and_edits_it() {
    let server = Checks::start(CHECK, |_| {
        let told = (
            "team".to_owned(),
            Known {
                kind: Some(Kind::StringValue("research".to_owned())),
            },
        );
        Ok(CheckResponse {
            dynamic_metadata: Some(Struct {
                fields: [told].into_iter().collect(),
            }),
            ..yes(OkHttpResponse {
                headers: vec![
                    option("x-user", "alice"),
                    option("transfer-encoding", "chunked"),
                    option("content-length", "1"),
                    option("host", "evil.example"),
                    option(":path", "/evil"),
                    option("connection", "x-user"),
                ],
                headers_to_remove: vec![
                    "x-secret".to_owned(),
                    "host".to_owned(),
                    ":path".to_owned(),
                ],
                response_headers_to_add: vec![option("x-checked", "1"), option("upgrade", "h2c")],
                query_parameters_to_set: vec![QueryParameter {
                    key: "a".to_owned(),
                    value: "2".to_owned(),
                }],
                query_parameters_to_remove: vec!["b".to_owned()],
                ..OkHttpResponse::default()
            })
        })
    })
    .await;
    let asked = Authorizer {
        question: Question::Grpc {
            context: vec![("env".into(), "test".into())],
            metadata: vec![(
                "who".into(),
                expression("{'agent': request.headers['x-agent']}"),
            )],
        },
        body: Some(65_536),
        ..by_grpc()
    };
    let mut access = access(asked);
    access.authorization = vec![Arc::new(Authorization {
        action: Action::Require,
        expressions: vec![expression("extauthz.team == 'research'")],
    })];
    let gateway = gateway(access, server.address).await;
    let mut request = with(&[
        ("x-agent", "one"),
        ("x-secret", "s"),
        ("x-user", "root"),
        ("connection", "X-User"),
        ("x-many", "1"),
        ("x-many", "2"),
    ]);
    *request.uri_mut() = "/v1/chat/completions?a=1&b=2&c=3".parse().unwrap();
    let answered = send(gateway.address, request).await;
    assert_eq!(answered.status(), 200, "{}", answered.text());
    let headers = answered.response.headers();
    assert_eq!(headers["x-checked"], "1");
    assert!(!headers.contains_key("upgrade"));
    let upstream = &gateway.mock.requests()[0];
    let sent = format!("{:?}", upstream.headers).to_lowercase();
    assert!(sent.contains("alice") && !sent.contains("root"), "{sent}");
    assert!(
        !sent.contains("x-secret") && !sent.contains("evil"),
        "{sent}"
    );
    let question = &server.asked()[0];
    let heard = http(question);
    assert_eq!(heard.method, "POST");
    assert_eq!(heard.path, "/v1/chat/completions?a=1&b=2&c=3");
    assert_eq!(heard.host, "a.example");
    assert_eq!(heard.scheme, "http");
    assert_eq!(heard.protocol, "HTTP/1.1");
    assert_eq!(heard.body, HELLO);
    assert_eq!(heard.size, i64::try_from(HELLO.len()).unwrap());
    assert_eq!(heard.headers["x-many"], "1,2");
    assert_eq!(heard.headers[":path"], heard.path);
    let attributes = question.attributes.clone().unwrap();
    assert_eq!(attributes.context_extensions["env"], "test");
    let metadata = attributes.metadata_context.unwrap();
    let agent = metadata.filter_metadata["who"].fields["agent"].clone();
    assert_eq!(agent.kind, Some(Kind::StringValue("one".to_owned())));
    gateway.stop().await;
}

#[tokio::test]
async fn a_denial_is_the_servers_own() {
    let denials = [
        (None, 403, "authorization failed"),
        (
            Some(DeniedHttpResponse {
                status: Some(HttpStatus { code: 429 }),
                headers: vec![
                    option("x-why", "because"),
                    option("content-type", "text/html"),
                    option("content-length", "1"),
                    option("transfer-encoding", "chunked"),
                ],
                body: "<p>too many</p>".to_owned(),
            }),
            429,
            "<p>too many</p>",
        ),
    ];
    for (denied, status, said) in denials {
        let has_words = denied.is_some();
        let server = Checks::start(CHECK, move |_| Ok(no(denied.clone()))).await;
        let gateway = gateway(access(by_grpc()), server.address).await;
        let answered = send(gateway.address, chat(HELLO)).await;
        assert_eq!(answered.status(), status);
        if has_words {
            assert_eq!(answered.text(), said);
            let headers = answered.response.headers();
            assert_eq!(headers["x-why"], "because");
            assert_eq!(headers["content-type"], "text/html");
            assert!(!headers.contains_key("transfer-encoding"));
        } else {
            assert_eq!(answered.json()["error"]["message"], said);
        }
        let answered = send_h2(gateway.address, chat(HELLO)).await;
        assert_eq!(answered.status(), status);
        assert!(gateway.mock.requests().is_empty());
        let lines = gateway.stopped(2).await;
        assert_eq!(lines[0]["reason"], "ext_auth", "{}", lines[0]);
    }
}

#[tokio::test]
async fn without_an_answer_it_closes_unless_it_is_to_open() {
    let gone = refused();
    let broken = Checks::start(CHECK, |_| {
        Err::<CheckResponse, _>(Status::internal("out of order"))
    })
    .await;
    let mute = Checks::start(CHECK, |_| Ok(CheckResponse::default())).await;
    let other = Checks::start("/other.Service/Method", |_| {
        Ok(yes(OkHttpResponse::default()))
    })
    .await;
    for address in [gone, broken.address, mute.address, other.address] {
        let gateway = gateway(access(by_grpc()), address).await;
        let answered = send(gateway.address, chat(HELLO)).await;
        assert_eq!(answered.status(), 503, "{}", answered.text());
        assert!(gateway.mock.requests().is_empty());
        let line = &gateway.stopped(1).await[0];
        assert_eq!(line["reason"], "ext_auth_failed", "{line}");
    }
    let open = Authorizer {
        failure_mode: FailureMode::FailOpen,
        ..by_http(HttpQuestion {
            taken: vec!["x-user".parse().unwrap()],
            ..HttpQuestion::default()
        })
    };
    let gateway = gateway(access(open), gone).await;
    let answered = send(gateway.address, with(&[("x-user", "root")])).await;
    assert_eq!(answered.status(), 200);
    let sent = format!("{:?}", gateway.mock.requests()[0].headers);
    assert!(!sent.contains("root"), "nobody vouches for it: {sent}");
    let line = &gateway.stopped(1).await[0];
    assert_eq!(line["failed_open"], json!(["ext_auth"]), "{line}");
    assert!(line.get("reason").is_none(), "{line}");
}

#[tokio::test]
async fn a_server_of_http_says_it_by_its_status() {
    let server = super::webserver::WebServer::start(|asked| {
        match asked.header("authorization").as_deref() {
            Some("Bearer good") => (
                200,
                vec![("x-user", "alice"), ("x-other", "o")],
                "{\"team\":1}",
            ),
            Some("Bearer poor") => (
                402,
                vec![
                    ("x-why", "pay"),
                    ("connection", "x-private"),
                    ("x-private", "1"),
                ],
                "pay first",
            ),
            Some("Bearer sick") => (500, vec![], ""),
            _ => (401, vec![("www-authenticate", "Custom")], "who?"),
        }
    })
    .await;
    let question = HttpQuestion {
        path: Some(expression("'/verify?of=' + request.path")),
        forwarded: vec!["x-agent".parse().unwrap()],
        headers: vec![(
            FieldName::parse("x-model").unwrap(),
            expression("json(request.body).messages[0].role"),
        )],
        taken: vec!["x-user".parse().unwrap()],
        metadata: vec![("team".into(), expression("json(response.body).team"))],
        ..HttpQuestion::default()
    };
    let mut access = access(by_http(question));
    access.authorization = vec![Arc::new(Authorization {
        action: Action::Require,
        expressions: vec![expression("extauthz.team == 1")],
    })];
    let gateway = gateway(access, server.address).await;
    let ask = |token: &str| {
        let token = format!("Bearer {token}");
        send(
            gateway.address,
            with(&[
                ("authorization", &token),
                ("x-agent", "one"),
                ("x-user", "root"),
                ("x-forwarded-uri", "/forged"),
                ("cookie", "a=b"),
            ]),
        )
    };
    let answered = ask("good").await;
    assert_eq!(answered.status(), 200, "{}", answered.text());
    let sent = format!("{:?}", gateway.mock.requests()[0].headers);
    assert!(sent.contains("alice") && !sent.contains("root"), "{sent}");
    assert!(!sent.contains("x-other"), "{sent}");
    let asked = &server.asked()[0];
    assert_eq!(asked.line, "POST /verify?of=/v1/chat/completions HTTP/1.1");
    assert_eq!(asked.header("x-agent").as_deref(), Some("one"));
    assert_eq!(asked.header("x-model").as_deref(), Some("user"));
    assert_eq!(asked.header("cookie"), None);
    assert_eq!(
        asked.header("x-forwarded-uri").as_deref(),
        Some("/v1/chat/completions")
    );
    assert_eq!(
        asked.header("host").as_deref(),
        Some("authz.ns.svc.cluster.local:9000")
    );
    assert_eq!(asked.body, "");
    let poor = ask("poor").await;
    assert_eq!((poor.status(), poor.text().as_str()), (402, "pay first"));
    assert_eq!(poor.response.headers()["x-why"], "pay");
    assert!(!poor.response.headers().contains_key("x-private"));
    let unknown = ask("bad").await;
    assert_eq!((unknown.status(), unknown.text().as_str()), (401, "who?"));
    assert_eq!(unknown.response.headers()["www-authenticate"], "Custom");
    assert_eq!(ask("sick").await.status(), 503);
    assert_eq!(gateway.mock.requests().len(), 1);
    gateway.stop().await;
}

#[tokio::test]
async fn clients_that_are_not_known_are_sent_where_it_says() {
    let server =
        TokenEndpoint::start([Say::This(401, String::new()), Say::This(403, "no".into())]).await;
    let question = HttpQuestion {
        redirect: Some(expression("'https://login.example/?back=' + request.path")),
        ..HttpQuestion::default()
    };
    let gateway = gateway(access(by_http(question)), server.address).await;
    let sent = send(gateway.address, request(Method::GET, "/a", "")).await;
    assert_eq!(sent.status(), 302);
    assert_eq!(
        sent.response.headers()["location"],
        "https://login.example/?back=/a"
    );
    let refused = send(gateway.address, request(Method::GET, "/a", "")).await;
    assert_eq!((refused.status(), refused.text().as_str()), (403, "no"));
    gateway.stop().await;
}

#[tokio::test]
async fn no_longer_body_passes_than_the_server_may_see() {
    let server = TokenEndpoint::start([Say::This(200, String::new())]).await;
    let asked = Authorizer {
        body: Some(64),
        ..by_http(HttpQuestion::default())
    };
    let gateway = gateway(access(asked), server.address).await;
    assert_eq!(send(gateway.address, chat(HELLO)).await.status(), 200);
    assert_eq!(server.asked()[0].body, HELLO);
    let long = HELLO.replace("Hello", &"x".repeat(64));
    assert_eq!(send(gateway.address, chat(&long)).await.status(), 413);
    assert_eq!(server.asked().len(), 1);
    gateway.stop().await;
}

#[tokio::test]
async fn answers_hold_for_requests_with_the_same_key() {
    let server = Checks::start(CHECK, |question| {
        Ok(
            match http(question).headers.get("x-key").map(String::as_str) {
                Some("good") => yes(OkHttpResponse {
                    headers: vec![option("x-user", "alice")],
                    ..OkHttpResponse::default()
                }),
                _ => no(None),
            },
        )
    })
    .await;
    let cached = |lifetime| Authorizer {
        cache: Some(Remembered {
            key: vec![
                expression("request.path"),
                expression("request.headers['x-key']"),
            ],
            lifetime,
            most: 100,
        }),
        ..by_grpc()
    };
    let first = gateway(
        access(cached(Lifetime::Fixed(Duration::from_secs(600)))),
        server.address,
    )
    .await;
    for _ in 0..3 {
        assert_eq!(
            send(first.address, with(&[("x-key", "good")]))
                .await
                .status(),
            200
        );
        assert_eq!(
            send(first.address, with(&[("x-key", "bad")]))
                .await
                .status(),
            403
        );
        assert_eq!(send(first.address, chat(HELLO)).await.status(), 403);
    }
    assert_eq!(server.asked().len(), 3);
    for upstream in first.mock.requests() {
        assert!(format!("{:?}", upstream.headers).contains("alice"));
    }
    // What is learnt outlives a change that does not concern it.
    first
        .change(2, |config| config.logged_headers.clear())
        .await;
    assert_eq!(
        send(first.address, with(&[("x-key", "good")]))
            .await
            .status(),
        200
    );
    assert_eq!(server.asked().len(), 3);
    first.stop().await;
    let fleeting = gateway(
        access(cached(Lifetime::Computed(expression("0")))),
        server.address,
    )
    .await;
    for _ in 0..2 {
        send(fleeting.address, chat(HELLO)).await;
    }
    assert_eq!(server.asked().len(), 5);
    fleeting.stop().await;
}

#[tokio::test]
async fn who_is_asked_depends_on_a_condition() {
    let server = Checks::start(CHECK, |_| Ok(no(None))).await;
    let auth: ExternalAuth = Cases::new(vec![Case {
        when: Some(expression("request.path.startsWith('/admin')")),
        then: Arc::new(by_grpc()),
    }]);
    let access = Access {
        external: Some(Arc::new(auth)),
        ..Access::default()
    };
    let gateway = gateway(access, server.address).await;
    assert_eq!(send(gateway.address, chat(HELLO)).await.status(), 200);
    let admin = request(Method::POST, "/admin/v1/chat/completions", HELLO);
    assert_eq!(send(gateway.address, admin).await.status(), 403);
    assert_eq!(server.asked().len(), 1);
    gateway.stop().await;
}
