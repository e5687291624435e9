//! How a provider would be asked.

use std::sync::Arc;

use agw_ai::format::Stamp;
use agw_core::backend::{AiProvider, ApiRoute};
use agw_core::expr::Input;
use agw_core::shaping::Shaping;

use super::attempt::{own_host, target_of};
use super::outbound;
use super::question::{Incoming, Question};
use super::transform::evaluate;
use crate::error::Error;
use crate::explain::Described;

/// A request to a provider, in words.
#[derive(Debug)]
pub(crate) struct Previewed {
    /// `POST https://api.openai.com:443/v1/chat/completions`
    pub(crate) request: String,
    pub(crate) model: Option<String>,
    pub(crate) notes: Vec<String>,
}

/// What `provider` would be asked for `request`. Guards and the backend's own transformation are
/// only named: what they do can depend on others.
pub(crate) fn preview(
    provider: &AiProvider,
    routes: &[ApiRoute],
    request: Described,
    shaping: &Shaping,
    renamed: Option<&Arc<str>>,
    input: &Input<'_>,
) -> Result<Previewed, Error> {
    let query = request.query.as_deref();
    let incoming = Incoming {
        method: &request.method,
        path: &request.path,
        query,
        headers: outbound::forwardable(&request.headers),
        body: request.body.clone(),
        stamp: Stamp::default(),
        shaping,
        renamed,
    };
    let mut failures = Vec::new();
    let question = Question::new(provider, routes, incoming, &mut |member, body| {
        let asked = serde_json::from_slice(body).ok();
        let mut own = Input::new();
        own.request = input.request;
        own.source = input.source;
        own.jwt = input.jwt;
        own.api_key = input.api_key;
        own.metadata = input.metadata;
        own.now = input.now;
        own.random = input.random;
        evaluate(member, own, asked.as_ref(), &mut failures)
    })?;
    let mut notes = Vec::new();
    if let Some(client) = question.client_model.as_deref()
        && question
            .model
            .as_deref()
            .is_some_and(|model| model != client)
    {
        notes.push(format!("the client asks for model {client}"));
    }
    if question.call.is_some() {
        let name = question.dialect.provider().name;
        notes.push(format!(
            "the request and its answer are translated for {name}"
        ));
    }
    notes.extend(
        failures
            .iter()
            .map(|(field, error)| format!("{field} is left out: {error}")),
    );
    if provider.policy.transformation.is_some() {
        notes.push("the backend's own transformation edits it".to_owned());
    }
    if shaping.guard.is_some() {
        notes.push("a prompt guard looks at it".to_owned());
    }
    let model = question.model.as_deref().map(str::to_owned);
    if question.estimate.is_some() {
        notes.push("the gateway answers with an estimate; the provider is not asked".to_owned());
        return Ok(Previewed {
            request: String::new(),
            model,
            notes,
        });
    }
    let host = own_host(provider, &question).unwrap_or(&provider.endpoint.host);
    let scheme = match provider.endpoint.tls {
        Some(_) => "https",
        None => "http",
    };
    let target = target_of(provider, &question, query);
    let (method, port) = (&request.method, provider.endpoint.port);
    Ok(Previewed {
        request: format!("{method} {scheme}://{host}:{port}{target}"),
        model,
        notes,
    })
}
