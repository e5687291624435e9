//! A small HTTP/1.1 server for pages about the process: metrics, readiness, configuration.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

/// Connections served at once; further ones wait in the listen queue.
const CONNECTIONS: usize = 64;
/// For a request head, and between two requests.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long open connections may go on after the end was asked for.
const GRACE: Duration = Duration::from_secs(1);

pub const TEXT: &str = "text/plain; charset=utf-8";
pub const JSON: &str = "application/json";
pub const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Answer of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub status: StatusCode,
    pub content_type: &'static str,
    pub body: Bytes,
}

/// What a page is asked.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    pub method: &'a Method,
    /// Without the `?`.
    pub query: &'a str,
}

type Handler = Arc<dyn Fn(Ask<'_>) -> Page + Send + Sync>;

/// Pages by path. `/` lists them unless it is one itself.
#[derive(Clone, Default)]
pub struct AdminServer {
    pages: BTreeMap<&'static str, Entry>,
}

#[derive(Clone)]
struct Entry {
    title: &'static str,
    methods: &'static [Method],
    handler: Handler,
}

const READ: &[Method] = &[Method::GET, Method::HEAD];
const READ_AND_CHANGE: &[Method] = &[Method::GET, Method::HEAD, Method::POST, Method::PUT];

impl Page {
    pub fn text(body: impl Into<Bytes>) -> Self {
        Self {
            status: StatusCode::OK,
            content_type: TEXT,
            body: body.into(),
        }
    }

    /// Pretty-printed, for people read it.
    pub fn json(value: &serde_json::Value) -> Self {
        Self {
            content_type: JSON,
            ..Self::text(format!("{value:#}\n"))
        }
    }

    pub fn metrics(text: String) -> Self {
        Self {
            content_type: OPENMETRICS,
            ..Self::text(text)
        }
    }

    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }
}

impl Ask<'_> {
    /// The value of a query parameter, percent sequences left as they are.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query
            .split('&')
            .find_map(|pair| pair.split_once('=').filter(|(n, _)| *n == name))
            .map(|(_, v)| v)
    }

    /// Whether the request means to change something.
    pub fn changes(&self) -> bool {
        *self.method == Method::POST || *self.method == Method::PUT
    }
}

impl AdminServer {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a page that is read with GET.
    #[must_use]
    pub fn page(
        self,
        path: &'static str,
        title: &'static str,
        page: impl Fn() -> Page + Send + Sync + 'static,
    ) -> Self {
        self.add(
            path,
            Entry {
                title,
                methods: READ,
                handler: Arc::new(move |_| page()),
            },
        )
    }

    /// Adds a page that can also be written to with POST or PUT.
    #[must_use]
    pub fn control(
        self,
        path: &'static str,
        title: &'static str,
        page: impl Fn(Ask<'_>) -> Page + Send + Sync + 'static,
    ) -> Self {
        self.add(
            path,
            Entry {
                title,
                methods: READ_AND_CHANGE,
                handler: Arc::new(page),
            },
        )
    }

    fn add(mut self, path: &'static str, entry: Entry) -> Self {
        self.pages.insert(path, entry);
        self
    }

    /// Serves until `end` is cancelled. The task ends once its connections have, a second later at
    /// most.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn serve(
        self,
        address: SocketAddr,
        end: CancellationToken,
    ) -> io::Result<(SocketAddr, JoinHandle<()>)> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let server = Arc::new(self);
        Ok((address, tokio::spawn(accept(listener, server, end))))
    }

    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path();
        let ask = Ask {
            method: request.method(),
            query: request.uri().query().unwrap_or(""),
        };
        match self.pages.get(path) {
            Some(entry) if entry.methods.contains(ask.method) => respond((entry.handler)(ask)),
            Some(entry) => {
                let refused = Page::text("method not allowed\n");
                let mut response = respond(refused.with_status(StatusCode::METHOD_NOT_ALLOWED));
                let allowed: Vec<_> = entry.methods.iter().map(Method::as_str).collect();
                if let Ok(value) = HeaderValue::from_str(&allowed.join(", ")) {
                    response.headers_mut().insert(ALLOW, value);
                }
                response
            }
            None if path == "/" => respond(self.index()),
            None => respond(
                Page::text("no such page; / lists them\n").with_status(StatusCode::NOT_FOUND),
            ),
        }
    }

    fn index(&self) -> Page {
        let mut text = String::new();
        for (path, entry) in &self.pages {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{path:<20} {}", entry.title);
        }
        Page::text(text)
    }
}

fn respond(page: Page) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(page.body));
    *response.status_mut() = page.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(page.content_type));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

async fn accept(listener: TcpListener, server: Arc<AdminServer>, end: CancellationToken) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = end.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = next(&listener, &slots) => accepted,
        };
        match accepted {
            Ok((stream, slot)) => {
                let (server, end) = (server.clone(), end.clone());
                connections.spawn(async move {
                    serve_connection(stream, server, end).await;
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "accepting an admin connection failed");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, all).await.is_err() {
        connections.shutdown().await;
    }
}

async fn next(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> io::Result<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let slot = slots
        .clone()
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    Ok((listener.accept().await?.0, slot))
}

async fn serve_connection(stream: TcpStream, server: Arc<AdminServer>, end: CancellationToken) {
    let service = service_fn(move |request: Request<Incoming>| {
        let response = server.answer(&request);
        async move { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        // A client that breaks off concerns nobody but itself.
        _ = connection.as_mut() => {}
        () = end.cancelled() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn get(address: SocketAddr, head: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("{head} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn serves_its_pages_and_an_index_and_refuses_the_rest() {
        let end = CancellationToken::new();
        let server = AdminServer::new()
            .page("/metrics", "metrics", || {
                Page::metrics("# EOF\n".to_owned())
            })
            .control("/level", "log level", |ask| {
                Page::text(format!("{} {:?}", ask.changes(), ask.parameter("to")))
            });
        let local = SocketAddr::from(([127, 0, 0, 1], 0));
        let (address, task) = server.serve(local, end.clone()).await.unwrap();
        for (head, status, text) in [
            ("GET /metrics", "200 OK", "# EOF\n"),
            ("GET /metrics?a=b", "200 OK", "application/openmetrics-text"),
            (
                "POST /metrics",
                "405 Method Not Allowed",
                "allow: GET, HEAD\r\n",
            ),
            ("GET /", "200 OK", "/metrics             metrics\n"),
            ("GET /none", "404 Not Found", "/ lists them"),
            ("GET /level", "200 OK", "false None"),
            ("POST /level?x=1&to=debug", "200 OK", "true Some(\"debug\")"),
        ] {
            let answer = get(address, head).await;
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status}")),
                "{head}: {answer}"
            );
            assert!(answer.contains(text), "{head}: {answer}");
        }
        end.cancel();
        task.await.unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }

    #[tokio::test]
    async fn says_when_its_port_is_taken() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = taken.local_addr().unwrap();
        let error = AdminServer::new()
            .serve(address, CancellationToken::new())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }
}
