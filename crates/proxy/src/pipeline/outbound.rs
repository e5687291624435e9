//! The client's headers as an upstream gets them.

use agw_core::filter::RedirectScheme as Scheme;
use http::{HeaderMap, HeaderName, HeaderValue, header};

/// Whether a header belongs to one connection (RFC 9110 §7.6.1), or is one that the new message
/// sets itself.
fn is_hop_by_hop(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection"
            | "keep-alive"
            | "proxy-connection"
            | "proxy-authorization"
            | "proxy-authenticate"
            | "te"
            | "transfer-encoding"
            | "upgrade"
            | "expect"
    )
}

/// `headers` without what belongs to the client's connection. `Host` stays until the new request
/// says its own.
pub(super) fn forwardable(headers: &HeaderMap) -> HeaderMap {
    let mut kept = headers.clone();
    strip_hop_by_hop(&mut kept);
    kept
}

/// Removes hop-by-hop headers, those that `Connection` names included.
pub(super) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let mut doomed = Vec::new();
    for (name, value) in &*headers {
        if !is_hop_by_hop(name) {
            continue;
        }
        doomed.push(name.clone());
        if *name == header::CONNECTION
            && let Ok(value) = value.to_str()
        {
            let named = value.split(',');
            doomed.extend(named.filter_map(|n| HeaderName::from_bytes(n.trim().as_bytes()).ok()));
        }
    }
    for name in &doomed {
        headers.remove(name);
    }
}

/// Tells a plain backend who asked: `X-Forwarded-For`, `-Proto` and `-Host`.
pub(super) fn forwarded(headers: &mut HeaderMap, client: &str, scheme: Scheme, host: &str) {
    const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
    let chain = match headers.get(FOR).and_then(|v| v.to_str().ok()) {
        Some(before) => format!("{before}, {client}"),
        None => client.to_owned(),
    };
    let pairs = [
        (FOR, chain.as_str()),
        (
            HeaderName::from_static("x-forwarded-proto"),
            scheme.as_str(),
        ),
        (HeaderName::from_static("x-forwarded-host"), host),
    ];
    for (name, value) in pairs {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strips_what_belongs_to_the_connection() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-Private"),
            ("x-private", "1"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("x-kept", "1"),
        ] {
            headers.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        strip_hop_by_hop(&mut headers);
        assert_eq!(
            headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(),
            ["x-kept"]
        );
    }
}
