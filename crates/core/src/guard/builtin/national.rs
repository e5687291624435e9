//! Numbers by which states know people.

use std::ops::Range;

use super::digits::{self, DASH, SPACE};

/// Words in front of a Canadian number.
const CANADIAN: [&str; 2] = ["sin", "social insurance"];

/// United States.
pub(super) fn ssn() -> String {
    grouped(&[3, 2, 4])
}

/// Areas and groups that are not given out are none (SSA, since 2011). Nine digits in one may be
/// anything, unless it is said what they are.
pub(super) fn valid_ssn(text: &str, found: &Range<usize>) -> bool {
    let digits = digits::of(&text[found.clone()]);
    let (area, group, serial) = (&digits[..3], &digits[3..5], &digits[5..]);
    let given_out = area != [0, 0, 0]
        && area != [6, 6, 6]
        && area[0] != 9
        && group != [0, 0]
        && serial != [0, 0, 0, 0];
    let words = ["ssn", "ssns", "social", "social-security"];
    given_out
        && said(text, found, &words)
        && !digits::named(text, found.start, &CANADIAN)
        && digits::stands_alone(text, found)
}

/// Canada.
pub(super) fn sin() -> String {
    grouped(&[3, 3, 3])
}

/// None starts with 8. The last digit is a check.
pub(super) fn valid_sin(text: &str, found: &Range<usize>) -> bool {
    let digits = digits::of(&text[found.clone()]);
    digits[0] != 8
        && digits.iter().any(|digit| *digit != 0)
        && digits::luhn(&digits)
        && said(text, found, &CANADIAN)
        && digits::stands_alone(text, found)
}

fn grouped(groups: &[usize]) -> String {
    let groups: Vec<_> = groups.iter().map(|n| format!("[0-9]{{{n}}}")).collect();
    let written = [DASH, SPACE, ""].map(|between| groups.join(between));
    written.join("|")
}

/// Whether its form says what it is, or a word in front does.
fn said(text: &str, found: &Range<usize>, words: &[&str]) -> bool {
    let bare = text[found.clone()]
        .bytes()
        .all(|byte| byte.is_ascii_digit());
    !bare || digits::named(text, found.start, words)
}
