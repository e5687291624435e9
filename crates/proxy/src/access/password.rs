//! Passwords of users.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use agw_core::access::{PasswordHash, User};
use agw_core::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use parking_lot::Mutex;
use rustc_hash::FxHashSet;
use sha1::Sha1;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

/// Right answers that are kept: hashing again would take longer than all else of a request.
const KEPT: usize = 4096;
/// Passwords that are hashed at the same time: it takes a processor's whole attention.
const AT_ONCE: usize = 2;
/// Nobody waits longer for a turn.
const WAIT: Duration = Duration::from_secs(5);
/// bcrypt looks at no more; a longer password is hashed by nobody.
const LONGEST: usize = 1024;

/// Checks passwords, for all workers.
pub(crate) struct Passwords {
    right: Mutex<FxHashSet<[u8; 32]>>,
    turns: Semaphore,
    /// Makes what is kept worthless to who reads it.
    pepper: [u64; 2],
}

/// Too many passwords are being checked.
#[derive(Debug)]
pub(crate) struct Busy;

impl Default for Passwords {
    fn default() -> Self {
        let random = || RandomState::new().hash_one(());
        Self {
            right: Mutex::default(),
            turns: Semaphore::new(AT_ONCE),
            pepper: [random(), random()],
        }
    }
}

impl Passwords {
    /// Whether `password` is that of `name`. Who is not known takes as long as who is.
    pub(crate) async fn check(
        &self,
        users: &[User],
        name: &str,
        password: &Secret,
    ) -> Result<bool, Busy> {
        let user = users.iter().find(|user| *user.name == *name);
        let Some(hash) = user.or(users.first()).map(|user| &user.hash) else {
            return Ok(false);
        };
        if password.expose().len() > LONGEST {
            return Ok(false);
        }
        let trace = self.trace(hash, password);
        if user.is_some() && self.right.lock().contains(&trace) {
            return Ok(true);
        }
        let turn = tokio::time::timeout(WAIT, self.turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(Busy);
        };
        let (hash, password) = (hash.clone(), password.clone());
        let hashing = tokio::task::spawn_blocking(move || is_right(&hash, password.expose()));
        let right = hashing.await.unwrap_or(false) && user.is_some();
        if right {
            let mut kept = self.right.lock();
            if kept.len() >= KEPT {
                kept.clear();
            }
            kept.insert(trace);
        }
        Ok(right)
    }

    fn trace(&self, hash: &PasswordHash, password: &Secret) -> [u8; 32] {
        let mut digest = Sha256::new();
        for number in self.pepper {
            digest.update(number.to_be_bytes());
        }
        digest.update(hash.expose());
        digest.update([0]);
        digest.update(password.expose());
        digest.finalize().into()
    }
}

impl std::fmt::Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passwords")
    }
}

fn is_right(hash: &PasswordHash, password: &str) -> bool {
    let made = match hash {
        PasswordHash::Bcrypt(hash) => {
            return bcrypt::verify(password, hash.expose()).unwrap_or(false);
        }
        PasswordHash::Sha1(_) => {
            let digest = Sha1::digest(password.as_bytes());
            format!("{{SHA}}{}", STANDARD.encode(digest))
        }
        PasswordHash::Apr1(hash) => {
            let salt = hash.expose().split('$').nth(2).unwrap_or_default();
            apr1(password.as_bytes(), salt)
        }
    };
    made.as_bytes().ct_eq(hash.expose().as_bytes()).into()
}

/// Apache's variant of MD5-crypt.
fn apr1(password: &[u8], salt: &str) -> String {
    const MAGIC: &str = "$apr1$";
    let salt = salt.as_bytes();
    let salt = &salt[..salt.len().min(8)];
    let mut inner = Md5::new();
    for part in [password, salt, password] {
        inner.update(part);
    }
    let mut last: [u8; 16] = inner.finalize().into();
    let mut outer = Md5::new();
    for part in [password, MAGIC.as_bytes(), salt] {
        outer.update(part);
    }
    for start in (0..password.len()).step_by(16) {
        outer.update(&last[..16.min(password.len() - start)]);
    }
    let mut bits = password.len();
    while bits > 0 {
        outer.update(if bits & 1 == 1 {
            &[0][..]
        } else {
            &password[..1]
        });
        bits >>= 1;
    }
    last = outer.finalize().into();
    for round in 0..1000 {
        let mut digest = Md5::new();
        digest.update(if round & 1 == 1 { password } else { &last });
        if round % 3 != 0 {
            digest.update(salt);
        }
        if round % 7 != 0 {
            digest.update(password);
        }
        digest.update(if round & 1 == 1 { &last[..] } else { password });
        last = digest.finalize().into();
    }
    let salt = String::from_utf8_lossy(salt);
    format!("{MAGIC}{salt}${}", encoded(&last))
}

/// The digest in crypt's own order and alphabet.
fn encoded(digest: &[u8; 16]) -> String {
    const DIGITS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let triples = [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5]];
    let byte = |at: usize| u32::from(digest[at]);
    let groups = triples.map(|[a, b, c]| ((byte(a) << 16) | (byte(b) << 8) | byte(c), 4));
    let groups = groups.into_iter().chain([(byte(11), 2)]);
    let digits = groups.flat_map(|(value, count)| {
        (0..count).map(move |digit| DIGITS[((value >> (6 * digit)) & 63) as usize])
    });
    digits.map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn knows_right_passwords_of_three_kinds() {
        let users: Vec<_> = [
            "sha:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
            "apr:$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/",
            "bc:$2y$04$EGdrhbKUv8Oc9vGiXX0HQOxSg445d458Muh7DAHskb6QbtCvdxcie",
        ]
        .iter()
        .map(|line| User::parse(line).unwrap())
        .collect();
        let passwords = Passwords::default();
        for (name, password, want) in [
            ("sha", "password", true),
            ("sha", "Password", false),
            ("apr", "myPassword", true),
            ("apr", "mypassword", false),
            ("bc", "correctbatteryhorsestapler", true),
            ("bc", "correctbatteryhorsestaple", false),
            ("nobody", "password", false),
            ("sha", "", false),
        ] {
            for _ in 0..2 {
                let secret = Secret::new(password);
                let right = passwords.check(&users, name, &secret).await;
                assert_eq!(right.unwrap(), want, "{name} {password}");
            }
        }
        assert_eq!(passwords.right.lock().len(), 3);
    }
}
