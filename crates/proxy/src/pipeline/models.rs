//! Requests that are matched by the model they ask for, and lists of such models.

use agw_ai::listing::{self, Listed, Words};
use agw_ai::operation::{self, ModelPath, Operation};
use agw_ai::request::RequestFacts;
use agw_core::snapshot::ListenerTable;
use bytes::Bytes;
use http::{HeaderValue, Method, Response, header};

use super::Exchange;
use crate::body::Answer;
use crate::error::Error;
use crate::respond::Dialect;

/// Anthropic's clients name its API's version in each request.
const ANTHROPIC: &str = "anthropic-version";

impl Exchange {
    /// Finds out which model is asked for. A body is held for it only where its API has the model
    /// there; one that makes no sense is told of only when nothing else takes the request.
    pub(super) async fn find_model(&mut self) -> Result<Option<agw_ai::Error>, Error> {
        let path = &self.inbound.path;
        if let Some(named) = ModelPath::parse(path) {
            self.inbound.model = Some(named.model().into());
            return Ok(None);
        }
        let asks = operation::detect(path).is_some_and(|d| d.operation.names_model());
        if !asks || self.inbound.method != Method::POST {
            return Ok(None);
        }
        let limits = self.peer.worker.limits.clone();
        let body = self.inbound.hold(&limits, limits.body).await?;
        match RequestFacts::read(&body) {
            Ok(facts) => {
                self.inbound.model = facts.model().cloned();
                Ok(None)
            }
            Err(error) => Ok(Some(error)),
        }
    }

    /// What a request that no route takes gets where models are offered.
    pub(super) async fn without_route(
        &mut self,
        listener: &ListenerTable,
        unread: Option<agw_ai::Error>,
    ) -> Result<Response<Box<Answer>>, Error> {
        if !listener.models.are_matched() {
            return Err(Error::NoRoute);
        }
        // What is offered is told to those alone who may ask.
        self.speak_by_path();
        if let Some(why) = &listener.policy.refused {
            return Err(Error::BrokenRule(why.to_string()));
        }
        self.admit(&listener.policy.access).await?;
        let spoken = operation::detect(&self.inbound.path);
        let operation = spoken.map_or(Operation::Passthrough, |d| d.operation);
        if operation == Operation::Models && self.inbound.method == Method::GET {
            self.dialect = Dialect::Api(operation);
            return self.list_models(listener);
        }
        if let Some(error) = unread {
            self.dialect = Dialect::Api(operation);
            return Err(Error::BadBody(error));
        }
        match self.inbound.model.clone() {
            Some(model) => {
                self.dialect = Dialect::Api(operation);
                Err(Error::NoSuchModel(model))
            }
            None if operation.names_model() && self.inbound.method == Method::POST => {
                self.dialect = Dialect::Api(operation);
                Err(Error::NoModel)
            }
            None => Err(Error::NoRoute),
        }
    }

    /// All models, or the one that the path names.
    fn list_models(&self, listener: &ListenerTable) -> Result<Response<Box<Answer>>, Error> {
        let words = match self.inbound.headers.contains_key(ANTHROPIC) {
            true => Words::Anthropic,
            false => Words::OpenAi,
        };
        let offered = listener.models.offered().iter().map(|model| Listed {
            id: &model.name,
            created: model.created.unwrap_or_default(),
        });
        let path = self.inbound.path.trim_end_matches('/');
        let body = match path.split_once("/models/") {
            None => listing::list(&offered.collect::<Vec<_>>(), words),
            Some((_, name)) => {
                let mut offered = offered;
                let found = offered.find(|model| model.id == name);
                let missing = || Error::NoSuchModel(name.into());
                listing::one(&found.ok_or_else(missing)?, words)
            }
        };
        Ok(json(body))
    }
}

fn json(body: Bytes) -> Response<Box<Answer>> {
    let mut response = Response::new(Answer::whole(body));
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
