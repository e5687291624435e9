//! The client's headers as an upstream gets them.

use agw_core::backend::{AppProtocol, EndpointBackend};
use agw_core::filter::RedirectScheme as Scheme;
use agw_core::id::RouteKind;
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

/// What is spoken to a plain backend: gRPC is HTTP/2, whatever else the backend speaks.
pub(super) fn protocol(kind: RouteKind, backend: &EndpointBackend) -> AppProtocol {
    match kind {
        RouteKind::Grpc => AppProtocol::H2c,
        _ => backend.protocol,
    }
}

/// [`forwardable`] for a plain backend. Over HTTP/2 it is told that the client takes trailers, for
/// that is how HTTP/2 has `TE` (RFC 9113 §8.2.2), and gRPC insists on it.
pub(super) fn forwardable_over(headers: &HeaderMap, protocol: AppProtocol) -> HeaderMap {
    let mut kept = forwardable(headers);
    let mut options = headers
        .get_all(header::TE)
        .iter()
        .flat_map(|value| value.as_bytes().split(|&b| b == b','));
    if protocol == AppProtocol::H2c
        && options.any(|option| option.trim_ascii().eq_ignore_ascii_case(b"trailers"))
    {
        kept.insert(header::TE, HeaderValue::from_static("trailers"));
    }
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

    #[test]
    fn trailers_are_announced_over_http_2_alone() {
        let mut headers = HeaderMap::new();
        headers.insert(header::TE, "gzip;q=0.5, Trailers".parse().unwrap());
        let over = |protocol| forwardable_over(&headers, protocol).remove(header::TE);
        assert_eq!(over(AppProtocol::Http1), None);
        assert_eq!(over(AppProtocol::H2c).unwrap(), "trailers");
        headers.insert(header::TE, "gzip".parse().unwrap());
        let none = forwardable_over(&headers, AppProtocol::H2c);
        assert!(none.is_empty());
    }
}
