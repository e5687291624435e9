//! Providers that compress although they are asked not to.

use std::io::Write;
use std::net::SocketAddr;

use agw_core::backend::ProviderKind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::client::{HELLO, HELLO_STREAM, chat, send};
use crate::gateway::{Gateway, Plan, ai, ai_with};

const WHOLE: &str = r#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"Hi"}}],"usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9}}"#;
const MESSAGE: &str = r#"{"id":"m","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"Hi"}],"stop_reason":"end_turn","usage":{"input_tokens":7,"output_tokens":2}}"#;
const STREAM: &str = concat!(
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}]}\n\n",
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":2,\"total_tokens\":9}}\n\n",
    "data: [DONE]\n\n",
);

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// Answers every request with this body, which is coded so.
async fn provider(kind: &'static str, coding: &'static str, body: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            answer(stream, kind, coding, &body).await;
        }
    });
    address
}

async fn answer(mut stream: TcpStream, kind: &str, coding: &str, body: &[u8]) {
    let mut request = Vec::new();
    while !request.windows(4).any(|window| window == b"\r\n\r\n") {
        stream.read_buf(&mut request).await.unwrap();
    }
    let length = body.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-encoding: {coding}\r\netag: \"e\"\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    // What it has not read would reset the connection.
    while stream
        .read_buf(&mut request)
        .await
        .is_ok_and(|read| read > 0)
    {}
}

async fn gateway(at: SocketAddr, kind: ProviderKind) -> Gateway {
    Gateway::start(|mock| Plan {
        backends: vec![
            (ai_with("m", at, |provider| provider.kind = kind), 1),
            (ai("gpt-4o-mini", mock), 0),
        ],
        ..Plan::default()
    })
    .await
}

#[tokio::test]
async fn usage_is_read_and_the_client_gets_what_it_can_read() {
    let zstd = |text: &str| zstd::encode_all(text.as_bytes(), 3).unwrap();
    let (json, events) = ("application/json", "text/event-stream");
    for (kind, coding, body, provider_kind, question) in [
        (json, "gzip", gzip(WHOLE), ProviderKind::OpenAi, HELLO),
        (json, "zstd", zstd(WHOLE), ProviderKind::OpenAi, HELLO),
        (
            events,
            "gzip",
            gzip(STREAM),
            ProviderKind::OpenAi,
            HELLO_STREAM,
        ),
        (json, "gzip", gzip(MESSAGE), ProviderKind::Anthropic, HELLO),
    ] {
        let at = provider(kind, coding, body).await;
        let gateway = gateway(at, provider_kind).await;
        let answered = send(gateway.address, chat(question)).await;
        let (text, headers) = (answered.text(), answered.response.headers());
        assert!(
            answered.whole && text.contains("Hi"),
            "{kind} {coding}: {text}"
        );
        for gone in ["content-encoding", "etag"] {
            assert!(!headers.contains_key(gone), "{headers:?}");
        }
        let line = &gateway.log(1).await[0];
        assert_eq!(line["gen_ai"]["usage"]["input_tokens"], 7, "{line}");
        assert_eq!(line["gen_ai"]["usage"]["output_tokens"], 2, "{line}");
        gateway.stop().await;
    }
}

#[tokio::test]
async fn one_that_is_broken_or_unknown_is_the_providers_fault() {
    let mut broken = gzip(WHOLE);
    broken.truncate(40);
    let at = provider("application/json", "gzip", broken).await;
    let gateway = gateway(at, ProviderKind::OpenAi).await;
    let answered = send(gateway.address, chat(HELLO)).await;
    assert_eq!(
        answered.json()["model"],
        "gpt-4o-mini",
        "{}",
        answered.text()
    );
    gateway.stop().await;
}
