//! A provider that costs as little as can be: it looks at the path, and at both ends of a request
//! for `"stream":true`, and answers from constants.

mod dialect;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use http_body_util::channel::{Channel, Sender};
use http_body_util::{BodyExt, Either, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::LocalSet;
use tokio::time::Instant;

use crate::clock;
use dialect::Asked;

pub(crate) use dialect::{Dialect, text};

/// Names the chunks of a stream, the milliseconds before the first and between two.
pub(crate) const PACE: &str = "x-bench-pace";

/// Bytes that are looked at on either end of a request.
const ENDS: usize = 256;

type Body = Either<Full<Bytes>, Channel<Bytes, Infallible>>;

/// How a stream flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    pub(crate) chunks: u64,
    pub(crate) first_ms: u64,
    pub(crate) gap_ms: u64,
}

impl Pace {
    /// 64 tokens at 50 a second, the first after 25 ms.
    pub(crate) const USUAL: Self = Self {
        chunks: 64,
        first_ms: 25,
        gap_ms: 20,
    };

    pub(crate) fn to_header(self) -> String {
        format!("{},{},{}", self.chunks, self.first_ms, self.gap_ms)
    }

    fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get(PACE)?.to_str().ok()?;
        let mut numbers = text.split(',').map(|part| part.trim().parse().ok());
        Some(Self {
            chunks: numbers.next()??,
            first_ms: numbers.next()??,
            gap_ms: numbers.next()??,
        })
    }
}

/// Serves until it is killed.
pub(crate) fn run(listen: SocketAddr) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, async move {
        let listener = TcpListener::bind(listen)
            .await
            .with_context(|| format!("listening on {listen}"))?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::task::spawn_local(async move {
                let service = service_fn(respond);
                // A client that goes away is no concern of the provider.
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    })
}

/// What a client of OpenAI's gets that asks for no stream.
pub(crate) fn answer() -> &'static str {
    Dialect::OpenAi.answer()
}

async fn respond(request: Request<Incoming>) -> Result<Response<Body>, hyper::Error> {
    let received = clock::now();
    let (dialect, asked) = Dialect::of(request.uri().path());
    let pace = Pace::from_headers(request.headers()).unwrap_or(Pace::USUAL);
    let body = request.into_body().collect().await?.to_bytes();
    let streams = match asked {
        Asked::Whole => false,
        Asked::Stream => true,
        Asked::InBody => wants_stream(&body),
    };
    if !streams {
        let answer = Bytes::from_static(dialect.answer().as_bytes());
        return Ok(typed("application/json", Either::Left(Full::new(answer))));
    }
    let (sender, channel) = Channel::new(4);
    // Ends with the stream, or when the client goes away and the channel closes.
    tokio::task::spawn_local(produce(sender, dialect, pace, received));
    Ok(typed(dialect.content_type(), Either::Right(channel)))
}

fn typed(content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    let value = HeaderValue::from_static(content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, value);
    response
}

fn wants_stream(body: &[u8]) -> bool {
    let head = &body[..body.len().min(ENDS)];
    let tail = &body[body.len().saturating_sub(ENDS)..];
    [head, tail].iter().any(|part| {
        part.windows(13).any(|window| window == b"\"stream\":true")
            || part.windows(14).any(|window| window == b"\"stream\": true")
    })
}

async fn produce(
    mut sender: Sender<Bytes, Infallible>,
    dialect: Dialect,
    pace: Pace,
    received: u64,
) {
    let start = Instant::now();
    let opening = dialect.opening();
    if !opening.is_empty() && sender.send_data(opening).await.is_err() {
        return;
    }
    for index in 0..pace.chunks {
        let at = Duration::from_millis(pace.first_ms + index * pace.gap_ms);
        tokio::time::sleep_until(start + at).await;
        let now = clock::now();
        let chunk = dialect.chunk(now, now - received);
        if sender.send_data(chunk).await.is_err() {
            return;
        }
    }
    for event in dialect.ending() {
        if sender.send_data(event).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_wish_for_a_stream_on_either_end() {
        let filler = "y".repeat(100_000);
        assert!(wants_stream(br#"{"stream":true}"#));
        assert!(wants_stream(
            format!("{{\"a\":\"{filler}\",\"stream\": true}}").as_bytes()
        ));
        assert!(!wants_stream(
            format!("{{\"a\":\"{filler}\",\"stream\":false}}").as_bytes()
        ));
    }

    #[test]
    fn reads_back_the_pace_it_writes() {
        let mut headers = HeaderMap::new();
        headers.insert(PACE, Pace::USUAL.to_header().parse().unwrap());
        assert_eq!(Pace::from_headers(&headers), Some(Pace::USUAL));
        headers.insert(PACE, HeaderValue::from_static("1,2"));
        assert_eq!(Pace::from_headers(&headers), None);
    }
}
