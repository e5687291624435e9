//! Upstreams that speak HTTP/1.1 in every way there is, as the wire has it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use agw_core::backend::AppProtocol;
use bytes::Bytes;
use http::Method;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::authority::{Authority, acceptor};
use crate::client::{raw, request, send};
use crate::gateway::{Gateway, Plan, plain};

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// An upstream that gives one answer to each request, in order. After one that a `None` follows it closes.
struct Upstream {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    connections: usize,
    /// Requests with their bodies.
    requests: Vec<String>,
}

impl Upstream {
    async fn start(answers: &[Option<&str>]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::<Mutex<Seen>>::default();
        let answers = answers.iter().map(|answer| answer.map(str::to_owned));
        let answers = Arc::new(Mutex::new(answers.collect::<VecDeque<_>>()));
        let noted = seen.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                noted.lock().connections += 1;
                tokio::spawn(answer(stream, answers.clone(), noted.clone()));
            }
        });
        Self { address, seen }
    }

    fn connections(&self) -> usize {
        self.seen.lock().connections
    }

    fn requests(&self) -> Vec<String> {
        self.seen.lock().requests.clone()
    }
}

async fn answer(
    mut stream: TcpStream,
    answers: Arc<Mutex<VecDeque<Option<String>>>>,
    seen: Arc<Mutex<Seen>>,
) {
    while let Some(request) = message(&mut stream).await {
        seen.lock().requests.push(request);
        let Some(Some(answer)) = ({ answers.lock().pop_front() }) else {
            return;
        };
        stream.write_all(answer.as_bytes()).await.unwrap();
        let mut answers = answers.lock();
        if answers.front().is_some_and(Option::is_none) {
            answers.pop_front();
            return;
        }
    }
}

/// A message as its length or its chunks have it.
async fn message(stream: &mut TcpStream) -> Option<String> {
    let mut text = head(stream).await?;
    let lower = text.to_ascii_lowercase();
    if let Some((_, length)) = lower.split_once("content-length: ") {
        let length = length.split("\r\n").next().unwrap().parse().unwrap();
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.ok()?;
        text.push_str(&String::from_utf8(body).unwrap());
    } else if lower.contains("transfer-encoding: chunked") {
        let start = text.len();
        while !(text[start..].contains("0\r\n") && text.ends_with("\r\n\r\n")) {
            text.push(char::from(stream.read_u8().await.ok()?));
        }
    }
    Some(text)
}

/// The next head, and nothing after it.
async fn head(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(bytes).unwrap())
}

/// The data of a message in chunks.
fn data(message: &str) -> String {
    let (_, mut rest) = message.split_once("\r\n\r\n").unwrap();
    let mut data = String::new();
    loop {
        let (size, after) = rest.split_once("\r\n").unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            return data;
        }
        data.push_str(&after[..size]);
        rest = after[size..].strip_prefix("\r\n").unwrap();
    }
}

async fn before(address: SocketAddr) -> Gateway {
    Gateway::start(|_| Plan {
        backends: vec![(plain("upstream", address, AppProtocol::Http1), 1)],
        ..Plan::default()
    })
    .await
}

/// Asks over a connection that the gateway keeps, and reads as much of the answer as it says.
async fn ask(stream: &mut TcpStream, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    message(stream).await.unwrap()
}

#[tokio::test]
async fn a_connection_serves_one_request_after_another_if_it_may() {
    let last = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";
    let old = "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok";
    let kept = "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nok";
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    let surplus = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n";
    let more = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nmore";
    for (first, connections) in [
        (OK, 1),
        (kept, 1),
        (chunked, 1),
        (last, 2),
        (old, 2),
        (surplus, 2),
        (more, 2),
    ] {
        let upstream = Upstream::start(&[Some(first), Some(OK)]).await;
        let gateway = before(upstream.address).await;
        let mut client = TcpStream::connect(gateway.address).await.unwrap();
        for _ in 0..2 {
            let answer = ask(&mut client, GET).await;
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
            assert!(answer.contains("ok"), "{answer}");
            assert!(!answer.contains("more"), "{answer}");
        }
        assert_eq!(upstream.connections(), connections, "{first}");
        gateway.stop().await;
    }
}

