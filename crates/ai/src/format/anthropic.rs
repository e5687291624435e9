//! Anthropic's messages.

pub(in crate::format) mod cache;
mod content;
mod events;
mod finish;
mod model;
mod request_in;
mod request_out;
mod response;
mod stream;
mod thinking;
mod usage;

pub(super) use model::max_tokens;
pub(super) use request_out::{input, put_sampling};
pub(super) use thinking::write as thinking;

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::{Asked, Codec, EventReader, EventWriter, Stamp};
use crate::chat::{ChatRequest, ChatResponse, Dropped};
use crate::dialect::ProviderError;
use crate::dialect::anthropic::error;
use crate::envelope::ErrorBody;
use crate::error::Error;
use crate::operation::Operation;

/// See the module.
#[derive(Debug)]
pub(crate) struct AnthropicMessages;

impl Codec for AnthropicMessages {
    fn operation(&self) -> Operation {
        Operation::Messages
    }

    fn path(&self, _: &ChatRequest) -> Cow<'static, str> {
        Cow::Borrowed("/v1/messages")
    }

    fn read_request(
        &self,
        body: Map<String, Value>,
        _: &str,
        dropped: &mut Dropped,
    ) -> Result<ChatRequest, Error> {
        request_in::read(body, dropped)
    }

    fn write_request(
        &self,
        request: ChatRequest,
        dropped: &mut Dropped,
    ) -> Result<Map<String, Value>, Error> {
        request_out::write(request, dropped)
    }

    fn read_response(&self, body: Map<String, Value>, _: &Stamp) -> Result<ChatResponse, Error> {
        response::read(body)
    }

    fn write_response(&self, response: ChatResponse, asked: &Asked) -> Map<String, Value> {
        response::write(response, asked)
    }

    fn read_error(&self, body: &[u8]) -> ProviderError {
        crate::dialect::openai::error::read_body(body)
    }

    fn write_error(&self, body: &ErrorBody<'_>) -> Bytes {
        error::envelope(body)
    }

    fn event_reader(&self, _: &Stamp) -> Box<dyn EventReader> {
        Box::new(events::Reader::default())
    }

    fn event_writer(&self, asked: Asked) -> Box<dyn EventWriter> {
        Box::new(stream::Writer::new(asked))
    }
}
