//! What webhooks are asked and what they answer.
//!
//! ```text
//! POST /request   {"body":{"messages":[{"role":"user","content":"…"}]}}
//! POST /response  {"body":{"choices":[{"message":{"role":"assistant","content":"…"}}]}}
//!
//! {"action":{"reason":"…"}}                               goes on
//! {"action":{"body":{"messages":[…]}}}                    goes on with these texts, or `choices`
//! {"action":{"body":"no","status_code":403}}              does not go on
//! ```

use std::fmt;

use agw_core::guard::Refusal;
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

use super::Speaker;

/// What a webhook says. What it holds never prints.
#[derive(Clone, PartialEq, Eq)]
pub enum Answer {
    Pass,
    /// Texts for those that it was shown, in their order.
    Mask(Vec<String>),
    Reject(Refusal),
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "Pass",
            Self::Mask(_) => "Mask",
            Self::Reject(_) => "Reject",
        })
    }
}

/// The question about a client's texts.
pub fn about_request<'t>(texts: impl Iterator<Item = (Speaker, &'t str)>) -> Bytes {
    let messages = texts.map(message);
    let messages: Vec<_> = messages.collect();
    json!({ "body": { "messages": messages } })
        .to_string()
        .into()
}

/// The question about a model's texts.
pub fn about_answer<'t>(texts: impl Iterator<Item = &'t str>) -> Bytes {
    let choices = texts.map(|text| json!({ "message": message((Speaker::Assistant, text)) }));
    let choices: Vec<_> = choices.collect();
    json!({ "body": { "choices": choices } }).to_string().into()
}

fn message((speaker, content): (Speaker, &str)) -> Value {
    json!({ "role": speaker.word(), "content": content })
}

/// Reads the answer to a question about `count` texts. The error says what is wrong with it.
pub fn answer(body: &[u8], count: usize) -> Result<Answer, &'static str> {
    let mut answer: Value = serde_json::from_slice(body).map_err(|_| "it is not JSON")?;
    let mut action = answer["action"].take();
    if !action.is_object() {
        return Err("it has no `action`");
    }
    // Some write the action's name around it.
    for name in ["reject", "mask", "pass"] {
        if action[name].is_object() {
            action = action[name].take();
        }
    }
    match &action["body"] {
        Value::Null if action.get("status_code").is_some() => Ok(Answer::Reject(refusal(&action)?)),
        Value::Null => Ok(Answer::Pass),
        Value::String(_) => Ok(Answer::Reject(refusal(&action)?)),
        Value::Object(body) => {
            let texts = match (body.get("messages"), body.get("choices")) {
                (Some(Value::Array(messages)), _) => contents(messages.iter()),
                (None, Some(Value::Array(choices))) => {
                    contents(choices.iter().map(|choice| &choice["message"]))
                }
                _ => return Err("its `body` has neither `messages` nor `choices`"),
            };
            let texts = texts.ok_or("a message has no `content`")?;
            match texts.len() == count {
                true => Ok(Answer::Mask(texts)),
                false => Err("it has another number of messages than it was shown"),
            }
        }
        _ => Err("its `body` is neither an object nor a text"),
    }
}

fn contents<'v>(messages: impl Iterator<Item = &'v Value>) -> Option<Vec<String>> {
    let content = |message: &Value| message["content"].as_str().map(str::to_owned);
    messages.map(content).collect()
}

fn refusal(action: &Value) -> Result<Refusal, &'static str> {
    let code = match &action["status_code"] {
        Value::Null => return Ok(said(action, Refusal::default().status)),
        code => code.as_u64(),
    };
    let status = code.and_then(|code| u16::try_from(code).ok());
    let status = status.filter(|code| (200..600).contains(code));
    let status = status.and_then(|code| StatusCode::from_u16(code).ok());
    Ok(said(
        action,
        status.ok_or("its `status_code` is no status")?,
    ))
}

fn said(action: &Value, status: StatusCode) -> Refusal {
    let message = action["body"].as_str().filter(|text| !text.is_empty());
    Refusal {
        status,
        message: message.unwrap_or(Refusal::MESSAGE).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(action: Value) -> Result<Answer, &'static str> {
        answer(json!({ "action": action }).to_string().as_bytes(), 2)
    }

    #[test]
    fn an_answer_is_told_by_its_body() {
        let texts = vec!["a".to_owned(), "b".to_owned()];
        let messages = json!([{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]);
        let choices = json!([{"message": {"content": "a"}}, {"message": {"content": "b"}}]);
        let rejected = |status: u16, message: &str| {
            Ok(Answer::Reject(Refusal {
                status: StatusCode::from_u16(status).unwrap(),
                message: message.into(),
            }))
        };
        for (action, want) in [
            (json!({}), Ok(Answer::Pass)),
            (json!({"reason": "fine"}), Ok(Answer::Pass)),
            (json!({"pass": {}}), Ok(Answer::Pass)),
            (
                json!({"body": {"messages": messages}}),
                Ok(Answer::Mask(texts.clone())),
            ),
            (
                json!({"mask": {"body": {"messages": messages}}}),
                Ok(Answer::Mask(texts.clone())),
            ),
            (
                json!({"body": {"choices": choices}}),
                Ok(Answer::Mask(texts)),
            ),
            (
                json!({"body": "no", "status_code": 429}),
                rejected(429, "no"),
            ),
            (json!({"body": "no"}), rejected(403, "no")),
            (
                json!({"reject": {"body": "", "status_code": 400}}),
                rejected(400, Refusal::MESSAGE),
            ),
        ] {
            assert_eq!(read(action.clone()), want, "{action}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_no_answer() {
        for action in [
            json!(null),
            json!("pass"),
            json!({"body": 1}),
            json!({"body": {}}),
            json!({"body": {"messages": [{"content": "a"}]}}),
            json!({"body": {"messages": [{"content": "a"}, {}]}}),
            json!({"body": "no", "status_code": 99}),
        ] {
            assert!(read(action.clone()).is_err(), "{action}");
        }
        assert!(answer(b"not json", 1).is_err());
    }
}
