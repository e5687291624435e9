//! `inlineData` and `fileData`: images, recordings, documents.

use serde_json::{Value, json};

use super::names;
use crate::chat::{Audio, Dropped, File, Image, Input, Source, Text};
use crate::error::Error;
use crate::json::Members;

/// Media types by the endings of URLs: the API wants to be told.
const ENDINGS: &[(&str, &str)] = &[
    (".csv", "text/csv"),
    (".gif", "image/gif"),
    (".heic", "image/heic"),
    (".html", "text/html"),
    (".jpeg", "image/jpeg"),
    (".jpg", "image/jpeg"),
    (".mp3", "audio/mp3"),
    (".mp4", "video/mp4"),
    (".pdf", "application/pdf"),
    (".png", "image/png"),
    (".txt", "text/plain"),
    (".wav", "audio/wav"),
    (".webp", "image/webp"),
];

/// What a part shows, if it is one of these.
pub(super) fn read(part: &mut Members<'_>, dropped: &mut Dropped) -> Result<Option<Input>, Error> {
    let path = part.path();
    if let Some(mut data) = names::inner(part, "inlineData", path.key("inlineData"))? {
        let mime = data.required("mimeType")?;
        let base64 = Text(data.required("data")?);
        let name = data.prose("displayName")?;
        data.rest(dropped);
        return Ok(Some(inline(mime, base64, name)));
    }
    let Some(mut file) = names::inner(part, "fileData", path.key("fileData"))? else {
        return Ok(None);
    };
    let source = Source::Url(Text(file.required("fileUri")?));
    let mime = file.text("mimeType")?.unwrap_or_default();
    let name = file.prose("displayName")?;
    file.rest(dropped);
    Ok(Some(match mime.starts_with("image/") {
        true => image(source),
        false => Input::File(File { source, name }),
    }))
}

fn inline(mime: String, data: Text, name: Option<Text>) -> Input {
    if let Some(format) = mime.strip_prefix("audio/") {
        let format = format.to_owned();
        let base64 = data;
        return Input::Audio(Audio { format, base64 });
    }
    let shown = mime.starts_with("image/");
    let source = Source::Base64 { mime, data };
    match shown {
        true => image(source),
        false => Input::File(File { source, name }),
    }
}

fn image(source: Source) -> Input {
    let detail = None;
    Input::Image(Image { source, detail })
}

/// Writes a part; `None` for an empty text, which the API refuses.
pub(super) fn write(input: Input, dropped: &mut Dropped) -> Option<Value> {
    Some(match input {
        Input::Text(text) if text.is_empty() => return None,
        Input::Text(text) => json!({"text": text}),
        Input::Image(Image { source, detail }) => {
            if detail.is_some() {
                dropped.name("messages[].content[].image_url.detail");
            }
            from(source, "image/jpeg")?
        }
        Input::File(File { source, name }) => {
            if name.is_some() {
                dropped.name("messages[].content[].file.filename");
            }
            from(source, "application/pdf")?
        }
        Input::Audio(Audio { format, base64 }) => {
            let mime = format!("audio/{format}");
            json!({"inlineData": {"mimeType": mime, "data": base64}})
        }
    })
}

fn from(source: Source, usual: &str) -> Option<Value> {
    Some(match source {
        Source::Plain(text) if text.is_empty() => return None,
        Source::Plain(text) => json!({"text": text}),
        Source::Base64 { mime, data } => json!({"inlineData": {"mimeType": mime, "data": data}}),
        Source::Url(url) => {
            let mime = mime_of(&url).unwrap_or(usual);
            json!({"fileData": {"mimeType": mime, "fileUri": url}})
        }
    })
}

fn mime_of(url: &str) -> Option<&'static str> {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let name = url[..end].rsplit('/').next()?;
    let dot = name.rfind('.')?;
    let ending = name[dot..].to_ascii_lowercase();
    let at = ENDINGS
        .binary_search_by_key(&&*ending, |(known, _)| known)
        .ok()?;
    Some(ENDINGS[at].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_tell_their_media_types() {
        assert!(ENDINGS.is_sorted_by_key(|(ending, _)| ending));
        let table = [
            ("https://a.example/x.PNG?y=.gif", Some("image/png")),
            ("https://a.example/x.pdf#p", Some("application/pdf")),
            ("https://a.example/x", None),
            ("https://a.example", None),
            ("gs://b/c.webp", Some("image/webp")),
            ("", None),
        ];
        for (url, expected) in table {
            assert_eq!(mime_of(url), expected, "{url}");
        }
    }
}
