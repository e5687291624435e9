//! Transformations: header and body edits computed by expressions.

use std::sync::Arc;
use std::time::SystemTime;

use agw_core::expr::{EvalError, Input, LlmInput, Reads, RequestInput, ResponseInput, SourceInput};
use agw_core::shaping::Computed as Member;
use agw_core::transform::{Body, Head, Transformation, Transformations};
use bytes::Bytes;
use http::{HeaderMap, Response};
use serde_json::Value as Tree;

use super::Exchange;
use super::inbound::ClientBody;
use crate::body::Answer;
use crate::error::Error;
use crate::telemetry::AiRecord;

impl Exchange {
    /// Runs the request part of the transformation whose condition holds.
    pub(super) async fn transform_by(
        &mut self,
        policy: &Transformations,
        place: &str,
    ) -> Result<(), Error> {
        if policy.read_body() && self.inbound.has_body() {
            let limits = self.peer.worker.limits.clone();
            self.inbound.hold(&limits, limits.body).await?;
        }
        let chosen = match policy.all() {
            [only] if only.when.is_none() => Some(only.then.clone()),
            _ => {
                let metadata = Tree::Object(self.metadata.clone());
                policy.choose(&self.input(&metadata, None)).cloned()
            }
        };
        match chosen {
            Some(chosen) => self.transform_request(&chosen, place).await,
            None => Ok(()),
        }
    }

    /// Runs the request part of a policy. A request without a body pays nothing for expressions
    /// on bodies: their headers are absent, also if the client sent one under that name.
    pub(super) async fn transform_request(
        &mut self,
        policy: &Arc<Transformation>,
        place: &str,
    ) -> Result<(), Error> {
        let edits = &policy.request;
        let body = if self.inbound.has_body() {
            Body::Present
        } else {
            Body::Absent
        };
        if edits.reads_request_body() && body == Body::Present {
            let limits = self.peer.worker.limits.clone();
            self.inbound.hold(&limits, limits.body).await?;
        }
        if !edits.is_empty() {
            let computed = {
                let metadata = Tree::Object(self.metadata.clone());
                let input = self.input(&metadata, None);
                edits.compute(&input, body, |reads| reads.request_body)
            };
            self.count_failures(place, &computed.failures);
            computed.apply(edits, &mut self.inbound.headers);
            for part in computed.head {
                self.inbound.replace(part);
            }
            if let Some(bytes) = computed.body {
                self.inbound.body = ClientBody::Held(bytes);
            }
            self.metadata.extend(computed.metadata);
        }
        if !policy.response.is_empty() {
            self.response_policies.push(policy.clone());
        }
        Ok(())
    }

    /// Runs the response parts of the policies that the request came under, the last one first.
    pub(super) async fn transform_response(
        &mut self,
        response: Response<Box<Answer>>,
    ) -> Result<Response<Box<Answer>>, Error> {
        let mut response = response;
        for policy in std::mem::take(&mut self.response_policies)
            .into_iter()
            .rev()
        {
            let edits = &policy.response;
            let (mut parts, answer) = response.into_parts();
            let needs_body = edits.reads_response_body();
            let (held, mut answer) = if needs_body {
                answer.hold(self.peer.worker.limits.response_body).await
            } else {
                (None, answer)
            };
            let body = if needs_body && held.is_none() {
                Body::Absent
            } else {
                Body::Present
            };
            let computed = {
                let metadata = Tree::Object(self.metadata.clone());
                let message = ResponseInput {
                    code: parts.status,
                    headers: &parts.headers,
                    body: held.as_deref(),
                };
                let input = self.input(&metadata, Some(message));
                edits.compute(&input, body, |reads| reads.response_body)
            };
            self.count_failures("response", &computed.failures);
            computed.apply(edits, &mut parts.headers);
            for part in &computed.head {
                if let Head::Status(status) = part {
                    parts.status = *status;
                }
            }
            if let Some(bytes) = computed.body {
                parts.headers.remove(http::header::CONTENT_LENGTH);
                answer = answer.replaced(bytes);
            }
            response = Response::from_parts(parts, answer);
        }
        Ok(response)
    }

