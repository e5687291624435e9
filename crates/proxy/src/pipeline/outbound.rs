//! The client's headers as an upstream gets them.

use agw_core::filter::RedirectScheme as Scheme;
use http::{HeaderMap, HeaderName, HeaderValue, header};

/// Headers that belong to one connection (RFC 9110 §7.6.1), or that the new message sets itself.
static HOP_BY_HOP: [HeaderName; 10] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHORIZATION,
    header::PROXY_AUTHENTICATE,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::HOST,
    header::EXPECT,
];

/// `headers` without what belongs to the client's connection.
pub(super) fn forwardable(headers: &HeaderMap) -> HeaderMap {
    let mut kept = headers.clone();
    strip_hop_by_hop(&mut kept);
    kept
}

/// Removes hop-by-hop headers, those that `Connection` names included.
pub(super) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok())
        .collect();
    // Looking a name up costs more than comparing it with the few that are there.
    let present: Vec<&HeaderName> = HOP_BY_HOP
        .iter()
        .filter(|name| headers.keys().any(|key| key == *name))
        .collect();
    for name in named.iter().chain(present) {
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
