//! A provider on a free port, and a client for it.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use agw_mock_provider::{MockProvider, Outcome, RequestRecord, Settings, serve};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

pub(crate) struct Server {
    pub(crate) provider: Arc<MockProvider>,
    pub(crate) address: SocketAddr,
    pub(crate) shutdown: CancellationToken,
    pub(crate) serving: JoinHandle<std::io::Result<()>>,
}

/// An answer read as far as it went.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) end: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Clean,
    Broken,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(Settings::default()).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let provider = Arc::new(MockProvider::new(settings));
        let shutdown = CancellationToken::new();
        let serving = tokio::spawn(serve(listener, Arc::clone(&provider), shutdown.clone()));
        Self {
            provider,
            address,
            shutdown,
            serving,
        }
    }

    /// Sends over a connection of its own.
    pub(crate) async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> hyper::Result<Response<Incoming>> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        sender.send_request(request).await
    }

    /// Sends over an h2c connection of its own, with prior knowledge.
    pub(crate) async fn send_h2(
        &self,
        request: Request<Full<Bytes>>,
    ) -> hyper::Result<Response<Incoming>> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                .await?;
        tokio::spawn(connection);
        sender.send_request(request).await
    }

    pub(crate) fn request(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Request<Full<Bytes>> {
        let uri = format!("http://{}{path}", self.address);
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .header("host", "mock");
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        request.body(Full::new(body.into())).unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_with(path, &[], body).await
    }

    pub(crate) async fn post_with(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Answer {
        let request = self.request(Method::POST, path, headers, body.to_string());
        Answer::read(self.send(request).await.unwrap()).await
    }

    pub(crate) async fn call(&self, method: Method, path: &str) -> Answer {
        let request = self.request(method, path, &[], "");
        Answer::read(self.send(request).await.unwrap()).await
    }

    pub(crate) async fn arm(&self, model: &str, fault: &Value) -> Answer {
        let path = format!("/_mock/faults/{model}");
        let request = self.request(Method::PUT, &path, &[], fault.to_string());
        Answer::read(self.send(request).await.unwrap()).await
    }

    /// The last request, once it has the outcome.
    pub(crate) async fn settled(&self, outcome: Outcome) -> RequestRecord {
        loop {
            let last = self.provider.requests().pop();
            match last {
                Some(record) if record.outcome == outcome => return record,
                _ => tokio::time::sleep(Duration::from_millis(2)).await,
            }
        }
    }
}

impl Answer {
    pub(crate) async fn read(response: Response<Incoming>) -> Self {
        let (parts, mut incoming) = response.into_parts();
        let mut body = Vec::new();
        let mut end = End::Clean;
        while let Some(frame) = incoming.frame().await {
            match frame {
                Ok(frame) => body.extend_from_slice(&frame.into_data().unwrap()),
                Err(_) => {
                    end = End::Broken;
                    break;
                }
            }
        }
        Self {
            status: parts.status,
            headers: parts.headers,
            body: body.into(),
            end,
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The `data` of each event; `[DONE]` as a string.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.text()
            .split_terminator("\n\n")
            .map(|event| {
                let data = event
                    .lines()
                    .find_map(|line| line.strip_prefix("data: "))
                    .unwrap();
                serde_json::from_str(data).unwrap_or_else(|_| Value::from(data))
            })
            .collect()
    }
}

/// The names of an object's fields, in order.
pub(crate) fn names(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}
