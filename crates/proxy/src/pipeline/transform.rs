//! Transformations: header and body edits computed by expressions.

use std::sync::Arc;
use std::time::SystemTime;

use agw_core::expr::{
    EvalError, Expression, Input, LlmInput, RequestInput, ResponseInput, SourceInput, Value,
};
use agw_core::request_path::normalize;
use agw_core::shaping::Computed as Member;
use agw_core::transform::{Edits, Part, Transformation, Transformations};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use serde_json::Value as Tree;

use super::Exchange;
use super::inbound::ClientBody;
use crate::body::Answer;
use crate::error::Error;
use crate::telemetry::AiRecord;

/// What a set of edits comes to for one message. An expression that has no value leaves its
/// header unset.
struct Computed {
    set: Vec<Option<HeaderValue>>,
    add: Vec<Option<HeaderValue>>,
    parts: Vec<(Part, String)>,
    body: Option<Bytes>,
    metadata: Vec<(String, Tree)>,
    /// Where an expression failed, and why; for the metric and the debug log.
    failures: Vec<(String, EvalError)>,
}

/// Whether an expression on this message can be tried at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Body {
    /// There is none: an expression that reads it has no value, and that is no failure.
    Absent,
    Present,
}

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
        policy: &Transformation,
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
                compute(edits, &input, body, |reads| reads.request_body)
            };
            self.count_failures(place, &computed.failures);
            apply(edits, &computed, &mut self.inbound.headers);
            for (part, value) in computed.parts {
                self.replace(part, &value)?;
            }
            if let Some(bytes) = computed.body {
                self.inbound.body = ClientBody::Held(bytes);
            }
            self.metadata.extend(computed.metadata);
        }
        if !policy.response.is_empty() {
            self.response_policies.push(Arc::new(policy.clone()));
        }
        Ok(())
    }

    /// Replaces a part of the request's head. What cannot stand there is the policy's fault, and
    /// the client is told that its request is not valid.
    fn replace(&mut self, part: Part, value: &str) -> Result<(), Error> {
        let inbound = &mut self.inbound;
        match part {
            Part::Path => {
                let (path, query) = match value.split_once('?') {
                    Some((path, query)) => (path, Some(query.to_owned())),
                    None => (value, None),
                };
                let normal = normalize(path).map_err(|e| Error::BadRequest(e.to_string()))?;
                inbound.path = normal.into_owned();
                inbound.query = query.or_else(|| inbound.query.take());
            }
            Part::Method => {
                let method = Method::from_bytes(value.as_bytes());
                inbound.method = method.map_err(|e| Error::BadRequest(e.to_string()))?;
            }
            Part::Authority => value.clone_into(&mut inbound.authority),
            Part::Status => {}
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
                compute(edits, &input, body, |reads| reads.response_body)
            };
            self.count_failures("response", &computed.failures);
            apply(edits, &computed, &mut parts.headers);
            if let Some(status) = status(&computed.parts) {
                parts.status = status;
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
            compute(&policy.request, &input, present, |reads| reads.request_body)
        };
        self.count_failures(place, &computed.failures);
        apply(&policy.request, &computed, headers);
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

fn llm(ai: &AiRecord) -> LlmInput<'_> {
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

fn compute(
    edits: &Edits,
    input: &Input<'_>,
    body: Body,
    reads_body: fn(agw_core::expr::Reads) -> bool,
) -> Computed {
    let mut failures = Vec::new();
    let mut lost = Vec::new();
    let mut value = |name: &str, expression: &Expression| -> Option<Value> {
        if body == Body::Absent && reads_body(expression.reads()) {
            return None;
        }
        expression
            .eval(input)
            .map_err(|error| failures.push((name.to_owned(), error)))
            .ok()
    };
    let metadata: Vec<_> = edits
        .metadata
        .iter()
        .filter_map(|(name, e)| Some((name.clone(), value(name, e)?.to_json())))
        .collect();
    let new_body = edits
        .body
        .as_ref()
        .and_then(|e| value("body", e))
        .map(|v| match v {
            Value::String(text) => Bytes::from(text),
            Value::Bytes(bytes) => Bytes::from(bytes),
            other => Bytes::from(other.to_json().to_string()),
        });
    let mut header = |(name, expression): &(agw_core::header::FieldName, Expression)| {
        if body == Body::Absent && reads_body(expression.reads()) {
            return None;
        }
        let result = expression.eval_header(input);
        result
            .map_err(|error| failures.push((name.written().to_owned(), error)))
            .ok()
    };
    let parts = edits.parts.iter().filter_map(|(part, expression)| {
        if body == Body::Absent && reads_body(expression.reads()) {
            return None;
        }
        let value = expression.eval_header(input);
        let value = value.and_then(|value| match value.to_str() {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => Err(EvalError::Unusable { got: "text", want: "a part of a message's head" }),
        });
        match value {
            Ok(value) => Some((*part, value)),
            Err(error) => {
                lost.push((part.name().to_owned(), error));
                None
            }
        }
    });
    let parts = parts.collect();
    let set = edits.set.iter().map(&mut header).collect();
    let add = edits.add.iter().map(&mut header).collect();
    failures.extend(lost);
    Computed {
        set,
        add,
        parts,
        body: new_body,
        metadata,
        failures,
    }
}

/// The status that a response gets, where the value is one.
fn status(parts: &[(Part, String)]) -> Option<StatusCode> {
    let of_status = parts.iter().find(|(part, _)| *part == Part::Status);
    let status = of_status.and_then(|(_, value)| value.parse().ok())?;
    StatusCode::from_u16(status).ok().filter(|_| (200..600).contains(&status))
}

fn apply(edits: &Edits, computed: &Computed, headers: &mut HeaderMap) {
    for name in &edits.remove {
        headers.remove(name.name());
    }
    for ((name, _), value) in edits.set.iter().zip(&computed.set) {
        match value {
            Some(value) => drop(headers.insert(name.name().clone(), value.clone())),
            None => drop(headers.remove(name.name())),
        }
    }
    for ((name, _), value) in edits.add.iter().zip(&computed.add) {
        if let Some(value) = value {
            headers.append(name.name().clone(), value.clone());
        }
    }
}
