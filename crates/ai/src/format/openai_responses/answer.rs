//! Writing a client's whole answer: as the stream of it would end.

use serde_json::{Map, Value};

use super::stream::Writer;
use crate::chat::ChatResponse;
use crate::format::{Asked, EventWriter};

pub(super) fn write(response: ChatResponse, asked: &Asked) -> Map<String, Value> {
    let mut writer = Writer::new(asked.clone());
    let mut unsent = Vec::new();
    for event in response.into_events() {
        writer.write(event, &mut unsent);
        unsent.clear();
    }
    writer.response()
}
