//! What a provider is asked, in its own words.

use std::sync::Arc;

use agw_ai::chat::Dropped;
use agw_ai::count;
use agw_ai::dialect::bedrock::guarded;
use agw_ai::dialect::{self, Dialect};
use agw_ai::embed::EmbedApi;
use agw_ai::format::{Format, Stamp};
use agw_ai::operation::{self, Detected, ModelPath, Operation, RouteTable, StreamForm};
use agw_ai::request::{Edits, RequestFacts, UsageOwner, splice};
use agw_ai::shape::{self, Evaluate, Part};
use agw_ai::translate::{self, Call, Offered, Plan};
use agw_core::backend::{AiProvider, ApiRoute, Guardrail};
use agw_core::guard::PromptGuard;
use agw_core::shaping::Shaping;
use bytes::Bytes;
use http::{HeaderMap, Method};

use crate::error::Error;

/// A request on its way to a provider.
pub(super) struct Incoming<'a> {
    pub(super) method: &'a Method,
    pub(super) path: &'a str,
    pub(super) query: Option<&'a str>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) stamp: Stamp,
    /// What becomes of it on its way.
    pub(super) shaping: &'a Shaping,
    /// What is asked for instead of the model that it names.
    pub(super) renamed: Option<&'a Arc<str>>,
}

/// What a provider is asked.
pub(super) struct Question {
    /// What the client asks for.
    pub(super) operation: Operation,
    /// Canonical path of the provider's API, or the client's own for a passthrough.
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    /// What the client's body says; `None` when it is not looked into.
    pub(super) facts: Option<RequestFacts>,
    pub(super) client_model: Option<Arc<str>>,
    /// What the provider is asked for.
    pub(super) model: Option<Arc<str>>,
    pub(super) answer: Form,
    /// The client's, or what was made of it for a provider that speaks another format.
    pub(super) body: Bytes,
    /// Translates the answer, where the provider speaks another format than the client.
    pub(super) call: Option<Box<Call>>,
    /// The answer, where the provider is not asked.
    pub(super) estimate: Option<Bytes>,
    /// Fields of the client's body that the provider's format cannot say.
    pub(super) dropped: Dropped,
    /// What the provider speaks of the model that it is asked for.
    pub(super) dialect: &'static dyn Dialect,
    /// Where the provider says that it takes this; `None` is the usual place.
    pub(super) at: Option<Arc<str>>,
    /// Parts of policies that the request could not be given.
    pub(super) undone: Vec<Part>,
    /// Looks at the answer.
    pub(super) guard: Option<Arc<PromptGuard>>,
}

/// How a provider is asked.
struct Asked {
    dialect: &'static dyn Dialect,
    plan: Plan,
    at: Option<Arc<str>>,
}

/// How the client wants its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Whole,
    Events,
    /// Bit by bit, as a JSON array.
    List,
}

