//! Anthropic's messages as Vertex AI takes them: the model is in the path, the version in the body.

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::anthropic::AnthropicMessages;
use super::{Asked, Codec, EventReader, EventWriter, Stamp};
use crate::chat::{ChatRequest, ChatResponse, Dropped, Streaming};
use crate::dialect::ProviderError;
use crate::envelope::ErrorBody;
use crate::error::Error;
use crate::operation::{Operation, encode};

/// See the module.
#[derive(Debug)]
pub(crate) struct AnthropicVertex;

/// The version of the API that Vertex AI has.
const VERSION: &str = "vertex-2023-10-16";

impl Codec for AnthropicVertex {
    fn operation(&self) -> Operation {
        Operation::Messages
    }

    fn path(&self, request: &ChatRequest) -> Cow<'static, str> {
        let model = encode(&request.model);
        let method = match request.stream {
            Streaming::Whole => "rawPredict",
            Streaming::Events(_) => "streamRawPredict",
        };
        Cow::Owned(format!("/v1/publishers/anthropic/models/{model}:{method}"))
    }

    fn read_request(
        &self,
        body: Map<String, Value>,
        path: &str,
        dropped: &mut Dropped,
    ) -> Result<ChatRequest, Error> {
        AnthropicMessages.read_request(body, path, dropped)
    }

    fn write_request(
        &self,
        request: ChatRequest,
        dropped: &mut Dropped,
    ) -> Result<Map<String, Value>, Error> {
        let mut body = AnthropicMessages.write_request(request, dropped)?;
        body.shift_remove("model");
        body.insert("anthropic_version".to_owned(), VERSION.into());
        Ok(body)
    }

    fn read_response(
        &self,
        body: Map<String, Value>,
        stamp: &Stamp,
    ) -> Result<ChatResponse, Error> {
        AnthropicMessages.read_response(body, stamp)
    }

    fn write_response(&self, response: ChatResponse, asked: &Asked) -> Map<String, Value> {
        AnthropicMessages.write_response(response, asked)
    }

    fn read_error(&self, body: &[u8]) -> ProviderError {
        AnthropicMessages.read_error(body)
    }

    fn write_error(&self, body: &ErrorBody<'_>) -> Bytes {
        AnthropicMessages.write_error(body)
    }

    fn event_reader(&self, stamp: &Stamp) -> Box<dyn EventReader> {
        AnthropicMessages.event_reader(stamp)
    }

    fn event_writer(&self, asked: Asked) -> Box<dyn EventWriter> {
        AnthropicMessages.event_writer(asked)
    }
}
