//! Servers that policies have asked, over the worker's own connections.

use std::borrow::Cow;
use std::time::Duration;

use agw_core::backend::{AppProtocol, Endpoint};
use agw_core::server::{Place, Server};
use agw_core::snapshot::Snapshot;
use bytes::{BufMut, Bytes, BytesMut};
use http::response::Parts;
use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use http_body_util::BodyExt;
use prost::Message;

use crate::body::UpstreamBody;
use crate::error::Error;
use crate::upstream::{Outbound, Payload, PoolKey, send};
use crate::worker::Worker;

/// No answer is larger.
const ANSWER_LIMIT: usize = 1 << 20;
/// Endpoints that are tried before a server cannot be reached.
const MOST_TRIES: usize = 3;

/// Who asks, and how long it waits for an answer.
pub(crate) struct Asking<'a> {
    pub(crate) worker: &'a Worker,
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) within: Duration,
}

/// A request to a server.
pub(crate) struct Question {
    pub(crate) method: Method,
    pub(crate) target: PathAndQuery,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// What a server says.
pub(crate) struct Told {
    pub(crate) parts: Parts,
    pub(crate) body: Bytes,
    trailers: HeaderMap,
}

impl Asking<'_> {
    /// Asks by HTTP. The error says why there is no answer.
    pub(crate) async fn http(&self, server: &Server, question: Question) -> Result<Told, String> {
        self.exchange(server, question, None).await
    }

    /// Calls a method of gRPC that takes one message and gives one.
    pub(crate) async fn grpc<A: Message + Default>(
        &self,
        server: &Server,
        method: &'static str,
        message: &impl Message,
    ) -> Result<A, String> {
        let mut headers = HeaderMap::new();
        let grpc = HeaderValue::from_static("application/grpc");
        headers.insert(header::CONTENT_TYPE, grpc);
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
        let agent = HeaderValue::from_static("agentgateway");
        headers.insert(header::USER_AGENT, agent);
        if let Ok(within) = HeaderValue::try_from(format!("{}m", self.within.as_millis())) {
            headers.insert(HeaderName::from_static("grpc-timeout"), within);
        }
        let question = Question {
            method: Method::POST,
            target: PathAndQuery::from_static(method),
            headers,
            body: framed(message),
        };
        let told = self.exchange(server, question, Some(AppProtocol::H2c));
        message_of(&told.await?)
    }

    async fn exchange(
        &self,
        server: &Server,
        question: Question,
        protocol: Option<AppProtocol>,
    ) -> Result<Told, String> {
        let exchange = self.try_endpoints(server, &question, protocol);
        match tokio::time::timeout(self.within, exchange).await {
            Ok(told) => told,
            Err(_) => Err(format!("no answer within {:?}", self.within)),
        }
    }

    /// Goes on to another endpoint where one cannot be reached: nothing was sent there.
    async fn try_endpoints(
        &self,
        server: &Server,
        question: &Question,
        protocol: Option<AppProtocol>,
    ) -> Result<Told, String> {
        let (endpoints, own) = self.endpoints(server);
        let protocol = protocol.unwrap_or(own);
        let count = endpoints.len();
        if count == 0 {
            return Err("it has no ready endpoint".to_owned());
        }
        let first = usize::try_from(self.worker.random() >> 33).unwrap_or_default();
        let mut why = String::new();
        for turn in 0..count.min(MOST_TRIES) {
            let endpoint = endpoints[first.wrapping_add(turn) % count].clone();
            let key = PoolKey { endpoint, protocol };
            let outbound = outbound(server, question)?;
            match send(&self.worker.pool, &self.worker.connector, key, outbound).await {
                Ok(response) => {
                    let (parts, body) = response.into_parts();
                    return told(parts, body).await;
                }
                Err(error @ Error::Connect { .. }) => why = error.to_string(),
                Err(error) => return Err(error.to_string()),
            }
        }
        Err(why)
    }

    /// The one endpoint where all that is counted comes together: every proxy finds the same.
    pub(crate) fn first(&self, server: &Server) -> Option<Endpoint> {
        self.endpoints(server).0.first().cloned()
    }

    fn endpoints(&self, server: &Server) -> (Cow<'_, [Endpoint]>, AppProtocol) {
        match &server.at {
            Place::Backend(key) => match self.snapshot.plain(key) {
                Some(plain) => (Cow::Borrowed(&plain.endpoints), plain.protocol),
                None => (Cow::Borrowed(&[]), AppProtocol::Http1),
            },
            Place::Url { .. } => {
                let endpoints = server.endpoint().into_iter().collect();
                (Cow::Owned(endpoints), AppProtocol::Http1)
            }
        }
    }
}

fn outbound(server: &Server, question: &Question) -> Result<Outbound, String> {
    let pieces = match question.body.is_empty() {
        true => Vec::new(),
        false => vec![question.body.clone()],
    };
    Ok(Outbound {
        method: question.method.clone(),
        target: question.target.clone(),
        authority: Authority::try_from(&*server.authority)
            .map_err(|_| "its host is not valid".to_owned())?,
        headers: question.headers.clone(),
        upgrade: None,
        payload: Payload::Pieces(pieces),
    })
}

async fn told(parts: Parts, mut body: UpstreamBody) -> Result<Told, String> {
    let mut held = BytesMut::new();
    let mut trailers = HeaderMap::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|cut| format!("its answer broke off: {cut}"))?;
        match frame.into_data() {
            Ok(data) if held.len() + data.len() > ANSWER_LIMIT => {
                return Err(format!("its answer has more than {ANSWER_LIMIT} bytes"));
            }
            Ok(data) => held.extend_from_slice(&data),
            Err(frame) => trailers.extend(frame.into_trailers().unwrap_or_default()),
        }
    }
    Ok(Told {
        parts,
        body: held.freeze(),
        trailers,
    })
}

/// A message as gRPC sends it: not compressed, behind its length.
fn framed(message: &impl Message) -> Bytes {
    let length = message.encoded_len();
    let mut frame = BytesMut::with_capacity(5 + length);
    frame.put_u8(0);
    frame.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    frame.extend_from_slice(&message.encode_to_vec());
    frame.freeze()
}

/// The one message of an answer of gRPC.
fn message_of<A: Message + Default>(told: &Told) -> Result<A, String> {
    if told.parts.status != StatusCode::OK {
        return Err(format!("it answered {}", told.parts.status.as_u16()));
    }
    // An answer without a message says in its head how it ended.
    let find = |name: &str| {
        let value = told
            .trailers
            .get(name)
            .or_else(|| told.parts.headers.get(name));
        value.and_then(|value| value.to_str().ok())
    };
    match find("grpc-status") {
        Some("0") => {}
        Some(status) => {
            let said = find("grpc-message").unwrap_or_default();
            return Err(format!("it answered with status {status} of gRPC: {said}"));
        }
        None => return Err("its answer broke off".to_owned()),
    }
    match told.body.split_at_checked(5) {
        Some(([0, length @ ..], message)) if length_of(length) == Some(message.len()) => {
            A::decode(message).map_err(|error| format!("its answer makes no sense: {error}"))
        }
        _ => Err("its answer is no message of gRPC".to_owned()),
    }
}

fn length_of(bytes: &[u8]) -> Option<usize> {
    let length = u32::from_be_bytes(bytes.try_into().ok()?);
    usize::try_from(length).ok()
}
