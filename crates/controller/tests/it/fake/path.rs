//! What a request is about.

/// A path of the API, taken apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Path {
    /// `gateway.networking.k8s.io/v1`.
    pub(crate) api_version: String,
    pub(crate) resource: String,
    /// Empty for all, or none.
    pub(crate) namespace: String,
    /// Empty for a list.
    pub(crate) name: String,
    pub(crate) subresource: String,
    query: Vec<(String, String)>,
}

impl Path {
    pub(crate) fn parse(path: &str, query: &str) -> Self {
        let mut parts = path.trim_matches('/').split('/');
        let api_version = match parts.next() {
            Some("apis") => {
                format!(
                    "{}/{}",
                    parts.next().unwrap_or_default(),
                    parts.next().unwrap_or_default()
                )
            }
            _ => parts.next().unwrap_or_default().to_owned(),
        };
        let rest: Vec<&str> = parts.collect();
        let (namespace, rest) = match rest.as_slice() {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (*namespace, rest),
            rest => ("", rest),
        };
        let part = |index: usize| rest.get(index).copied().unwrap_or_default().to_owned();
        let query = query.split('&').filter_map(|pair| pair.split_once('='));
        Self {
            api_version,
            resource: part(0),
            namespace: namespace.to_owned(),
            name: part(1),
            subresource: part(2),
            query: query
                .map(|(name, value)| (name.to_owned(), decode(value)))
                .collect(),
        }
    }

    pub(crate) fn is_watch(&self) -> bool {
        matches!(self.parameter("watch"), "true" | "1")
    }

    /// A query parameter; empty when it is not there.
    pub(crate) fn parameter(&self, name: &str) -> &str {
        let found = self.query.iter().find(|(n, _)| n == name);
        found.map_or("", |(_, value)| value)
    }

    /// `httproutes/status`.
    pub(crate) fn resource_name(&self) -> String {
        match self.subresource.as_str() {
            "" => self.resource.clone(),
            sub => format!("{}/{sub}", self.resource),
        }
    }
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [a, b, after @ ..]) => {
                let digits = [*a, *b];
                let hex = std::str::from_utf8(&digits).unwrap_or_default();
                bytes.push(u8::from_str_radix(hex, 16).unwrap_or(b'?'));
                rest = after;
            }
            (byte, _) => bytes.push(*byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn paths_are_taken_apart() {
    let path = Path::parse(
        "/apis/gateway.networking.k8s.io/v1/namespaces/ns/httproutes/r/status",
        "labelSelector=a%3Db%2Cc&watch=true",
    );
    assert_eq!(path.api_version, "gateway.networking.k8s.io/v1");
    assert_eq!((path.namespace.as_str(), path.name.as_str()), ("ns", "r"));
    assert_eq!(path.resource_name(), "httproutes/status");
    assert_eq!(path.parameter("labelSelector"), "a=b,c");
    let path = Path::parse("/api/v1/namespaces", "");
    assert_eq!(
        (path.resource.as_str(), path.name.as_str()),
        ("namespaces", "")
    );
}
