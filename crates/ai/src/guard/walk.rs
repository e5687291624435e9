//! Finding texts below a member: what each format calls a text is told by the words that they
//! share, and by what cannot be one.

use agw_core::guard::{Form, Scope};

use super::texts::{Speaker, Text, Texts};
use crate::error::Error;
use crate::shape::outline::{Object, Part};

/// No format is as deep; each level is read once more.
const DEEPEST: u32 = 64;

/// Members that say nothing to anybody: names, kinds, places, signatures.
const SKIPPED: [&str; 33] = [
    "id",
    "type",
    "role",
    "name",
    "model",
    "object",
    "status",
    "index",
    "tool_call_id",
    "tool_use_id",
    "toolUseId",
    "call_id",
    "item_id",
    "response_id",
    "url",
    "uri",
    "image_url",
    "fileUri",
    "file_uri",
    "file_id",
    "file_data",
    "detail",
    "format",
    "media_type",
    "mimeType",
    "mime_type",
    "signature",
    "thoughtSignature",
    "thought_signature",
    "encrypted_content",
    "cache_control",
    "finish_reason",
    "finishReason",
];

/// Where in a conversation a value is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    scope: Scope,
    speaker: Speaker,
    content: Content,
    depth: u32,
}

/// Whose words the members of an object are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    /// The format's.
    Message,
    /// A tool's: all of it is content.
    Payload,
}

/// Collects texts.
#[derive(Debug)]
pub(super) struct Walk {
    pub(super) texts: Texts,
    of: Of,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Request,
    Answer,
}

impl Place {
    pub(super) fn system() -> Self {
        Self::new(Scope::SystemPrompt, Speaker::System)
    }

    pub(super) fn user() -> Self {
        Self::new(Scope::Messages, Speaker::User)
    }

    pub(super) fn answer() -> Self {
        Self::new(Scope::Messages, Speaker::Assistant)
    }

    fn new(scope: Scope, speaker: Speaker) -> Self {
        Self {
            scope,
            speaker,
            content: Content::Message,
            depth: 0,
        }
    }

    fn tool_input(self) -> Self {
        Self {
            scope: Scope::ToolInput,
            speaker: Speaker::Assistant,
            ..self
        }
    }

    fn tool_output(self) -> Self {
        Self {
            scope: Scope::ToolOutput,
            speaker: Speaker::Tool,
            ..self
        }
    }

    /// By what an object says of itself.
    fn of(self, object: &Object<'_>) -> Self {
        let said = |key: &str| object.get(key).and_then(Part::quoted).unwrap_or_default();
        let place = match said("role") {
            "system" | "developer" => Self {
                depth: self.depth,
                ..Self::system()
            },
            "user" if self.scope != Scope::SystemPrompt => Self {
                depth: self.depth,
                ..Self::user()
            },
            "assistant" | "model" => Self {
                depth: self.depth,
                ..Self::answer()
            },
            "tool" | "function" => self.tool_output(),
            _ => self,
        };
        match said("type") {
            "tool_use" | "server_tool_use" | "mcp_tool_use" | "function_call"
            | "custom_tool_call" | "mcp_call" => place.tool_input(),
            "tool_result" => place.tool_output(),
            kind if kind.ends_with("_tool_result") || kind.ends_with("_call_output") => {
                place.tool_output()
            }
            _ => place,
        }
    }

    /// Of a member of an object that is here.
    fn member(self, key: &str) -> Self {
        match (key, self.scope) {
            ("tool_calls" | "function_call" | "functionCall" | "toolUse", _) => self.tool_input(),
            ("functionResponse" | "function_response" | "toolResult", _) => self.tool_output(),
            ("input" | "args" | "arguments", Scope::ToolInput)
            | ("response" | "json", Scope::ToolOutput) => Self {
                content: Content::Payload,
                ..self
            },
            _ => self,
        }
    }
}

impl Walk {
    pub(super) fn of_request() -> Self {
        Self::new(Of::Request)
    }

    pub(super) fn answer() -> Self {
        Self::new(Of::Answer)
    }

    fn new(of: Of) -> Self {
        Self {
            texts: Texts::default(),
            of,
        }
    }

