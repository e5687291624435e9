//! Blocks that show something to a model: text, images, documents, recordings.

use std::collections::HashSet;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::chat::{Audio, Dropped, File, Image, Input, Source, Text};
use crate::error::Error;

/// Formats of images and documents by media type; sorted.
const FORMATS: &[(&str, &str)] = &[
    ("application/msword", "doc"),
    ("application/pdf", "pdf"),
    ("application/vnd.ms-excel", "xls"),
    (
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "xlsx",
    ),
    (
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "docx",
    ),
    ("image/gif", "gif"),
    ("image/jpeg", "jpeg"),
    ("image/jpg", "jpeg"),
    ("image/png", "png"),
    ("image/webp", "webp"),
    ("text/csv", "csv"),
    ("text/html", "html"),
    ("text/markdown", "md"),
    ("text/plain", "txt"),
];

/// Writes blocks, and gives every document of the conversation a name of its own.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    names: HashSet<String>,
}

impl Blocks {
    /// A block; `None` for a blank text, which the API refuses.
    pub(super) fn write(
        &mut self,
        input: Input,
        dropped: &mut Dropped,
    ) -> Result<Option<Value>, Error> {
        Ok(Some(match input {
            Input::Text(text) if text.trim().is_empty() => return Ok(None),
            Input::Text(text) => json!({"text": text}),
            Input::Image(Image { source, detail }) => {
                if detail.is_some() {
                    dropped.name("messages[].content[].image_url.detail");
                }
                self.from(source, None)?
            }
            Input::File(File { source, name }) => self.from(source, name)?,
            Input::Audio(Audio { format, base64 }) => {
                json!({"audio": {"format": format, "source": {"bytes": base64}}})
            }
        }))
    }

    fn from(&mut self, source: Source, name: Option<Text>) -> Result<Value, Error> {
        let (mime, source) = match source {
            Source::Base64 { mime, data } => (mime, json!({"bytes": data})),
            Source::Plain(text) => {
                let data = BASE64_STANDARD.encode(&*text);
                ("text/plain".to_owned(), json!({"bytes": data}))
            }
            Source::Url(url) => {
                let mime = mime_of(&url).to_owned();
                match url.starts_with("s3://") {
                    true => (mime, json!({"s3Location": {"uri": url}})),
                    false => return Err(foreign()),
                }
            }
        };
        let found = FORMATS.binary_search_by_key(&&*mime, |(known, _)| known);
        let format = found
            .map(|at| FORMATS[at].1)
            .map_err(|_| Error::Untranslatable {
                path: "messages[].content[]".into(),
                why: "is of a media type that this provider does not read",
            })?;
        if mime.starts_with("image/") {
            return Ok(json!({"image": {"format": format, "source": source}}));
        }
        let name = self.name(name.as_deref().unwrap_or_default());
        Ok(json!({"document": {"format": format, "name": name, "source": source}}))
    }

    /// Letters, digits, single blanks and a few marks are all that a name may have.
    fn name(&mut self, wanted: &str) -> String {
        let stem = wanted.rsplit_once('.').map_or(wanted, |(stem, _)| stem);
        let fits = |c: char| c.is_ascii_alphanumeric() || "-()[]".contains(c);
        let plain: String = stem
            .chars()
            .map(|c| if fits(c) { c } else { ' ' })
            .collect();
        let words: Vec<&str> = plain.split_ascii_whitespace().collect();
        let base: String = match words.is_empty() {
            true => "document".to_owned(),
            false => words.join(" ").chars().take(180).collect(),
        };
        let mut name = base.clone();
        let mut count = self.names.len();
        while !self.names.insert(name.clone()) {
            count += 1;
            name = format!("{base}-{count}");
        }
        name
    }
}

/// The media type that the ending of a URL stands for.
fn mime_of(url: &str) -> &'static str {
    let ending = url.rsplit('.').next().unwrap_or_default();
    let ending = match ending {
        "jpg" => "jpeg",
        other => other,
    };
    let found = FORMATS.iter().find(|(_, format)| *format == ending);
    found.map_or("", |(mime, _)| mime)
}

fn foreign() -> Error {
    Error::Untranslatable {
        path: "messages[].content[]".into(),
        why: "is by its URL, which this provider does not fetch; send its bytes instead",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_have_names_that_the_api_takes_each_once() {
        assert!(FORMATS.is_sorted_by_key(|(mime, _)| mime));
        let mut blocks = Blocks::default();
        let table = [
            ("Report_2024 (final).v2.pdf", "Report 2024 (final) v2"),
            ("", "document"),
            ("../../..", "document-3"),
            ("document", "document-4"),
            ("Ü", "document-5"),
        ];
        for (wanted, expected) in table {
            assert_eq!(blocks.name(wanted), expected, "{wanted}");
        }
    }

    #[test]
    fn places_tell_their_media_types() {
        assert_eq!(mime_of("s3://b/c.jpg"), "image/jpeg");
        assert_eq!(mime_of("s3://b/c.pdf"), "application/pdf");
        assert_eq!(mime_of("s3://b/c"), "");
    }
}
