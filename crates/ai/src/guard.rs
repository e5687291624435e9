//! What guards look at: the texts of requests and answers, in every format a client may speak.
//!
//! ```text
//! request body ─> texts ─> mask(…) ─> the same bytes but for what is masked
//! whole answer ─> texts ─> mask(…)
//! event stream ─> stream (texts of each event, held until they are known) ─> the same events
//! ```
//!
//! Only texts that are masked are written anew; all other bytes stay as they came.

mod event;
mod recorded;
mod stream;
mod texts;
mod walk;
pub mod webhook;

use std::sync::Arc;

use agw_core::guard::{Guard, Refusal, Rules, Scopes};
use bytes::Bytes;

use crate::error::Error;
use crate::shape::outline::Object;
use crate::shape::patch::{Patch, quote};

pub use recorded::Recorded;
pub use stream::StreamGuard;
pub use texts::{Speaker, Text, Texts};

/// What guards made of a message. Worse ones come later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Verdict {
    #[default]
    Allow,
    Mask,
    Reject,
}

/// `body` as `rules` leave it, and whether they masked something.
pub fn mask(
    rules: &Rules,
    guard: &Guard,
    texts: &Texts,
    body: &Bytes,
) -> Result<(Bytes, Verdict), Error> {
    let mut patch = Patch::default();
    let mut verdict = Verdict::Allow;
    for text in &texts.all {
        if !guard.scopes.has(text.scope) {
            continue;
        }
        let masked = rules
            .mask(&text.said, text.form)
            .map_err(|_| refused(&guard.refusal))?;
        if let Some(masked) = masked {
            patch.replace(text.place.clone(), quote(&masked));
            verdict = Verdict::Mask;
        }
    }
    for (place, blank) in &texts.blanks {
        patch.replace(place.clone(), (*blank).to_owned());
    }
    Ok((patch.apply(body), verdict))
}

/// `body` with other texts: one for each of `texts` that is shown to others, in their order.
pub fn rewrite(texts: &Texts, scopes: Scopes, said: &[String], body: &Bytes) -> Bytes {
    let mut patch = Patch::default();
    for (text, said) in texts.shown(scopes).zip(said) {
        if text.said != *said {
            patch.replace(text.place.clone(), quote(said));
        }
    }
    for (place, blank) in &texts.blanks {
        patch.replace(place.clone(), (*blank).to_owned());
    }
    patch.apply(body)
}

/// The error that ends a message which may not go on.
pub fn refused(refusal: &Refusal) -> Error {
    Error::Refused(Arc::new(refusal.clone()))
}

/// Whether `body` is one object, whose texts are known.
fn object(body: &[u8]) -> Result<Object<'_>, Error> {
    Object::of_body(body)
}

#[cfg(test)]
mod tests;
