//! One spelling per path, so that what is matched and authorised is what the backend sees.
//!
//! RFC 3986 §6.2.2 and §5.2.4: unreserved characters are decoded, other escapes get upper-case
//! digits, dot segments are taken out. Doubled slashes are merged. An escape that only serves to
//! hide structure from a matcher (an encoded slash or backslash beside dots, `..;`, a control
//! character) is refused rather than guessed at; `%2F` in an ordinary segment stays what it is.

use std::borrow::Cow;

/// Why a path is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPath {
    #[error("the path does not start with `/`")]
    Relative,
    #[error("the path has a `%` without two hexadecimal digits")]
    Escape,
    #[error("the path has a control character or a backslash")]
    Character,
    #[error("the path has a dot segment or an empty one in disguise")]
    Disguise,
}

/// The normal form of a request's path, without its query. Normalising twice changes nothing more.
pub fn normalize(path: &str) -> Result<Cow<'_, str>, InvalidPath> {
    if !path.starts_with('/') {
        return Err(InvalidPath::Relative);
    }
    if is_normal(path.as_bytes()) {
        return Ok(Cow::Borrowed(path));
    }
    let decoded = decode(path)?;
    remove_dots(&decoded).map(Cow::Owned)
}

/// Whether there is surely nothing to do: the case of nearly every request.
fn is_normal(path: &[u8]) -> bool {
    let mut before = 0;
    for &byte in path {
        let odd = match byte {
            b'%' | b'\\' | 0..=0x20 | 0x7f => true,
            b'.' | b'/' | b';' => before == b'/',
            _ => false,
        };
        if odd {
            return false;
        }
        before = byte;
    }
    true
}

/// Decodes unreserved characters and writes the digits of other escapes in upper case.
fn decode(path: &str) -> Result<String, InvalidPath> {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let digits = rest.as_bytes().get(at + 1..at + 3);
        let [high, low] = digits.ok_or(InvalidPath::Escape)? else {
            return Err(InvalidPath::Escape);
        };
        let byte = hex(*high)? << 4 | hex(*low)?;
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            0..=0x1f | 0x7f | b'\\' => return Err(InvalidPath::Character),
            _ => {
                out.push('%');
                out.push(char::from(high.to_ascii_uppercase()));
                out.push(char::from(low.to_ascii_uppercase()));
            }
        }
        rest = &rest[at + 3..];
    }
    out.push_str(rest);
    Ok(out)
}

fn hex(digit: u8) -> Result<u8, InvalidPath> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        b'A'..=b'F' => Ok(digit - b'A' + 10),
        _ => Err(InvalidPath::Escape),
    }
}

/// Takes out `.` and `..` segments and empty ones, but for a slash at the end.
fn remove_dots(path: &str) -> Result<String, InvalidPath> {
    let mut out = String::with_capacity(path.len());
    let mut ends_in_slash = false;
    for segment in path[1..].split('/') {
        if segment
            .bytes()
            .any(|b| b <= 0x20 || b == 0x7f || b == b'\\')
        {
            return Err(InvalidPath::Character);
        }
        ends_in_slash = matches!(segment, "" | "." | "..");
        match segment {
            "" | "." => {}
            ".." => out.truncate(out.rfind('/').unwrap_or(0)),
            _ if is_disguise(segment) => return Err(InvalidPath::Disguise),
            _ => {
                out.push('/');
                out.push_str(segment);
            }
        }
    }
    if ends_in_slash || out.is_empty() {
        out.push('/');
    }
    Ok(out)
}

/// Segments that some servers read as dot segments or as empty ones: with a path parameter (`..;x`,
/// `;x`), with an encoded slash (`..%2Fx`, `%2Fx`), or with either encoded once more
/// (`%252e%252e`).
fn is_disguise(segment: &str) -> bool {
    if !segment.contains("%25") {
        return has_hidden(segment);
    }
    let mut deeper = segment.replace("%252e", ".").replace("%252E", ".");
    deeper = deeper.replace("%252f", "%2F").replace("%252F", "%2F");
    matches!(deeper.as_str(), "." | "..") || has_hidden(&deeper)
}

