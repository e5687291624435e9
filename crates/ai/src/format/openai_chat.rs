//! OpenAI's chat completions, with the members that other servers of this API have added:
//! `reasoning_content` for what a model thought, `thinking_blocks` for the same with its
//! signatures, and `cache_control` on parts.

mod content;
mod events;
mod finish;
mod request_in;
mod request_out;
mod response;
mod stream;
mod thoughts;
mod usage;

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::{Asked, Codec, EventReader, EventWriter, Stamp};
use crate::chat::{ChatRequest, ChatResponse, Dropped};
use crate::dialect::ProviderError;
use crate::dialect::openai::error;
use crate::envelope::ErrorBody;
use crate::error::Error;
use crate::operation::Operation;

pub(super) use content::{audio, data_url, file, image_source};
pub(super) use request_in::{effort, mode, push_user, schema_of, tool};
pub(super) use request_out::{effort as effort_word, function, mode_word, schema_members, thinks};
pub(super) use usage::read as read_usage;

/// See the module.
#[derive(Debug)]
pub(crate) struct OpenAiChat;

impl Codec for OpenAiChat {
    fn operation(&self) -> Operation {
        Operation::Chat
    }

    fn path(&self, _: &ChatRequest) -> Cow<'static, str> {
        Cow::Borrowed("/v1/chat/completions")
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
