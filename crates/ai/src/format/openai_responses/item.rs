//! Reading the items of a conversation.

use serde_json::Value;

use crate::chat::{
    AssistantPart, Detail, Dropped, Image, Input, Marked, Opaque, Outcome, Reasoning, Text,
    ToolCall, ToolResult, Turn, UserPart,
};
use crate::error::Error;
use crate::format::Format;
use crate::format::openai_chat::{audio, file, image_source, push_user};
use crate::json::{Members, Path};

/// Appends the turns that `items` make.
pub(super) fn read(
    items: Vec<Value>,
    path: Path<'_>,
    turns: &mut Vec<Turn>,
    dropped: &mut Dropped,
) -> Result<(), Error> {
    for (at, item) in items.into_iter().enumerate() {
        let at = path.item(at);
        let mut item = Members::of(item, at)?;
        item.skip(&["id", "status"]);
        match item.text("type")?.as_deref() {
            None | Some("message") => message(&mut item, turns, dropped)?,
            Some("function_call") => push_assistant(turns, AssistantPart::Call(call(&mut item)?)),
            Some("function_call_output") => {
                let result = UserPart::Result(ToolResult {
                    call: item.required("call_id")?,
                    parts: inputs(item.take("output"), at.key("output"), dropped)?,
                    outcome: Outcome::Good,
                });
                push_user(turns, [Marked::plain(result)].into_iter());
            }
            Some("reasoning") => {
                if let Some(thought) = reasoning(&mut item)? {
                    push_assistant(turns, AssistantPart::Reasoning(thought));
                }
            }
            Some("item_reference") => {
                let why = "names an item in the keeping of another provider; send the item itself";
                return Err(at.untranslatable(why));
            }
            // What tools of the provider's have done.
            Some(_) => {
                dropped.add(&at);
                continue;
            }
        }
        item.rest(dropped);
    }
    Ok(())
}

/// What a model thinks, says and calls in a row is one turn.
fn push_assistant(turns: &mut Vec<Turn>, part: AssistantPart) {
    match turns.last_mut() {
        Some(Turn::Assistant(parts)) => parts.push(Marked::plain(part)),
        _ => turns.push(Turn::Assistant(vec![Marked::plain(part)])),
    }
}

fn message(
    item: &mut Members<'_>,
    turns: &mut Vec<Turn>,
    dropped: &mut Dropped,
) -> Result<(), Error> {
    let path = item.path();
    let at = path.key("content");
    let content = item.take("content");
    match item.required("role")?.as_str() {
        "system" | "developer" => {
            let text = |Marked { part, cache }| match part {
                Input::Text(part) => Ok(Marked { part, cache }),
                _ => Err(at.wrong("made of texts only")),
            };
            let texts = inputs(content, at, dropped)?.into_iter().map(text);
            let texts = texts.collect::<Result<Vec<_>, _>>()?;
            match turns.last_mut() {
                Some(Turn::System(before)) => before.extend(texts),
                _ => turns.push(Turn::System(texts)),
            }
        }
        "user" => {
            let parts = inputs(content, at, dropped)?;
            let part = |Marked { part, cache }| Marked {
                part: UserPart::Input(part),
                cache,
            };
            push_user(turns, parts.into_iter().map(part));
        }
        "assistant" => said(content, at, turns, dropped)?,
        _ => {
            return Err(path
                .key("role")
                .wrong("system, developer, user or assistant"));
        }
    }
    Ok(())
}

fn said(
    content: Option<Value>,
    path: Path<'_>,
    turns: &mut Vec<Turn>,
    dropped: &mut Dropped,
) -> Result<(), Error> {
    let items = match content {
        None => return Ok(()),
        Some(Value::String(text)) => {
            push_assistant(turns, AssistantPart::Text(Text(text)));
            return Ok(());
        }
        Some(Value::Array(items)) => items,
        Some(_) => return Err(path.wrong("a string or a list of parts")),
    };
    for (at, item) in items.into_iter().enumerate() {
        let at = path.item(at);
        let mut item = Members::of(item, at)?;
        match item.required("type")?.as_str() {
            "output_text" | "input_text" | "text" => {
                push_assistant(turns, AssistantPart::Text(Text(item.required("text")?)));
            }
            "refusal" => {
                push_assistant(
                    turns,
                    AssistantPart::Refusal(Text(item.required("refusal")?)),
                );
            }
            _ => {
                dropped.add(&at);
                continue;
            }
        }
        item.skip(&["annotations", "logprobs"]);
        item.rest(dropped);
    }
    Ok(())
}

/// What a model is shown: a text, or a list of parts.
fn inputs(
    content: Option<Value>,
    path: Path<'_>,
    dropped: &mut Dropped,
) -> Result<Vec<Marked<Input>>, Error> {
    let items = match content {
        None => return Ok(Vec::new()),
        Some(Value::String(text)) => return Ok(vec![Marked::plain(Input::Text(Text(text)))]),
        Some(Value::Array(items)) => items,
        Some(_) => return Err(path.wrong("a string or a list of parts")),
    };
    let mut parts = Vec::with_capacity(items.len());
    for (at, item) in items.into_iter().enumerate() {
        let at = path.item(at);
        let mut item = Members::of(item, at)?;
        let part = match item.required("type")?.as_str() {
            "input_text" | "output_text" | "text" => Input::Text(Text(item.required("text")?)),
            "input_image" => {
                if item.take("file_id").is_some() {
                    let why =
                        "is a file in the keeping of another provider; send its bytes instead";
                    return Err(at.key("file_id").untranslatable(why));
                }
                Input::Image(Image {
                    source: image_source(item.required("image_url")?),
                    detail: item.text("detail")?.and_then(|word| Detail::of(&word)),
                })
            }
            "input_file" => {
                parts.push(Marked::plain(Input::File(file(item, dropped)?)));
                continue;
            }
            "input_audio" => Input::Audio(audio(&mut item, dropped)?),
            _ => {
                let expected = "input_text, input_image, input_file or input_audio";
                return Err(at.key("type").wrong(expected));
            }
        };
        item.rest(dropped);
        parts.push(Marked::plain(part));
    }
    Ok(parts)
}

pub(super) fn call(item: &mut Members<'_>) -> Result<ToolCall, Error> {
    Ok(ToolCall {
        id: item.required("call_id")?,
        name: item.required("name")?,
        arguments: item.prose("arguments")?.unwrap_or_default(),
        signature: None,
    })
}

/// Thoughts: what may be shown of them, and the whole of them encrypted. `None` for an item that
/// only names what its provider keeps.
pub(super) fn reasoning(item: &mut Members<'_>) -> Result<Option<Reasoning>, Error> {
    let mut texts = Vec::new();
    for key in ["summary", "content"] {
        let parts = item.list(key)?;
        texts.extend(
            parts
                .iter()
                .filter_map(|part| part["text"].as_str().map(str::to_owned)),
        );
    }
    let data = item
        .text("encrypted_content")?
        .filter(|data| !data.is_empty());
    let data = data.map(|data| Opaque::read(data, Format::OpenAiResponses));
    Ok(match (texts.is_empty(), data) {
        (true, None) => None,
        (true, Some(data)) => Some(Reasoning::Hidden(data)),
        (false, signature) => Some(Reasoning::Shown {
            text: Text(texts.join("\n\n")),
            signature,
        }),
    })
}