fn has_hidden(segment: &str) -> bool {
    let tricky = segment.contains(';') || segment.contains("%2F");
    let mut names = segment
        .split("%2F")
        .map(|part| part.split(';').next().unwrap_or_default());
    let starts_empty = segment.starts_with("%2F") || segment.starts_with(';');
    tricky && (starts_empty || names.any(|name| matches!(name, "." | "..")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn gives_every_path_one_spelling() {
        for (path, want) in [
            ("/", "/"),
            ("/v1/chat/completions", "/v1/chat/completions"),
            ("/a/./b", "/a/b"),
            ("/a/../b", "/b"),
            ("/a/b/..", "/a/"),
            ("/a/b/.", "/a/b/"),
            ("/../../etc", "/etc"),
            ("//a///b//", "/a/b/"),
            ("/%61dmin", "/admin"),
            ("/a/%2e%2E/b", "/b"),
            ("/a%2fb", "/a%2Fb"),
            ("/a%20b", "/a%20b"),
            ("/gr%c3%bc%C3%9Fe", "/gr%C3%BC%C3%9Fe"),
            ("/.well-known/x", "/.well-known/x"),
            ("/..a/b..", "/..a/b.."),
            ("/a;v=1/b", "/a;v=1/b"),
            ("/100%25/a%252Fb", "/100%25/a%252Fb"),
            ("/...", "/..."),
            ("/grüße", "/grüße"),
        ] {
            assert_eq!(normalize(path).as_deref(), Ok(want), "{path}");
        }
    }

    #[test]
    fn leaves_normal_paths_where_they_are() {
        for path in ["/", "/ai/chat", "/a.b/c-d_e~f", "/a;b=c"] {
            assert!(matches!(normalize(path), Ok(Cow::Borrowed(_))), "{path}");
        }
    }

    #[test]
    fn refuses_what_hides_structure() {
        use InvalidPath::{Character, Disguise, Escape, Relative};
        for (path, want) in [
            ("a", Relative),
            ("*", Relative),
            ("/%", Escape),
            ("/%4", Escape),
            ("/%zz", Escape),
            ("/%é", Escape),
            ("/%00", Character),
            ("/a%0d%0ab", Character),
            ("/a\\b", Character),
            ("/a%5cb", Character),
            ("/a/..;/admin", Disguise),
            ("/a/.;x=1/admin", Disguise),
            ("/a/..%2fadmin", Disguise),
            ("/a/x%2F..%2fadmin", Disguise),
            ("/a/%252e%252e/admin", Disguise),
            ("/a/..%252fadmin", Disguise),
            ("/%2fadmin", Disguise),
            ("/a/%252fadmin", Disguise),
            ("/;/admin", Disguise),
            ("/a/;x=1/admin", Disguise),
        ] {
            assert_eq!(normalize(path), Err(want), "{path}");
        }
    }

    /// RFC 3986 §5.2.4 as a stack of segments.
    fn naive(path: &str) -> String {
        let mut stack: Vec<&str> = Vec::new();
        let mut last = "";
        for segment in path.split('/').skip(1) {
            last = segment;
            match segment {
                "" | "." => {}
                ".." => drop(stack.pop()),
                other => stack.push(other),
            }
        }
        let joined: String = stack.iter().flat_map(|s| ["/", s]).collect();
        if stack.is_empty() || matches!(last, "" | "." | "..") {
            return joined + "/";
        }
        joined
    }

    proptest! {
        #[test]
        fn dots_are_removed_as_the_naive_twin_removes_them(path in "/([ab.]{0,3}/){0,6}[ab.]{0,3}") {
            prop_assert_eq!(normalize(&path).unwrap().into_owned(), naive(&path));
        }

        #[test]
        fn normalising_twice_changes_nothing_more(path in "/([a.;]|/|%2[eEfF5]|%41|%C3){0,12}") {
            if let Ok(once) = normalize(&path) {
                let once = once.into_owned();
                prop_assert_eq!(normalize(&once).map(Cow::into_owned), Ok(once.clone()));
                prop_assert!(!once.contains("//") && !once.split('/').any(|s| s == ".." || s == "."));
            }
        }

        #[test]
        fn no_text_breaks_it(path in any::<String>()) {
            let _ = normalize(&path);
            let _ = normalize(&format!("/{path}"));
        }
    }
}
