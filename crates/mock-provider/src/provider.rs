//! One request: journaled, checked, broken if a fault says so, else answered.

use std::{future, sync::Arc, time::Instant};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Request, Response, StatusCode,
    header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE},
    request::Parts,
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use serde_json::{Map, Value};
use tokio::time::sleep;

use crate::{
    cache::PromptCache,
    control,
    fault::{Action, Fault, FaultRule, FaultTable, ModelSelector, Source, TableFull},
    ids::Ids,
    journal::{Entry, Journal, RequestRecord},
    openai::{Context, Endpoint, Payload, error::ApiError},
    server::ResetSwitch,
    settings::{KeyCheck, Settings},
    stream::{AnswerBody, Script},
};

/// The header that asks for a fault.
const FAULT_HEADER: &str = "x-mock-fault";
/// Bodies above this are answered on a thread that may block, for counting their tokens takes a while.
const LARGE_BODY: usize = 64 << 10;
/// What `garbage` sends: no JSON, and no UTF-8.
const GARBAGE: &[u8] = b"\x00\xff\xfe<html>{\"choices\":[{{]]\x80 not json";
/// The longest model name taken.
const LONGEST_MODEL: usize = 256;

/// A fake OpenAI provider: its settings, armed faults, and journal, all bounded.
#[derive(Debug)]
pub struct MockProvider {
    settings: Settings,
    ids: Ids,
    cache: PromptCache,
    faults: FaultTable,
    journal: Arc<Journal>,
}

/// An answer before its headers.
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    content_type: &'static str,
    script: Script,
}

// === impl MockProvider ===

impl MockProvider {
    /// A provider with no faults armed and an empty journal.
    pub fn new(settings: Settings) -> Self {
        Self {
            ids: Ids::new(settings.seed),
            cache: PromptCache::default(),
            faults: FaultTable::default(),
            journal: Arc::default(),
            settings,
        }
    }

    /// What the provider was told at its start.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Arms a model with a fault, as `PUT /_mock/faults/{model}` does.
    ///
    /// # Errors
    /// When 1,024 other models are armed.
    pub fn set_fault(&self, model: ModelSelector, rule: FaultRule) -> Result<(), TableFull> {
        self.faults.set(model, rule)
    }

    /// Disarms all models.
    pub fn clear_faults(&self) {
        self.faults.clear();
    }