#[tokio::test]
async fn answers_without_a_body_end_with_their_head() {
    for (request, first) in [
        (
            "HEAD / HTTP/1.1\r\nhost: a\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n",
        ),
        (
            "HEAD / HTTP/1.1\r\nhost: a\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
        ),
        (GET, "HTTP/1.1 204 No Content\r\n\r\n"),
        (
            GET,
            "HTTP/1.1 304 Not Modified\r\ncontent-length: 500\r\n\r\n",
        ),
        (GET, "HTTP/1.1 200 Fine\r\ncontent-length: 0\r\n\r\n"),
    ] {
        let upstream = Upstream::start(&[Some(first), Some(OK)]).await;
        let gateway = before(upstream.address).await;
        let mut client = TcpStream::connect(gateway.address).await.unwrap();
        client.write_all(request.as_bytes()).await.unwrap();
        let answer = head(&mut client).await.unwrap();
        assert!(
            answer.starts_with(first.split("\r\n").next().unwrap()),
            "{answer}"
        );
        assert!(ask(&mut client, GET).await.ends_with("ok"));
        assert_eq!(upstream.connections(), 1, "{first}");
        for line in gateway.log(2).await {
            assert!(line.get("reason").is_none(), "{line}");
        }
        gateway.stop().await;
    }
}

#[tokio::test]
async fn interim_answers_are_passed_over() {
    let answer = format!(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n{OK}"
    );
    let upstream = Upstream::start(&[Some(&answer), Some(OK)]).await;
    let gateway = before(upstream.address).await;
    let mut client = TcpStream::connect(gateway.address).await.unwrap();
    for _ in 0..2 {
        let answer = ask(&mut client, GET).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(!answer.contains("link"), "{answer}");
    }
    assert_eq!(upstream.connections(), 1);
    gateway.stop().await;
}

#[tokio::test]
async fn a_body_may_end_with_the_connection() {
    let answer = "HTTP/1.1 200 OK\r\n\r\nup to here";
    let upstream = Upstream::start(&[Some(answer), None]).await;
    let gateway = before(upstream.address).await;
    let request = "GET / HTTP/1.0\r\nhost: a\r\n\r\n";
    let text = raw(gateway.address, request).await;
    assert!(text.ends_with("\r\n\r\nup to here"), "{text}");
    assert!(gateway.log(1).await[0].get("reason").is_none());
    gateway.stop().await;
}

#[tokio::test]
async fn chunks_and_trailers_reach_the_client() {
    let answer = "HTTP/1.1 200 OK\r\ntrailer: x-sum\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n6;a\r\n world\r\n0\r\nX-Sum: 1\r\n\r\n";
    let upstream = Upstream::start(&[Some(answer), Some(OK)]).await;
    let gateway = before(upstream.address).await;
    let mut client = TcpStream::connect(gateway.address).await.unwrap();
    let request = "GET / HTTP/1.1\r\nhost: a\r\nte: trailers\r\n\r\n";
    let answer = ask(&mut client, request).await;
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    assert!(body.ends_with("0\r\nx-sum: 1\r\n\r\n"), "{answer}");
    assert_eq!(data(&answer), "hello world");
    assert!(ask(&mut client, GET).await.ends_with("ok"));
    assert_eq!(upstream.connections(), 1);
    gateway.stop().await;
}

