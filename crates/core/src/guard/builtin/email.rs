//! Addresses of mail.

use std::ops::Range;

/// Names of files that look like names of hosts.
const FILES: [&str; 8] = ["png", "jpg", "jpeg", "gif", "svg", "webp", "css", "js"];

pub(super) fn pattern() -> String {
    const LETTER: &str = r"A-Za-z0-9\x{c0}-\x{24f}";
    format!(
        r"[{LETTER}._%+-]{{1,64}}@(?:[{LETTER}](?:[{LETTER}-]{{0,61}}[{LETTER}])?\.){{1,8}}(?:xn--[A-Za-z0-9-]{{2,59}}|[A-Za-z]{{2,24}})"
    )
}

pub(super) fn valid(text: &str, found: &Range<usize>) -> bool {
    let behind = &text[found.end..];
    let Some((local, host)) = text[found.clone()].split_once('@') else {
        return false;
    };
    let last = host.rsplit('.').next().unwrap_or_default();
    let file = FILES.iter().any(|file| file.eq_ignore_ascii_case(last));
    // `git@github.com:owner/name` says where a repository is.
    let repository = local == "git" && behind.starts_with(':');
    let longer = behind.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '@' || c == '_');
    let part = text[..found.start].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    let neat = local.starts_with(|c: char| c.is_alphanumeric() || c == '_')
        && !local.ends_with('.')
        && !local.contains("..");
    neat && !file && !repository && !longer && !part
}
