//! The rules that messages keep to among each other.

use serde_json::{Map, Value};

use super::request::{list, object, text};
use crate::{error::ApiError, seal::seal};

/// Checks the messages of a request.
pub(super) fn check(body: &Map<String, Value>) -> Result<(), ApiError> {
    let messages: Vec<_> = list(body, "messages")
        .iter()
        .filter_map(Value::as_object)
        .collect();
    let mut before: Option<&Map<String, Value>> = None;
    for (index, message) in messages.iter().enumerate() {
        let role = text(message, "role");
        match before {
            None if role != Some("user") => return Err(no_user()),
            Some(before) if text(before, "role") == role => {
                return Err(ApiError::refused(
                    "A conversation must alternate between user and assistant roles. Make sure the conversation alternates between user and assistant roles and try again.",
                ));
            }
            _ => {}
        }
        check_content(message, index)?;
        check_results(before, message, index)?;
        before = Some(message);
    }
    let Some(last) = before else {
        return Err(no_user());
    };
    if let Some(id) = ids(last, "toolUse").first() {
        return Err(expected_results(messages.len(), &[id]));
    }
    let uses_tools = messages.iter().any(|message| {
        !ids(message, "toolUse").is_empty() || !ids(message, "toolResult").is_empty()
    });
    if uses_tools && object(body, "toolConfig").is_none() {
        return Err(ApiError::refused(
            "The toolConfig field must be defined when using toolUse and toolResult content blocks.",
        ));
    }
    Ok(())
}

fn no_user() -> ApiError {
    ApiError::refused(
        "A conversation must start with a user message. Try again with a conversation that starts with a user message.",
    )
}

fn expected_results(index: usize, ids: &[&str]) -> ApiError {
    ApiError::refused(format!(
        "Expected toolResult blocks at messages.{index}.content for the following Ids: {}",
        ids.join(", ")
    ))
}

fn check_content(message: &Map<String, Value>, index: usize) -> Result<(), ApiError> {
    let content = list(message, "content");
    if content.is_empty() {
        return Err(ApiError::refused(format!(
            "The content field in the Message object at messages.{index} is empty. Add a ContentBlock object to the content field and try again."
        )));
    }
    for (position, block) in content.iter().filter_map(Value::as_object).enumerate() {
        if text(block, "text").is_some_and(|text| text.trim().is_empty()) {
            return Err(ApiError::refused(format!(
                "The text field in the ContentBlock object at messages.{index}.content.{position} is blank. Add text to the text field, and try again."
            )));
        }
        let thought = object(block, "reasoningContent")
            .and_then(|reasoning| object(reasoning, "reasoningText"));
        let signed = thought.is_none_or(|thought| {
            let signature = text(thought, "signature");
            signature == Some(seal(text(thought, "text").unwrap_or_default()).as_str())
        });
        if !signed {
            return Err(ApiError::refused(format!(
                "The model returned the following errors: messages.{index}.content.{position}: Invalid `signature` in `thinking` block"
            )));
        }
    }
    Ok(())
}

/// Tool results answer the calls of the message before, all of them.
fn check_results(
    before: Option<&Map<String, Value>>,
    message: &Map<String, Value>,
    index: usize,
) -> Result<(), ApiError> {
    let called = before
        .map(|before| ids(before, "toolUse"))
        .unwrap_or_default();
    let answered = ids(message, "toolResult");
    let open: Vec<&str> = called
        .iter()
        .copied()
        .filter(|id| !answered.contains(id))
        .collect();
    if !open.is_empty() {
        return Err(expected_results(index, &open));
    }
    if answered.len() > called.len() {
        return Err(ApiError::refused(format!(
            "The number of toolResult blocks at messages.{index}.content exceeds the number of toolUse blocks of previous turn."
        )));
    }
    Ok(())
}

fn ids<'a>(message: &'a Map<String, Value>, kind: &str) -> Vec<&'a str> {
    list(message, "content")
        .iter()
        .filter_map(Value::as_object)
        .filter_map(|block| text(object(block, kind)?, "toolUseId"))
        .collect()
}