#[tokio::test]
async fn what_the_upstream_is_sent() {
    let upstream = Upstream::start(&[Some(OK); 4]).await;
    let gateway = before(upstream.address).await;
    let mut client = TcpStream::connect(gateway.address).await.unwrap();
    ask(
        &mut client,
        "GET /a?b HTTP/1.1\r\nX-A: 1\r\nHost: A.example:81\r\n\r\n",
    )
    .await;
    ask(
        &mut client,
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello",
    )
    .await;
    ask(&mut client, "POST / HTTP/1.1\r\nhost: a\r\ntrailer: x-sum\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\nx-sum: 1\r\nx-other: 2\r\n\r\n").await;
    ask(
        &mut client,
        "PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n",
    )
    .await;
    let requests = upstream.requests();
    assert!(requests[0].starts_with("GET /a?b HTTP/1.1\r\nhost: A.example:81\r\n"));
    assert!(requests[0].contains("\r\nx-a: 1\r\n"), "{}", requests[0]);
    assert!(!requests[0].contains("content-length"), "{}", requests[0]);
    assert!(requests[1].contains("\r\ncontent-length: 5\r\n"));
    assert!(requests[1].ends_with("\r\n\r\nhello"), "{}", requests[1]);
    let chunked = &requests[2];
    assert!(
        chunked.contains("\r\ntransfer-encoding: chunked\r\n"),
        "{chunked}"
    );
    assert!(!chunked.contains("content-length"), "{chunked}");
    assert!(chunked.ends_with("0\r\nx-sum: 1\r\n\r\n"), "{chunked}");
    assert!(requests[3].contains("\r\ncontent-length: 0\r\n"));
    assert_eq!(upstream.connections(), 1);
    gateway.stop().await;
}

#[tokio::test]
async fn a_connection_closed_while_it_was_idle_is_replaced() {
    // Closed with the first answer, and closed upon the second request.
    for answers in [
        &[Some(OK), None, Some(OK)][..],
        &[Some(OK), Some(""), None, Some(OK)],
    ] {
        let upstream = Upstream::start(answers).await;
        let gateway = before(upstream.address).await;
        let mut client = TcpStream::connect(gateway.address).await.unwrap();
        for _ in 0..2 {
            assert!(ask(&mut client, GET).await.ends_with("ok"));
        }
        assert_eq!(upstream.connections(), 2);
        gateway.stop().await;
    }
}

#[tokio::test]
async fn garbage_is_the_upstreams_fault() {
    let long = "a".repeat(420 << 10);
    let many = "x: 1\r\n".repeat(129);
    for (head, body) in [
        ("HTTP/1.1 ABC what\r\n", ""),
        ("ICY 200 OK\r\n", ""),
        ("HTTP/1.1 200 OK\r\nspace : 1\r\n", ""),
        ("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n", ""),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n",
            "ok!",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n",
            "0\r\n\r\n",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n",
            "0\r\n\r\n",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n",
            "0\r\n\r\n",
        ),
        ("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n", ""),
        (&format!("HTTP/1.1 200 OK\r\nx: {long}\r\n"), ""),
        (&format!("HTTP/1.1 200 OK\r\n{many}"), ""),
    ] {
        let upstream = Upstream::start(&[Some(&format!("{head}\r\n{body}")), Some(OK)]).await;
        let gateway = before(upstream.address).await;
        let mut client = TcpStream::connect(gateway.address).await.unwrap();
        let short = &head[..head.len().min(80)];
        let answer = ask(&mut client, GET).await;
        assert!(answer.starts_with("HTTP/1.1 502"), "{short}: {answer}");
        assert!(ask(&mut client, GET).await.ends_with("ok"), "{short}");
        assert_eq!(upstream.connections(), 2, "{short}");
        let line = &gateway.log(2).await[0];
        assert_eq!(line["reason"], "upstream_garbage", "{short}: {line}");
        gateway.stop().await;
    }
}

