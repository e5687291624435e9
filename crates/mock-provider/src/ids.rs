//! Ids in the providers' forms, reproducible from a seed.

use std::sync::atomic::{AtomicU64, Ordering};

/// A source of ids; the n-th id of two sources with one seed is the same.
#[derive(Debug)]
pub(crate) struct Ids {
    seed: u64,
    next: AtomicU64,
}

// === impl Ids ===

impl Ids {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            next: AtomicU64::new(0),
        }
    }

    /// `prefix` followed by `length` letters and digits, as in `chatcmpl-…` and `call_…`.
    pub(crate) fn alphanumeric(&self, prefix: &str, length: usize) -> String {
        const ALPHABET: &[u8; 62] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        self.compose(prefix, length, ALPHABET)
    }

    /// `prefix` followed by `length` lower-case hexadecimal digits, as in `req_…` and `resp_…`.
    pub(crate) fn hex(&self, prefix: &str, length: usize) -> String {
        self.compose(prefix, length, b"0123456789abcdef")
    }

    /// A version 4 UUID, as Azure and AWS number requests.
    pub(crate) fn uuid(&self) -> String {
        let digits = self.hex("", 30);
        format!(
            "{}-{}-4{}-a{}-{}",
            &digits[..8],
            &digits[8..12],
            &digits[12..15],
            &digits[15..18],
            &digits[18..]
        )
    }

    /// The `system_fingerprint` of a model: stable for one seed.
    pub(crate) fn fingerprint(&self, model: &str) -> String {
        let hash = mix(hash(model.as_bytes()) ^ self.seed);
        format!("fp_{:010x}", hash >> 24)
    }

    fn compose(&self, prefix: &str, length: usize, alphabet: &[u8]) -> String {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let mut state = mix(self.seed ^ mix(turn));
        let mut id = String::with_capacity(prefix.len() + length);
        id.push_str(prefix);
        for _ in 0..length {
            state = mix(state);
            id.push(char::from(
                alphabet[(state % alphabet.len() as u64) as usize],
            ));
        }
        id
    }
}

/// One step of splitmix64 (Steele, Lea, Flood 2014).
pub(crate) fn mix(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// FNV-1a over bytes, 64 bit.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |state, &byte| {
        (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_for_a_seed_and_differs_between_calls_and_seeds() {
        let (a, b, other) = (Ids::new(7), Ids::new(7), Ids::new(8));
        let first = a.alphanumeric("chatcmpl-", 29);
        assert_eq!(first, b.alphanumeric("chatcmpl-", 29));
        assert_eq!(first.len(), "chatcmpl-".len() + 29);
        assert_ne!(first, a.alphanumeric("chatcmpl-", 29));
        assert_ne!(first, other.alphanumeric("chatcmpl-", 29));
    }

    #[test]
    fn fingerprints_follow_the_model() {
        let ids = Ids::new(0);
        assert_eq!(ids.fingerprint("gpt-4o"), ids.fingerprint("gpt-4o"));
        assert_ne!(ids.fingerprint("gpt-4o"), ids.fingerprint("gpt-4"));
        assert_eq!(ids.fingerprint("gpt-4o").len(), 13);
    }
}
