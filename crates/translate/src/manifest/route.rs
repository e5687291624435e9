//! Routes of all kinds in one shape: that of an HTTPRoute, which can say all that the others can.
//!
//! A GRPCRoute's methods are paths (`/service/method`); the routes for connections have no matches
//! and no filters. Parts that are spelled alike go over as they are written.

use agw_api::external::httproutes::HttpRouteSpec;
use agw_api::external::{GrpcRoute, HttpRoute, ObjectMeta, TcpRoute, TlsRoute, UdpRoute};
use agw_core::id::RouteKind;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Kind;

/// A route of any kind.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteObject {
    pub kind: RouteKind,
    pub metadata: ObjectMeta,
    pub spec: HttpRouteSpec,
}

impl RouteObject {
    pub(crate) fn kind(&self) -> Kind {
        match self.kind {
            RouteKind::Http => Kind::HttpRoute,
            RouteKind::Grpc => Kind::GrpcRoute,
            RouteKind::Tls => Kind::TlsRoute,
            RouteKind::Tcp => Kind::TcpRoute,
            RouteKind::Udp => Kind::UdpRoute,
            RouteKind::Model => Kind::Model,
        }
    }
}

impl From<HttpRoute> for RouteObject {
    fn from(route: HttpRoute) -> Self {
        Self {
            kind: RouteKind::Http,
            metadata: route.metadata,
            spec: route.spec,
        }
    }
}

/// A GRPCRoute in the common shape.
#[derive(Debug, Deserialize)]
#[serde(try_from = "GrpcRoute")]
pub(super) struct FromGrpc(RouteObject);

/// A TLSRoute in the common shape.
#[derive(Debug, Deserialize)]
#[serde(try_from = "TlsRoute")]
pub(super) struct FromTls(RouteObject);

/// A TCPRoute in the common shape.
#[derive(Debug, Deserialize)]
#[serde(try_from = "TcpRoute")]
pub(super) struct FromTcp(RouteObject);

/// A UDPRoute in the common shape.
#[derive(Debug, Deserialize)]
#[serde(try_from = "UdpRoute")]
pub(super) struct FromUdp(RouteObject);

impl TryFrom<GrpcRoute> for FromGrpc {
    type Error = serde_json::Error;

    fn try_from(route: GrpcRoute) -> Result<Self, Self::Error> {
        let mut spec = serde_json::to_value(route.spec)?;
        let rules = spec["rules"].as_array_mut().into_iter().flatten();
        for matched in rules.flat_map(|rule| rule["matches"].as_array_mut().into_iter().flatten()) {
            let method = matched["method"].take();
            if let Value::Object(matched) = matched {
                matched.remove("method");
                matched.extend(path(&method).map(|path| ("path".to_owned(), path)));
            }
        }
        through_json(RouteKind::Grpc, route.metadata, spec).map(Self)
    }
}

/// Routes for connections, which differ in no more than their kind.
macro_rules! connections {
    ($($type:ty, $into:ident, $kind:ident;)*) => {$(
        impl TryFrom<$type> for $into {
            type Error = serde_json::Error;

            fn try_from(route: $type) -> Result<Self, Self::Error> {
                let spec = serde_json::to_value(route.spec)?;
                through_json(RouteKind::$kind, route.metadata, spec).map(Self)
            }
        }
    )*};
}

connections! {
    TlsRoute, FromTls, Tls;
    TcpRoute, FromTcp, Tcp;
    UdpRoute, FromUdp, Udp;
}

/// Hands the route over, of whatever kind it was.
macro_rules! common {
    ($($from:ty)*) => {$(
        impl From<$from> for RouteObject {
            fn from(decoded: $from) -> Self {
                decoded.0
            }
        }
    )*};
}

common! { FromGrpc FromTls FromTcp FromUdp }

fn through_json(
    kind: RouteKind,
    metadata: ObjectMeta,
    spec: Value,
) -> Result<RouteObject, serde_json::Error> {
    Ok(RouteObject {
        kind,
        metadata,
        spec: serde_json::from_value(spec)?,
    })
}

/// The path that a method is called under (`GRPCMethodMatch`); `None` for any.
fn path(method: &Value) -> Option<Value> {
    let named = |part: &str| method[part].as_str().filter(|text| !text.is_empty());
    let (service, name) = (named("service"), named("method"));
    let is_regex = method["type"] == "RegularExpression";
    let (kind, value) = match (is_regex, service, name) {
        (_, None, None) => return None,
        (false, Some(service), Some(name)) => ("Exact", format!("/{service}/{name}")),
        (false, Some(service), None) => ("PathPrefix", format!("/{service}")),
        (false, None, Some(name)) => (
            "RegularExpression",
            format!("/[^/]+/{}", regex_literal(name)),
        ),
        (true, service, name) => {
            let part = |text: Option<&str>| format!("(?:{})", text.unwrap_or("[^/]+"));
            (
                "RegularExpression",
                format!("/{}/{}", part(service), part(name)),
            )
        }
    };
    Some(json!({ "type": kind, "value": value }))
}

/// A text as a pattern that matches it alone: names of methods have letters, digits and `_`.
fn regex_literal(text: &str) -> String {
    let escaped = |c: char| match c {
        c if c.is_ascii_alphanumeric() || c == '_' => c.to_string(),
        c => format!("\\{c}"),
    };
    text.chars().map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_paths() {
        let table = [
            (json!({}), None),
            (
                json!({ "service": "a.B", "method": "Get" }),
                Some(("Exact", "/a.B/Get")),
            ),
            (json!({ "service": "a.B" }), Some(("PathPrefix", "/a.B"))),
            (
                json!({ "method": "Get" }),
                Some(("RegularExpression", "/[^/]+/Get")),
            ),
            (
                json!({ "type": "RegularExpression", "service": "a|b" }),
                Some(("RegularExpression", "/(?:a|b)/(?:[^/]+)")),
            ),
        ];
        for (method, want) in table {
            let want = want.map(|(kind, value)| json!({ "type": kind, "value": value }));
            assert_eq!(path(&method), want, "{method}");
        }
    }
}
