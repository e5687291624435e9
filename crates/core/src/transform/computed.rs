//! What edits come to for one message.

use bytes::Bytes;
use http::header::{HeaderMap, HeaderValue};
use http::uri::{Authority, PathAndQuery};
use http::{Method, StatusCode};
use serde_json::Value as Tree;

use super::{Edits, Part};
use crate::expr::{EvalError, Expression, Input, Reads, Value};
use crate::header::FieldName;
use crate::request_path::normalize;

/// Whether expressions on a message's body can be tried at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// There is none: an expression that reads it has no value, and that is no failure.
    Absent,
    Present,
}

/// Values of a set of edits. An expression that has no value leaves its header unset, and its part
/// of the head as it was.
#[derive(Debug)]
pub struct Computed {
    set: Vec<Option<HeaderValue>>,
    add: Vec<Option<HeaderValue>>,
    pub head: Vec<Head>,
    pub body: Option<Bytes>,
    pub metadata: Vec<(String, Tree)>,
    /// Where an expression failed, and why.
    pub failures: Vec<(String, EvalError)>,
}

/// A new value of a part of a message's head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Head {
    /// In its normal form. A value without `?` leaves the query as it was.
    Path {
        path: String,
        query: Option<String>,
    },
    Method(Method),
    Authority(String),
    /// Of an answer, so never 1xx.
    Status(StatusCode),
}

impl Edits {
    /// Evaluates every expression. `reads_body` tells of an expression whether it reads the
    /// message's own body.
    pub fn compute(
        &self,
        input: &Input<'_>,
        body: Body,
        reads_body: fn(Reads) -> bool,
    ) -> Computed {
        let mut evaluation = Evaluation {
            input,
            unreadable: (body == Body::Absent).then_some(reads_body),
            failures: Vec::new(),
        };
        let metadata = self.metadata.iter();
        let metadata = metadata.filter_map(|(name, expression)| {
            let value = evaluation.value(name, expression, Expression::eval)?;
            Some((name.clone(), value.to_json()))
        });
        let metadata = metadata.collect();
        let body = self.body.as_ref();
        let body = body.and_then(|e| evaluation.value("body", e, Expression::eval));
        let head = self.parts.iter();
        let head = head.filter_map(|(part, expression)| {
            evaluation.value(part.name(), expression, |e, input| part.value(e, input))
        });
        let head = head.collect();
        let mut headers = |edits: &[(FieldName, Expression)]| {
            let values = edits.iter().map(|(name, expression)| {
                evaluation.value(name.written(), expression, Expression::eval_header)
            });
            values.collect()
        };
        Computed {
            set: headers(&self.set),
            add: headers(&self.add),
            head,
            body: body.map(bytes),
            metadata,
            failures: evaluation.failures,
        }
    }
}

impl Computed {
    /// Edits `headers` as `edits`, which these are the values of, ask.
    pub fn apply(&self, edits: &Edits, headers: &mut HeaderMap) {
        for name in &edits.remove {
            headers.remove(name.name());
        }
        for ((name, _), value) in edits.set.iter().zip(&self.set) {
            match value {
                Some(value) => drop(headers.insert(name.name().clone(), value.clone())),
                None => drop(headers.remove(name.name())),
            }
        }
        for ((name, _), value) in edits.add.iter().zip(&self.add) {
            if let Some(value) = value {
                headers.append(name.name().clone(), value.clone());
            }
        }
    }
}

impl Part {
    fn value(self, expression: &Expression, input: &Input<'_>) -> Result<Head, EvalError> {
        let value = expression.eval_header(input)?;
        let head = value.to_str().ok().and_then(|text| self.read(text));
        head.ok_or(EvalError::Unusable {
            got: "text",
            want: self.wanted(),
        })
    }

    /// The text as this part of a head; `None` where it cannot stand there.
    fn read(self, text: &str) -> Option<Head> {
        match self {
            Self::Path => {
                let (path, query) = match text.split_once('?') {
                    Some((path, query)) => (path, Some(query.to_owned())),
                    None => (text, None),
                };
                PathAndQuery::try_from(text).ok()?;
                let path = normalize(path).ok().filter(|_| !text.contains('#'))?;
                Some(Head::Path {
                    path: path.into_owned(),
                    query,
                })
            }
            // A tunnel is no request that a route could have.
            Self::Method => {
                let method = Method::from_bytes(text.as_bytes()).ok()?;
                (method != Method::CONNECT).then_some(Head::Method(method))
            }
            Self::Authority => {
                let authority = Authority::try_from(text).ok()?;
                let named = !authority.host().is_empty() && !text.contains('@');
                named.then(|| Head::Authority(text.to_owned()))
            }
            Self::Status => {
                let status = text.parse().ok()?;
                let status = StatusCode::from_u16(status).ok()?;
                (200..600)
                    .contains(&status.as_u16())
                    .then_some(Head::Status(status))
            }
        }
    }

    fn wanted(self) -> &'static str {
        match self {
            Self::Path => "a path",
            Self::Method => "a method",
            Self::Authority => "an authority",
            Self::Status => "a status from 200 to 599",
        }
    }
}

struct Evaluation<'a, 'i> {
    input: &'a Input<'i>,
    /// Tells which expressions read a body that is not there.
    unreadable: Option<fn(Reads) -> bool>,
    failures: Vec<(String, EvalError)>,
}

impl<'i> Evaluation<'_, 'i> {
    fn value<T>(
        &mut self,
        name: &str,
        expression: &Expression,
        evaluate: impl Fn(&Expression, &Input<'i>) -> Result<T, EvalError>,
    ) -> Option<T> {
        if self
            .unreadable
            .is_some_and(|reads| reads(expression.reads()))
        {
            return None;
        }
        evaluate(expression, self.input)
            .map_err(|error| self.failures.push((name.to_owned(), error)))
            .ok()
    }
}

fn bytes(value: Value) -> Bytes {
    match value {
        Value::String(text) => Bytes::from(text),
        Value::Bytes(bytes) => Bytes::from(bytes),
        other => Bytes::from(other.to_json().to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_stand_in_a_head() {
        let path = |path: &str, query: Option<&str>| Head::Path {
            path: path.to_owned(),
            query: query.map(str::to_owned),
        };
        for (part, text, expected) in [
            (Part::Path, "/a?b=c?d", Some(path("/a", Some("b=c?d")))),
            (Part::Path, "/a/./%62", Some(path("/a/b", None))),
            (Part::Path, "/a?", Some(path("/a", Some("")))),
            (Part::Path, "a", None),
            (Part::Path, "", None),
            (Part::Path, "/a b", None),
            (Part::Path, "/a#b", None),
            (Part::Path, "/a/..;/b", None),
            (Part::Path, "http://else.where/", None),
            (
                Part::Method,
                "PURGE",
                Some(Head::Method(Method::from_bytes(b"PURGE").unwrap())),
            ),
            (Part::Method, "CONNECT", None),
            (Part::Method, "GET /", None),
            (
                Part::Authority,
                "b.example:81",
                Some(Head::Authority("b.example:81".to_owned())),
            ),
            (Part::Authority, "user@b.example", None),
            (Part::Authority, "b.example/x", None),
            (Part::Authority, "", None),
            (
                Part::Status,
                "403",
                Some(Head::Status(StatusCode::FORBIDDEN)),
            ),
            (Part::Status, "101", None),
            (Part::Status, "600", None),
            (Part::Status, "teapot", None),
        ] {
            assert_eq!(part.read(text), expected, "{} {text:?}", part.name());
        }
    }
}