#[tokio::test]
async fn a_large_head_passes() {
    let long = "a".repeat(300 << 10);
    let answer = format!("HTTP/1.1 200 OK\r\nx: {long}\r\ncontent-length: 2\r\n\r\nok");
    let upstream = Upstream::start(&[Some(&answer)]).await;
    let gateway = before(upstream.address).await;
    let mut client = TcpStream::connect(gateway.address).await.unwrap();
    let answer = ask(&mut client, GET).await;
    assert!(answer.contains(&long) && answer.ends_with("ok"));
    gateway.stop().await;
}

#[tokio::test]
async fn a_body_that_breaks_off_is_cut() {
    for (head, body) in [
        ("content-length: 100", "ok"),
        ("transfer-encoding: chunked", "2\r\nok\r\n"),
        ("transfer-encoding: chunked", "2\r\nok\r\nzz\r\n"),
        ("transfer-encoding: chunked", "5\r\nok"),
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{body}");
        let upstream = Upstream::start(&[Some(&answer), None]).await;
        let gateway = before(upstream.address).await;
        let text = raw(gateway.address, GET).await;
        assert!(
            !text.ends_with("0\r\n\r\n") && text.contains("ok"),
            "{text}"
        );
        let line = &gateway.log(1).await[0];
        assert_eq!(line["reason"], "upstream_reset", "{line}");
        gateway.stop().await;
    }
}

/// An upstream whose one connection the test plays itself.
async fn played() -> (Gateway, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = before(listener.local_addr().unwrap()).await;
    (gateway, listener)
}

#[tokio::test]
async fn however_an_answer_is_cut_it_arrives() {
    let (gateway, listener) = played().await;
    let mut client = TcpStream::connect(gateway.address).await.unwrap();
    client.write_all(GET.as_bytes()).await.unwrap();
    let (mut upstream, _) = listener.accept().await.unwrap();
    upstream.set_nodelay(true).unwrap();
    head(&mut upstream).await.unwrap();
    let answer = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5;a\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";
    let sending = tokio::spawn(async move {
        for byte in answer.bytes() {
            upstream.write_all(&[byte]).await.unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        upstream
    });
    let answer = message(&mut client).await.unwrap();
    assert_eq!(data(&answer), "hello world");
    drop(sending.await.unwrap());
    gateway.stop().await;
}

const LARGE: usize = 3 << 20;

/// Gives a large body back, in chunks of many sizes.
async fn echo(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    while head(&mut stream).await.is_some() {
        let mut body = vec![0; LARGE];
        stream.read_exact(&mut body).await.unwrap();
        let mut answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
        let (mut rest, mut size) = (&body[..], 1);
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at(size.min(rest.len()));
            answer.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            answer.extend_from_slice(chunk);
            answer.extend_from_slice(b"\r\n");
            rest = after;
            size = size * 3 % 100_003;
        }
        answer.extend_from_slice(b"0\r\n\r\n");
        stream.write_all(&answer).await.unwrap();
        stream.flush().await.unwrap();
    }
}

#[tokio::test]
async fn large_bodies_go_both_ways_with_tls_and_without() {
    let authority = Authority::new();
    let certificate = authority.issue("upstream.example");
    for tls in [None, Some(acceptor(&certificate, &[b"http/1.1"]))] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut backend = plain(
            "upstream",
            listener.local_addr().unwrap(),
            AppProtocol::Http1,
        );
        if tls.is_some() {
            backend = authority.behind("upstream.example", backend);
        }
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                match &tls {
                    None => drop(tokio::spawn(echo(stream))),
                    Some(tls) => drop(tokio::spawn(echo(tls.accept(stream).await.unwrap()))),
                }
            }
        });
        let gateway = Gateway::start(|_| Plan {
            backends: vec![(backend, 1)],
            ..Plan::default()
        })
        .await;
        let body: Vec<u8> = (0..LARGE / 4)
            .flat_map(|n| u32::try_from(n).unwrap().to_le_bytes())
            .collect();
        let body = Bytes::from(body);
        for _ in 0..3 {
            let answered = send(gateway.address, request(Method::POST, "/", body.clone())).await;
            assert!(answered.whole && answered.body == body);
        }
        for line in gateway.log(3).await {
            assert!(line.get("reason").is_none(), "{line}");
        }
        gateway.stop().await;
    }
}

