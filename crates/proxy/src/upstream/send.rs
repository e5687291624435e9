//! One request to one endpoint, over whatever connection there is.

use std::rc::Rc;

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, HeaderValue, Method, Response};

use super::connect::Opened;
use super::http1::{self, Connection};
use super::{Connector, Pool, PoolKey, http2};
use crate::body::{ClientStream, Outgoing, UpstreamBody};
use crate::error::Error;

/// A request as an upstream is to see it.
pub(crate) struct Outbound {
    pub(crate) method: Method,
    pub(crate) target: PathAndQuery,
    /// What goes into `Host` or `:authority`.
    pub(crate) authority: Authority,
    pub(crate) headers: HeaderMap,
    /// What the connection is to go on with instead of HTTP/1.1. Such a request gets a connection
    /// of its own.
    pub(crate) upgrade: Option<HeaderValue>,
    pub(crate) payload: Payload,
}

/// A request body, and whether it can be sent again.
pub(crate) enum Payload {
    /// In memory: may be sent any number of times.
    Pieces(Vec<Bytes>),
    /// Still coming from the client: goes out once.
    Client(ClientStream),
}

/// A request without its body.
#[derive(Clone)]
pub(super) struct Head {
    pub(super) method: Method,
    pub(super) target: PathAndQuery,
    pub(super) authority: Authority,
    pub(super) headers: HeaderMap,
    pub(super) upgrade: Option<HeaderValue>,
}

/// A request that got no response.
pub(super) struct Failure {
    pub(super) error: Error,
    /// Its body, when the connection may have been closed before the request was sent and all of
    /// the body can be sent again.
    pub(super) unsent: Option<Outgoing>,
}

/// Sends `outbound` and waits for the response's head. A pooled connection that turns out to be
/// closed is replaced by a fresh one, once, when the body can be sent again or was not touched.
pub(crate) async fn send(
    pool: &Rc<Pool>,
    connector: &Connector,
    key: PoolKey,
    outbound: Outbound,
) -> Result<Response<UpstreamBody>, Error> {
    let mut head = Head {
        method: outbound.method,
        target: outbound.target,
        authority: outbound.authority,
        headers: outbound.headers,
        upgrade: outbound.upgrade,
    };
    let mut body = match outbound.payload {
        Payload::Pieces(pieces) => Outgoing::pieces(pieces),
        Payload::Client(body) => Outgoing::Client(body),
    };
    if head.upgrade.is_some() {
        // What the request may lead to is no HTTP/1.1: its connection is never pooled.
    } else if let Some(connection) = pool.take(&key) {
        match http1::exchange(connection, &mut head, body).await {
            Ok(response) => return Ok(response),
            Err(failure) => body = failure.unsent.ok_or(failure.error)?,
        }
    } else if let Some(sender) = pool.multiplexed(&key) {
        let copy = body.copy();
        match http2::exchange(sender, head.clone(), body, &key.endpoint).await {
            Ok(response) => return Ok(response),
            Err(failure) => {
                pool.forget(&key);
                body = failure.unsent.or(copy).ok_or(failure.error)?;
            }
        }
    }
    // Boxed: a TLS handshake's state is many times that of a request on a pooled connection, and
    // every request would carry room for it.
    let opened = match &head.upgrade {
        None => Box::pin(connector.connect(&key)).await?,
        Some(_) => Box::pin(connector.upgradable(&key.endpoint)).await?,
    };
    let answered = match opened {
        Opened::Http1(io) => {
            let connection = Connection::new(io, Rc::new(key), pool, connector.tasks());
            http1::exchange(connection, &mut head, body).await
        }
        Opened::Http2(sender) => {
            let endpoint = key.endpoint.clone();
            pool.share(Rc::new(key), sender.clone());
            http2::exchange(sender, head, body, &endpoint).await
        }
    };
    answered.map_err(|failure| failure.error)
}

/// An error with its causes, in one line.
pub(crate) fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}
