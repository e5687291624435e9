//! What a provider wants back as it gave it.

use super::Text;
use crate::format::Format;

/// A signature or encrypted thoughts. Only the format that it is from can make use of it.
///
/// A client gets it in its own format, marked with where it is from; so it finds its way back, and
/// a provider that did not make it, such as the one that takes over, never sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opaque {
    pub origin: Format,
    pub data: Text,
}

impl Opaque {
    /// As it stands in a message of `format`.
    pub fn written_in(self, format: Format) -> String {
        if self.origin == format {
            self.data.0
        } else {
            format!("{}:{}", self.origin.word(), &*self.data)
        }
    }

    /// Reads what stands in a message of a format where it is from `native` unless it is marked.
    pub fn read(text: String, native: Format) -> Self {
        let marked = text
            .split_once(':')
            .and_then(|(word, data)| Some((Format::of(word)?, data)));
        match marked {
            Some((origin, data)) => Self {
                origin,
                data: data.into(),
            },
            None => Self {
                origin: native,
                data: text.into(),
            },
        }
    }
}
