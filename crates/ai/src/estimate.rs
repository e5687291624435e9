//! How many tokens a text has, about: for where no provider counts.
//!
//! The tokenizers of the large models agree on most: a common word is a token with the blank before
//! it, rare and long ones are cut every few letters, numbers every three digits, other scripts
//! sooner. That is what is counted here, in one pass and without a vocabulary; English prose comes
//! out within a tenth of what the providers say, code and other scripts within a third.

use serde_json::Value;

/// A word of so many letters is one token.
const WORD: u32 = 10;
/// Letters of each further token of a longer word.
const PIECE: u32 = 4;
/// What a message costs beside its content.
const MESSAGE: u64 = 4;
/// A picture, whose size nobody has read.
const PICTURE: u64 = 800;
/// A text in base64 that is longer than this is a picture or a file.
const INLINE: usize = 512;

/// What a letter is to a tokenizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Blank,
    Break,
    Letter,
    /// Of a script that is no Latin one, but has words.
    Foreign,
    /// Of a script that has no blanks between words.
    Ideograph,
    Digit,
    Mark,
}

impl Kind {
    fn of(letter: char) -> Self {
        match letter {
            '\n' | '\r' => Self::Break,
            'a'..='z' | 'A'..='Z' => Self::Letter,
            '0'..='9' => Self::Digit,
            _ if letter.is_whitespace() => Self::Blank,
            '\u{c0}'..='\u{24f}' => Self::Letter,
            '\u{2e80}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' => {
                Self::Ideograph
            }
            _ if letter.is_numeric() => Self::Digit,
            _ if letter.is_alphabetic() => Self::Foreign,
            _ => Self::Mark,
        }
    }

    /// Tokens of so many letters of this kind in a row.
    fn tokens(self, run: u32) -> u64 {
        let pieces = match self {
            // One blank belongs to the word behind it.
            Self::Blank => u32::from(run > 1),
            Self::Break => 1,
            Self::Letter => 1 + run.saturating_sub(WORD).div_ceil(PIECE),
            Self::Foreign => run.div_ceil(4),
            Self::Ideograph => run - run / 3,
            Self::Digit => run.div_ceil(3),
            Self::Mark => run.div_ceil(3),
        };
        u64::from(pieces)
    }
}

/// Tokens of `text`.
pub fn text(text: &str) -> u64 {
    let mut sum = 0;
    let mut run: Option<(Kind, u32)> = None;
    for letter in text.chars() {
        let kind = Kind::of(letter);
        run = match run {
            Some((same, length)) if same == kind => Some((kind, length.saturating_add(1))),
            ended => {
                sum += ended.map_or(0, |(kind, length)| kind.tokens(length));
                Some((kind, 1))
            }
        };
    }
    sum + run.map_or(0, |(kind, length)| kind.tokens(length))
}

/// Input tokens of a chat request, whatever its format: what it says, its tools, and what messages
/// cost beside their content.
pub fn request(body: &Value) -> u64 {
    let Value::Object(members) = body else {
        return 0;
    };
    let counted = members.iter().map(|(key, value)| match key.as_str() {
        "messages" | "contents" | "input" => turns(value),
        "system" | "systemInstruction" | "system_instruction" | "instructions" => {
            MESSAGE + said(key, value)
        }
        "tools" | "functions" => document(value),
        "generateContentRequest" | "generate_content_request" => request(value),
        _ => 0,
    });
    counted.sum()
}

fn turns(value: &Value) -> u64 {
    match value {
        Value::Array(turns) => turns.iter().map(|turn| MESSAGE + said("", turn)).sum(),
        one => MESSAGE + said("", one),
    }
}

/// Tokens of what stands in `value`, which is under `key`: texts, but not the names that say what
/// kind of part one is.
fn said(key: &str, value: &Value) -> u64 {
    const NAMES: [&str; 12] = [
        "id",
        "call_id",
        "media_type",
        "mimeType",
        "mime_type",
        "name",
        "role",
        "signature",
        "thoughtSignature",
        "tool_call_id",
        "tool_use_id",
        "type",
    ];
    const FILES: [&str; 6] = [
        "data",
        "url",
        "file_data",
        "fileUri",
        "file_uri",
        "image_url",
    ];
    match value {
        Value::String(_) if FILES.contains(&key) => PICTURE,
        Value::String(words) if NAMES.contains(&key) => u64::from(words.len() > INLINE),
        Value::String(words) => text(words),
        Value::Array(items) => items.iter().map(|item| said(key, item)).sum(),
        Value::Object(members) if matches!(key, "input" | "args" | "response") => {
            members.values().map(document).sum::<u64>() + keys(members.keys())
        }
        Value::Object(members) => members.iter().map(|(key, value)| said(key, value)).sum(),
        Value::Number(_) | Value::Bool(_) => 1,
        Value::Null => 0,
    }
}

/// Tokens of a document such as a tool's schema, its keys included.
fn document(value: &Value) -> u64 {
    match value {
        Value::String(words) => text(words) + 1,
        Value::Array(items) => 1 + items.iter().map(document).sum::<u64>(),
        Value::Object(members) => {
            1 + keys(members.keys()) + members.values().map(document).sum::<u64>()
        }
        _ => 1,
    }
}

fn keys<'k>(keys: impl Iterator<Item = &'k String>) -> u64 {
    keys.map(|key| text(key) + 1).sum()
}

#[cfg(test)]
mod tests;
