//! Token counts and token-sized pieces by the tokenizers that OpenAI's models use.

use bpe_openai::Tokenizer;

/// The vocabulary a model counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// gpt-4o and newer.
    O200k,
    /// gpt-4, gpt-3.5, the embedding models, and every name that is not known.
    Cl100k,
}

/// A text cut into the pieces that a stream sends, one token each.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Pieces {
    /// Valid UTF-8 each; a character that spans tokens is in one piece.
    pub(crate) pieces: Vec<String>,
    /// Tokens in `pieces`.
    pub(crate) tokens: usize,
    pub(crate) extent: Extent,
}

/// Whether all of a text fitted into its token limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    Whole,
    Truncated,
}

// === impl Encoding ===

impl Encoding {
    /// The encoding of a model, by OpenAI's naming. A vendor path (`openai/gpt-4o`) and a fine-tuning
    /// prefix (`ft:gpt-4o:org::id`) are seen through.
    pub(crate) fn of(model: &str) -> Self {
        const O200K: [&str; 9] = [
            "gpt-4o",
            "chatgpt-4o",
            "gpt-4.1",
            "gpt-4.5",
            "gpt-5",
            "gpt-oss",
            "o1",
            "o3",
            "o4",
        ];
        let name = base_name(model);
        if O200K.iter().any(|prefix| name.starts_with(prefix)) {
            Self::O200k
        } else {
            Self::Cl100k
        }
    }

    /// Tokens in a text.
    pub(crate) fn count(self, text: &str) -> usize {
        self.tokenizer().count(text)
    }

    /// The token ids of a text.
    pub(crate) fn encode(self, text: &str) -> Vec<u32> {
        self.tokenizer().encode(text)
    }

    /// The text of token ids, if they are ids and their text is UTF-8.
    pub(crate) fn decode(self, tokens: &[u32]) -> Option<String> {
        let tokenizer = self.tokenizer();
        let known = tokenizer.bpe.num_tokens();
        tokens
            .iter()
            .all(|token| usize::try_from(*token).is_ok_and(|token| token < known))
            .then(|| tokenizer.decode(tokens))
            .flatten()
    }

    /// Cuts a text into its tokens, the first `limit` of them.
    pub(crate) fn pieces(self, text: &str, limit: Option<usize>) -> Pieces {
        let tokenizer = self.tokenizer();
        let ids = tokenizer.encode(text);
        let taken = limit.unwrap_or(usize::MAX).min(ids.len());
        let mut pieces = Vec::with_capacity(taken);
        let mut pending = Vec::new();
        for id in &ids[..taken] {
            pending.extend_from_slice(tokenizer.bpe.token_bytes(*id));
            match String::from_utf8(std::mem::take(&mut pending)) {
                Ok(piece) => pieces.push(piece),
                Err(partial) => pending = partial.into_bytes(),
            }
        }
        let extent = if taken < ids.len() {
            Extent::Truncated
        } else {
            Extent::Whole
        };
        Pieces {
            pieces,
            tokens: taken,
            extent,
        }
    }

    /// The tables load once, on first use; that costs some ten milliseconds.
    fn tokenizer(self) -> &'static Tokenizer {
        match self {
            Self::O200k => bpe_openai::o200k_base(),
            Self::Cl100k => bpe_openai::cl100k_base(),
        }
    }
}

/// A model name without vendor path and fine-tuning prefix.
pub(crate) fn base_name(model: &str) -> &str {
    let name = model.rsplit('/').next().unwrap_or(model);
    name.strip_prefix("ft:").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picks_the_encoding_by_model_name() {
        for (model, expected) in [
            ("gpt-4o", Encoding::O200k),
            ("gpt-4o-mini-2024-07-18", Encoding::O200k),
            ("ft:gpt-4o:acme::7p4l", Encoding::O200k),
            ("openai/gpt-4.1", Encoding::O200k),
            ("gpt-5-nano", Encoding::O200k),
            ("o3-mini", Encoding::O200k),
            ("gpt-4", Encoding::Cl100k),
            ("gpt-4-turbo", Encoding::Cl100k),
            ("gpt-3.5-turbo", Encoding::Cl100k),
            ("text-embedding-3-small", Encoding::Cl100k),
            ("llama-3", Encoding::Cl100k),
        ] {
            assert_eq!(Encoding::of(model), expected, "{model}");
        }
    }

    /// Values published with tiktoken and its cookbook.
    #[test]
    fn counts_as_tiktoken_does() {
        for (text, cl100k, o200k) in [
            ("", 0, 0),
            ("tiktoken is great!", 6, 6),
            ("hello world", 2, 2),
            ("antidisestablishmentarianism", 6, 6),
            ("2 + 2 = 4", 7, 7),
            ("お誕生日おめでとう", 9, 8),
        ] {
            assert_eq!(Encoding::Cl100k.count(text), cl100k, "cl100k {text}");
            assert_eq!(Encoding::O200k.count(text), o200k, "o200k {text}");
        }
        assert_eq!(
            Encoding::Cl100k.encode("tiktoken is great!"),
            [83, 1609, 5963, 374, 2294, 0]
        );
        assert_eq!(Encoding::O200k.encode("hello world"), [24912, 2375]);
    }

    #[test]
    fn pieces_join_to_the_text_even_across_split_characters() {
        let text = "naïve 👩‍👩‍👧 お誕生日 text";
        let cut = Encoding::Cl100k.pieces(text, None);
        assert_eq!(cut.pieces.concat(), text);
        assert_eq!(cut.tokens, Encoding::Cl100k.count(text));
        assert_eq!(cut.extent, Extent::Whole);
    }

    #[test]
    fn stops_at_the_limit() {
        let cut = Encoding::O200k.pieces("one two three four", Some(2));
        assert_eq!(cut.pieces, ["one", " two"]);
        assert_eq!((cut.tokens, cut.extent), (2, Extent::Truncated));
        let exact = Encoding::O200k.pieces("one two", Some(2));
        assert_eq!(exact.extent, Extent::Whole);
    }
}
