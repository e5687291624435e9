//! How far bytes go on being nothing special: where a scan spends its time.

use memchr::memchr2;

/// Runs shorter than this are found word by word, longer ones with vector instructions, which
/// take longer to get going.
const SHORT: usize = 32;

const ONES: u64 = 0x0101_0101_0101_0101;

/// Index of the first byte that is not plain inside a JSON string: a quote, a backslash or a
/// control character. The length of `text` when all is plain.
pub(super) fn plain(text: &[u8]) -> usize {
    let mut at = 0;
    let (words, rest) = text[..text.len().min(SHORT)].as_chunks::<8>();
    for word in words {
        let special = special(u64::from_le_bytes(*word));
        if special != 0 {
            return at + special.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    if text.len() <= SHORT {
        return at
            + rest
                .iter()
                .position(|byte| is_special(*byte))
                .unwrap_or(rest.len());
    }
    let tail = &text[at..];
    let run = memchr2(b'"', b'\\', tail).unwrap_or(tail.len());
    // A fold without early exit compiles to vector code; the search only runs on failure.
    let has_control = tail[..run]
        .iter()
        .fold(false, |found, byte| found | (*byte < 0x20));
    let run = if has_control {
        tail.iter().position(|b| is_special(*b)).unwrap_or(run)
    } else {
        run
    };
    at + run
}

/// Count of leading digits.
pub(super) fn digits(text: &[u8]) -> usize {
    text.iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(text.len())
}

fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// The high bit of every special byte. Borrows may set the bits of bytes above a special one too,
/// so only the lowest is to be trusted.
fn special(word: u64) -> u64 {
    let below = |word: u64, bound: u64| word.wrapping_sub(ONES * bound) & !word;
    let quote = word ^ (ONES * u64::from(b'"'));
    let backslash = word ^ (ONES * u64::from(b'\\'));
    (below(word, 0x20) | below(quote, 1) | below(backslash, 1)) & (ONES * 0x80)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn finds_what_a_search_byte_by_byte_finds(
            before in 0usize..80,
            filler in any::<u8>(),
            text in prop::collection::vec(any::<u8>(), 0..20),
        ) {
            let text = [vec![filler; before], text].concat();
            let naive = text.iter().position(|b| is_special(*b)).unwrap_or(text.len());
            prop_assert_eq!(plain(&text), naive);
        }
    }
}
