//! Asking by HTTP: the status is the answer.

use std::sync::Arc;

use agw_core::access::{Authorizer, Denial, HeaderEdit, HttpQuestion, Permit, is_editable};
use agw_core::expr::{EvalError, Expression, Input, ResponseInput};
use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Map, Value};

use super::super::Exchange;
use crate::access::Decision;
use crate::asking::{Asking, Question, Told};

impl Exchange {
    /// What the server says. The error says why nothing can be told.
    pub(super) async fn check_by_http(
        &self,
        authorizer: &Authorizer,
        http: &HttpQuestion,
        asking: &Asking<'_>,
    ) -> Result<Decision, String> {
        let mut failures = Vec::new();
        let question = self.http_question(authorizer, http, &mut failures);
        self.count_failures("extAuth", &failures);
        let told = asking.http(&authorizer.server, question?).await?;
        let status = told.parts.status;
        if status.is_success() {
            let permit = self.http_permit(http, &told);
            return Ok(Decision::Permit(Arc::new(permit)));
        }
        if status.is_server_error() || status.is_informational() {
            return Err(format!("it answered {}", status.as_u16()));
        }
        Ok(Decision::Deny(Arc::new(self.http_denial(http, told))))
    }

    fn http_question(
        &self,
        authorizer: &Authorizer,
        http: &HttpQuestion,
        failures: &mut Vec<(String, EvalError)>,
    ) -> Result<Question, String> {
        let inbound = &self.inbound;
        let metadata = Value::Object(self.metadata.clone());
        let input = self.input(&metadata, None);
        let own = inbound.target().map_err(|error| error.to_string())?;
        let target = match &http.path {
            None => own.clone(),
            Some(path) => {
                let path = text(path, &input)
                    .map_err(|error| format!("the path of the question has no value: {error}"))?;
                PathAndQuery::try_from(format!("/{}", path.trim_start_matches('/')))
                    .map_err(|_| "the path of the question is none".to_owned())?
            }
        };
        let mut headers = HeaderMap::new();
        for name in [header::AUTHORIZATION].iter().chain(&http.forwarded) {
            for value in inbound.headers.get_all(name) {
                headers.append(name.clone(), value.clone());
            }
        }
        let address = self.peer.client.address.ip().to_string();
        for (name, value) in [
            ("x-forwarded-for", address.as_str()),
            ("x-forwarded-host", &inbound.authority),
            ("x-forwarded-method", inbound.method.as_str()),
            ("x-forwarded-proto", self.peer.scheme.as_str()),
            ("x-forwarded-uri", own.as_str()),
            ("x-request-id", &self.record.request_id),
            ("accept-encoding", "identity"),
        ] {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        for (name, expression) in &http.headers {
            match expression.eval_header(&input) {
                Ok(value) => drop(headers.insert(name.name().clone(), value)),
                Err(error) => failures.push((name.written().to_owned(), error)),
            }
        }
        let body = match &http.body {
            Some(body) => text(body, &input)
                .map_err(|error| format!("the body of the question has no value: {error}"))?
                .into(),
            None if authorizer.body.is_some() => {
                if let Some(kind) = inbound.headers.get(header::CONTENT_TYPE) {
                    headers.insert(header::CONTENT_TYPE, kind.clone());
                }
                inbound.held().cloned().unwrap_or_default()
            }
            None => Bytes::new(),
        };
        headers.insert(header::CONTENT_LENGTH, body.len().into());
        Ok(Question {
            method: inbound.method.clone(),
            target,
            headers,
            body,
        })
    }

    fn http_permit(&self, http: &HttpQuestion, told: &Told) -> Permit {
        let mut request = Vec::new();
        for name in &http.taken {
            let values = told.parts.headers.get_all(name).iter().cloned();
            request.push(HeaderEdit::Remove(name.clone()));
            request.extend(values.map(|value| HeaderEdit::Append(name.clone(), value)));
        }
        Permit {
            request,
            told: self.told_of(http, told),
            ..Permit::default()
        }
    }

    /// What expressions see of the answer.
    fn told_of(&self, http: &HttpQuestion, told: &Told) -> Option<Value> {
        if http.metadata.is_empty() {
            return None;
        }
        let metadata = Value::Object(self.metadata.clone());
        let answer = ResponseInput {
            code: told.parts.status,
            headers: &told.parts.headers,
            body: Some(&told.body),
        };
        let input = self.input(&metadata, Some(answer));
        let mut members = Map::new();
        let mut failures = Vec::new();
        for (name, expression) in &http.metadata {
            match expression.eval(&input) {
                Ok(value) => drop(members.insert(name.to_string(), value.to_json())),
                Err(error) => failures.push((name.to_string(), error)),
            }
        }
        self.count_failures("extAuth", &failures);
        Some(Value::Object(members))
    }

    fn http_denial(&self, http: &HttpQuestion, told: Told) -> Denial {
        if let Some(redirect) = &http.redirect
            && told.parts.status == StatusCode::UNAUTHORIZED
        {
            let location = self.with_input(|input| redirect.eval_header(input));
            match location {
                Ok(location) => {
                    return Denial {
                        status: StatusCode::FOUND,
                        headers: HeaderMap::from_iter([(header::LOCATION, location)]),
                        body: Bytes::new(),
                    };
                }
                Err(error) => self.count_failures("extAuth", &[("redirect".to_owned(), error)]),
            }
        }
        Denial {
            status: told.parts.status,
            headers: passed(&told.parts.headers),
            body: told.body,
        }
    }
}

/// The headers of an answer that a client may get: none of the connection it came over.
fn passed(headers: &HeaderMap) -> HeaderMap {
    let connection = headers.get_all(header::CONNECTION).iter();
    let options = connection.flat_map(|value| value.to_str().unwrap_or_default().split(','));
    let named: Vec<_> = options.map(|o| o.trim().to_ascii_lowercase()).collect();
    let may = |name: &HeaderName| {
        is_editable(name) && !named.iter().any(|n| n == name.as_str()) && *name != header::DATE
    };
    let pairs = headers.iter().filter(|(name, _)| may(name));
    let mut passed = HeaderMap::new();
    for (name, value) in pairs {
        passed.append(name.clone(), value.clone());
    }
    passed
}

fn text(expression: &Expression, input: &Input<'_>) -> Result<String, EvalError> {
    let value = expression.eval(input)?;
    Ok(match value.as_str() {
        Some(text) => text.to_owned(),
        None => value.to_json().to_string(),
    })
}
