//! One request: journaled, checked, broken if a fault says so, else answered.

use std::{future, sync::Arc, time::Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, request::Parts};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use serde_json::{Map, Value};
use tokio::time::sleep;

use crate::{
    cache::PromptCache,
    control,
    dialect::{self, Context, Dialect, Intake},
    error::ApiError,
    fault::{Action, Fault, FaultRule, FaultTable, ModelSelector, Source, TableFull},
    ids::Ids,
    journal::{Entry, Journal, RequestRecord},
    reply::{Occasion, Reply},
    server::ResetSwitch,
    settings::Settings,
    stream::AnswerBody,
};

/// The header that asks for a fault.
const FAULT_HEADER: &str = "x-mock-fault";
/// Bodies above this are answered on a thread that may block, for counting their tokens takes a while.
const LARGE_BODY: usize = 64 << 10;

/// A fake provider of every dialect: its settings, armed faults, and journal, all bounded.
#[derive(Debug)]
pub struct MockProvider {
    settings: Settings,
    ids: Ids,
    cache: PromptCache,
    faults: FaultTable,
    journal: Arc<Journal>,
}

/// A request on its way through the provider.
struct Exchange {
    parts: Parts,
    dialect: &'static dyn Dialect,
    request_id: String,
    entry: Entry,
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
            return control::answer(&self, &parts, body).await;
        }
        let dialect = dialect::of(&parts);
        let request_id = dialect.request_id(&self.ids);
        let entry = self
            .journal
            .begin(RequestRecord::arrived(&parts, request_id.clone()));
        let exchange = Exchange {
            parts,
            dialect,
            request_id,
            entry,
        };
        let reply = match self.reply(&exchange, body).await {
            Ok(Some(reply)) => reply,
            Ok(None) => {
                exchange.entry.complete();
                switch.pull();
                return future::pending().await;
            }
            Err(error) => Reply::refused(dialect.refusal(&error, &exchange.request_id)),
        };
        let Exchange {
            request_id, entry, ..
        } = exchange;
        entry.note(|record| record.status = Some(reply.status.as_u16()));
        let mut response = reply.into_response(Some(entry));
        let elapsed = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let request_id = HeaderValue::from_str(&request_id).expect("an id is visible ASCII");
        dialect.stamp(response.headers_mut(), request_id, elapsed);
        response
    }

    /// The reply to an API request; `None` is a reset.
    async fn reply(
        self: &Arc<Self>,
        exchange: &Exchange,
        body: Incoming,
    ) -> Result<Option<Reply>, ApiError> {
        let Exchange {
            parts,
            dialect,
            request_id,
            entry,
        } = exchange;
        let body = read(body, self.settings.body_limit).await;
        if let Ok(body) = &body {
            entry.note(|record| record.set_body(body));
        }
        let endpoint = dialect.endpoint(parts)?;
        dialect.admit(parts, body.as_deref().ok(), &self.settings)?;
        let body = body?;
        let size = body.len();
        let document = match endpoint.intake() {
            Intake::Nothing => Ok(Map::new()),
            Intake::Json => serde_json::from_slice(&body).map_err(|_| ApiError::BadJson),
        };
        drop(body);
        let model = endpoint.selector(document.as_ref().ok());
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
        let document: Map<String, Value> = document?;
        let occasion = Occasion {
            dialect: *dialect,
            endpoint: endpoint.as_ref(),
            framing: endpoint.framing(&document),
            request_id,
        };
        if let Some(reply) = occasion.replaced(&fault) {
            return Ok(Some(reply));
        }
        let payload = if size > LARGE_BODY {
            let (provider, endpoint) = (Arc::clone(self), Arc::clone(&endpoint));
            let answer = move || endpoint.answer(&document, &provider.context());
            tokio::task::spawn_blocking(answer)
                .await
                .map_err(|_| ApiError::Crashed)??
        } else {
            endpoint.answer(&document, &self.context())?
        };
        Ok(Some(occasion.staged(payload, &fault, &self.settings)))
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
