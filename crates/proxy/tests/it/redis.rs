//! Limits that are counted in Redis itself: a real one, or the test says that it is skipped.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use agw_core::expr::Expression;
use agw_core::guard::FailureMode;
use agw_core::rate_limit::{Counting, Descriptor, GlobalLimit, Login, Span, Unit, Window};
use agw_core::secret::Secret;
use agw_core::server::{Place, Server};
use serde_json::json;

use super::client::{Answered, HELLO, chat, send};
use super::gateway::{Gateway, key, refused};
use super::global_limits::gateway;

const PASSWORD: &str = "a-password";

/// A server on a port of its own, ended when it is dropped.
struct Redis {
    address: SocketAddr,
    child: Child,
}

impl Redis {
    /// Nothing where there is no Redis here.
    #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
    async fn start(address: SocketAddr) -> Option<Self> {
        let port = address.port().to_string();
        let started = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &port, "--save", ""])
            .args(["--appendonly", "no", "--requirepass", PASSWORD])
            .current_dir(std::env::temp_dir())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(child) = started else {
            eprintln!("SKIPPED: redis-server is not here (apt-get install redis-server)");
            return None;
        };
        let server = Self { address, child };
        for _ in 0..500 {
            if tokio::net::TcpStream::connect(address).await.is_ok() {
                return Some(server);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("redis-server does not listen");
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn compile(source: &str) -> Expression {
    Expression::compile(source).unwrap()
}

fn limit(unit: Unit, amount: u32, failure_mode: FailureMode) -> GlobalLimit {
    GlobalLimit {
        server: Server {
            at: Place::Backend(key("redis")),
            authority: "redis.ns.svc.cluster.local:6379".into(),
        },
        by: Counting::Redis(Login {
            username: None,
            password: Some(Secret::new(PASSWORD)),
            database: 3,
        }),
        domain: "chat".into(),
        descriptors: vec![Descriptor {
            entries: vec![("user".into(), compile("request.headers['x-user']"))],
            unit,
            cost: None,
            limit: None,
            window: Some(Window {
                amount,
                per: Span::Hour,
            }),
        }],
        failure_mode,
    }
}

async fn ask(gateway: &Gateway, user: &str) -> Answered {
    let mut request = chat(HELLO);
    let user = user.parse().unwrap();
    request.headers_mut().insert("x-user", user);
    send(gateway.address, request).await
}

#[tokio::test]
async fn two_proxies_share_a_limit() {
    let Some(redis) = Redis::start(refused()).await else {
        return;
    };
    let limit = || limit(Unit::Requests, 100, FailureMode::FailClosed);
    let proxies = [
        gateway(limit(), redis.address).await,
        gateway(limit(), redis.address).await,
    ];
    // All at once: what is counted is counted whole.
    let asked = (0..120).map(|turn| ask(&proxies[turn % 2], "alice"));
    let answers = futures_util::future::join_all(asked).await;
    let passed = answers.iter().filter(|a| a.status() == 200).count();
    assert_eq!(passed, 100);
    let over = answers.iter().find(|a| a.status() == 429).unwrap();
    let header = |name: &str| over.response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("x-ratelimit-limit"), "100");
    assert_eq!(header("x-ratelimit-remaining"), "0");
    let wait: u64 = header("retry-after").parse().unwrap();
    assert!((1..=3600).contains(&wait), "{wait}");
    assert_eq!(over.json()["error"]["message"], "rate limit exceeded");
    assert_eq!(ask(&proxies[1], "bob").await.status(), 200);
    for proxy in proxies {
        proxy.stop().await;
    }
}

#[tokio::test]
async fn tokens_are_counted_when_they_are_known() {
    let Some(redis) = Redis::start(refused()).await else {
        return;
    };
    let gateway = gateway(
        limit(Unit::Tokens, 1, FailureMode::FailClosed),
        redis.address,
    )
    .await;
    assert_eq!(ask(&gateway, "alice").await.status(), 200);
    let mut status = 200;
    for _ in 0..500 {
        status = ask(&gateway, "alice").await.status();
        if status == 429 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(status, 429);
    assert_eq!(ask(&gateway, "bob").await.status(), 200);
    gateway.stop().await;
}

#[tokio::test]
async fn without_redis_it_closes_or_opens_and_recovers() {
    let address = refused();
    let Some(first) = Redis::start(address).await else {
        return;
    };
    let closed = gateway(limit(Unit::Requests, 1, FailureMode::FailClosed), address).await;
    let open = gateway(limit(Unit::Requests, 1, FailureMode::FailOpen), address).await;
    assert_eq!(ask(&closed, "a").await.status(), 200);
    assert_eq!(ask(&open, "a").await.status(), 429);
    drop(first);
    assert_eq!(ask(&closed, "a").await.status(), 503);
    assert_eq!(ask(&open, "a").await.status(), 200);
    let second = Redis::start(address).await;
    assert_eq!(
        ask(&closed, "a").await.status(),
        200,
        "it counts from the beginning"
    );
    assert_eq!(ask(&open, "a").await.status(), 429);
    drop(second);
    let lines = closed.stopped(3).await;
    assert_eq!(lines[1]["reason"], "rate_limit_failed", "{}", lines[1]);
    assert!(!format!("{lines:?}").contains(PASSWORD));
    let lines = open.stopped(3).await;
    assert_eq!(
        lines[1]["failed_open"],
        json!(["rate_limit"]),
        "{}",
        lines[1]
    );
}

#[tokio::test]
async fn a_wrong_password_closes() {
    let Some(redis) = Redis::start(refused()).await else {
        return;
    };
    let mut limit = limit(Unit::Requests, 1, FailureMode::FailClosed);
    limit.by = Counting::Redis(Login {
        password: Some(Secret::new("another")),
        ..Login::default()
    });
    let gateway = gateway(limit, redis.address).await;
    assert_eq!(ask(&gateway, "a").await.status(), 503);
    let line = &gateway.stopped(1).await[0];
    let error = line["error"].as_str().unwrap();
    assert!(
        error.contains("does not take the login") && !error.contains("another"),
        "{error}"
    );
}
