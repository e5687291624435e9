//! Gemini's `generateContent` and `streamGenerateContent`.
//!
//! The path names the model and tells whether the answer streams. Calls need no ids: those that a
//! provider leaves out are made from the stamp and the call's place, and a client's results without
//! ids find their calls by name and order.

mod calls;
mod events;
mod finish;
mod media;
mod names;
mod request_in;
mod request_out;
mod response;
mod schema;
mod signature;
mod stream;
mod thinking;
mod turns_in;
mod usage;

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::{Asked, Codec, EventReader, EventWriter, Stamp};
use crate::chat::{ChatRequest, ChatResponse, Dropped, Streaming};
use crate::dialect::ProviderError;
use crate::dialect::gemini::error;
use crate::envelope::ErrorBody;
use crate::error::Error;
use crate::operation::{Operation, encode};

/// See the module.
#[derive(Debug)]
pub(crate) struct GeminiContent;

impl Codec for GeminiContent {
    fn operation(&self) -> Operation {
        Operation::GenerateContent
    }

    fn path(&self, request: &ChatRequest) -> Cow<'static, str> {
        let model = encode(&request.model);
        Cow::Owned(match request.stream {
            Streaming::Whole => format!("/v1beta/models/{model}:generateContent"),
            Streaming::Events(_) => {
                format!("/v1beta/models/{model}:streamGenerateContent?alt=sse")
            }
        })
    }

    fn read_request(
        &self,
        body: Map<String, Value>,
        path: &str,
        dropped: &mut Dropped,
    ) -> Result<ChatRequest, Error> {
        request_in::read(body, path, dropped)
    }

    fn write_request(
        &self,
        request: ChatRequest,
        dropped: &mut Dropped,
    ) -> Result<Map<String, Value>, Error> {
        request_out::write(request, dropped)
    }

    fn read_response(
        &self,
        body: Map<String, Value>,
        stamp: &Stamp,
    ) -> Result<ChatResponse, Error> {
        response::read(body, stamp)
    }

    fn write_response(&self, response: ChatResponse, asked: &Asked) -> Map<String, Value> {
        response::write(response, asked)
    }

    fn read_error(&self, body: &[u8]) -> ProviderError {
        error::read_body(body)
    }

    fn write_error(&self, body: &ErrorBody<'_>) -> Bytes {
        error::envelope(body)
    }

    fn event_reader(&self, stamp: &Stamp) -> Box<dyn EventReader> {
        Box::new(events::Reader::new(stamp))
    }

    fn event_writer(&self, asked: Asked) -> Box<dyn EventWriter> {
        Box::new(stream::Writer::new(asked))
    }
}