    /// The last 1,000 API requests, oldest first.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.journal.records()
    }

    /// Forgets all requests.
    pub fn clear_requests(&self) {
        self.journal.clear();
    }

    pub(crate) fn faults(&self) -> &FaultTable {
        &self.faults
    }

    pub(crate) fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Answers a request. Does not resolve if a fault says so; it is dropped when the client goes away.
    pub(crate) async fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        switch: ResetSwitch,
    ) -> Response<AnswerBody> {
        let started = Instant::now();
        let (parts, body) = request.into_parts();
        if control::owns(parts.uri.path()) {
            return match control::answer(&self, &parts, body).await {
                Ok(response) => response,
                Err(error) => Reply::error(&error).into_response(None),
            };
        }
        let request_id = self.ids.hex("req_", 32);
        let entry = self
            .journal
            .begin(RequestRecord::arrived(&parts, request_id.clone()));
        let reply = match self.reply(&parts, body, &entry).await {
            Ok(Some(reply)) => reply,
            Ok(None) => {
                entry.complete();
                switch.pull();
                return future::pending().await;
            }
            Err(error) => Reply::error(&error),
        };
        entry.note(|record| record.status = Some(reply.status.as_u16()));
        let mut response = reply.into_response(Some(entry));
        let headers = response.headers_mut();
        let elapsed = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        headers.insert("openai-processing-ms", HeaderValue::from(elapsed));
        headers.insert("openai-version", HeaderValue::from_static("2020-10-01"));
        let request_id = HeaderValue::from_str(&request_id).expect("an id is visible ASCII");
        headers.insert("x-request-id", request_id);
        response
    }

    /// The reply to an API request; `None` is a reset.
    async fn reply(
        self: &Arc<Self>,
        parts: &Parts,
        body: Incoming,
        entry: &Entry,
    ) -> Result<Option<Reply>, ApiError> {
        let body = read(body, self.settings.body_limit).await;
        if let Ok(body) = &body {
            entry.note(|record| record.set_body(body));
        }
        let endpoint = Endpoint::find(&parts.method, parts.uri.path())?;
        if self.settings.require_key == KeyCheck::Required && !has_key(&parts.headers) {
            return Err(ApiError::MissingKey);
        }
        let body = body?;
        let size = body.len();
        let document = endpoint.parse(&body);
        drop(body);
        let model = endpoint.model_name(document.as_ref().ok());
        let fault = self.fault(&parts.headers, model, entry)?;
        let delay = self.settings.answer_delay + fault.delay;
        if !delay.is_zero() {
            sleep(delay).await;
        }
        match fault.action {
            Some(Action::Reset) => return Ok(None),
            Some(Action::Silence) => return future::pending().await,
            Some(Action::Status { code, retry_after }) => {
                return Err(ApiError::Injected {
                    status: code,
                    retry_after,
                });
            }
            _ => {}
        }
        let document = document?;
        let streams = endpoint.streams(&document);
        if let Some(reply) = replaced(&fault, &endpoint, streams) {
            return Ok(Some(reply));
        }
        let payload = if size > LARGE_BODY {
            let (provider, endpoint) = (Arc::clone(self), endpoint.clone());
            let answer = move || endpoint.answer(&document, &provider.context());
            tokio::task::spawn_blocking(answer)
                .await
                .map_err(|_| ApiError::Crashed)??
        } else {
            endpoint.answer(&document, &self.context())?
        };
        Ok(Some(self.staged(payload, &fault, &endpoint)))
    }

    fn context(&self) -> Context<'_> {
        Context {
            settings: &self.settings,
            ids: &self.ids,
            cache: &self.cache,
        }
    }

    /// The fault of a request: its header's, else the armed one.
    fn fault(
        &self,
        headers: &HeaderMap,
        model: Option<ModelSelector>,
        entry: &Entry,
    ) -> Result<Fault, ApiError> {
        if let Some(ModelSelector::Model(name)) = &model {
            entry.note(|record| record.model = Some(name.to_string()));
        }
        let lists: Vec<_> = headers
            .get_all(FAULT_HEADER)
            .iter()
            .map(HeaderValue::as_bytes)
            .collect();
        let (fault, source) = match lists.as_slice() {
            [_, ..] => {
                let list = lists.join(&b';');
                (
                    String::from_utf8_lossy(&list).parse::<Fault>()?,
                    Source::Header,
                )
            }
            [] => match self.faults.take(model.as_ref()) {
                Some(fault) => (fault, Source::Table),
                None => return Ok(Fault::default()),
            },
        };
        entry.note(|record| {
            record.fault = Some(fault.to_string());
            record.fault_source = Some(source.as_str());
        });
        Ok(fault)
    }

    /// Paces and cuts a good answer.
    fn staged(&self, payload: Payload, fault: &Fault, endpoint: &Endpoint) -> Reply {
        let count = |chunks: u32| usize::try_from(chunks).unwrap_or(usize::MAX);
        let (mut script, prelude, content_type) = match payload {
            Payload::Events(events) => {
                (Script::events(events.frames), events.prelude, EVENT_STREAM)
            }
            Payload::Json(body) => {
                let plain = fault.action.is_none() && fault.chunk_delay.is_none();
                let script = if plain {
                    Script::whole(body)
                } else {
                    Script::sliced(body)
                };
                (script, 0, JSON)
            }
        };
        script.gap = fault.chunk_delay.unwrap_or(self.settings.token_delay);
        match fault.action {
            Some(Action::CutAfter(chunks)) => script.cut_after(count(chunks)),
            Some(Action::EndAfter(chunks)) => script.end_after(count(chunks)),
            Some(Action::EmptyStream) => script.cut_after(prelude),
            Some(Action::ErrorIn200 { after }) if count(after) < script.frames.len() => {
                script.end_after(count(after));
                script
                    .frames
                    .push(endpoint.error_event(&SERVER_ERROR, after));
            }
            _ => {}
        }
        Reply {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            content_type,
            script,
        }
    }
}