    /// Takes in the member `key` of an object at `place`.
    pub(super) fn value(&mut self, key: &str, part: Part<'_>, place: Place) -> Result<(), Error> {
        let place = Place {
            depth: place.depth + 1,
            ..place
        };
        if place.depth > DEEPEST {
            return Err(Error::TooDeep { limit: DEEPEST });
        }
        match part.text().as_bytes().first() {
            Some(b'"') => self.text(key, part, place),
            Some(b'[') => {
                let list = part.list().ok_or(Error::TooDeep { limit: DEEPEST })?;
                for item in list.items {
                    self.value(key, item, place)?;
                }
            }
            Some(b'{') => {
                let object = part.object().ok_or(Error::TooDeep { limit: DEEPEST })?;
                self.object(&object, place)?;
            }
            Some(b'-' | b'0'..=b'9') if place.content == Content::Payload => {
                self.add(part, part.text().to_owned(), place, Form::Plain);
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes in the members `key` of a part of an answer.
    pub(super) fn member(&mut self, object: &Object<'_>, key: &str) -> Result<(), Error> {
        let place = match key {
            "arguments" => Place::answer().tool_input(),
            _ => Place::answer(),
        };
        for part in object.all(key) {
            if !self.repeats(key, part) && !is_no_text(key) {
                self.value(key, part, place.member(key))?;
            }
        }
        Ok(())
    }

    fn object(&mut self, object: &Object<'_>, place: Place) -> Result<(), Error> {
        if place.content == Content::Payload {
            for (key, part) in object.members() {
                self.value(key, *part, place)?;
            }
            return Ok(());
        }
        let place = place.of(object);
        // Bytes of a file, unless it is said that they are a text.
        let text = ["type", "media_type", "mimeType", "mime_type"]
            .iter()
            .filter_map(|key| object.get(key)?.quoted())
            .any(|kind| kind.starts_with("text"));
        for (key, part) in object.members() {
            let bytes = key == "data" && !text;
            if self.repeats(key, *part) || bytes || is_no_text(key) {
                continue;
            }
            self.value(key, *part, place.member(key))?;
        }
        Ok(())
    }

    /// Token by token an answer says all that it says once more.
    fn repeats(&mut self, key: &str, part: Part<'_>) -> bool {
        let again = matches!(key, "logprobs" | "logprobsResult");
        if !again || self.of == Of::Request {
            return false;
        }
        let blank = match (key, part.text().as_bytes().first()) {
            (_, Some(b'[')) => "[]",
            ("logprobsResult", Some(b'{')) => "{}",
            (_, Some(b'{')) => "null",
            _ => return true,
        };
        self.texts.blanks.push((part.place(), blank));
        true
    }

    fn text(&mut self, key: &str, part: Part<'_>, place: Place) {
        let called = place.scope == Scope::ToolInput;
        let form = match key {
            "arguments" if called => Form::Document,
            _ => Form::Plain,
        };
        if let Some(quoted) = part.quoted().filter(|quoted| !quoted.is_empty()) {
            self.add(part, unescaped(quoted), place, form);
        }
    }

    fn add(&mut self, part: Part<'_>, said: String, place: Place, form: Form) {
        self.texts.all.push(Text {
            place: part.place(),
            said,
            scope: place.scope,
            speaker: place.speaker,
            form,
        });
    }
}

/// Whether a member of a format says nothing to anybody.
pub(super) fn is_no_text(key: &str) -> bool {
    SKIPPED.contains(&key)
}

/// What a text of JSON says. Halves of characters, which JSON allows and texts do not, count as one
/// that is unknown.
pub(super) fn unescaped(quoted: &str) -> String {
    if !quoted.contains('\\') {
        return quoted.to_owned();
    }
    if let Ok(said) = serde_json::from_str(&format!("\"{quoted}\"")) {
        return said;
    }
    let mut out = String::with_capacity(quoted.len());
    let mut rest = quoted.chars();
    while let Some(char) = rest.next() {
        if char != '\\' {
            out.push(char);
            continue;
        }
        out.push(match rest.next() {
            Some('n') => '\n',
            Some('t') => '\t',
            Some('r') => '\r',
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('u') => {
                let digits: String = rest.by_ref().take(4).collect();
                let code = u32::from_str_radix(&digits, 16).ok();
                code.and_then(char::from_u32)
                    .unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            Some(other) => other,
            None => break,
        });
    }
    out
}