impl Question {
    /// What `incoming` asks `provider`.
    pub(super) fn new(
        provider: &AiProvider,
        routes: &[ApiRoute],
        incoming: Incoming<'_>,
        evaluate: &mut Evaluate<'_>,
    ) -> Result<Self, Error> {
        let Incoming {
            method,
            path,
            query,
            headers,
            mut body,
            stamp,
            shaping,
            renamed,
        } = incoming;
        let (operation, mut canonical, mut facts) = understand(path, routes, method, &body)?;
        let named = ModelPath::parse(&canonical).filter(|named| named.operation() == operation);
        let client_model = match (&facts, named) {
            (Some(facts), _) => facts.model().cloned(),
            (None, Some(named)) => Some(named.model().into()),
            (None, None) => None,
        };
        if let (Some(model), Some(said)) = (renamed, &facts) {
            body = renamed_body(&body, said, model);
            facts = Some(RequestFacts::read(&body)?);
        }
        let mut wanted = renamed.cloned().or_else(|| client_model.clone());
        let mut undone = Vec::new();
        if !shaping.is_empty() {
            let request = shape::Request {
                operation,
                body: &body,
                path_model: named.and(wanted.as_deref()),
            };
            let shaped = shape::before(shaping, request, evaluate)?;
            facts = reread(facts, &body, &shaped.body)?;
            let said = facts.as_ref().and_then(|facts| facts.model().cloned());
            wanted = shaped.model.or(said);
            (body, undone) = (shaped.body, shaped.undone);
        }
        let model = provider.model.clone().or(wanted);
        let answer = Form::of(facts.as_ref(), named, query);
        if let Some(named) = named {
            canonical = named.canonical(model.as_deref());
        }
        if operation.names_model() && model.is_none() {
            return Err(Error::NoModel);
        }
        let asked = model.as_deref().unwrap_or_default();
        let Asked { dialect, plan, at } = Asked::of(provider, operation, asked);
        let question = Self {
            dialect,
            at,
            operation,
            path: canonical,
            headers,
            facts,
            client_model,
            model,
            answer,
            body,
            call: None,
            estimate: None,
            dropped: Dropped::default(),
            undone,
            guard: shaping.guard.clone(),
        };
        match plan {
            Plan::PassThrough => {
                question.finished(shaping, Format::of_operation(operation), evaluate)
            }
            Plan::Translate(exchange) => question
                .translated(exchange, stamp)?
                .guarded(exchange, provider)
                .finished(shaping, exchange.provider(), evaluate),
            Plan::Estimate => Ok(Self {
                estimate: Some(count::estimated(operation, &question.body)?.into()),
                ..question
            }),
            Plan::Unsupported => Err(Error::NotOffered {
                provider: dialect.provider().name,
                operation,
            }),
        }
    }

    fn translated(self, exchange: translate::Exchange, stamp: Stamp) -> Result<Self, Error> {
        let model = self.model.as_deref();
        let made = exchange.request(&self.body, &self.path, model, stamp)?;
        let mut headers = self.headers;
        headers
            .keys()
            .filter(|name| is_of_one_api(name.as_str()))
            .cloned()
            .collect::<Vec<_>>()
            .iter()
            .for_each(|name| drop(headers.remove(name)));
        Ok(Self {
            path: made.path.into_owned(),
            headers,
            body: made.body,
            call: Some(Box::new(made.call)),
            dropped: made.dropped,
            ..self
        })
    }

    /// The question with the guardrail that the provider is to apply to it.
    fn guarded(mut self, exchange: translate::Exchange, provider: &AiProvider) -> Self {
        if let (Some(Format::BedrockConverse), Some(guardrail)) =
            (exchange.provider(), &provider.guardrail)
        {
            let Guardrail {
                identifier,
                version,
            } = &**guardrail;
            self.body = guarded(&self.body, identifier, version);
        }
        self
    }

    /// The question with what policies want of it in the words of the provider: `format`, or none
    /// when it is no chat.
    fn finished(
        mut self,
        shaping: &Shaping,
        format: Option<Format>,
        evaluate: &mut Evaluate<'_>,
    ) -> Result<Self, Error> {
        if shaping.caching.is_none() && shaping.final_transformations.is_none() {
            return Ok(self);
        }
        let model = self.model.as_deref();
        let shaped = shape::after(shaping, self.operation, format, model, &self.body, evaluate)?;
        if self.call.is_none() {
            self.facts = reread(self.facts, &self.body, &shaped.body)?;
        }
        self.body = shaped.body;
        self.model = shaped.model.or(self.model);
        self.undone.extend(shaped.undone);
        Ok(self)
    }

    /// Who asks for a stream's usage: the gateway, where the client did not.
    pub(super) fn usage_owner(&self) -> UsageOwner {
        let facts = self.facts.as_ref();
        facts.map_or(UsageOwner::Client, |facts| {
            facts.usage_owner(self.operation)
        })
    }
}

