//! From what a client speaks to what a provider speaks, and back.
//!
//! ```text
//! plan(operation, dialect) ─> PassThrough                    nothing here is needed
//!                          ─> Unsupported
//!                          ─> Translate(exchange)
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
use crate::dialect::{Dialect, ProviderError};
use crate::envelope::{ErrorBody, error_type};
use crate::error::Error;
use crate::format::{Asked, Format, Stamp};
use crate::json;
use crate::operation::Operation;
use crate::usage::Usage;

pub use answer_stream::AnswerStream;
pub use offered::{Offered, offered};
pub use stream::StreamTranslator;

/// How a client's request gets to a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// The provider speaks what the client speaks.
    PassThrough,
    Translate(Exchange),
    /// The provider does not offer it in any format.
    Unsupported,
}

/// A client's format and a provider's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exchange {
    client: Format,
    provider: Format,
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
    asked: Asked,
}

/// An answer as the client is to get it. What it says never prints.
#[derive(Clone)]
pub struct TranslatedResponse {
    pub body: Bytes,
    pub usage: Usage,
    /// The model that answered.
    pub model: Option<String>,
    pub finish: Finish,
}

/// An error response as the client is to get it. What it says never prints.
#[derive(Clone)]
pub struct TranslatedError {
    pub status: StatusCode,
    pub body: Bytes,
    /// What the provider said.
    pub error: ProviderError,
}

/// How a client that asks for `operation` is served by a provider of `dialect`.
pub fn plan(operation: Operation, dialect: &dyn Dialect) -> Plan {
    if dialect.serves(operation) {
        return Plan::PassThrough;
    }
    match (Format::of_operation(operation), dialect.formats().first()) {
        (Some(client), Some(provider)) => Plan::Translate(Exchange {
            client,
            provider: *provider,
        }),
        _ => Plan::Unsupported,
    }
}

impl Exchange {
    /// Between a client of `client` and a provider of `provider`.
    pub fn new(client: Format, provider: Format) -> Self {
        Self { client, provider }
    }

    pub fn client(&self) -> Format {
        self.client
    }

    pub fn provider(&self) -> Format {
        self.provider
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
        let (client, provider) = (self.client.codec(), self.provider.codec());
        let mut dropped = Dropped::default();
        let mut request = client.read_request(json::object(body)?, path, &mut dropped)?;
        if let Some(model) = model {
            request.model = model.to_owned();
        }
        let asked = Asked::of(&request, stamp);
        let path = provider.path(&request);
        let body = provider.write_request(request, &mut dropped)?;
        Ok(TranslatedRequest {
            operation: provider.operation(),
            path,
            body: json::bytes(&body).into(),
            dropped,
            call: Call {
                exchange: *self,
                asked,
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
        let mut error = self.provider.codec().read_error(body);
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
            body: self.client.codec().write_error(&ours),
            error,
        }
    }

    /// The body of an error of the gateway's own.
    pub fn envelope(&self, error: &ErrorBody<'_>) -> Bytes {
        self.client.codec().write_error(error)
    }
}

impl Call {
    pub fn exchange(&self) -> Exchange {
        self.exchange
    }

    /// Whether the client asked for an event stream.
    pub fn streams(&self) -> bool {
        self.asked.stream != Streaming::Whole
    }

    /// Translates a provider's whole answer. [`Error::NoAnswer`] and its like are the provider's
    /// fault: another may do better.
    pub fn response(&self, body: &[u8]) -> Result<TranslatedResponse, Error> {
        let (client, provider) = (self.exchange.client.codec(), self.exchange.provider.codec());
        let body = json::object(body).map_err(|_| Error::NoAnswer)?;
        let response = provider.read_response(body, &self.asked.stamp)?;
        let usage = response.usage;
        let model = Some(response.model.clone()).filter(|model| !model.is_empty());
        let finish = response.finish.clone();
        let body = client.write_response(response, &self.asked);
        Ok(TranslatedResponse {
            body: json::bytes(&body).into(),
            usage,
            model,
            finish,
        })
    }

    /// Translates a provider's event stream.
    pub fn stream(&self) -> StreamTranslator {
        StreamTranslator::new(self.exchange.client, self.exchange.provider, &self.asked)
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
