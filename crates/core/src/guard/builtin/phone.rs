//! Numbers of telephones.

use std::ops::Range;

use super::digits::{self, DASH, SPACE};

const WORDS: [&str; 11] = [
    "phone",
    "telephone",
    "tel",
    "call",
    "mobile",
    "cell",
    "cellphone",
    "fax",
    "whatsapp",
    "text",
    "dial",
];

/// With a country (`+44 20 7946 0958`, `0044 …`), as North America writes them (`(415) 555-0132`),
/// as others do (`020 7946 0958`), and in one, which needs a word in front.
pub(super) fn pattern() -> String {
    let sep = format!("(?:{SPACE}|{DASH}|[./])");
    let groups = format!(r"(?:{sep}?(?:\([0-9]{{1,4}}\)|[0-9]{{1,4}}))");
    [
        format!(r"\+1{sep}?\(?[2-9][0-9]{{2}}\)?{sep}?[2-9][0-9]{{2}}{sep}?[0-9]{{4}}"),
        format!(r"\+[2-9][0-9]{{1,2}}{groups}{{2,5}}"),
        format!("00[2-9][0-9]{{1,2}}(?:{sep}[0-9]{{2,4}}){{2,5}}"),
        format!(
            r"(?:1{sep})?(?:\([2-9][0-9]{{2}}\){sep}?|[2-9][0-9]{{2}}{sep})[2-9][0-9]{{2}}{sep}[0-9]{{4}}"
        ),
        format!("0[1-9](?:{sep}[0-9]{{2}}){{4}}"),
        format!(r"\(?0[1-9][0-9]{{1,3}}\)?{sep}[0-9]{{3,4}}{sep}[0-9]{{3,4}}"),
        format!(r"\(?0[1-9][0-9]{{1,4}}\)?{sep}[0-9]{{6,8}}"),
        format!("[2-9][0-9]{{2}}{sep}[0-9]{{4}}"),
        "[0-9]{10,11}".to_owned(),
    ]
    .join("|")
}

pub(super) fn valid(text: &str, found: &Range<usize>) -> bool {
    let number = &text[found.clone()];
    let count = digits::of(number).len();
    let known = number.starts_with('+') || number.starts_with("00");
    let fits = match (known, number.starts_with('0')) {
        (true, _) => (8..=15).contains(&count),
        (false, true) => (10..=12).contains(&count),
        (false, false) => (7..=12).contains(&count),
    };
    let bare = number.bytes().all(|byte| byte.is_ascii_digit());
    // `192/555`, `415.5552`: too short to be told from anything else.
    let vague = bare || count == 7;
    let said = !vague || digits::named(text, found.start, &WORDS);
    let chained = !number.starts_with('+') && follows_number(&text[..found.start]);
    fits && said && !chained && !is_date(number) && digits::stands_alone(text, found)
}

/// `DE89 3704 0044 …`: groups of something longer.
fn follows_number(before: &str) -> bool {
    let before = before.strip_suffix(' ');
    before.is_some_and(|before| before.ends_with(|c: char| c.is_ascii_digit()))
}

/// `0208/15/1999` and the like have no telephone at the other end.
fn is_date(number: &str) -> bool {
    number.matches('/').count() > 1
}