#[tokio::test]
async fn a_connection_under_tls_is_used_again() {
    let authority = Authority::new();
    let tls = acceptor(&authority.issue("upstream.example"), &[b"http/1.1"]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let backend = plain(
        "upstream",
        listener.local_addr().unwrap(),
        AppProtocol::Http1,
    );
    let backend = authority.behind("upstream.example", backend);
    // Anything but one connection would leave a request without an answer.
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = tls.accept(stream).await.unwrap();
        while head(&mut stream).await.is_some() {
            stream.write_all(OK.as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
        }
    });
    let gateway = Gateway::start(|_| Plan {
        backends: vec![(backend, 1)],
        ..Plan::default()
    })
    .await;
    let mut client = TcpStream::connect(gateway.address).await.unwrap();
    for _ in 0..3 {
        assert!(ask(&mut client, GET).await.ends_with("ok"));
    }
    gateway.stop().await;
}

#[tokio::test]
async fn an_answer_may_come_before_the_request_is_complete() {
    let (gateway, listener) = played().await;
    let mut client = TcpStream::connect(gateway.address).await.unwrap();
    let post = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhello";
    client.write_all(post.as_bytes()).await.unwrap();
    let (mut upstream, _) = listener.accept().await.unwrap();
    head(&mut upstream).await.unwrap();
    upstream.write_all(OK.as_bytes()).await.unwrap();
    assert!(message(&mut client).await.unwrap().ends_with("ok"));
    // The rest goes through under the same answer, and the connection is used again.
    client.write_all(b"world").await.unwrap();
    let mut body = [0; 10];
    upstream.read_exact(&mut body).await.unwrap();
    assert_eq!(&body, b"helloworld");
    for _ in 0..2 {
        client.write_all(GET.as_bytes()).await.unwrap();
        head(&mut upstream).await.unwrap();
        upstream.write_all(OK.as_bytes()).await.unwrap();
        assert!(message(&mut client).await.unwrap().ends_with("ok"));
    }
    gateway.stop().await;
}

#[tokio::test]
async fn bytes_go_both_ways_at_once() {
    let (gateway, listener) = played().await;
    let mut client = TcpStream::connect(gateway.address).await.unwrap();
    let post = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    client.write_all(post.as_bytes()).await.unwrap();
    let (mut upstream, _) = listener.accept().await.unwrap();
    head(&mut upstream).await.unwrap();
    let answer = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    upstream.write_all(answer.as_bytes()).await.unwrap();
    head(&mut client).await.unwrap();
    let mut echoed = [0; 10];
    for _ in 0..3 {
        client.write_all(b"5\r\nhello\r\n").await.unwrap();
        upstream.read_exact(&mut echoed).await.unwrap();
        upstream.write_all(&echoed).await.unwrap();
        client.read_exact(&mut echoed).await.unwrap();
        assert_eq!(&echoed, b"5\r\nhello\r\n");
    }
    let mut end = [0; 5];
    client.write_all(b"0\r\n\r\n").await.unwrap();
    upstream.read_exact(&mut end).await.unwrap();
    upstream.write_all(&end).await.unwrap();
    client.read_exact(&mut end).await.unwrap();
    assert_eq!(&end, b"0\r\n\r\n");
    assert!(gateway.log(1).await[0].get("reason").is_none());
    gateway.stop().await;
}

