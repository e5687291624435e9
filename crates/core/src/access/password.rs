//! Users as `htpasswd` files have them.

use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::secret::Secret;

/// A name and what its password hashes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct User {
    pub name: Arc<str>,
    pub hash: PasswordHash,
}

/// What a password hashes to, whole as the file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasswordHash {
    /// `$2a$`, `$2b$`, `$2y$`.
    Bcrypt(Secret),
    /// `$apr1$`.
    Apr1(Secret),
    /// `{SHA}`.
    Sha1(Secret),
}

/// Why a line is no user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUser {
    #[error("a line is `name:hash`")]
    Line,
    #[error("the hash is none of bcrypt (`$2y$`), apr1 (`$apr1$`) and SHA-1 (`{{SHA}}`)")]
    Hash,
}

/// What a hash of bcrypt is long.
const BCRYPT: usize = 60;

impl User {
    /// Reads a line.
    ///
    /// # Errors
    /// No name, no hash, or a hash of another kind; the error holds nothing of the line.
    pub fn parse(line: &str) -> Result<Self, InvalidUser> {
        let (name, hash) = line.trim().split_once(':').ok_or(InvalidUser::Line)?;
        if name.is_empty() || hash.is_empty() {
            return Err(InvalidUser::Line);
        }
        Ok(Self {
            name: name.into(),
            hash: PasswordHash::parse(hash)?,
        })
    }
}

impl PasswordHash {
    /// Tells the kind of a hash by its start.
    ///
    /// # Errors
    /// A hash of another kind, or of the wrong length.
    pub fn parse(hash: &str) -> Result<Self, InvalidUser> {
        let secret = || Secret::new(hash);
        let starts = |prefixes: &[&str]| prefixes.iter().any(|p| hash.starts_with(p));
        if starts(&["$2a$", "$2b$", "$2y$"]) && hash.len() == BCRYPT {
            Ok(Self::Bcrypt(secret()))
        } else if starts(&["$apr1$"]) && hash.matches('$').count() == 3 {
            Ok(Self::Apr1(secret()))
        } else if starts(&["{SHA}"]) && hash.len() == "{SHA}".len() + 28 {
            Ok(Self::Sha1(secret()))
        } else {
            Err(InvalidUser::Hash)
        }
    }

    /// The hash as the file has it.
    pub fn expose(&self) -> &str {
        match self {
            Self::Bcrypt(hash) | Self::Apr1(hash) | Self::Sha1(hash) => hash.expose(),
        }
    }
}

impl Serialize for PasswordHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("<redacted>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_lines_of_three_kinds() {
        let sha = "alice:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=";
        let apr1 = "bob:$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/";
        let bcrypt = format!("eve:$2y$05${}", "a".repeat(53));
        for (line, name) in [(sha, "alice"), (apr1, "bob"), (&bcrypt, "eve")] {
            let user = User::parse(line).unwrap();
            assert_eq!(&*user.name, name);
            assert!(line.ends_with(user.hash.expose()));
            assert!(!format!("{user:?}").contains("$a"), "{user:?}");
        }
        for line in [
            "",
            "alice",
            ":x",
            "alice:",
            "alice:plain",
            "a:$1$x$y",
            "a:$2y$05$short",
        ] {
            assert!(User::parse(line).is_err(), "{line}");
        }
    }
}
