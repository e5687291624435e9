//! Message content: a string, or an array of parts.

use serde_json::Value;

use super::fields::{Fields, wrong};
use crate::{error::ApiError, prompt::Prompt};

/// Adds a message's content to a prompt; returns its text.
pub(super) fn add<'a>(
    prompt: &mut Prompt<'a>,
    content: &'a Value,
    path: &str,
) -> Result<String, ApiError> {
    match content {
        Value::Null => Ok(String::new()),
        Value::String(text) => {
            prompt.text(text);
            Ok(text.clone())
        }
        Value::Array(parts) => {
            let mut said = Vec::new();
            for (index, part) in parts.iter().enumerate() {
                let part = Fields::nested(part, format!("{path}[{index}]"))?;
                if let Some(text) = add_part(prompt, &part)? {
                    said.push(text);
                }
            }
            Ok(said.join("\n"))
        }
        other => Err(wrong(
            path.to_owned(),
            "a string or an array of objects",
            other,
        )),
    }
}

fn add_part<'a>(prompt: &mut Prompt<'a>, part: &Fields<'a>) -> Result<Option<&'a str>, ApiError> {
    let text = match part.required_string("type")? {
        "text" | "input_text" | "output_text" | "summary_text" => part.required_string("text")?,
        "refusal" => part.required_string("refusal")?,
        _ => {
            prompt.medium();
            return Ok(None);
        }
    };
    prompt.text(text);
    Ok(Some(text))
}
