//! Keys in places of their own.

use agw_core::backend::KeyPlace;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, header};

/// Puts a key where it belongs. One that cannot stand there stays away, and the backend refuses
/// the request.
pub(super) fn put(key: &str, place: &KeyPlace, target: &mut PathAndQuery, headers: &mut HeaderMap) {
    let bare = bare(key);
    match place {
        KeyPlace::Header { name, prefix } => {
            headers.remove(name.name());
            if let Ok(mut value) = HeaderValue::try_from(format!("{prefix}{bare}")) {
                value.set_sensitive(true);
                headers.insert(name.name().clone(), value);
            }
        }
        KeyPlace::Cookie(name) => {
            let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte);
            if !bare.bytes().all(is_plain) {
                return;
            }
            if let Ok(mut value) = HeaderValue::try_from(format!("{name}={bare}")) {
                value.set_sensitive(true);
                headers.insert(header::COOKIE, value);
            }
        }
        KeyPlace::Query(name) => {
            let own = format!("{}={}", escaped(name), escaped(bare));
            let query = target.query().unwrap_or_default();
            let others = query.split('&').filter(|pair| !is_named(pair, name));
            let pairs: Vec<_> = others
                .filter(|pair| !pair.is_empty())
                .chain([own.as_str()])
                .collect();
            let with = format!("{}?{}", target.path(), pairs.join("&"));
            if let Ok(with) = PathAndQuery::try_from(with) {
                *target = with;
            }
        }
    }
}

/// Whether a pair of a query is of the parameter: what a client sent under the name is replaced.
fn is_named(pair: &str, name: &str) -> bool {
    let written = pair.split('=').next().unwrap_or_default();
    let mut out = Vec::with_capacity(written.len());
    let mut rest = written.as_bytes();
    while let [byte, after @ ..] = rest {
        let digits = after.get(..2).and_then(|d| std::str::from_utf8(d).ok());
        let escaped = digits.and_then(|d| u8::from_str_radix(d, 16).ok());
        (rest, _) = match (byte, escaped) {
            (b'%', Some(byte)) => (&after[2..], out.push(byte)),
            (b'+', _) => (after, out.push(b' ')),
            (byte, _) => (after, out.push(*byte)),
        };
    }
    out == name.as_bytes()
}

/// A key without a scheme before it.
fn bare(key: &str) -> &str {
    let key = key.trim();
    match key.split_at_checked(7) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer ") => rest.trim_start(),
        _ => key,
    }
}

/// With escapes for all but RFC 3986's unreserved characters.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use agw_core::header::FieldName;

    use super::*;

    fn after(key: &str, place: &KeyPlace, target: &'static str) -> (String, HeaderMap) {
        let mut target = PathAndQuery::from_static(target);
        let mut headers = HeaderMap::new();
        put(key, place, &mut target, &mut headers);
        (target.to_string(), headers)
    }

    #[test]
    fn a_key_goes_where_it_is_said_to_go() {
        let header = KeyPlace::Header {
            name: FieldName::parse("X-Key").unwrap(),
            prefix: "Token ".into(),
        };
        let (target, headers) = after("Bearer k", &header, "/a?b=c");
        assert_eq!(target, "/a?b=c");
        assert_eq!(headers["x-key"], "Token k");
        assert!(headers["x-key"].is_sensitive());
        let (_, headers) = after("k", &KeyPlace::Cookie("session".into()), "/");
        assert_eq!(headers["cookie"], "session=k");
    }

    #[test]
    fn a_parameter_replaces_the_clients_and_is_escaped() {
        let table = [
            ("/a", "/a?api%20key=k%2F1"),
            ("/a?x=1", "/a?x=1&api%20key=k%2F1"),
            ("/a?api+key=theirs&x=1", "/a?x=1&api%20key=k%2F1"),
            ("/a?%61pi%20key=theirs", "/a?api%20key=k%2F1"),
        ];
        for (target, expected) in table {
            let query = KeyPlace::Query("api key".into());
            assert_eq!(after("k/1", &query, target).0, expected, "{target}");
        }
    }

    #[test]
    fn a_key_that_would_be_more_than_one_cookie_stays_away() {
        let (_, headers) = after("k; admin=1", &KeyPlace::Cookie("session".into()), "/");
        assert!(headers.is_empty());
    }
}
