//! The texts of one event of a stream: which go on where another event's ended, and which are whole.

use std::fmt::Write as _;
use std::ops::Range;

use agw_core::guard::Form;

use super::texts::answers;
use super::walk::{Place, Walk, unescaped};
use crate::error::Error;
use crate::operation::Operation;
use crate::shape::outline::{Object, Part};

/// What an event says.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) deltas: Vec<Delta>,
    /// Texts that stand for themselves.
    pub(super) whole: super::Texts,
    /// What has ended with it.
    pub(super) ended: Ended,
}

/// A part of a text.
pub(super) struct Delta {
    pub(super) channel: String,
    /// Of the value in the event's data, quotes included.
    pub(super) place: Range<usize>,
    pub(super) said: String,
    pub(super) form: Form,
}

/// Texts of which nothing more comes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Ended {
    #[default]
    None,
    /// Channels that start so.
    Of(Vec<String>),
    All,
}

impl std::fmt::Debug for Delta {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Delta")
            .field("channel", &self.channel)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

/// Reads the data of an event of the client's format.
pub(super) fn read(operation: Operation, data: &[u8]) -> Result<Said, Error> {
    let mut reader = Reader {
        said: Said::default(),
        walk: Walk::answer(),
    };
    // An end mark, or nothing of the format's: there is no text that a client would look for.
    if let Ok(object) = Object::of_body(data) {
        match operation {
            Operation::Messages => reader.messages(&object)?,
            Operation::Responses => reader.responses(&object)?,
            Operation::GenerateContent => reader.gemini(&object)?,
            _ => reader.chat(&object)?,
        }
    }
    reader.said.whole = reader.walk.texts;
    Ok(reader.said)
}

struct Reader {
    said: Said,
    walk: Walk,
}

impl Reader {
    fn chat(&mut self, object: &Object<'_>) -> Result<(), Error> {
        for choice in items(object, "choices") {
            let Some(choice) = choice.object() else {
                continue;
            };
            let own = format!("{}.", number(&choice, "index"));
            for (key, part) in choice.members() {
                match (key.as_str(), part.object()) {
                    ("delta", Some(delta)) => self.chat_delta(&delta, &own)?,
                    ("text", _) => self.delta(&format!("{own}text"), *part, Form::Plain),
                    ("finish_reason", _) if !part.is_null() => self.end(&own),
                    ("index" | "finish_reason", _) => {}
                    _ => self.apart(&choice, key)?,
                }
            }
        }
        Ok(())
    }

    fn chat_delta(&mut self, delta: &Object<'_>, own: &str) -> Result<(), Error> {
        for (key, part) in delta.members() {
            match key.as_str() {
                "role" => {}
                "tool_calls" => {
                    for call in part.list().into_iter().flat_map(|list| list.items) {
                        let Some(call) = call.object() else {
                            continue;
                        };
                        let channel = format!("{own}call.{}", number(&call, "index"));
                        self.call(&call, &channel);
                    }
                }
                "function_call" => {
                    if let Some(function) = part.object() {
                        self.arguments(&function, &format!("{own}function"));
                    }
                }
                _ if part.quoted().is_some() => {
                    self.delta(&format!("{own}{key}"), *part, Form::Plain);
                }
                _ => self.apart(delta, key)?,
            }
        }
        Ok(())
    }

    fn call(&mut self, call: &Object<'_>, channel: &str) {
        if let Some(function) = call.get("function").and_then(Part::object) {
            self.arguments(&function, channel);
        }
        if let Some(custom) = call.get("custom").and_then(Part::object) {
            for part in custom.all("input") {
                self.delta(channel, part, Form::Plain);
            }
        }
    }

    fn arguments(&mut self, function: &Object<'_>, channel: &str) {
        for part in function.all("arguments") {
            self.delta(channel, part, Form::Document);
        }
    }

    fn messages(&mut self, object: &Object<'_>) -> Result<(), Error> {
        let own = format!("{}.", number(object, "index"));
        let inner = |key: &str| object.get(key).and_then(Part::object);
        match kind(object) {
            "content_block_delta" => {
                for (key, part) in inner("delta").iter().flat_map(Object::members) {
                    match key.as_str() {
                        "type" | "signature" => {}
                        "partial_json" => self.delta(&format!("{own}json"), *part, Form::Document),
                        _ if part.quoted().is_some() => {
                            self.delta(&format!("{own}{key}"), *part, Form::Plain);
                        }
                        _ => self.walk.value(key, *part, Place::answer())?,
                    }
                }
            }
            "content_block_start" => {
                let Some(block) = inner("content_block") else {
                    return Ok(());
                };
                let starts = |key: &str| matches!(key, "text" | "thinking");
                for (key, part) in block.members().iter().filter(|(key, _)| starts(key)) {
                    self.delta(&format!("{own}{key}"), *part, Form::Plain);
                }
                if !block.members().iter().any(|(key, _)| starts(key)) {
                    self.apart(object, "content_block")?;
                }
            }
            "content_block_stop" => self.end(&own),
            "message_start" => {
                if let Some(message) = inner("message") {
                    self.apart(&message, "content")?;
                }
            }
            "message_stop" | "message_delta" => self.said.ended = Ended::All,
            _ => {}
        }
        Ok(())
    }

