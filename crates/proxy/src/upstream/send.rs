//! One request to one endpoint, over whatever connection there is.

use std::rc::Rc;

use agw_core::backend::Endpoint;
use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, header};
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
        payload,
    } = outbound;
    let head = Head {
        method,
        target,
        authority,
        headers,
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
    let (head, payload) = match pooled(pool, &key) {
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
    let connection = Box::pin(connector.connect(&key)).await?;
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
            let request = head.http1(body);
            match sender.try_send_request(request).await {
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
        };
        (head, body)
    }
}
