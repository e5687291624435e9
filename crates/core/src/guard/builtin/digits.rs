//! Numbers as people write them.

use std::ops::Range;

/// What may stand between groups of digits, as classes of a pattern.
pub(super) const SPACE: &str = r"[ \x{a0}\x{202f}]";
pub(super) const DASH: &str = r"[-\x{2010}-\x{2013}]";

/// So far in front of a number a word says what it is.
const NEAR: usize = 40;

/// The digits of what was found.
pub(super) fn of(text: &str) -> Vec<u8> {
    let digits = text.bytes().filter(u8::is_ascii_digit);
    digits.map(|digit| digit - b'0').collect()
}

/// The check digit of cards and of some national numbers (ISO/IEC 7812-1).
pub(super) fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| match (at % 2, u32::from(*digit)) {
            (0, digit) => digit,
            (_, digit) if digit > 4 => 2 * digit - 9,
            (_, digit) => 2 * digit,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Whether it is a number for itself: no part of a word, and of no longer chain of numbers.
pub(super) fn stands_alone(text: &str, found: &Range<usize>) -> bool {
    let mut before = text[..found.start].chars().rev();
    let mut behind = text[found.end..].chars();
    !goes_on(before.next(), before.next(), joins_before)
        && !goes_on(behind.next(), behind.next(), joins_behind)
}

/// Whether one of `words` stands close in front.
pub(super) fn named(text: &str, start: usize, words: &[&str]) -> bool {
    let bytes = text.as_bytes();
    let near = &bytes[start.saturating_sub(NEAR)..start];
    words.iter().any(|word| {
        let mut places = near.windows(word.len()).enumerate();
        places.any(|(at, place)| {
            let apart = |byte: Option<&u8>| byte.is_none_or(|byte| !byte.is_ascii_alphanumeric());
            let before = at.checked_sub(1).and_then(|at| near.get(at));
            place.eq_ignore_ascii_case(word.as_bytes())
                && apart(before)
                && apart(near.get(at + word.len()))
        })
    })
}

fn goes_on(next: Option<char>, second: Option<char>, joins: fn(char, char) -> bool) -> bool {
    match (next, second) {
        (Some(next), _) if next.is_ascii_alphanumeric() || next == '_' => true,
        (Some(next), Some(second)) => joins(next, second),
        _ => false,
    }
}

/// `ORD-4111…`, `3.4111…`, `/4111…`
fn joins_before(next: char, second: char) -> bool {
    match next {
        '-' | '/' | '\u{2010}'..='\u{2013}' => second.is_ascii_alphanumeric(),
        '.' | ',' => second.is_ascii_digit(),
        _ => false,
    }
}

/// `…1111-1`, `…1111.50`, `…1111/2`
fn joins_behind(next: char, second: char) -> bool {
    match next {
        '-' | '\u{2010}'..='\u{2013}' => second.is_ascii_alphanumeric(),
        '.' | ',' | '/' => second.is_ascii_digit(),
        _ => false,
    }
}
