//! From what a client speaks to what a provider speaks, and back.
//!
//! ```text
//! plan(operation, dialect, model) ─> PassThrough             nothing here is needed
//!                                 ─> Estimate | Unsupported
//!                                 ─> Translate(exchange)
//! exchange.request(body …) ─> operation, path and body for the provider; what was dropped; Call
//! call.response(body)      ─> the answer's body for the client; usage, model
//! call.stream()            ─> StreamTranslator: bytes in, classified bytes out
//! exchange.error(…)        ─> status and body for the client
//! ```

mod answer_stream;
mod offered;
mod stream;

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use http::StatusCode;

use crate::chat::{Dropped, Finish, Streaming};
use crate::count::{self, CountApi};
use crate::dialect::{Dialect, ProviderError};
use crate::embed::{self, EmbedApi};
use crate::envelope::{ErrorBody, error_type};
use crate::error::Error;
use crate::format::{Asked, Format, Stamp};
use crate::json;
use crate::operation::Operation;
use crate::rerank::{self, RerankApi};
use crate::usage::{Counted, Usage};

pub use answer_stream::AnswerStream;
pub use offered::{Offered, offered};
pub use stream::StreamTranslator;

/// How a client's request gets to a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// The provider speaks what the client speaks.
    PassThrough,
    Translate(Exchange),
    /// The provider is not asked: the answer is our own reckoning; see [`count::estimated`].
    Estimate,
    /// The provider does not offer it in any format.
    Unsupported,
}

/// What a client speaks and what a provider speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exchange {
    Chat { client: Format, provider: Format },
    Embed(EmbedApi),
    Rerank(RerankApi),
    Count { client: Format, provider: CountApi },
}

/// A request as the provider is to get it. What it says never prints.
#[derive(Clone)]
pub struct TranslatedRequest {
    /// What it asks for in the provider's words.
    pub operation: Operation,
    /// The operation's path; see [`Dialect::upstream_path`].
    pub path: Cow<'static, str>,
    pub body: Bytes,
    pub dropped: Dropped,
    /// Translates what comes back.
    pub call: Call,
}

/// A request that was asked in translation.
#[derive(Debug, Clone)]
pub struct Call {
    exchange: Exchange,
    wanted: Wanted,
}

/// What is remembered of the request for its answer.
#[derive(Debug, Clone)]
enum Wanted {
    Chat(Box<Asked>),
    Embed(embed::Wanted),
    Rerank(rerank::Wanted),
    Count,
}

/// An answer as the client is to get it. What it says never prints.
#[derive(Clone)]
pub struct TranslatedResponse {
    pub body: Bytes,
    pub usage: Usage,
    pub counted: Counted,
    /// The model that answered.
    pub model: Option<String>,
    /// `None` of what is no chat.
    pub finish: Option<Finish>,
}

/// An error response as the client is to get it. What it says never prints.
#[derive(Clone)]
pub struct TranslatedError {
    pub status: StatusCode,
    pub body: Bytes,
    /// What the provider said.
    pub error: ProviderError,
}

/// How a client that asks for `operation` with `model` is served by a provider of `dialect`.
pub fn plan(operation: Operation, dialect: &dyn Dialect, model: &str) -> Plan {
    if dialect.serves(operation) {
        return Plan::PassThrough;
    }
    let exchange = match operation {
        Operation::Embeddings => dialect.embeds(model).map(Exchange::Embed),
        Operation::Rerank => dialect.reranks(model).map(Exchange::Rerank),
        Operation::CountTokens | Operation::GeminiCountTokens => {
            let pair = count::client(operation).zip(dialect.counts(model));
            let exchange = pair.map(|(client, provider)| Exchange::Count { client, provider });
            return exchange.map_or(Plan::Estimate, Plan::Translate);
        }
        operation => Format::of_operation(operation)
            .zip(dialect.formats().first())
            .map(|(client, provider)| Exchange::new(client, *provider)),
    };
    exchange.map_or(Plan::Unsupported, Plan::Translate)
}

impl Exchange {
    /// A chat between a client of `client` and a provider of `provider`.
    pub fn new(client: Format, provider: Format) -> Self {
        Self::Chat { client, provider }
    }

    /// The format that the provider chats in; `None` of what is no chat.
    pub fn provider(&self) -> Option<Format> {
        match self {
            Self::Chat { provider, .. } => Some(*provider),
            _ => None,
        }
    }

    /// In whose words the client gets errors.
    fn client(&self) -> Format {
        match self {
            Self::Chat { client, .. } | Self::Count { client, .. } => *client,
            Self::Embed(_) | Self::Rerank(_) => Format::OpenAiChat,
        }
    }

    fn told(&self, error: &ErrorBody<'_>) -> Bytes {
        match self {
            Self::Rerank(_) => rerank::envelope(error),
            _ => self.client().codec().write_error(error),
        }
    }

