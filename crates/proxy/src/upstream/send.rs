//! One request to one endpoint, over whatever connection there is.

use std::rc::Rc;

use agw_core::backend::Endpoint;
use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use hyper::client::conn::TrySendError;

use super::connect::Connection;
use super::{Connector, Pool, PoolKey};
use crate::body::{ClientStream, Lease, Outgoing, Sent, UpstreamBody};
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

/// Sends `outbound` and waits for the response's head. A pooled connection that turns out to be
/// closed is replaced by a fresh one, once, when the body can be sent again or was not touched.
pub(crate) async fn send(
    pool: &Rc<Pool>,
    connector: &Connector,
    key: PoolKey,
    outbound: Outbound,
) -> Result<Response<UpstreamBody>, Error> {
    let key = Rc::new(key);
    let Outbound {
        method,
        target,
        authority,
        headers,
        upgrade,
        payload,
    } = outbound;
    let head = Head {
        method,
        target,
        authority,
        headers,
        upgrade,
    };
    // What can be sent again is kept until the pooled connection has proved alive.
    let (payload, replay) = match payload {
        Payload::Pieces(pieces) => {
            let pieces: Rc<[Bytes]> = pieces.into();
            let replay = (head.clone(), pieces.clone());
            ((Outgoing::pieces(pieces), Sent::complete()), Some(replay))
        }
        Payload::Client(body) => (Outgoing::client(body), None),
    };
    let pooled = match &head.upgrade {
        None => pooled(pool, &key),
        Some(_) => None,
    };
    let (head, payload) = match pooled {
        None => (head, payload),
        Some(connection) => match attempt(pool, &key, connection, head, payload).await {
            Ok(response) => return Ok(response),
            Err(failure) => {
                pool.forget(&key);
                match (failure.unsent, replay) {
                    (Some(unsent), _) => *unsent,
                    (None, Some((head, pieces))) => {
                        (head, (Outgoing::pieces(pieces), Sent::complete()))
                    }
                    (None, None) => return Err(failure.error),
                }
            }
        },
    };
    // Boxed: a TLS handshake's state is many times that of a request on a pooled connection, and
    // every request would carry room for it.
    let connection = match &head.upgrade {
        None => Box::pin(connector.connect(&key)).await?,
        Some(_) => Box::pin(connector.upgradable(&key.endpoint)).await?,
    };
    if let Connection::Http2(sender) = &connection {
        pool.share(&key, sender.clone());
    }
    attempt(pool, &key, connection, head, payload)
        .await
        .map_err(|failure| failure.error)
}

#[derive(Clone)]
struct Head {
    method: Method,
    target: PathAndQuery,
    authority: Authority,
    headers: HeaderMap,
    upgrade: Option<HeaderValue>,
}

struct Failure {
    error: Error,
    /// The request, when nothing of it went out.
    unsent: Option<Box<(Head, (Outgoing, Sent))>>,
}

fn pooled(pool: &Pool, key: &PoolKey) -> Option<Connection> {
    pool.take(key)
        .map(Connection::Http1)
        .or_else(|| pool.multiplexed(key).map(Connection::Http2))
}

async fn attempt(
    pool: &Rc<Pool>,
    key: &Rc<PoolKey>,
    connection: Connection,
    head: Head,
    (body, sent): (Outgoing, Sent),
) -> Result<Response<UpstreamBody>, Failure> {
    let authority = head.authority.clone();
    let unsent = |request: Request<Outgoing>| {
        let (head, body) = Head::back(request, authority);
        Box::new((head, (body, sent.clone())))
    };
    match connection {
        Connection::Http1(mut sender) => {
            let upgradable = head.upgrade.is_some();
            let request = head.http1(body);
            match sender.try_send_request(request).await {
                Ok(response) if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
                    if upgradable {
                        Ok(response.map(|incoming| UpstreamBody::new(incoming, None)))
                    } else {
                        Err(Failure::unasked())
                    }
                }
                Ok(response) => {
                    let lease = Lease {
                        pool: pool.clone(),
                        key: key.clone(),
                        sender,
                        sent,
                    };
                    Ok(response.map(|incoming| UpstreamBody::new(incoming, Some(lease))))
                }
                Err(failed) => Err(Failure::new(failed, unsent)),
            }
        }
        Connection::Http2(mut sender) => {
            let request = head.http2(body, &key.endpoint);
            match sender.try_send_request(request).await {
                Ok(response) => Ok(response.map(|incoming| UpstreamBody::new(incoming, None))),
                Err(failed) => Err(Failure::new(failed, unsent)),
            }
        }
    }
}

impl Failure {
    /// The upstream leaves HTTP/1.1 and nobody wanted it to.
    fn unasked() -> Self {
        Self {
            error: Error::Garbage("it switches to another protocol unasked".to_owned()),
            unsent: None,
        }
    }

    fn new(
        mut failed: TrySendError<Request<Outgoing>>,
        unsent: impl FnOnce(Request<Outgoing>) -> Box<(Head, (Outgoing, Sent))>,
    ) -> Self {
        Self {
            unsent: failed.take_message().map(unsent),
            error: reset(&failed.into_error()),
        }
    }
}

/// A response that cannot be read is the upstream's garbage; anything else is a lost connection.
fn reset(error: &hyper::Error) -> Error {
    let text = describe(error);
    if error.is_parse() || error.is_parse_status() {
        Error::Garbage(text)
    } else {
        Error::Reset(text)
    }
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

impl Head {
    fn http1(self, body: Outgoing) -> Request<Outgoing> {
        let mut request = Request::new(body);
        *request.method_mut() = self.method;
        *request.uri_mut() = Uri::from(self.target);
        *request.headers_mut() = self.headers;
        if let Ok(host) = HeaderValue::from_str(self.authority.as_str()) {
            request.headers_mut().insert(header::HOST, host);
        }
        if let Some(protocol) = self.upgrade {
            let headers = request.headers_mut();
            headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(header::UPGRADE, protocol);
        }
        request
    }

    fn http2(self, body: Outgoing, endpoint: &Endpoint) -> Request<Outgoing> {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(if endpoint.tls.is_some() {
            Scheme::HTTPS
        } else {
            Scheme::HTTP
        });
        parts.authority = Some(self.authority);
        parts.path_and_query = Some(self.target);
        let mut request = Request::new(body);
        *request.method_mut() = self.method;
        *request.uri_mut() =
            Uri::from_parts(parts).expect("a URI with scheme, authority and path is complete");
        *request.headers_mut() = self.headers;
        request.headers_mut().remove(header::HOST);
        request
    }

    /// Undoes either.
    fn back(request: Request<Outgoing>, authority: Authority) -> (Self, Outgoing) {
        let (parts, body) = request.into_parts();
        let target = parts.uri.into_parts().path_and_query;
        let head = Self {
            method: parts.method,
            target: target.unwrap_or_else(|| PathAndQuery::from_static("/")),
            authority,
            headers: parts.headers,
            // A request for an upgrade is on a fresh connection, and sent once.
            upgrade: None,
        };
        (head, body)
    }
}
