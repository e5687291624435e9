//! `thoughtSignature`: what a provider wants back as it gave it. Clients decode it as base64, so
//! what is from elsewhere is wrapped in some.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::chat::{Opaque, Reasoning, Text};
use crate::format::Format;

const OURS: Format = Format::GeminiContent;

/// Goes before what has no text of its own that could be shown.
const HIDDEN: &str = "hidden:";

const FORGIVING: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, FORGIVING);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, FORGIVING);

/// As a client is to keep it.
pub(super) fn write(opaque: Opaque) -> String {
    if opaque.origin == OURS {
        return opaque.data.0;
    }
    STANDARD.encode(opaque.written_in(OURS))
}

pub(super) fn write_hidden(opaque: Opaque) -> String {
    let marked = format!("{HIDDEN}{}:{}", opaque.origin.word(), &*opaque.data);
    STANDARD.encode(marked)
}

/// The thought that a signature alone stands for, or the signature of `text`.
pub(super) fn thought(text: String, signature: String) -> Reasoning {
    match unwrapped(&signature) {
        Some((Kept::Hidden, data)) if text.is_empty() => Reasoning::Hidden(data),
        _ => Reasoning::Shown {
            text: Text(text),
            signature: Some(read(signature)),
        },
    }
}

pub(super) fn read(signature: String) -> Opaque {
    match unwrapped(&signature) {
        Some((_, opaque)) => opaque,
        None => Opaque {
            origin: OURS,
            data: Text(signature),
        },
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    Shown,
    Hidden,
}

/// What was wrapped by [`write`] or [`write_hidden`]; clients may have changed the alphabet.
fn unwrapped(signature: &str) -> Option<(Kept, Opaque)> {
    let bytes = STANDARD
        .decode(signature)
        .or_else(|_| URL_SAFE.decode(signature))
        .ok()?;
    let text = std::str::from_utf8(&bytes).ok()?;
    let (kept, text) = match text.strip_prefix(HIDDEN) {
        Some(rest) => (Kept::Hidden, rest),
        None => (Kept::Shown, text),
    };
    let (word, data) = text.split_once(':')?;
    let origin = Format::of(word)?;
    let data = data.into();
    Some((kept, Opaque { origin, data }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opaque(origin: Format, data: &str) -> Opaque {
        let data = data.into();
        Opaque { origin, data }
    }

    #[test]
    fn what_is_from_elsewhere_comes_back_as_it_was() {
        let table = [
            opaque(Format::AnthropicMessages, "EqQB/+=="),
            opaque(Format::OpenAiChat, "?>?>~~"),
            opaque(OURS, "CiQB0e2KbAAA+/=="),
            opaque(OURS, "not base64!"),
        ];
        for given in table {
            let written = write(given.clone());
            assert_eq!(read(written.clone()), given);
            if given.origin != OURS {
                let url_safe = written.replace('+', "-").replace('/', "_");
                assert_eq!(read(url_safe), given);
            }
            let hidden = thought(String::new(), write_hidden(given.clone()));
            assert_eq!(hidden, Reasoning::Hidden(given));
        }
    }
}
