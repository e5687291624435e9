//! The rules that messages keep to among each other.

use serde_json::{Map, Value};

use super::request::{list, text};
use crate::{ask::Thinking, error::ApiError, seal::seal};

/// The messages of a request, those of one role in a row taken together, as the API takes them.
#[derive(Debug)]
pub(super) struct Conversation<'a> {
    turns: Vec<Merged<'a>>,
}

/// Messages of one role in a row.
#[derive(Debug)]
struct Merged<'a> {
    role: Role,
    /// The first of the messages.
    index: usize,
    blocks: Vec<Block<'a>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    User,
    Assistant,
}

/// A content block and where it is.
#[derive(Debug)]
struct Block<'a> {
    path: String,
    kind: &'a str,
    object: &'a Map<String, Value>,
}

// === impl Conversation ===

impl<'a> Conversation<'a> {
    pub(super) fn of(messages: &'a [Value]) -> Result<Self, ApiError> {
        let mut turns: Vec<Merged<'a>> = Vec::new();
        for (index, message) in messages.iter().enumerate() {
            let Value::Object(message) = message else {
                continue;
            };
            let role = match text(message, "role") {
                Some("user") => Role::User,
                Some("assistant") => Role::Assistant,
                Some("system") => {
                    return Err(ApiError::refused(
                        "messages: Unexpected role \"system\". The Messages API accepts a top-level `system` parameter, not \"system\" as an input message role.",
                    ));
                }
                _ => {
                    return Err(ApiError::refused(format!(
                        "messages.{index}.role: Input should be 'user' or 'assistant'"
                    )));
                }
            };
            let last = index + 1 == messages.len();
            check_content(message, index, role, last)?;
            let blocks = located(message, index);
            match turns.last_mut() {
                Some(merged) if merged.role == role => merged.blocks.extend(blocks),
                _ => turns.push(Merged {
                    role,
                    index,
                    blocks: blocks.collect(),
                }),
            }
        }
        match turns.first() {
            None => Err(ApiError::refused(
                "messages: at least one message is required",
            )),
            Some(first) if first.role == Role::Assistant => Err(ApiError::refused(
                "messages: first message must use the \"user\" role",
            )),
            Some(_) => Ok(Self { turns }),
        }
    }

    /// Tool results answer the calls before them, thoughts are the API's own, and a model that thinks has thought
    /// before its last call.
    pub(super) fn check(&self, thinking: Thinking) -> Result<(), ApiError> {
        for (position, turn) in self.turns.iter().enumerate() {
            let before = position.checked_sub(1).map(|before| &self.turns[before]);
            turn.check_roles()?;
            turn.check_results(before)?;
            turn.check_signatures()?;
        }
        if let Some(last) = self.turns.last() {
            last.check_answered(None)?;
        }
        if thinking != Thinking::Off
            && let [.., call, _] = self.turns.as_slice()
        {
            call.check_thought()?;
        }
        Ok(())
    }
}

/// What one message may say.
fn check_content(
    message: &Map<String, Value>,
    index: usize,
    role: Role,
    last: bool,
) -> Result<(), ApiError> {
    let texts: Vec<&str> = match message.get("content") {
        Some(Value::String(text)) => vec![text],
        _ => list(message, "content")
            .iter()
            .filter_map(|block| block.get("text")?.as_str())
            .collect(),
    };
    let empty = match message.get("content") {
        Some(Value::String(text)) => text.is_empty(),
        content => content.is_none_or(|content| content.as_array().is_none_or(Vec::is_empty)),
    };
    let final_answer = role == Role::Assistant && last;
    if empty && !final_answer {
        return Err(ApiError::refused(format!(
            "messages.{index}: all messages must have non-empty content except for the optional final assistant message"
        )));
    }
    if !empty && texts.iter().any(|text| text.is_empty()) {
        return Err(ApiError::refused(
            "messages: text content blocks must be non-empty",
        ));
    }
    if texts
        .iter()
        .any(|text| !text.is_empty() && text.trim().is_empty())
    {
        return Err(ApiError::refused(
            "messages: text content blocks must contain non-whitespace text",
        ));
    }
    match texts.last() {
        Some(text) if final_answer && text.trim_end() != *text => Err(ApiError::refused(
            "messages: final assistant content cannot end with trailing whitespace",
        )),
        _ => Ok(()),
    }
}

