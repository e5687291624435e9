//! Asking a webhook.

use std::time::Duration;

use agw_core::guard::{FailureMode, Webhook};
use bytes::Bytes;
use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use serde_json::Value;

use super::super::Exchange;
use crate::body::{Collected, collect};
use crate::error::Error;
use crate::upstream::{Outbound, Payload, PoolKey, send};

/// A webhook that has not answered by then has failed.
const WITHIN: Duration = Duration::from_secs(10);
/// Beyond what it was asked an answer may have so much.
const BESIDE: usize = 64 << 10;

/// Which question it is.
#[derive(Debug, Clone, Copy)]
pub(super) enum About {
    Request,
    Answer,
}

impl Exchange {
    /// What a webhook answers, or nothing where it does not and that is to be let pass.
    pub(super) async fn ask_webhook<T>(
        &self,
        webhook: &Webhook,
        about: About,
        question: Bytes,
        read: impl FnOnce(&[u8]) -> Result<T, &'static str>,
    ) -> Result<Option<T>, Error> {
        let limit = question.len() * 2 + BESIDE;
        let asked = self.exchange_with(webhook, about, question, limit);
        let answered = match tokio::time::timeout(WITHIN, asked).await {
            Ok(answered) => answered,
            Err(_) => Err(format!("no answer within {WITHIN:?}")),
        };
        let read = answered.and_then(|body| read(&body).map_err(str::to_owned));
        match (read, webhook.failure_mode) {
            (Ok(answer), _) => Ok(Some(answer)),
            (Err(why), FailureMode::FailClosed) => {
                Err(Error::Unasked(format!("webhook {}: {why}", webhook.label)))
            }
            (Err(why), FailureMode::FailOpen) => {
                let webhook = &*webhook.label;
                // The access log says it of every such request.
                tracing::debug!(webhook, why, "a guard could not be asked: let through");
                Ok(None)
            }
        }
    }

    async fn exchange_with(
        &self,
        webhook: &Webhook,
        about: About,
        question: Bytes,
        limit: usize,
    ) -> Result<Bytes, String> {
        let worker = &self.peer.worker;
        let count = webhook.endpoints.len();
        if count == 0 {
            return Err("it has no ready endpoint".to_owned());
        }
        let turn = usize::try_from(worker.random() >> 33).unwrap_or_default() % count;
        let key = PoolKey {
            endpoint: webhook.endpoints[turn].clone(),
            protocol: webhook.protocol,
        };
        let outbound = self.question(webhook, about, question)?;
        let sent = send(&worker.pool, &worker.connector, key, outbound).await;
        let response = sent.map_err(|error| error.to_string())?;
        let status = response.status();
        if !status.is_success() {
            return Err(format!("it answered {}", status.as_u16()));
        }
        match collect(response.into_body(), limit, WITHIN).await {
            Collected::Whole(body) => Ok(body),
            Collected::TooLarge => Err(format!("its answer has more than {limit} bytes")),
            Collected::Stalled | Collected::Failed(_) => Err("its answer broke off".to_owned()),
        }
    }

    fn question(
        &self,
        webhook: &Webhook,
        about: About,
        question: Bytes,
    ) -> Result<Outbound, String> {
        let mut headers = HeaderMap::new();
        for wanted in &webhook.forwarded {
            if wanted.matches(&self.inbound.headers) {
                let name = wanted.name.name();
                for value in self.inbound.headers.get_all(name) {
                    headers.append(name.clone(), value.clone());
                }
            }
        }
        let path = self.computed(webhook, &mut headers);
        let path = path.unwrap_or_else(|| match about {
            About::Request => "/request".to_owned(),
            About::Answer => "/response".to_owned(),
        });
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        headers.insert(
            header::ACCEPT_ENCODING,
            HeaderValue::from_static("identity"),
        );
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(question.len()));
        if let Ok(id) = HeaderValue::from_str(&self.record.request_id) {
            headers.insert(HeaderName::from_static("x-request-id"), id);
        }
        let path = format!("/{}", path.trim_start_matches('/'));
        Ok(Outbound {
            method: Method::POST,
            target: PathAndQuery::try_from(path).map_err(|_| "its path is not valid".to_owned())?,
            authority: Authority::try_from(&*webhook.authority)
                .map_err(|_| "its host is not valid".to_owned())?,
            headers,
            upgrade: None,
            payload: Payload::Pieces(vec![question]),
        })
    }

    /// Sets the headers that expressions compute, and gives the path where one does. What has no
    /// value is left out.
    fn computed(&self, webhook: &Webhook, headers: &mut HeaderMap) -> Option<String> {
        if webhook.headers.is_empty() && webhook.path.is_none() {
            return None;
        }
        let metadata = Value::Object(self.metadata.clone());
        let held = self.inbound.held();
        let asked = held.and_then(|body| serde_json::from_slice(body).ok());
        let mut input = self.input(&metadata, None);
        input.llm_request = asked.as_ref();
        let mut failures = Vec::new();
        for (name, expression) in &webhook.headers {
            headers.remove(name.name());
            match expression.eval_header(&input) {
                Ok(value) => drop(headers.insert(name.name().clone(), value)),
                Err(error) => failures.push((name.written().to_owned(), error)),
            }
        }
        let path = webhook
            .path
            .as_ref()
            .and_then(|path| match path.eval_header(&input) {
                Ok(value) => value.to_str().ok().map(str::to_owned),
                Err(error) => {
                    failures.push((":path".to_owned(), error));
                    None
                }
            });
        self.count_failures(&format!("webhook {}", webhook.label), &failures);
        path
    }
}
