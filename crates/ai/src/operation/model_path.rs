//! Paths that name the model and what is asked of it, as Google's do.

use std::borrow::Cow;

use super::{Detected, Operation};
use crate::chat::words;

/// `…/models/{model}:{method}`; what follows `?` does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelPath<'p> {
    /// As it stands in the path.
    segment: &'p str,
    pub method: ModelMethod,
}

words! {
    /// What is asked of a model by its path.
    pub enum ModelMethod {
        Generate = "generateContent",
        Stream = "streamGenerateContent",
        CountTokens = "countTokens",
    }
}

/// How a client of `streamGenerateContent` wants its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamForm {
    /// `alt=sse`
    Events,
    /// A JSON array that grows item by item.
    List,
}

impl<'p> ModelPath<'p> {
    pub fn parse(path: &'p str) -> Option<Self> {
        let path = path.split('?').next().unwrap_or(path);
        let (head, method) = path.trim_end_matches('/').rsplit_once(':')?;
        let method = ModelMethod::of(method)?;
        let (_, segment) = head.rsplit_once("/models/")?;
        (!segment.is_empty()).then_some(Self { segment, method })
    }

    /// The model that the client asks for.
    pub fn model(&self) -> Cow<'p, str> {
        decode(self.segment)
    }

    pub fn operation(&self) -> Operation {
        match self.method {
            ModelMethod::Generate | ModelMethod::Stream => Operation::GenerateContent,
            ModelMethod::CountTokens => Operation::GeminiCountTokens,
        }
    }

    /// Whether the answer is to come bit by bit.
    pub fn streams(&self) -> bool {
        self.method == ModelMethod::Stream
    }

    /// The path by which a provider is asked the same of `model`, or of the client's model when
    /// that is `None`. Streams are asked for as events.
    pub fn canonical(&self, model: Option<&str>) -> String {
        let model = model.map_or(Cow::Borrowed(self.segment), encode);
        let form = if self.streams() { "?alt=sse" } else { "" };
        format!("/v1beta/models/{model}:{}{form}", self.method.word())
    }
}

impl StreamForm {
    /// What the query of a client's request says.
    pub fn of_query(query: Option<&str>) -> Self {
        let mut members = query.unwrap_or_default().split('&');
        match members.any(|member| member == "alt=sse" || member == "$alt=sse") {
            true => Self::Events,
            false => Self::List,
        }
    }
}

pub(super) fn detect(path: &str) -> Option<Detected<'_>> {
    let found = ModelPath::parse(path)?;
    let canonical = format!("/v1beta/models/{}:{}", found.segment, found.method.word());
    Some(Detected {
        operation: found.operation(),
        path: if canonical == path {
            Cow::Borrowed(path)
        } else {
            Cow::Owned(canonical)
        },
    })
}

/// `text` as one segment of a path: all but unreserved characters (RFC 3986 §2.3) are escaped.
pub(crate) fn encode(text: &str) -> Cow<'_, str> {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    if text.as_bytes().iter().all(plain) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        if plain(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    Cow::Owned(out)
}

/// What is escaped in `text`, said plainly. Escapes that make no text stay as they are.
pub(crate) fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let digit = |byte: Option<&u8>| byte.and_then(|b| char::from(*b).to_digit(16));
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escaped = (byte == b'%')
            .then(|| Some((digit(bytes.get(at + 1))?, digit(bytes.get(at + 2))?)))
            .flatten()
            .and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
        out.push(escaped.unwrap_or(byte));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    String::from_utf8(out).map_or(Cow::Borrowed(text), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_tells_model_method_and_form() {
        use ModelMethod::{CountTokens, Generate, Stream};
        let table = [
            (
                "/v1beta/models/gemini-2.5-pro:generateContent",
                Some(("gemini-2.5-pro", Generate)),
            ),
            (
                "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse",
                Some(("gemini-2.5-pro", Stream)),
            ),
            ("/gemini/v1/models/m:countTokens/", Some(("m", CountTokens))),
            (
                "/v1/projects/p/locations/l/publishers/google/models/m:generateContent",
                Some(("m", Generate)),
            ),
            (
                "/v1beta/models/meta%2Fllama%3A3:generateContent",
                Some(("meta/llama:3", Generate)),
            ),
            (
                "/v1beta/models/meta/llama:3:generateContent",
                Some(("meta/llama:3", Generate)),
            ),
            (
                "/v1beta/models/%ff%zz:generateContent",
                Some(("%ff%zz", Generate)),
            ),
            ("/v1beta/models/:generateContent", None),
            ("/v1/models/ft:gpt-4o:org::id", None),
            ("/v1beta/models/m:embedContent", None),
            ("/v1beta/models/m", None),
            ("", None),
        ];
        for (path, expected) in table {
            let found = ModelPath::parse(path);
            let found = found.map(|p| (p.model().into_owned(), p.method));
            assert_eq!(
                found,
                expected.map(|(m, method)| (m.to_owned(), method)),
                "{path}"
            );
        }
    }

    #[test]
    fn a_provider_is_asked_for_another_model_and_for_events() {
        let path = ModelPath::parse("/x/v1/models/a%2Fb:streamGenerateContent").unwrap();
        assert_eq!(
            path.canonical(None),
            "/v1beta/models/a%2Fb:streamGenerateContent?alt=sse"
        );
        assert_eq!(
            path.canonical(Some("tuned/ü:1")),
            "/v1beta/models/tuned%2F%C3%BC%3A1:streamGenerateContent?alt=sse"
        );
        let path = ModelPath::parse("/v1beta/models/a:generateContent?key=k").unwrap();
        assert_eq!(
            path.canonical(Some("b")),
            "/v1beta/models/b:generateContent"
        );
    }

    #[test]
    fn only_a_query_that_says_so_asks_for_events() {
        for query in ["alt=sse", "key=k&alt=sse", "%24alt=x&$alt=sse"] {
            assert_eq!(
                StreamForm::of_query(Some(query)),
                StreamForm::Events,
                "{query}"
            );
        }
        for query in [None, Some(""), Some("alt=json"), Some("salt=sse")] {
            assert_eq!(StreamForm::of_query(query), StreamForm::List, "{query:?}");
        }
    }
}
