//! How an API marks what it wrote, so that it knows its own when a client sends it back.

use base64::{Engine, prelude::BASE64_STANDARD};
use sha2::{Digest, Sha256};

/// The signature of a thought, or of the name of a called function.
pub(crate) fn seal(written: &str) -> String {
    BASE64_STANDARD.encode(Sha256::digest(format!("mock: {written}")))
}