impl Asked {
    fn of(provider: &AiProvider, operation: Operation, model: &str) -> Self {
        if provider.offers.is_empty() {
            let dialect = dialect::for_model(provider.kind, model);
            let plan = match (operation, &provider.guardrail) {
                // What is not looked into could say anything, past the guardrail.
                (Operation::Passthrough, Some(_)) => Plan::Unsupported,
                _ => translate::plan(operation, dialect, model),
            };
            return Self {
                dialect,
                plan,
                at: None,
            };
        }
        let offers: Vec<_> = provider.offers.iter().map(|o| o.api.into()).collect();
        let Offered { dialect, plan, by } = translate::offered(operation, &offers);
        let mut offers = provider.offers.iter();
        let offer = offers.find(|offer| Some(Operation::from(offer.api)) == by);
        let at = offer.and_then(|offer| offer.path.clone());
        let own = match (by, provider.path.as_ref().or(at.as_ref())) {
            (Some(Operation::Embeddings), Some(path)) => EmbedApi::at(path),
            _ => None,
        };
        Self {
            dialect,
            plan: own.map_or(plan, |own| Plan::Translate(translate::Exchange::Embed(own))),
            at,
        }
    }
}

impl Form {
    fn of(facts: Option<&RequestFacts>, named: Option<ModelPath<'_>>, query: Option<&str>) -> Self {
        match (facts, named) {
            (Some(facts), _) if facts.stream => Self::Events,
            (None, Some(named)) if named.streams() => match StreamForm::of_query(query) {
                StreamForm::Events => Self::Events,
                StreamForm::List => Self::List,
            },
            _ => Self::Whole,
        }
    }
}

/// The body with another model.
fn renamed_body(body: &Bytes, facts: &RequestFacts, model: &str) -> Bytes {
    let edits = Edits {
        model: Some(model),
        usage: UsageOwner::Client,
    };
    match &splice(body, facts, &edits).pieces[..] {
        [whole] => whole.clone(),
        pieces => pieces.concat().into(),
    }
}

/// What a body says that was changed; facts are good for the one they were read from.
fn reread(
    facts: Option<RequestFacts>,
    old: &Bytes,
    new: &Bytes,
) -> Result<Option<RequestFacts>, Error> {
    match facts {
        Some(facts) if old.as_ptr() == new.as_ptr() => Ok(Some(facts)),
        Some(_) => Ok(Some(RequestFacts::read(new)?)),
        None => Ok(None),
    }
}

/// Headers that only mean something to those who speak the client's API: another provider may
/// refuse them, or take them for something else.
fn is_of_one_api(name: &str) -> bool {
    ["anthropic-", "openai-", "x-stainless-"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

/// What is asked.
pub(super) fn operation_of(
    path: &str,
    routes: &[ApiRoute],
    method: &Method,
    body: &Bytes,
) -> Result<Operation, Error> {
    understand(path, routes, method, body).map(|(operation, ..)| operation)
}

/// What is asked, on which upstream path, and what the body says of it.
fn understand(
    path: &str,
    routes: &[ApiRoute],
    method: &Method,
    body: &Bytes,
) -> Result<(Operation, String, Option<RequestFacts>), Error> {
    let explicit = (!routes.is_empty()).then(|| RouteTable::from(routes).resolve(path));
    let detected = explicit.or_else(|| operation::detect(path));
    match detected {
        Some(Detected { operation, path })
            if operation.names_model() && *method == Method::POST =>
        {
            Ok((
                operation,
                path.into_owned(),
                Some(RequestFacts::read(body)?),
            ))
        }
        // Listing, fetching or deleting what an API keeps: sent on as it is.
        Some(Detected { operation, path }) if operation.names_model() => {
            Ok((Operation::Passthrough, path.into_owned(), None))
        }
        Some(Detected { operation, path }) => Ok((operation, path.into_owned(), None)),
        None => Ok(guess(path, method, body)),
    }
}

/// A path that names no API: a chat request is known by its body.
fn guess(path: &str, method: &Method, body: &Bytes) -> (Operation, String, Option<RequestFacts>) {
    if *method == Method::POST
        && let Ok(facts) = RequestFacts::read(body)
        && let Some(Detected { operation, path }) = operation::infer(path, &facts)
    {
        return (operation, path.into_owned(), Some(facts));
    }
    (Operation::Passthrough, path.to_owned(), None)
}