const JSON: &str = "application/json";
const EVENT_STREAM: &str = "text/event-stream; charset=utf-8";

/// What an error inside a 200 says.
const SERVER_ERROR: ApiError = ApiError::Injected {
    status: StatusCode::INTERNAL_SERVER_ERROR,
    retry_after: None,
};

/// The reply of a fault that needs no answer to spoil.
fn replaced(fault: &Fault, endpoint: &Endpoint, streams: bool) -> Option<Reply> {
    let body = match (fault.action, streams) {
        (Some(Action::Garbage), false) => Bytes::from_static(GARBAGE),
        (Some(Action::Garbage), true) => [b"data: ", GARBAGE, b"\n\n"].concat().into(),
        (Some(Action::ErrorIn200 { .. }), false) => SERVER_ERROR.envelope().to_string().into(),
        (Some(Action::ErrorIn200 { after: 0 }), true) => endpoint.error_event(&SERVER_ERROR, 0),
        _ => return None,
    };
    let (script, content_type) = if streams {
        (Script::events(vec![body]), EVENT_STREAM)
    } else {
        (Script::whole(body), JSON)
    };
    Some(Reply {
        status: StatusCode::OK,
        headers: HeaderMap::new(),
        content_type,
        script,
    })
}

/// Reads a body up to a bound; one that announces more is not read at all.
pub(crate) async fn read(body: Incoming, limit: usize) -> Result<Bytes, ApiError> {
    if body.size_hint().lower() > limit as u64 {
        return Err(ApiError::BodyTooLarge { limit });
    }
    match Limited::new(body, limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(ApiError::BodyTooLarge { limit }),
        Err(_) => Err(ApiError::BodyBroken),
    }
}

fn has_key(headers: &HeaderMap) -> bool {
    headers.get(AUTHORIZATION).is_some_and(|value| {
        let value = value.as_bytes().trim_ascii();
        let key = match value.split_at_checked(6) {
            Some((scheme, key)) if scheme.eq_ignore_ascii_case(b"bearer") => key.trim_ascii(),
            _ => value,
        };
        !key.is_empty()
    })
}

// === impl Endpoint ===

impl Endpoint {
    /// The body as an object; endpoints that take none ignore it.
    fn parse(&self, body: &[u8]) -> Result<Map<String, Value>, ApiError> {
        match self {
            Self::ModelList | Self::Model(_) => Ok(Map::new()),
            _ => serde_json::from_slice(body).map_err(|_| ApiError::BadJson),
        }
    }

    /// What faults select the request by.
    fn model_name(&self, document: Option<&Map<String, Value>>) -> Option<ModelSelector> {
        match self {
            Self::ModelList | Self::Model(_) => Some(ModelSelector::ModelList),
            _ => {
                let model = document?.get("model")?.as_str()?;
                (model.len() <= LONGEST_MODEL).then(|| ModelSelector::Model(model.into()))
            }
        }
    }
}

// === impl Reply ===

impl Reply {
    /// The one place that turns an error into a response.
    fn error(error: &ApiError) -> Self {
        let script = Script::whole(error.envelope().to_string());
        Self {
            status: error.status(),
            headers: error.headers(),
            content_type: JSON,
            script,
        }
    }

    fn into_response(self, entry: Option<Entry>) -> Response<AnswerBody> {
        let mut response = Response::new(AnswerBody::new(self.script, entry));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        if self.content_type == EVENT_STREAM {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        }
        response
    }
}
