//! The request as it changes on its way.

use std::sync::Arc;

use agw_ai::operation::{self, ModelPath};
use agw_ai::request::RequestFacts;
use agw_core::expr::{Input, RequestInput, SourceInput};
use agw_core::matcher::RequestHead;
use agw_core::request_path::normalize;
use agw_core::snapshot::Snapshot;
use agw_core::transform::{Body, Head, Transformation};
use http::{Method, Version};
use serde_json::{Map, Value};

use super::{By, Described, Step, Then};
use crate::pipeline::without_port;

/// A request under way, and what has happened to it.
pub(super) struct Walk<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) port: u16,
    pub(super) request: Described,
    pub(super) host: String,
    pub(super) model: Option<Arc<str>>,
    pub(super) steps: Vec<Step>,
    pub(super) api_key: Option<Value>,
    /// Whether somebody else has yet to say who is asking.
    pub(super) identity: Identity,
    metadata: Value,
}

/// Who is asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Identity {
    Known,
    /// A credential is shown that only its check can tell of.
    Unchecked,
}

impl<'a> Walk<'a> {
    pub(super) fn new(snapshot: &'a Snapshot, port: u16, host: String, request: Described) -> Self {
        Self {
            snapshot,
            port,
            request,
            host,
            model: None,
            steps: Vec::new(),
            api_key: None,
            identity: Identity::Known,
            metadata: Value::Object(Map::new()),
        }
    }

    pub(super) fn normalize(&mut self) -> Result<(), String> {
        let normal = normalize(&self.request.path).map_err(|error| error.to_string())?;
        if normal != self.request.path {
            let does = format!("the path is read as {normal}");
            let normal = normal.into_owned();
            self.steps.push(Step {
                by: By::Gateway,
                does,
                then: Then::Continues,
            });
            self.request.path = normal;
        }
        Ok(())
    }

    pub(super) fn head(&self) -> RequestHead<'_> {
        RequestHead {
            method: &self.request.method,
            host: &self.host,
            path: &self.request.path,
            query: self.request.query.as_deref(),
            headers: &self.request.headers,
            model: self.model.as_deref(),
        }
    }

    pub(super) fn input(&self) -> Input<'_> {
        let request = &self.request;
        let mut input = Input::new();
        input.request = Some(RequestInput {
            method: request.method.as_str(),
            scheme: request.scheme.as_str(),
            host: &request.authority,
            path: &request.path,
            query: request.query.as_deref(),
            version: Version::HTTP_11,
            headers: &request.headers,
            body: (!request.body.is_empty()).then_some(&request.body[..]),
            start_time: Some(request.now),
            end_time: None,
        });
        input.source = Some(SourceInput {
            address: request.source.ip(),
            port: request.source.port(),
            more: None,
        });
        input.jwt = request.claims.as_ref();
        input.api_key = self.api_key.as_ref();
        input.metadata = Some(&self.metadata);
        input.now = Some(request.now);
        input.random = Some(0);
        input
    }

    /// As the pipeline finds the model that is asked for.
    pub(super) fn find_model(&mut self) {
        if let Some(named) = ModelPath::parse(&self.request.path) {
            self.model = Some(named.model().into());
            return;
        }
        let asks = operation::detect(&self.request.path).is_some_and(|d| d.operation.names_model());
        if asks && self.request.method == Method::POST {
            let facts = RequestFacts::read(&self.request.body).ok();
            self.model = facts.and_then(|facts| facts.model().cloned());
        }
    }

    /// Makes the edits of a transformation, and tells what came of them.
    pub(super) fn edit(&mut self, transformation: &Transformation) -> String {
        let edits = &transformation.request;
        let body = match self.request.body.is_empty() {
            true => Body::Absent,
            false => Body::Present,
        };
        let computed = edits.compute(&self.input(), body, |reads| reads.request_body);
        computed.apply(edits, &mut self.request.headers);
        let mut done = Vec::new();
        let names = edits.set.iter().map(|(name, _)| ("sets", "absent", name));
        let added = edits
            .add
            .iter()
            .map(|(name, _)| ("adds", "not added", name));
        let failed = |name: &str| computed.failures.iter().any(|(failed, _)| failed == name);
        for (verb, without, name) in names.chain(added) {
            let value = self.request.headers.get_all(name.name());
            let name = name.written();
            match value.iter().next_back() {
                Some(value) => {
                    let value = value.to_str().unwrap_or("…");
                    done.push(format!("{verb} {name}: {value}"));
                }
                None if failed(name) => {}
                None => {
                    done.push(format!(
                        "{name} is {without}: there is no body to compute it from"
                    ));
                }
            }
        }
        let removed = edits.remove.iter();
        done.extend(removed.map(|name| format!("removes {}", name.written())));
        for part in computed.head {
            done.push(self.replace(part));
        }
        if let Some(body) = computed.body {
            done.push(format!("the body is {} bytes now", body.len()));
            self.request.body = body;
        }
        if let Value::Object(metadata) = &mut self.metadata {
            done.extend(
                computed
                    .metadata
                    .iter()
                    .map(|(n, v)| format!("metadata.{n} is {v}")),
            );
            metadata.extend(computed.metadata);
        }
        let failures = computed.failures.iter();
        done.extend(failures.map(|(name, error)| format!("{name} has no value: {error}")));
        if !transformation.response.is_empty() {
            done.push("edits the answer".to_owned());
        }
        match done.is_empty() {
            true => "changes nothing".to_owned(),
            false => done.join("; "),
        }
    }

    fn replace(&mut self, part: Head) -> String {
        match part {
            Head::Path { path, query } => {
                let said = format!("the path is {path}");
                self.request.path = path;
                self.request.query = query.or_else(|| self.request.query.take());
                said
            }
            Head::Method(method) => {
                let said = format!("the method is {method}");
                self.request.method = method;
                said
            }
            Head::Authority(authority) => {
                let said = format!("the host is {authority}");
                self.host = without_port(&authority).to_ascii_lowercase();
                self.request.authority = authority;
                said
            }
            Head::Status(_) => String::new(),
        }
    }
}
