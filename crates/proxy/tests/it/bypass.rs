//! Ways around a policy that were open elsewhere: none of them reaches the backend.
//!
//! The backend notes every request that it gets. What it notes is judged by how a lenient server
//! reads it, not by what the gateway thought of it.

mod frames;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use agw_core::access::{
    Access, Action, ApiKeyAuthentication, ApiKeys, Authorization, Demand, Location,
};
use agw_core::backend::AppProtocol;
use agw_core::expr::Expression;
use agw_core::policy::TrafficPolicy;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::gateway::{Gateway, Plan, plain};
use frames::Frames;

const KEY: &str = "open-sesame";

/// Heads of requests as they came.
#[derive(Clone, Default)]
struct Noted(Arc<Mutex<Vec<String>>>);

impl Noted {
    /// A server that notes what it is asked and closes each connection.
    async fn serve(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let noted = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(noted.clone().answer(stream));
            }
        });
        address
    }

    async fn answer(self, mut stream: TcpStream) {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && head.len() < 65_536 {
            match stream.read(&mut byte).await {
                Ok(1) => head.push(byte[0]),
                _ => return,
            }
        }
        self.0
            .lock()
            .push(String::from_utf8_lossy(&head).into_owned());
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\nconnection: close\r\n\r\nreached";
        let _ = stream.write_all(answer).await;
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock())
    }
}

