//! Message content: a string, or an array of parts.

use serde_json::Value;

use super::{
    error::ApiError,
    fields::{Fields, wrong},
};
use crate::tokens::Encoding;

/// What an image of low detail costs (OpenAI's vision guide).
const IMAGE_TOKENS: usize = 85;

/// The texts of a prompt, with what the rest of it costs.
#[derive(Debug, Default)]
pub(super) struct Prompt<'a> {
    pub(super) texts: Vec<&'a str>,
    /// Tokens that no text holds: framing, images, tool definitions.
    pub(super) overhead: usize,
}

// === impl Prompt ===

impl<'a> Prompt<'a> {
    /// Adds a message's content; returns its text.
    pub(super) fn add(&mut self, content: &'a Value, path: &str) -> Result<String, ApiError> {
        match content {
            Value::Null => Ok(String::new()),
            Value::String(text) => {
                self.texts.push(text);
                Ok(text.clone())
            }
            Value::Array(parts) => {
                let mut said = Vec::new();
                for (index, part) in parts.iter().enumerate() {
                    let part = Fields::nested(part, format!("{path}[{index}]"))?;
                    if let Some(text) = self.part(&part)? {
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

    fn part(&mut self, part: &Fields<'a>) -> Result<Option<&'a str>, ApiError> {
        let text = match part.required_string("type")? {
            "text" | "input_text" | "output_text" | "summary_text" => {
                Some(part.required_string("text")?)
            }
            "refusal" => Some(part.required_string("refusal")?),
            _ => {
                self.overhead += IMAGE_TOKENS;
                None
            }
        };
        self.texts.extend(text);
        Ok(text)
    }

    /// All tokens of the prompt.
    pub(super) fn tokens(&self, encoding: Encoding) -> usize {
        self.overhead
            + self
                .texts
                .iter()
                .map(|text| encoding.count(text))
                .sum::<usize>()
    }
}