#[tokio::test]
async fn a_client_that_reads_late_does_not_hold_up_what_it_sends() {
    const LENGTH: usize = 8 << 20;
    let (gateway, listener) = played().await;
    let mut client = TcpStream::connect(gateway.address).await.unwrap();
    let post = format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {LENGTH}\r\n\r\n");
    client.write_all(post.as_bytes()).await.unwrap();
    let (mut upstream, _) = listener.accept().await.unwrap();
    head(&mut upstream).await.unwrap();
    let (mut from, mut to) = upstream.into_split();
    let answering = tokio::spawn(async move {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {LENGTH}\r\n\r\n");
        to.write_all(head.as_bytes()).await.unwrap();
        to.write_all(&vec![b'a'; LENGTH]).await.unwrap();
        to
    });
    let reading = tokio::spawn(async move {
        let mut body = vec![0; LENGTH];
        from.read_exact(&mut body).await.unwrap();
        assert!(body.iter().all(|&b| b == b'q'));
        from
    });
    client.write_all(&vec![b'q'; LENGTH]).await.unwrap();
    let from = reading.await.unwrap();
    head(&mut client).await.unwrap();
    let mut answer = vec![0; LENGTH];
    client.read_exact(&mut answer).await.unwrap();
    assert!(answer.iter().all(|&b| b == b'a'));
    drop((answering.await.unwrap(), from));
    gateway.stop().await;
}

#[tokio::test]
async fn a_refusal_in_the_middle_of_an_upload_is_delivered() {
    let (gateway, listener) = played().await;
    let mut client = TcpStream::connect(gateway.address).await.unwrap();
    let post = format!(
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n",
        64 << 20
    );
    client.write_all(post.as_bytes()).await.unwrap();
    let (mut upstream, _) = listener.accept().await.unwrap();
    head(&mut upstream).await.unwrap();
    let answer = "HTTP/1.1 413 Too Large\r\nconnection: close\r\ncontent-length: 2\r\n\r\nno";
    upstream.write_all(answer.as_bytes()).await.unwrap();
    let mut some = vec![0; 64 << 10];
    client.write_all(&some).await.unwrap();
    upstream.read_exact(&mut some).await.unwrap();
    drop(upstream);
    let answer = message(&mut client).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 Too Large\r\n"), "{answer}");
    assert!(answer.ends_with("no"), "{answer}");
    gateway.stop().await;
}

#[tokio::test]
async fn an_upstream_is_told_when_its_client_leaves() {
    for (started, answer) in [
        (false, ""),
        (
            true,
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n",
        ),
    ] {
        let (gateway, listener) = played().await;
        let mut client = TcpStream::connect(gateway.address).await.unwrap();
        client.write_all(GET.as_bytes()).await.unwrap();
        let (mut upstream, _) = listener.accept().await.unwrap();
        head(&mut upstream).await.unwrap();
        upstream.write_all(answer.as_bytes()).await.unwrap();
        if started {
            head(&mut client).await.unwrap();
        }
        drop(client);
        let mut rest = Vec::new();
        let _ = upstream.read_to_end(&mut rest).await;
        assert!(rest.is_empty());
        let line = &gateway.log(1).await[0];
        assert_eq!(line["reason"], "client_disconnect", "{line}");
        gateway.stop().await;
    }
}

#[tokio::test]
async fn bytes_that_nobody_asked_for_end_an_idle_connection() {
    let (gateway, listener) = played().await;
    let mut client = TcpStream::connect(gateway.address).await.unwrap();
    client.write_all(GET.as_bytes()).await.unwrap();
    let (mut first, _) = listener.accept().await.unwrap();
    head(&mut first).await.unwrap();
    first.write_all(OK.as_bytes()).await.unwrap();
    assert!(message(&mut client).await.unwrap().ends_with("ok"));
    let evil = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil";
    first.write_all(evil.as_bytes()).await.unwrap();
    let (sender, mut second) = mpsc::channel(1);
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        head(&mut stream).await.unwrap();
        stream.write_all(OK.as_bytes()).await.unwrap();
        sender.send(stream).await.unwrap();
    });
    // The bytes are there: they came over loopback before this request did.
    assert!(ask(&mut client, GET).await.ends_with("ok"));
    assert!(second.recv().await.is_some());
    gateway.stop().await;
}
