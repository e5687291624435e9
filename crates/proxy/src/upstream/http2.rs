//! A request over a connection that carries many.

use agw_core::backend::Endpoint;
use http::uri::Scheme;
use http::{Request, Response, Uri, header};
use hyper::client::conn::http2::SendRequest;

use super::describe;
use super::send::{Failure, Head};
use crate::body::{Outgoing, UpstreamBody};
use crate::error::Error;

/// Sends the request and waits for the head of its response.
pub(super) async fn exchange(
    mut sender: SendRequest<Outgoing>,
    head: Head,
    body: Outgoing,
    endpoint: &Endpoint,
) -> Result<Response<UpstreamBody>, Failure> {
    match sender.try_send_request(request(head, body, endpoint)).await {
        Ok(response) => Ok(response.map(UpstreamBody::http2)),
        Err(mut failed) => Err(Failure {
            unsent: failed.take_message().map(Request::into_body),
            error: reset(&failed.into_error()),
        }),
    }
}

fn request(head: Head, body: Outgoing, endpoint: &Endpoint) -> Request<Outgoing> {
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(if endpoint.tls.is_some() {
        Scheme::HTTPS
    } else {
        Scheme::HTTP
    });
    parts.authority = Some(head.authority);
    parts.path_and_query = Some(head.target);
    let mut request = Request::new(body);
    *request.method_mut() = head.method;
    *request.uri_mut() =
        Uri::from_parts(parts).expect("a URI with scheme, authority and path is complete");
    *request.headers_mut() = head.headers;
    request.headers_mut().remove(header::HOST);
    request
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
