//! A prompt as far as its tokens go. Framing is counted alike in every dialect, as OpenAI's cookbook does, so
//! that one conversation costs the same whichever dialect it came in.

use std::borrow::Cow;

use crate::tokens::Encoding;

/// What an image, or another part that is no text, costs: one of low detail in OpenAI's vision guide.
const MEDIUM_TOKENS: usize = 85;
/// Three tokens a message and one for its role.
const MESSAGE_TOKENS: usize = 4;
/// Before the answer.
const OPENING_TOKENS: usize = 3;

/// The texts of a prompt, with what the rest of it costs.
#[derive(Debug)]
pub(crate) struct Prompt<'a> {
    texts: Vec<Cow<'a, str>>,
    /// Tokens that no text holds: framing, images, tool definitions.
    overhead: usize,
    /// How many of the texts come before the last mark that asks for caching.
    marked: usize,
}

// === impl Prompt ===

impl<'a> Prompt<'a> {
    pub(crate) fn new() -> Self {
        Self {
            texts: Vec::new(),
            overhead: OPENING_TOKENS,
            marked: 0,
        }
    }

    /// Counts the framing of a message.
    pub(crate) fn message(&mut self) {
        self.overhead += MESSAGE_TOKENS;
    }

    pub(crate) fn text(&mut self, text: impl Into<Cow<'a, str>>) {
        self.texts.push(text.into());
    }

    /// Counts an image, a document or a recording.
    pub(crate) fn medium(&mut self) {
        self.overhead += MEDIUM_TOKENS;
    }

    /// Counts tokens that no text holds.
    pub(crate) fn extra(&mut self, tokens: usize) {
        self.overhead += tokens;
    }

    /// Everything so far is to be cached.
    pub(crate) fn mark(&mut self) {
        self.marked = self.texts.len();
    }

    pub(crate) fn texts(&self) -> &[Cow<'a, str>] {
        &self.texts
    }

    /// The texts that a mark asks to cache.
    pub(crate) fn marked(&self) -> &[Cow<'a, str>] {
        &self.texts[..self.marked]
    }

    /// All tokens of the prompt.
    pub(crate) fn tokens(&self, encoding: Encoding) -> usize {
        self.overhead
            + self
                .texts
                .iter()
                .map(|text| encoding.count(text))
                .sum::<usize>()
    }
}