/// The path under which a lenient server answers the request: without origin, query, fragment and
/// path parameters, decoded once, with backslashes as slashes, merged and resolved.
fn lenient(head: &str) -> String {
    let target = head.split(' ').nth(1).unwrap_or_default();
    let path = match target.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => target,
    };
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let decoded = percent_decode(path).replace('\\', "/");
    let mut segments: Vec<&str> = Vec::new();
    for segment in decoded.split('/') {
        match segment.split(';').next().unwrap_or_default() {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    format!("/{}", segments.join("/"))
}

fn percent_decode(text: &str) -> String {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = |byte: u8| char::from(byte).to_digit(16);
        let escape = match (first, tail) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        match escape {
            Some((high, low)) => {
                out.push((high * 16 + low) as u8);
                rest = &tail[2..];
            }
            None => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Sends bytes on a connection of their own and reads until the gateway closes it or is silent.
async fn attack(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The gateway may close while it is being talked to.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let silence = Duration::from_millis(250);
    let mut part = [0; 4096];
    while let Ok(Ok(read @ 1..)) = tokio::time::timeout(silence, stream.read(&mut part)).await {
        answer.extend_from_slice(&part[..read]);
        if answer.ends_with(b"reached") {
            break;
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

async fn gateway(policy: TrafficPolicy) -> (Gateway, Noted) {
    let noted = Noted::default();
    let backend = noted.serve().await;
    let gateway = Gateway::start(|_| Plan {
        backends: vec![(plain("noting", backend, AppProtocol::Http1), 1)],
        policy,
        ..Plan::default()
    })
    .await;
    (gateway, noted)
}

fn deny(expressions: &[&str]) -> TrafficPolicy {
    let expressions = expressions.iter().map(|e| Expression::compile(e).unwrap());
    let authorization = Authorization {
        action: Action::Deny,
        expressions: expressions.collect(),
    };
    TrafficPolicy {
        access: Access {
            authorization: vec![Arc::new(authorization)],
            ..Access::default()
        },
        ..TrafficPolicy::default()
    }
}

fn request(line: &str, headers: &str) -> Vec<u8> {
    format!("{line}\r\nHost: a.example\r\nConnection: close\r\n{headers}\r\n").into_bytes()
}

/// Spellings of a path that must not be reached.
const PATHS: &[&str] = &[
    "/admin",
    "/admin/",
    "/admin/users",
    "/admin?x=1",
    "/admin#x",
    "//admin",
    "///admin//users",
    "/./admin",
    "/././admin",
    "/../admin",
    "/x/../admin",
    "/x/../../admin",
    "/x/./../admin",
    "/x//../admin",
    "/x/y/../../admin",
    "/admin/../admin",
    "/admin/.",
    "/admin/./",
    "/%61dmin",
    "/%61%64%6d%69%6e",
    "/adm%69n",
    "/admi%6E",
    "/%2e/admin",
    "/%2E%2E/admin",
    "/x/%2e%2e/admin",
    "/x/%2e./admin",
    "/x/.%2E/admin",
    "/x/%2e%2e%2fadmin",
    "/x/..%2fadmin",
    "/x/..%2Fadmin",
    "/x%2f..%2fadmin",
    "/x/..%5cadmin",
    "/x/..\\admin",
    "/x\\..\\admin",
    "\\admin",
    "/\\admin",
    "/\\/admin",
    "/%5cadmin",
    "/%5c%5cadmin",
    "/%2fadmin",
    "/%2f%2fadmin",
    "/.%2fadmin",
    "/%2e%2fadmin",
    "/admin%2f",
    "/admin%2fusers",
    "/admin%5cusers",
    "/admin;",
    "/admin;x",
    "/admin;x=1/users",
    "/;/admin",
    "/;x=1/admin",
    "/x/..;/admin",
    "/x/..;a=b/admin",
    "/x/%2e%2e;/admin",
    "/.;/admin",
    "/admin%00",
    "/%00/admin",
    "/admin%00.html",
    "/admin%0a",
    "/admin%0d%0aX: y",
    "/admin%09",
    "/admin%20",
    "/admin%23",
    "/admin%3f",
    "/admin.",
    "/admin..",
    "/admin~",
    "/admin/..%00/",
    "/admin/%2e%2e/admin",
    "http://a.example/admin",
    "http://a.example//admin",
    "http://a.example/x/../admin",
    "http://other.example/admin",
    "HTTP://A.EXAMPLE/admin",
    "http://a.example:80/admin",
    "http://user@a.example/admin",
    "http://a.example\\@b.example/admin",
    "http:/admin",
    "//a.example/../admin",
    "/admin\u{fffd}",
    "/\u{ff0e}\u{ff0e}/admin",
    "/x/\u{2024}\u{2024}/admin",
    "/%c0%ae%c0%ae/admin",
    "/%c0%afadmin",
    "/%u0061dmin",
    "/%e0%80%afadmin",
];

/// Requests that try to say one thing to the gateway and another to the backend: each may be
/// refused or pass as the harmless request that it is, but must not become one for `/admin`.
const HEADERS: &[&str] = &[
    "X-Original-URL: /admin\r\n",
    "X-Rewrite-URL: /admin\r\n",
    "X-Forwarded-Path: /admin\r\n",
    "X-Forwarded-Prefix: /admin\r\n",
    "X-Original-Path: /admin\r\n",
    "X-Envoy-Original-Path: /admin\r\n",
    ":path: /admin\r\n",
    "\u{b}:path: /admin\r\n",
    "Host: b.example\r\n",
    " Host: b.example\r\n",
    "Content-Length: 0\r\nContent-Length: 40\r\n",
    "Content-Length: 5, 5\r\n",
    "Content-Length: +5\r\n",
    "Content-Length: 0x10\r\n",
    "Content-Length: -1\r\n",
    "Connection: X-Api-Key\r\n",
    "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n",
];

/// The second request that is to slip through behind the first one.
const HIDDEN: &str = "GET /admin HTTP/1.1\r\nHost: a.example\r\n\r\n";

/// Heads, each with [`HIDDEN`] where its body would be.
const SMUGGLING: &[&str] = &[
    "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding: identity\r\nContent-Length: 0\r\n\r\n",
    "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding:\tchunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding:\u{b}chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    "X: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding: CHUNKED\r\nContent-Length: 1\r\n\r\n0\r\n\r\n",
    "Content-Length: 0\r\nContent-Length: 44\r\n\r\n",
    "Content-Length: 00\r\n\r\n",
    "Content-Length: 0 \r\n\r\n",
    "Transfer-Encoding: chunked\r\n\r\n0;x=\n\r\n\r\n",
    "Transfer-Encoding: chunked\r\n\r\n0\n\r\n",
    "Transfer-Encoding: chunked\r\n\r\n00000000000000000\r\n\r\n",
    "Transfer-Encoding: chunked\r\n\r\n-0\r\n\r\n",
    "Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
    "Expect: 100-continue\r\nContent-Length: 0\r\n\r\n",
];

#[tokio::test]
async fn no_spelling_reaches_a_path_that_is_denied() {
    let (gateway, noted) = gateway(deny(&[r#"request.path.startsWith("/admin")"#])).await;
    // The gateway lets others pass, so that silence is no proof of anything.
    attack(gateway.address, &request("GET /open HTTP/1.1", "")).await;
    attack(gateway.address, &Frames::usual("/open").bytes()).await;
    assert_eq!(noted.take().len(), 2);
    let mut tried = 0;
    let mut check = async |bytes: Vec<u8>| {
        let answer = attack(gateway.address, &bytes).await;
        tried += 1;
        for head in noted.take() {
            let (path, sent) = (lenient(&head), String::from_utf8_lossy(&bytes));
            let is_denied = path == "/admin" || path.starts_with("/admin/");
            assert!(!is_denied, "{sent}\nreached\n{head}\nand got {answer}");
        }
    };
    for path in PATHS {
        check(request(&format!("GET {path} HTTP/1.1"), "")).await;
        check(request(&format!("GET {path} HTTP/1.0"), "")).await;
    }
    for headers in HEADERS {
        check(request("GET /open HTTP/1.1", headers)).await;
    }
    for framing in SMUGGLING {
        let head = "POST /open HTTP/1.1\r\nHost: a.example\r\n";
        check(format!("{head}{framing}{HIDDEN}").into_bytes()).await;
    }
    for frames in Frames::for_path() {
        check(frames.bytes()).await;
    }
    assert!(tried >= 200, "{tried}");
    gateway.stop().await;
}

#[tokio::test]
async fn no_spelling_of_a_method_is_another() {
    let (gateway, noted) = gateway(deny(&[r#"request.method != "GET""#])).await;
    let headers = [
        "X-HTTP-Method-Override: DELETE\r\n",
        "X-HTTP-Method: DELETE\r\n",
        "X-Method-Override: DELETE\r\n",
        "_method: DELETE\r\n",
        ":method: DELETE\r\n",
    ];
    for headers in headers {
        attack(gateway.address, &request("GET /x HTTP/1.1", headers)).await;
    }
    for method in [
        "DELETE", "delete", "Delete", "POST", "PUT", "GET\u{b}", "G ET", "GETX", "TRACE", "get",
    ] {
        attack(
            gateway.address,
            &request(&format!("{method} /x HTTP/1.1"), ""),
        )
        .await;
    }
    for head in noted.take() {
        assert!(head.starts_with("GET /x HTTP/1.1\r\n"), "{head}");
    }
    gateway.stop().await;
}

#[tokio::test]
async fn no_credential_but_the_key_is_the_key() {
    let known = BTreeMap::from([(Sha256::digest(KEY).into(), Arc::default())]);
    let keys = ApiKeyAuthentication {
        demand: Demand::Strict,
        location: Location::bearer(),
        keys: Arc::new(ApiKeys(known)),
    };
    let policy = TrafficPolicy {
        access: Access {
            api_key: Some(Arc::new(keys)),
            ..Access::default()
        },
        ..TrafficPolicy::default()
    };
    let (gateway, noted) = gateway(policy).await;
    let good = format!("Authorization: Bearer {KEY}\r\n");
    attack(gateway.address, &request("GET /open HTTP/1.1", &good)).await;
    assert_eq!(noted.take().len(), 1);
    let values = [
        "",
        "Bearer",
        "Bearer ",
        "Bearer  ",
        "Bearer x",
        "Basic open-sesame",
        "open-sesame",
        "Bearer open-sesame x",
        "Bearer open-sesam",
        "Bearer open-sesamee",
        "Bearer Open-Sesame",
        "Bearer open-sesame,",
        "Bearer, open-sesame",
        "Bearer \"open-sesame\"",
        "Bearer=open-sesame",
        "Token open-sesame",
        "Bearer\u{b}open-sesame",
        "Bearer open-sesame\u{0}",
        "Bearer null",
        "Bearer undefined",
        "Bearer *",
        "Bearer %6fpen-sesame",
        "Bearer b3Blbi1zZXNhbWU=",
    ];
    let mut attacks: Vec<String> = values
        .iter()
        .map(|v| format!("Authorization: {v}\r\n"))
        .collect();
    attacks.extend([
        String::new(),
        format!("Authorization: Bearer x\r\n{good}"),
        format!("{good}Authorization: Bearer x\r\n"),
        format!("Proxy-Authorization: Bearer {KEY}\r\n"),
        format!("X-Authorization: Bearer {KEY}\r\n"),
        format!("Authorization : Bearer {KEY}\r\n"),
        format!("Authorization\u{b}: Bearer {KEY}\r\n"),
        format!(" Authorization: Bearer {KEY}\r\n"),
        format!("X: y\r\n Authorization: Bearer {KEY}\r\n"),
        format!("Cookie: Authorization=Bearer {KEY}\r\n"),
        format!("X-Forwarded-Authorization: Bearer {KEY}\r\n"),
        "Connection: Authorization\r\n".to_owned(),
        "Origin: https://a.example\r\nAccess-Control-Request-Method: GET\r\n".to_owned(),
        "X-Forwarded-For: 127.0.0.1\r\n".to_owned(),
        "X-Real-IP: 127.0.0.1\r\n".to_owned(),
        "Forwarded: for=127.0.0.1\r\n".to_owned(),
    ]);
    for headers in &attacks {
        for line in [
            "GET /open HTTP/1.1",
            "OPTIONS /open HTTP/1.1",
            "HEAD /open HTTP/1.1",
        ] {
            let answer = attack(gateway.address, &request(line, headers)).await;
            assert_eq!(
                noted.take(),
                Vec::<String>::new(),
                "{line} {headers}: {answer}"
            );
        }
    }
    for query in [
        "?key=open-sesame",
        "?authorization=Bearer%20open-sesame",
        "?access_token=open-sesame",
    ] {
        let line = format!("GET /open{query} HTTP/1.1");
        attack(gateway.address, &request(&line, "")).await;
        assert_eq!(noted.take(), Vec::<String>::new(), "{query}");
    }
    for frames in Frames::for_key(KEY) {
        attack(gateway.address, &frames.bytes()).await;
        assert_eq!(noted.take(), Vec::<String>::new(), "{frames:?}");
    }
    gateway.stop().await;
}
