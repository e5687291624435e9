//! Requests as a test writes them.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) struct Answered {
    pub(crate) response: Response<()>,
    pub(crate) body: Bytes,
    /// Whether the body came to its proper end.
    pub(crate) whole: bool,
}

impl Answered {
    pub(crate) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

pub(crate) fn request(method: Method, path: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::builder()
        .method(method)
        .uri(path)
        .header("host", "a.example")
        .header("content-type", "application/json")
        .body(Full::new(body.into()))
        .unwrap()
}

pub(crate) fn chat(body: &str) -> Request<Full<Bytes>> {
    request(Method::POST, "/v1/chat/completions", body.to_owned())
}

pub(crate) const HELLO: &str = r#"{"messages":[{"role":"user","content":"Hello"}]}"#;
pub(crate) const HELLO_STREAM: &str =
    r#"{"messages":[{"role":"user","content":"Hello"}],"stream":true}"#;

pub(crate) async fn send(address: SocketAddr, request: Request<Full<Bytes>>) -> Answered {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    let driver = tokio::spawn(connection);
    let response = sender.send_request(request).await.unwrap();
    let answered = collect(response).await;
    drop(sender);
    driver.abort();
    answered
}

pub(crate) async fn send_h2(address: SocketAddr, request: Request<Full<Bytes>>) -> Answered {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    let driver = tokio::spawn(connection);
    let (mut parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().unwrap().clone();
    parts.uri = format!("http://a.example{path}").parse().unwrap();
    parts.headers.remove("host");
    let response = sender
        .send_request(Request::from_parts(parts, body))
        .await
        .unwrap();
    let answered = collect(response).await;
    drop(sender);
    driver.abort();
    answered
}

async fn collect(response: Response<hyper::body::Incoming>) -> Answered {
    let (parts, mut body) = response.into_parts();
    let mut bytes = Vec::new();
    let mut whole = true;
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => bytes.extend_from_slice(frame.data_ref().unwrap_or(&Bytes::new())),
            Err(_) => {
                whole = false;
                break;
            }
        }
    }
    Answered {
        response: Response::from_parts(parts, ()),
        body: bytes.into(),
        whole,
    }
}

/// The raw bytes that come back for a raw request on a connection that closes.
pub(crate) async fn raw(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = Vec::new();
    stream.read_to_end(&mut text).await.unwrap();
    String::from_utf8_lossy(&text).into_owned()
}
