//! Parts of messages: text, images, files, recordings.

use serde_json::{Value, json};

use crate::chat::{Audio, Detail, Dropped, File, Image, Input, Marked, Source, Text};
use crate::error::Error;
use crate::format::anthropic::cache;
use crate::json::{Members, Path};

/// A `content` of a user's or tool's message: a text, or a list of parts.
pub(super) fn inputs(
    content: Option<Value>,
    path: Path<'_>,
    dropped: &mut Dropped,
) -> Result<Vec<Marked<Input>>, Error> {
    match content {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![Marked::plain(Input::Text(Text(text)))]),
        Some(Value::Array(items)) => {
            let mut parts = Vec::with_capacity(items.len());
            for (at, item) in items.into_iter().enumerate() {
                parts.push(input(Members::of(item, path.item(at))?, dropped)?);
            }
            Ok(parts)
        }
        Some(_) => Err(path.wrong("a string or a list of parts")),
    }
}

/// The texts of a `content` that may have no other parts.
pub(super) fn texts(
    content: Option<Value>,
    path: Path<'_>,
    dropped: &mut Dropped,
) -> Result<Vec<Marked<Text>>, Error> {
    let parts = inputs(content, path, dropped)?;
    let text = |Marked { part, cache }| match part {
        Input::Text(part) => Ok(Marked { part, cache }),
        _ => Err(path.wrong("made of text parts only")),
    };
    parts.into_iter().map(text).collect()
}

fn input(mut part: Members<'_>, dropped: &mut Dropped) -> Result<Marked<Input>, Error> {
    let path = part.path();
    let kind = part.required("type")?;
    let cache = cache::read(&mut part, dropped)?;
    let input = match kind.as_str() {
        "text" => Input::Text(Text(part.required("text")?)),
        "image_url" => {
            let at = path.key("image_url");
            let mut image = match part.take("image_url") {
                Some(Value::String(url)) => {
                    return Ok(Marked {
                        part: Input::Image(Image {
                            source: image_source(url),
                            detail: None,
                        }),
                        cache,
                    });
                }
                other => Members::of(other.unwrap_or_default(), at)?,
            };
            let source = image_source(image.required("url")?);
            let detail = image.text("detail")?.and_then(|word| Detail::of(&word));
            image.rest(dropped);
            Input::Image(Image { source, detail })
        }
        "input_audio" => Input::Audio(audio(&mut part, dropped)?),
        "file" => {
            let at = path.key("file");
            let members = Members::of(part.take("file").unwrap_or_default(), at)?;
            Input::File(file(members, dropped)?)
        }
        _ => {
            let at = path.key("type");
            return Err(at.wrong("text, image_url, input_audio or file"));
        }
    };
    part.rest(dropped);
    Ok(Marked { part: input, cache })
}

/// A `data:` URL holds the bytes themselves.
pub(in crate::format) fn image_source(url: String) -> Source {
    let inline = url
        .strip_prefix("data:")
        .and_then(|rest| rest.split_once(','))
        .and_then(|(head, data)| Some((head.strip_suffix(";base64")?, data)));
    match inline {
        Some((mime, data)) => Source::Base64 {
            mime: mime.split(';').next().unwrap_or(mime).to_owned(),
            data: data.into(),
        },
        None => Source::Url(Text(url)),
    }
}

/// The other way round.
pub(in crate::format) fn data_url(mime: &str, data: &str) -> String {
    format!("data:{mime};base64,{data}")
}

pub(in crate::format) fn audio(
    part: &mut Members<'_>,
    dropped: &mut Dropped,
) -> Result<Audio, Error> {
    let path = part.path();
    let at = path.key("input_audio");
    let mut audio = Members::of(part.take("input_audio").unwrap_or_default(), at)?;
    let base64 = Text(audio.required("data")?);
    let format = audio.required("format")?;
    audio.rest(dropped);
    Ok(Audio { format, base64 })
}

/// The members `file_data`, `file_url` and `filename`, which both of OpenAI's APIs have.
pub(in crate::format) fn file(
    mut members: Members<'_>,
    dropped: &mut Dropped,
) -> Result<File, Error> {
    let path = members.path();
    if members.take("file_id").is_some() {
        return Err(path.key("file_id").untranslatable(
            "is a file in the keeping of another provider; send its bytes instead",
        ));
    }
    let name = members.prose("filename")?;
    let source = match (members.text("file_data")?, members.text("file_url")?) {
        (Some(data), _) if data.starts_with("data:") => image_source(data),
        (Some(data), _) => Source::Base64 {
            mime: "application/pdf".to_owned(),
            data: Text(data),
        },
        (None, Some(url)) => Source::Url(Text(url)),
        (None, None) => return Err(path.key("file_data").wrong("a string")),
    };
    members.rest(dropped);
    Ok(File { source, name })
}

/// Writes a part of a user's message.
pub(super) fn write(
    Marked { part, cache }: Marked<Input>,
    dropped: &mut Dropped,
) -> Result<Value, Error> {
    if cache.is_some() {
        dropped.name("messages[].content[].cache_control");
    }
    Ok(match part {
        Input::Text(text) => json!({"type": "text", "text": text}),
        Input::Image(Image { source, detail }) => {
            let url = match source {
                Source::Url(url) => url.0,
                Source::Base64 { mime, data } => data_url(&mime, &data),
                Source::Plain(text) => return Ok(json!({"type": "text", "text": text})),
            };
            match detail {
                Some(detail) => {
                    json!({"type": "image_url", "image_url": {"url": url, "detail": detail.word()}})
                }
                None => json!({"type": "image_url", "image_url": {"url": url}}),
            }
        }
        Input::File(File { source, name }) => {
            let data = match source {
                // A document that is text needs no file.
                Source::Plain(text) => return Ok(json!({"type": "text", "text": text})),
                Source::Base64 { mime, data } => data_url(&mime, &data),
                Source::Url(_) => {
                    return Err(Error::Untranslatable {
                        path: "messages[].content[].source.url".into(),
                        why: "is a document by its URL, which this provider does not fetch; send \
                              its bytes instead",
                    });
                }
            };
            let name = name.unwrap_or_else(|| "document.pdf".into());
            json!({"type": "file", "file": {"filename": name, "file_data": data}})
        }
        Input::Audio(Audio { format, base64 }) => {
            json!({"type": "input_audio", "input_audio": {"data": base64, "format": format}})
        }
    })
}