    /// Translates a client's request to `path`. The provider is asked for `model`, or for the
    /// model that the request names when that is `None`. Errors are the client's, and their texts
    /// are for it.
    pub fn request(
        &self,
        body: &[u8],
        path: &str,
        model: Option<&str>,
        stamp: Stamp,
    ) -> Result<TranslatedRequest, Error> {
        let body = json::object(body)?;
        let dropped = &mut Dropped::default();
        let named = |own: &mut String| {
            if let Some(model) = model {
                model.clone_into(own);
            }
        };
        let (operation, path, body, wanted) = match self {
            Self::Chat { client, provider } => {
                let provider = provider.codec();
                let mut request = client.codec().read_request(body, path, dropped)?;
                named(&mut request.model);
                let wanted = Wanted::Chat(Box::new(Asked::of(&request, stamp)));
                let path = provider.path(&request);
                let body = provider.write_request(request, dropped)?;
                (provider.operation(), path, body, wanted)
            }
            Self::Embed(provider) => {
                let mut request = embed::read_request(body, dropped)?;
                named(&mut request.model);
                let wanted = Wanted::Embed(request.wanted());
                let path = provider.path(&request.model).into();
                let body = provider.write(request, dropped)?;
                (Operation::Embeddings, path, body, wanted)
            }
            Self::Rerank(provider) => {
                let mut request = rerank::read_request(body, dropped)?;
                named(&mut request.model);
                let wanted = Wanted::Rerank(request.wanted(&stamp));
                let path = provider.path(&request.model).into();
                (Operation::Rerank, path, provider.write(request), wanted)
            }
            Self::Count { client, provider } => {
                let mut request = count::read_request(*client, body, path, dropped)?;
                named(&mut request.model);
                let path = provider.path(&request.model).into();
                let body = provider.write(request, dropped)?;
                (Operation::CountTokens, path, body, Wanted::Count)
            }
        };
        Ok(TranslatedRequest {
            operation,
            path,
            body: json::bytes(&body).into(),
            dropped: std::mem::take(dropped),
            call: Call {
                exchange: *self,
                wanted,
            },
        })
    }

    /// Translates the error response of a provider. `named` is what its headers call the error; see
    /// [`error_name`](crate::dialect::bedrock::error_name).
    pub fn error(
        &self,
        status: StatusCode,
        named: Option<&str>,
        body: &[u8],
        request_id: &str,
    ) -> TranslatedError {
        let spoken = match self {
            Self::Chat { provider, .. } => *provider,
            Self::Embed(provider) => provider.errors(),
            Self::Rerank(provider) => provider.errors(),
            Self::Count { provider, .. } => provider.format(),
        };
        let mut error = spoken.codec().read_error(body);
        if error.kind.is_none() {
            error.kind = named.filter(|name| !name.is_empty()).map(str::to_owned);
        }
        // Overloaded, in a number of Anthropic's own.
        let status = match status.as_u16() {
            529 => StatusCode::SERVICE_UNAVAILABLE,
            _ => status,
        };
        let ours = ErrorBody {
            message: &error.message,
            kind: error_type(status),
            code: error.code.as_deref().or(error.kind.as_deref()),
            param: None,
            request_id: Some(request_id),
        };
        TranslatedError {
            status,
            body: self.told(&ours),
            error,
        }
    }

    /// The body of an error of the gateway's own.
    pub fn envelope(&self, error: &ErrorBody<'_>) -> Bytes {
        self.told(error)
    }
}

impl Call {
    pub fn exchange(&self) -> Exchange {
        self.exchange
    }

    /// Whether the client asked for an event stream.
    pub fn streams(&self) -> bool {
        matches!(&self.wanted, Wanted::Chat(asked) if asked.stream != Streaming::Whole)
    }

    /// Translates a provider's whole answer. [`Error::NoAnswer`] and its like are the provider's
    /// fault: another may do better.
    pub fn response(&self, body: &[u8]) -> Result<TranslatedResponse, Error> {
        self.response_with(body, None)
    }

    /// The same of an answer whose headers say how many tokens its request had.
    pub fn response_with(
        &self,
        body: &[u8],
        told: Option<u64>,
    ) -> Result<TranslatedResponse, Error> {
        let body = json::object(body).map_err(|_| Error::NoAnswer)?;
        let (body, usage, counted) = match (self.exchange, &self.wanted) {
            (Exchange::Chat { client, provider }, Wanted::Chat(asked)) => {
                let response = provider.codec().read_response(body, &asked.stamp)?;
                let usage = response.usage;
                let model = Some(response.model.clone()).filter(|model| !model.is_empty());
                let finish = Some(response.finish.clone());
                let body = client.codec().write_response(response, asked);
                return Ok(TranslatedResponse {
                    body: json::bytes(&body).into(),
                    usage,
                    counted: Counted::ByProvider,
                    model,
                    finish,
                });
            }
            (Exchange::Embed(provider), Wanted::Embed(wanted)) => {
                embed::write_response(provider.read(body)?, wanted, told)?
            }
            (Exchange::Rerank(provider), Wanted::Rerank(wanted)) => {
                let billed = rerank::billed(&body);
                rerank::write_response(provider.read(body)?, billed, wanted)?
            }
            (Exchange::Count { client, provider }, Wanted::Count) => {
                let body = count::write_response(client, provider.read(&body)?);
                (body, Usage::default(), Counted::ByProvider)
            }
            // No request makes such a pair.
            _ => return Err(Error::NoAnswer),
        };
        Ok(TranslatedResponse {
            body: json::bytes(&body).into(),
            usage,
            counted,
            model: None,
            finish: None,
        })
    }

    /// Translates a provider's event stream; an error where the question has no answer of that kind.
    pub fn stream(&self) -> Result<StreamTranslator, Error> {
        match (self.exchange, &self.wanted) {
            (Exchange::Chat { client, provider }, Wanted::Chat(asked)) => {
                Ok(StreamTranslator::new(client, provider, asked))
            }
            _ => Err(Error::NoAnswer),
        }
    }
}

impl fmt::Debug for TranslatedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TranslatedRequest")
            .field("operation", &self.operation)
            .field("bytes", &self.body.len())
            .field("dropped", &self.dropped)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for TranslatedResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TranslatedResponse")
            .field("bytes", &self.body.len())
            .field("usage", &self.usage)
            .field("model", &self.model)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for TranslatedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TranslatedError")
            .field("status", &self.status)
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