fn located(message: &Map<String, Value>, index: usize) -> impl Iterator<Item = Block<'_>> {
    list(message, "content")
        .iter()
        .enumerate()
        .filter_map(move |(position, block)| {
            let object = block.as_object()?;
            Some(Block {
                path: format!("messages.{index}.content.{position}"),
                kind: text(object, "type")?,
                object,
            })
        })
}

// === impl Merged ===

impl Merged<'_> {
    fn ids<'s>(&'s self, kind: &'s str, name: &'s str) -> impl Iterator<Item = &'s str> {
        self.blocks
            .iter()
            .filter(move |block| block.kind == kind)
            .filter_map(move |block| text(block.object, name))
    }

    fn check_roles(&self) -> Result<(), ApiError> {
        let (kinds, owner): (&[&str], _) = match self.role {
            Role::User => (&["tool_use", "thinking", "redacted_thinking"], "assistant"),
            Role::Assistant => (&["tool_result", "image", "document"], "user"),
        };
        match self.blocks.iter().find(|block| kinds.contains(&block.kind)) {
            None => Ok(()),
            Some(block) => Err(ApiError::refused(format!(
                "messages.{}: `{}` blocks can only be in `{owner}` messages",
                self.index, block.kind
            ))),
        }
    }

    fn check_results(&self, before: Option<&Self>) -> Result<(), ApiError> {
        if self.role != Role::User {
            return Ok(());
        }
        let called: Vec<&str> = before
            .map(|before| before.ids("tool_use", "id").collect())
            .unwrap_or_default();
        let mut seen = Vec::new();
        for block in self
            .blocks
            .iter()
            .filter(|block| block.kind == "tool_result")
        {
            let id = text(block.object, "tool_use_id").unwrap_or_default();
            if !called.contains(&id) {
                return Err(ApiError::refused(format!(
                    "{}: unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each `tool_result` block must have a corresponding `tool_use` block in the previous message.",
                    block.path
                )));
            }
            if seen.contains(&id) {
                return Err(ApiError::refused(format!(
                    "{}: each tool_use must have a single result. Found multiple `tool_result` blocks with id: {id}",
                    block.path
                )));
            }
            seen.push(id);
        }
        before.map_or(Ok(()), |before| before.check_answered(Some(self)))
    }

    /// All calls of this turn are answered at the start of the next.
    fn check_answered(&self, next: Option<&Self>) -> Result<(), ApiError> {
        let answered: Vec<&str> = next
            .into_iter()
            .flat_map(|next| &next.blocks)
            .take_while(|block| block.kind == "tool_result")
            .filter_map(|block| text(block.object, "tool_use_id"))
            .collect();
        let open: Vec<&str> = self
            .ids("tool_use", "id")
            .filter(|id| !answered.contains(id))
            .collect();
        if open.is_empty() {
            return Ok(());
        }
        Err(ApiError::refused(format!(
            "messages.{}: `tool_use` ids were found without `tool_result` blocks immediately after: {}. Each `tool_use` block must have a corresponding `tool_result` block in the next message.",
            self.index,
            open.join(", ")
        )))
    }

    fn check_signatures(&self) -> Result<(), ApiError> {
        for block in self.blocks.iter().filter(|block| block.kind == "thinking") {
            let thought = text(block.object, "thinking").unwrap_or_default();
            if text(block.object, "signature") != Some(seal(thought).as_str()) {
                return Err(ApiError::refused(format!(
                    "{}: Invalid `signature` in `thinking` block",
                    block.path
                )));
            }
        }
        Ok(())
    }

    fn check_thought(&self) -> Result<(), ApiError> {
        let calls = self.blocks.iter().any(|block| block.kind == "tool_use");
        match self.blocks.first() {
            Some(first) if calls && !matches!(first.kind, "thinking" | "redacted_thinking") => {
                Err(ApiError::refused(format!(
                    "{}.type: Expected `thinking` or `redacted_thinking`, but found `{}`. When `thinking` is enabled, a final `assistant` message must start with a thinking block (preceeding the lastmost set of `tool_use` and `tool_result` blocks). To avoid this requirement, disable `thinking`.",
                    first.path, first.kind
                )))
            }
            _ => Ok(()),
        }
    }
}
