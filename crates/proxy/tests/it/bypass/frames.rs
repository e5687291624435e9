//! Requests over HTTP/2 that no client would make.

/// The fields of one request, as they go into its header block.
#[derive(Debug, Clone)]
pub(super) struct Frames(Vec<(String, String)>);

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

impl Frames {
    fn of(fields: &[(&str, &str)]) -> Self {
        let fields = fields.iter();
        Self(
            fields
                .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
                .collect(),
        )
    }

    /// A request for `path` as clients make it.
    pub(super) fn usual(path: &str) -> Self {
        Self::of(&[
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", "a.example"),
            (":path", path),
        ])
    }

    /// Requests for `/admin`, in every order and spelling.
    pub(super) fn for_path() -> Vec<Self> {
        let usual = Self::usual;
        let paths = [
            "/admin",
            "//admin",
            "/x/../admin",
            "/%61dmin",
            "/admin?x",
            "/admin#x",
            "/x/..;/admin",
            "/x/..%2fadmin",
            "/\\admin",
            "admin",
            "http://a.example/admin",
            "/x /admin",
            "/open\r\nX: /admin",
            "/open HTTP/1.1\r\nHost: a.example\r\n\r\nGET /admin",
            "/admin\u{0}",
            "",
        ];
        let mut all: Vec<_> = paths.iter().map(|path| usual(path)).collect();
        all.push(usual("/open").with(":path", "/admin"));
        all.push(usual("/admin").with(":path", "/open"));
        all.push(usual("/open").with("x-original-url", "/admin"));
        all.push(usual("/open").with("host", "b.example"));
        all.push(usual("/open").with("transfer-encoding", "chunked"));
        all.push(usual("/open").with("connection", "x"));
        all.push(usual("/open").with("x", "a\r\n\r\nGET /admin HTTP/1.1\r\n\r\n"));
        all.push(usual("/open").with("x\r\ny", "/admin"));
        all.push(usual("/open").with("content-length", "100"));
        all.push(usual("/open").with("upgrade", "websocket"));
        all.push(Self::of(&[
            (":method", "GET /admin HTTP/1.1\r\nx:"),
            (":scheme", "http"),
            (":authority", "a.example"),
            (":path", "/open"),
        ]));
        all.push(Self::of(&[
            (":method", "GET"),
            (":scheme", "http://a.example/admin?"),
            (":authority", "a.example"),
            (":path", "/open"),
        ]));
        all.push(Self::of(&[
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", "a.example/admin?"),
            (":path", "/open"),
        ]));
        all.push(Self::of(&[
            (":method", "CONNECT"),
            (":authority", "a.example:80"),
        ]));
        all
    }

    /// Requests without the key, or with it where it does not count.
    pub(super) fn for_key(key: &str) -> Vec<Self> {
        let usual = Self::usual("/open");
        let good = format!("Bearer {key}");
        vec![
            usual.clone(),
            usual.clone().with("authorization", "Bearer x"),
            usual
                .clone()
                .with("authorization", &good)
                .with("authorization", "Bearer x"),
            usual.clone().with("Authorization", &good),
            usual.clone().with("authorization ", &good),
            usual.clone().with("proxy-authorization", &good),
            usual.clone().with("authorization", &format!("{good}\u{0}")),
            usual.with(":authorization", &good),
        ]
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.0.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A connection that begins with this request.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut block = Vec::new();
        for (name, value) in &self.0 {
            // A literal that is not kept (RFC 7541 §6.2.2), with its name, neither compressed.
            block.push(0);
            for text in [name, value] {
                length(text.len(), &mut block);
                block.extend_from_slice(text.as_bytes());
            }
        }
        let mut bytes = PREFACE.to_vec();
        frame(4, 0, 0, &[], &mut bytes);
        // The stream's only frame: its headers end here, and so does it.
        frame(1, 0x5, 1, &block, &mut bytes);
        bytes
    }
}

/// An integer with a prefix of seven bits (RFC 7541 §5.1).
fn length(mut length: usize, out: &mut Vec<u8>) {
    if length < 127 {
        out.push(length as u8);
        return;
    }
    out.push(127);
    length -= 127;
    while length >= 128 {
        out.push((length % 128) as u8 | 128);
        length /= 128;
    }
    out.push(length as u8);
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8], out: &mut Vec<u8>) {
    let size = u32::try_from(payload.len()).unwrap().to_be_bytes();
    out.extend_from_slice(&size[1..]);
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
}