    /// Runs the request part of a backend's policy on what is about to go to it. The client's own
    /// request stays as it was, for the next target.
    pub(super) fn transform_outbound(
        &mut self,
        policy: &Transformation,
        place: &str,
        headers: &mut HeaderMap,
        body: &mut Bytes,
    ) {
        if policy.request.is_empty() {
            return;
        }
        let present = if body.is_empty() {
            Body::Absent
        } else {
            Body::Present
        };
        let computed = {
            let metadata = Tree::Object(self.metadata.clone());
            let mut input = self.input(&metadata, None);
            if let Some(request) = &mut input.request {
                request.headers = headers;
                request.body = Some(&body[..]);
            }
            let reads_body = |reads: Reads| reads.request_body;
            policy.request.compute(&input, present, reads_body)
        };
        self.count_failures(place, &computed.failures);
        computed.apply(&policy.request, headers);
        if let Some(bytes) = computed.body {
            *body = bytes;
        }
        self.metadata.extend(computed.metadata);
    }

    /// Computes a member of a request to a model. What fails is noted.
    pub(super) fn member(
        &self,
        member: &Member,
        headers: &HeaderMap,
        body: &Bytes,
        failures: &mut Vec<(String, EvalError)>,
    ) -> Option<Tree> {
        let metadata = Tree::Object(self.metadata.clone());
        let asked = serde_json::from_slice(body).ok();
        let mut input = self.input(&metadata, None);
        if let Some(request) = &mut input.request {
            request.headers = headers;
            request.body = Some(&body[..]);
        }
        evaluate(member, input, asked.as_ref(), failures)
    }

    pub(super) fn input<'a>(
        &'a self,
        metadata: &'a Tree,
        response: Option<ResponseInput<'a>>,
    ) -> Input<'a> {
        let inbound = &self.inbound;
        let mut input = Input::new();
        input.request = Some(RequestInput {
            method: inbound.method.as_str(),
            scheme: self.peer.scheme.as_str(),
            host: &inbound.authority,
            path: &inbound.path,
            query: inbound.query.as_deref(),
            version: inbound.version,
            headers: &inbound.headers,
            body: inbound.held().map(|b| &b[..]),
            start_time: Some(self.record.at.into()),
            end_time: None,
        });
        input.response = response;
        let peer = self.peer.client.address;
        input.source = Some(SourceInput {
            address: peer.ip(),
            port: peer.port(),
            more: None,
        });
        input.llm = self.record.ai.as_deref().map(llm);
        let identity = &self.identity;
        input.jwt = identity.jwt.as_ref();
        input.api_key = identity.api_key.as_ref();
        input.basic_auth = identity.basic.as_ref();
        input.extauthz = identity.external.as_ref();
        input.metadata = Some(metadata);
        input.now = Some(SystemTime::now());
        input.random = Some(self.peer.worker.random());
        input
    }

    pub(super) fn count_failures(&self, place: &str, failures: &[(String, EvalError)]) {
        for (name, error) in failures {
            let place = format!("{place} {name}");
            tracing::debug!(place, %error, "an expression has no value for this request");
            self.peer.worker.shard.expression_failed(&place.into());
        }
    }
}

/// The value of a member of a request to a model, whose body is `llmRequest` there.
pub(super) fn evaluate<'a>(
    member: &Member,
    mut input: Input<'a>,
    asked: Option<&'a Tree>,
    failures: &mut Vec<(String, EvalError)>,
) -> Option<Tree> {
    input.llm_request = asked;
    let value = member.value.eval(&input);
    value
        .map_err(|error| failures.push((member.field.to_string(), error)))
        .ok()
        .map(|value| value.to_json())
}

pub(super) fn llm(ai: &AiRecord) -> LlmInput<'_> {
    LlmInput {
        provider: Some(ai.provider),
        request_model: ai.client_model.as_deref().or(ai.model.as_deref()),
        response_model: ai.response_model.as_deref(),
        streaming: Some(ai.stream),
        input_tokens: ai.usage.input,
        cached_input_tokens: ai.usage.cached,
        output_tokens: ai.usage.output,
        reasoning_tokens: ai.usage.reasoning,
        total_tokens: ai.usage.total,
        ..LlmInput::default()
    }
}
