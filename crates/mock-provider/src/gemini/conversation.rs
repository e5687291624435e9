//! The rules that contents keep to among each other.

use serde_json::{Map, Value};

use super::{
    base64,
    request::{get, object, objects, text},
};
use crate::{error::ApiError, seal::seal, tokens::base_name};

/// The fields of a part of which it has exactly one.
const DATA: [&str; 7] = [
    "text",
    "inlineData",
    "fileData",
    "functionCall",
    "functionResponse",
    "executableCode",
    "codeExecutionResult",
];
/// Signatures that the API takes for calls that are not its own.
const UNSIGNED: [&str; 2] = [
    "skip_thought_signature_validator",
    "context_engineering_is_the_way_to_go",
];

/// Checks the contents of a request.
pub(super) fn check(contents: &[&Map<String, Value>], model: &str) -> Result<(), ApiError> {
    if contents.is_empty() {
        return Err(ApiError::refused(
            "* GenerateContentRequest.contents: contents is not specified\n",
        ));
    }
    let (mut called, mut before) = (0, "");
    for (index, content) in contents.iter().enumerate() {
        let role = text(content, "role").unwrap_or("user");
        if !["user", "model", "function"].contains(&role) {
            return Err(ApiError::refused("Please use a valid role: user, model."));
        }
        check_parts(content, index)?;
        let count = |kind| {
            objects(content, "parts")
                .filter(|part| object(part, kind).is_some())
                .count()
        };
        let answered = count("functionResponse");
        if answered > 0 && (before != "model" || called == 0) {
            return Err(ApiError::refused(
                "Please ensure that function response turn comes immediately after a function call turn.",
            ));
        }
        if called > 0 && answered != called {
            return Err(ApiError::refused(
                "Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.",
            ));
        }
        called = count("functionCall");
        if called > 0 && (role != "model" || before.is_empty() || before == "model") {
            return Err(ApiError::refused(
                "Please ensure that function call turn comes immediately after a user turn or after a function response turn.",
            ));
        }
        before = role;
    }
    if base_name(model).starts_with("gemini-3") {
        check_signatures(contents)?;
    }
    Ok(())
}

fn check_parts(content: &Map<String, Value>, index: usize) -> Result<(), ApiError> {
    let mut parts = objects(content, "parts").enumerate().peekable();
    if parts.peek().is_none() {
        return Err(ApiError::refused(format!(
            "* GenerateContentRequest.contents[{index}].parts: contents.parts must not be empty.\n"
        )));
    }
    for (position, part) in parts {
        let given = DATA.iter().filter(|name| get(part, name).is_some()).count();
        match given {
            1 => {}
            0 => {
                return Err(ApiError::refused(format!(
                    "* GenerateContentRequest.contents[{index}].parts[{position}].data: required oneof field 'data' must have one initialized field\n"
                )));
            }
            _ => {
                return Err(ApiError::refused(format!(
                    "Invalid value at 'contents[{index}].parts[{position}]' (oneof), oneof field 'data' is already set."
                )));
            }
        }
    }
    Ok(())
}

/// From its third generation on, the model wants its calls of the current turn back as it signed them. Of calls in
/// one content, the first is signed.
fn check_signatures(contents: &[&Map<String, Value>]) -> Result<(), ApiError> {
    let said_by_user = |content: &&Map<String, Value>| {
        text(content, "role") != Some("model")
            && objects(content, "parts").any(|part| object(part, "functionResponse").is_none())
    };
    let start = contents.iter().rposition(said_by_user).unwrap_or(0);
    for (offset, content) in contents[start..].iter().enumerate() {
        let first = objects(content, "parts").find_map(|part| {
            let call = object(part, "functionCall")?;
            Some((text(call, "name")?, text(part, "thoughtSignature")))
        });
        let Some((name, signature)) = first else {
            continue;
        };
        let known = signature.is_some_and(|signature| {
            UNSIGNED.contains(&signature) || base64(signature) == base64(&seal(name))
        });
        if !known {
            return Err(ApiError::refused(format!(
                "Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly, and missing thought_signature may lead to degraded model performance. Additional data, function call `default_api:{name}` , position {}.",
                start + offset + 1
            )));
        }
    }
    Ok(())
}
