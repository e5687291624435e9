//! Blocks that show something to a model: text, images, documents.

use serde_json::{Map, Value, json};

use super::cache;
use crate::chat::{Dropped, File, Image, Input, Marked, Source, Text};
use crate::error::Error;
use crate::json::{Members, Path, compact};

/// A `content` that is a text or a list of blocks.
pub(super) fn inputs(
    content: Option<Value>,
    path: Path<'_>,
    dropped: &mut Dropped,
) -> Result<Vec<Marked<Input>>, Error> {
    let mut parts = Vec::new();
    each(content, path, |mut block| {
        let kind = block.required("type")?;
        match input(&kind, &mut block, dropped)? {
            Some(part) => {
                block.rest(dropped);
                parts.push(part);
            }
            None => dropped.add(&block.path()),
        }
        Ok(())
    })?;
    Ok(parts)
}

/// The blocks of a `content`; a text is one block.
pub(super) fn each(
    content: Option<Value>,
    path: Path<'_>,
    mut read: impl FnMut(Members<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    match content {
        None => Ok(()),
        Some(Value::String(text)) => {
            let block = compact([("type", "text".into()), ("text", text.into())]);
            read(Members::new(block, path))
        }
        Some(Value::Array(items)) => {
            for (at, item) in items.into_iter().enumerate() {
                read(Members::of(item, path.item(at))?)?;
            }
            Ok(())
        }
        Some(_) => Err(path.wrong("a string or a list of blocks")),
    }
}

/// A block of that kind; `None` when it shows nothing that is known.
pub(super) fn input(
    kind: &str,
    block: &mut Members<'_>,
    dropped: &mut Dropped,
) -> Result<Option<Marked<Input>>, Error> {
    let part = match kind {
        "text" => Input::Text(Text(block.required("text")?)),
        "image" => Input::Image(Image {
            source: source(block, dropped)?,
            detail: None,
        }),
        "document" => Input::File(File {
            name: block.prose("title")?,
            source: source(block, dropped)?,
        }),
        _ => return Ok(None),
    };
    let cache = cache::read(block, dropped)?;
    Ok(Some(Marked { part, cache }))
}

fn source(block: &mut Members<'_>, dropped: &mut Dropped) -> Result<Source, Error> {
    let path = block.path();
    let at = path.key("source");
    let mut source = Members::of(block.take("source").unwrap_or_default(), at)?;
    let read = match source.required("type")?.as_str() {
        "url" => Source::Url(Text(source.required("url")?)),
        "base64" => Source::Base64 {
            mime: source.required("media_type")?,
            data: Text(source.required("data")?),
        },
        "text" => {
            source.skip(&["media_type"]);
            Source::Plain(Text(source.required("data")?))
        }
        "content" => Source::Plain(joined(source.take("content"), at.key("content"), dropped)?),
        "file" => {
            let why = "is a file in the keeping of another provider; send its bytes instead";
            return Err(at.key("file_id").untranslatable(why));
        }
        _ => return Err(at.key("type").wrong("url, base64, text, content or file")),
    };
    source.rest(dropped);
    Ok(read)
}

/// The texts of a document that is made of blocks.
fn joined(content: Option<Value>, path: Path<'_>, dropped: &mut Dropped) -> Result<Text, Error> {
    let mut texts = Vec::new();
    for part in inputs(content, path, dropped)? {
        match part.part {
            Input::Text(text) => texts.push(text.0),
            _ => dropped.add(&path),
        }
    }
    Ok(Text(texts.join("\n")))
}

/// Writes a block; `None` for a blank text, which the API refuses.
pub(super) fn write(
    Marked { part, cache }: Marked<Input>,
    dropped: &mut Dropped,
) -> Result<Option<Value>, Error> {
    let mut block = match part {
        Input::Text(text) if text.trim().is_empty() => return Ok(None),
        Input::Text(text) => compact([("type", "text".into()), ("text", text.into())]),
        Input::Image(Image { source, detail }) => {
            if detail.is_some() {
                dropped.name("messages[].content[].image_url.detail");
            }
            compact([("type", "image".into()), ("source", written(source).into())])
        }
        Input::File(File { source, name }) => {
            let mime = match &source {
                Source::Base64 { mime, .. } => mime.as_str(),
                _ => "",
            };
            // Images come as files too.
            let kind = if mime.starts_with("image/") {
                "image"
            } else {
                "document"
            };
            let title = name.filter(|_| kind == "document");
            compact([
                ("type", kind.into()),
                ("source", written(source).into()),
                ("title", title.map(Value::from).into()),
            ])
        }
        Input::Audio(_) => {
            return Err(Error::Untranslatable {
                path: "messages[].content[].input_audio".into(),
                why: "is a recording, and this provider reads text and images only; send a \
                      transcript",
            });
        }
    };
    cache::put(cache, &mut block);
    Ok(Some(block.into()))
}

fn written(source: Source) -> Map<String, Value> {
    let value = match source {
        Source::Url(url) => json!({"type": "url", "url": url}),
        Source::Base64 { mime, data } => {
            json!({"type": "base64", "media_type": mime, "data": data})
        }
        Source::Plain(text) => json!({"type": "text", "media_type": "text/plain", "data": text}),
    };
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
