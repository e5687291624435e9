//! An answer on its way out: good, paced, cut, or replaced, as a fault says.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};

use crate::{
    dialect::{Dialect, Endpoint, Framing, Payload, Refusal},
    error::SERVER_ERROR,
    fault::{Action, Fault},
    journal::Entry,
    settings::Settings,
    stream::{AnswerBody, Script},
};

const JSON: &str = "application/json";
/// Where Bedrock says how many tokens a request to a model itself had.
const INPUT_TOKENS: &str = "x-amzn-bedrock-input-token-count";
/// What `garbage` sends: no JSON, and no UTF-8.
const GARBAGE: &[u8] = b"\x00\xff\xfe<html>{\"choices\":[{{]]\x80 not json";

/// An answer before its headers.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    headers: HeaderMap,
    content_type: &'static str,
    script: Script,
}

/// What a reply is written for.
pub(crate) struct Occasion<'a> {
    pub(crate) dialect: &'static dyn Dialect,
    pub(crate) endpoint: &'a dyn Endpoint,
    /// `None` if the answer is not streamed.
    pub(crate) framing: Option<Framing>,
    pub(crate) request_id: &'a str,
}

// === impl Reply ===

impl Reply {
    pub(crate) fn refused(refusal: Refusal) -> Self {
        Self {
            status: refusal.status,
            headers: refusal.headers,
            content_type: JSON,
            script: Script::whole(refusal.body),
        }
    }

    fn ok(content_type: &'static str, script: Script) -> Self {
        Self {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            content_type,
            script,
        }
    }

    pub(crate) fn into_response(self, entry: Option<Entry>) -> Response<AnswerBody> {
        let mut response = Response::new(AnswerBody::new(self.script, entry));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        if self.content_type == Framing::Sse.content_type() {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        }
        response
    }
}

// === impl Occasion ===

impl Occasion<'_> {
    /// The reply of a fault that needs no answer to spoil.
    pub(crate) fn replaced(&self, fault: &Fault) -> Option<Reply> {
        let body = match (fault.action, self.framing) {
            (Some(Action::Garbage), None) => Bytes::from_static(GARBAGE),
            (Some(Action::Garbage), Some(framing)) => framing.wrap(GARBAGE),
            (Some(Action::ErrorIn200 { .. }), None) => {
                self.dialect.refusal(&SERVER_ERROR, self.request_id).body
            }
            (Some(Action::ErrorIn200 { after: 0 }), Some(_)) => self.error_event(0),
            _ => return None,
        };
        Some(match self.framing {
            Some(framing) => Reply::ok(framing.content_type(), Script::events(vec![body])),
            None => Reply::ok(JSON, Script::whole(body)),
        })
    }

    /// Paces and cuts a good answer.
    pub(crate) fn staged(&self, payload: Payload, fault: &Fault, settings: &Settings) -> Reply {
        let count = |chunks: u32| usize::try_from(chunks).unwrap_or(usize::MAX);
        let mut headers = HeaderMap::new();
        if let Payload::Counted { input_tokens, .. } = &payload {
            headers.insert(INPUT_TOKENS, HeaderValue::from(*input_tokens));
        }
        let (mut script, prelude) = match payload {
            Payload::Events(events) => (Script::events(events.frames), events.prelude),
            Payload::Json(body) | Payload::Counted { body, .. } => {
                let plain = fault.action.is_none() && fault.chunk_delay.is_none();
                let script = if plain {
                    Script::whole(body)
                } else {
                    Script::sliced(body)
                };
                (script, 0)
            }
        };
        script.gap = fault.chunk_delay.unwrap_or(settings.token_delay);
        match fault.action {
            Some(Action::CutAfter(chunks)) => script.cut_after(count(chunks)),
            Some(Action::EndAfter(chunks)) => script.end_after(count(chunks)),
            Some(Action::EmptyStream) => script.cut_after(prelude),
            Some(Action::ErrorIn200 { after }) if count(after) < script.frames.len() => {
                script.end_after(count(after));
                script.frames.push(self.error_event(after));
            }
            _ => {}
        }
        Reply {
            headers,
            ..Reply::ok(self.framing.map_or(JSON, Framing::content_type), script)
        }
    }

    fn error_event(&self, position: u32) -> Bytes {
        self.endpoint
            .error_event(&SERVER_ERROR, position, self.request_id)
    }
}