    fn responses(&mut self, object: &Object<'_>) -> Result<(), Error> {
        let kind = kind(object);
        let own = match object.get("output_index") {
            Some(index) => format!("{}.", index.text()),
            None => String::new(),
        };
        if let Some(kind) = kind.strip_suffix(".delta") {
            let form = match kind.contains("arguments") {
                true => Form::Document,
                false => Form::Plain,
            };
            let mut channel = own;
            for part in ["content_index", "summary_index"] {
                let _ = write!(channel, "{}.", number(object, part));
            }
            channel.push_str(kind);
            for (key, part) in object.members() {
                match key.as_str() {
                    "delta" if part.quoted().is_some() => self.delta(&channel, *part, form),
                    "delta" | "logprobs" => self.apart(object, key)?,
                    _ => {}
                }
            }
            return Ok(());
        }
        match kind {
            "response.output_item.done" => self.end(&own),
            "response.completed" | "response.incomplete" | "response.failed" => {
                self.said.ended = Ended::All;
            }
            kind if kind.ends_with(".done") => self.end(&own),
            _ => {}
        }
        for key in [
            "part",
            "item",
            "text",
            "arguments",
            "refusal",
            "input",
            "annotation",
            "logprobs",
        ] {
            self.apart(object, key)?;
        }
        for response in object.all("response") {
            if let Some(response) = response.object() {
                self.apart(&response, "output")?;
            }
        }
        Ok(())
    }

    fn gemini(&mut self, object: &Object<'_>) -> Result<(), Error> {
        for candidate in items(object, "candidates") {
            let Some(candidate) = candidate.object() else {
                continue;
            };
            let own = format!("{}.", number(&candidate, "index"));
            for (key, part) in candidate.members() {
                match (key.as_str(), part.object()) {
                    ("content", Some(content)) => self.gemini_content(&content, &own)?,
                    ("finishReason", _) => self.end(&own),
                    ("index", _) => {}
                    _ => self.apart(&candidate, key)?,
                }
            }
        }
        Ok(())
    }

    fn gemini_content(&mut self, content: &Object<'_>, own: &str) -> Result<(), Error> {
        for part in items(content, "parts") {
            let Some(object) = part.object() else {
                continue;
            };
            let thought = object.get("thought").map_or("", Part::text);
            for (key, part) in object.members() {
                match key.as_str() {
                    "text" => self.delta(&format!("{own}{thought}"), *part, Form::Plain),
                    "thought" => {}
                    _ => self.apart(&object, key)?,
                }
            }
        }
        Ok(())
    }

    fn delta(&mut self, channel: &str, part: Part<'_>, form: Form) {
        if let Some(quoted) = part.quoted().filter(|quoted| !quoted.is_empty()) {
            self.said.deltas.push(Delta {
                channel: channel.to_owned(),
                place: part.place(),
                said: unescaped(quoted),
                form,
            });
        }
    }

    /// Takes members that say something whole.
    fn apart(&mut self, object: &Object<'_>, key: &str) -> Result<(), Error> {
        self.walk.member(object, key)
    }

    fn end(&mut self, own: &str) {
        match &mut self.said.ended {
            Ended::All => {}
            Ended::Of(all) => all.push(own.to_owned()),
            none => *none = Ended::Of(vec![own.to_owned()]),
        }
    }
}

fn items<'b>(object: &Object<'b>, key: &str) -> Vec<Part<'b>> {
    let lists = object.all(key).filter_map(Part::list);
    lists.flat_map(|list| list.items).collect()
}

fn kind<'b>(object: &Object<'b>) -> &'b str {
    object
        .get("type")
        .and_then(Part::quoted)
        .unwrap_or_default()
}

fn number<'b>(object: &Object<'b>, key: &str) -> &'b str {
    object.get(key).map_or("0", Part::text)
}

/// Whether answers of the operation come as events at all.
pub(super) fn streams(operation: Operation) -> bool {
    !answers(operation).is_empty()
}
