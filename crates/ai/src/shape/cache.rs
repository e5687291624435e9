//! Marks that tell a provider to keep what it has read so far.
//!
//! Anthropic's are a member of the last block that is kept, Bedrock's a block of their own. A
//! request has at most four.

use agw_core::shaping::{CachePlace, PromptCaching};
use bytes::Bytes;
use memchr::memmem;
use serde_json::Value;

use super::outline::{Object, Part};
use super::patch::Patch;
use crate::error::Error;
use crate::format::Format;

/// A request may have this many marks, those of the client included.
const MOST: usize = 4;

const MEMBER: &str = r#""cache_control":{"type":"ephemeral"}"#;
const POINT: &str = r#"{"cachePoint":{"type":"default"}}"#;

/// Where an API has what may be kept.
struct Words {
    /// What a mark is known by.
    mark: &'static [u8],
    tools: &'static [&'static str],
    place: fn(Part<'_>, &mut Patch) -> Placed,
}

/// What became of one mark.
enum Placed {
    New,
    /// The client has set it.
    Already,
    Nowhere,
}

/// What became of the marks.
pub(super) enum Marked {
    Body(Bytes),
    /// The body as far as it could be marked.
    Partly(Bytes),
    /// The provider takes no marks, or the model none.
    Unsupported,
}

impl Words {
    fn of(format: Format) -> Option<Self> {
        match format {
            Format::AnthropicMessages | Format::AnthropicVertex => Some(Self {
                mark: br#""cache_control""#,
                tools: &["tools"],
                place: last_block,
            }),
            Format::BedrockConverse => Some(Self {
                mark: br#""cachePoint""#,
                tools: &["toolConfig", "tools"],
                place: own_block,
            }),
            _ => None,
        }
    }
}

/// Marks a request in the words of its provider.
pub(super) fn apply(
    body: &Bytes,
    format: Format,
    model: Option<&str>,
    caching: &PromptCaching,
) -> Result<Marked, Error> {
    let Some(words) = Words::of(format) else {
        return Ok(Marked::Unsupported);
    };
    if format == Format::BedrockConverse && !model.is_some_and(keeps) {
        return Ok(Marked::Unsupported);
    }
    let object = Object::of_body(body)?;
    let mut left = MOST.saturating_sub(memmem::find_iter(body, words.mark).count());
    let mut patch = Patch::default();
    let mut missed = false;
    for place in &caching.places {
        let part = match place {
            CachePlace::System => object.get("system").filter(|s| is_long(*s, caching)),
            CachePlace::Tools => below(&object, words.tools),
            CachePlace::Messages => message(&object, caching.message_offset),
        };
        let Some(part) = part.filter(|part| !is_void(*part)) else {
            continue;
        };
        if left == 0 || (*place == CachePlace::Tools && !keeps_tools(format, model)) {
            missed = true;
            continue;
        }
        match (words.place)(part, &mut patch) {
            Placed::New => left -= 1,
            Placed::Already => {}
            Placed::Nowhere => missed = true,
        }
    }
    let body = patch.apply(body);
    Ok(match missed {
        true => Marked::Partly(body),
        false => Marked::Body(body),
    })
}

/// Whether Bedrock keeps prompts of this model.
fn keeps(model: &str) -> bool {
    model.contains("anthropic.claude") || model.contains("amazon.nova")
}

fn keeps_tools(format: Format, model: Option<&str>) -> bool {
    format != Format::BedrockConverse || model.is_some_and(|m| m.contains("anthropic.claude"))
}

fn below<'b>(object: &Object<'b>, path: &[&str]) -> Option<Part<'b>> {
    let (last, parents) = path.split_last()?;
    match parents {
        [] => object.get(last),
        [parent, ..] => object.get(parent)?.object()?.get(last),
    }
}

/// The content of the last message but one, or of one before it: what was said is kept, what is
/// said now is not.
fn message<'b>(object: &Object<'b>, offset: u32) -> Option<Part<'b>> {
    let messages = object.get("messages")?.list()?;
    let last_but_one = messages.items.len().checked_sub(2)?;
    let at = last_but_one.saturating_sub(usize::try_from(offset).unwrap_or(usize::MAX));
    messages.items.get(at)?.object()?.get("content")
}

fn is_void(part: Part<'_>) -> bool {
    part.quoted() == Some("") || part.list().is_some_and(|list| list.is_empty())
}

/// By its words: most are a token, some are two.
fn is_long(system: Part<'_>, caching: &PromptCaching) -> bool {
    let words = serde_json::from_str::<Value>(system.text()).map_or(0, |value| words(&value));
    words.saturating_mul(13) / 10 >= u64::from(caching.min_tokens)
}

fn words(value: &Value) -> u64 {
    match value {
        Value::String(text) => text.split_whitespace().count() as u64,
        Value::Array(items) => items.iter().map(words).sum(),
        Value::Object(block) => block.get("text").map_or(0, words),
        _ => 0,
    }
}

/// Anthropic's: a member of the last block, or of the one block that a text stands for.
fn last_block(part: Part<'_>, patch: &mut Patch) -> Placed {
    if part.quoted().is_some() {
        let block = format!(r#"[{{"type":"text","text":{},{MEMBER}}}]"#, part.text());
        patch.replace(part.place(), block);
        return Placed::New;
    }
    let last = part.list().and_then(|list| list.items.last().copied());
    let Some(block) = last.and_then(Part::object) else {
        return Placed::Nowhere;
    };
    if block.get("cache_control").is_some() {
        return Placed::Already;
    }
    let kind = block.get("type").and_then(Part::quoted).unwrap_or_default();
    // What a model has thought takes no mark, nor does an explicit null go beside one.
    if kind.ends_with("thinking") || block.all("cache_control").next().is_some() {
        return Placed::Nowhere;
    }
    patch.add_members(&block, &[MEMBER.to_owned()]);
    Placed::New
}

/// Bedrock's: a block behind the others.
fn own_block(part: Part<'_>, patch: &mut Patch) -> Placed {
    let Some(list) = part.list() else {
        return Placed::Nowhere;
    };
    let last = list.items.last().and_then(|item| item.object());
    if last.is_some_and(|block| block.get("cachePoint").is_some()) {
        return Placed::Already;
    }
    patch.add_items(&list, &[], &[POINT.to_owned()]);
    Placed::New
}
