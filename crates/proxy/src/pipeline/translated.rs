//! Answers of providers that speak another format than the client.

use std::time::Duration;

use agw_ai::dialect::bedrock::{ERROR_TYPE, INPUT_TOKENS, error_name};
use agw_ai::dialect::gemini::JsonList;
use agw_ai::translate::Call;
use bytes::Bytes;
use http::response::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Response, header};

use crate::body::{Answer, Collected, UpstreamBody, collect};
use crate::error::Error;
use crate::upstream::describe;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
pub(super) const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream; charset=utf-8");
pub(super) const LIST: HeaderValue = HeaderValue::from_static(JsonList::CONTENT_TYPE);

/// Marks an answer with numbers that are the gateway's own reckoning, and says which.
const ESTIMATED: HeaderName = HeaderName::from_static("x-agentgateway-estimated");
const TOKENS: HeaderValue = HeaderValue::from_static("tokens");

/// So much of an error is read, and no longer than this: nothing else bounds the last failure of
/// a request.
const ERROR_LIMIT: usize = 256 << 10;
const ERROR_WITHIN: Duration = Duration::from_secs(5);
/// A provider that sends nothing for so long has no more to say. The attempt has a bound of its
/// own, which is shorter as a rule.
const SILENCE: Duration = Duration::from_secs(60);

/// An error response in the client's words. One whose body cannot be read says what its status
/// says.
pub(super) async fn error(
    response: Response<UpstreamBody>,
    call: &Call,
    request_id: &str,
) -> Response<Box<Answer>> {
    let (mut parts, body) = response.into_parts();
    let read = collect(body, ERROR_LIMIT, ERROR_WITHIN);
    let body = match tokio::time::timeout(ERROR_WITHIN, read).await {
        Ok(Collected::Whole(body)) => body,
        _ => Bytes::new(),
    };
    let named = parts.headers.get(ERROR_TYPE).and_then(|v| v.to_str().ok());
    let named = named.map(error_name);
    let told = call
        .exchange()
        .error(parts.status, named, &body, request_id);
    parts.status = told.status;
    set_type(&mut parts.headers, JSON);
    Response::from_parts(parts, Answer::whole(told.body))
}

/// A whole answer in the client's words.
pub(super) async fn whole(
    parts: &mut Parts,
    body: UpstreamBody,
    call: &Call,
    limit: usize,
) -> Result<Box<Answer>, Error> {
    let body = match collect(body, limit, SILENCE).await {
        Collected::Whole(body) => body,
        Collected::TooLarge => {
            let text = format!("an answer to translate has more than {limit} bytes");
            return Err(Error::Garbage(text));
        }
        Collected::Stalled => return Err(Error::Timeout(SILENCE)),
        Collected::Failed(error) => return Err(Error::Reset(describe(&error))),
    };
    let told = parts.headers.get(INPUT_TOKENS);
    let told = told.and_then(|v| v.to_str().ok()?.parse().ok());
    let answer = call
        .response_with(&body, told)
        .map_err(|error| Error::Garbage(error.to_string()))?;
    set_type(&mut parts.headers, JSON);
    Ok(Answer::translated(answer))
}

/// An answer that no provider gave.
pub(super) fn estimated(body: Bytes) -> Response<Box<Answer>> {
    let mut response = Response::new(Answer::whole(body));
    set_type(response.headers_mut(), JSON);
    response.headers_mut().insert(ESTIMATED, TOKENS);
    response
}

/// Says what the body is now, and nothing of what it was.
pub(super) fn set_type(headers: &mut HeaderMap, kind: HeaderValue) {
    for gone in [
        header::CONTENT_LENGTH,
        header::CONTENT_ENCODING,
        header::ETAG,
    ] {
        headers.remove(gone);
    }
    headers.insert(header::CONTENT_TYPE, kind);
}
