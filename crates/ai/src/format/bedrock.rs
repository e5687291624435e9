//! Bedrock's Converse and ConverseStream. The path names the model and tells whether the answer
//! streams.

mod content;
mod events;
mod finish;
mod model;
mod request_out;
mod response;
mod stream;

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::{Asked, Codec, EventReader, EventWriter, Frames, Stamp};
use crate::aws_stream::AwsSplitter;
use crate::chat::{ChatRequest, ChatResponse, Dropped, Streaming};
use crate::dialect::ProviderError;
use crate::dialect::bedrock::error;
use crate::envelope::ErrorBody;
use crate::error::Error;
use crate::operation::{Operation, encode};

/// See the module.
#[derive(Debug)]
pub(crate) struct BedrockConverse;

impl Codec for BedrockConverse {
    fn operation(&self) -> Operation {
        Operation::Converse
    }

    fn path(&self, request: &ChatRequest) -> Cow<'static, str> {
        let model = encode(&request.model);
        let method = match request.stream {
            Streaming::Whole => "converse",
            Streaming::Events(_) => "converse-stream",
        };
        Cow::Owned(format!("/model/{model}/{method}"))
    }

    fn read_request(
        &self,
        _: Map<String, Value>,
        path: &str,
        _: &mut Dropped,
    ) -> Result<ChatRequest, Error> {
        Err(Error::Untranslatable {
            path: path.into(),
            why: "is an API that providers are asked by; ask in another format",
        })
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

    fn write_response(&self, response: ChatResponse, _: &Asked) -> Map<String, Value> {
        response::write(response)
    }

    fn read_error(&self, body: &[u8]) -> ProviderError {
        error::read(body)
    }

    fn write_error(&self, body: &ErrorBody<'_>) -> Bytes {
        error::envelope(body)
    }

    fn event_reader(&self, _: &Stamp) -> Box<dyn EventReader> {
        Box::new(events::Reader::default())
    }

    fn event_writer(&self, _: Asked) -> Box<dyn EventWriter> {
        Box::new(stream::Writer::default())
    }

    fn frames(&self, limit: usize) -> Box<dyn Frames> {
        Box::new(AwsSplitter::new(limit))
    }

    /// The API's own bound on a frame.
    fn event_limit(&self) -> usize {
        crate::dialect::bedrock::FRAME_LIMIT
    }
}
