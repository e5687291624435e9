//! Numbers of payment cards.

use std::ops::Range;

use super::digits::{self, DASH, SPACE};

/// First digits that are given out, and how long numbers that start so are (ISO/IEC 7812, lists of
/// the networks).
const ISSUERS: [(Range<u32>, &[usize]); 13] = [
    (4000..5000, &[13, 16, 19]),
    (5100..5600, &[16]),
    (2221..2721, &[16]),
    (3400..3500, &[15]),
    (3700..3800, &[15]),
    (6011..6012, &[16, 17, 18, 19]),
    (6440..6600, &[16, 17, 18, 19]),
    (6200..6300, &[16, 17, 18, 19]),
    (3528..3590, &[16, 17, 18, 19]),
    (3000..3060, &[14, 16]),
    (3600..3700, &[14, 16]),
    (3800..4000, &[14, 16]),
    (6759..6764, &[16, 18, 19]),
];

/// In one, or in the groups that are printed on cards.
pub(super) fn pattern() -> String {
    let grouped = [SPACE, DASH, r"\."].map(|sep| {
        format!(
            "[0-9]{{4}}(?:{sep}[0-9]{{4}}){{3}}|3[47][0-9]{{2}}{sep}[0-9]{{6}}{sep}[0-9]{{5}}\
             |3[0689][0-9]{{2}}{sep}[0-9]{{6}}{sep}[0-9]{{4}}"
        )
    });
    format!("[0-9]{{13,19}}|{}", grouped.join("|"))
}

pub(super) fn valid(text: &str, found: &Range<usize>) -> bool {
    let digits = digits::of(&text[found.clone()]);
    let start = digits[..4]
        .iter()
        .fold(0, |all, d| all * 10 + u32::from(*d));
    let issued = ISSUERS
        .iter()
        .any(|(starts, lengths)| starts.contains(&start) && lengths.contains(&digits.len()));
    issued && digits::luhn(&digits) && digits::stands_alone(text, found)
}
