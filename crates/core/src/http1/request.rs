//! A request as bytes.

use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

/// What stands behind the data of a chunk.
pub const CHUNK_END: &[u8] = b"\r\n";

/// The head of a request. Names go out in lower case.
#[derive(Debug)]
pub struct RequestHead<'a> {
    pub method: &'a Method,
    pub target: &'a PathAndQuery,
    /// What goes into `Host`.
    pub authority: &'a Authority,
    /// Those that say where the body ends, and `Host`, are said anew.
    pub headers: &'a HeaderMap,
    /// The protocol to go on with instead of HTTP/1.1.
    pub upgrade: Option<&'a HeaderValue>,
}

/// How the end of a request's body is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sending {
    Nothing,
    Exact(u64),
    Chunked,
}

impl RequestHead<'_> {
    /// Appends the head of a request whose body is sent like this.
    pub fn write(&self, sending: Sending, to: &mut Vec<u8>) {
        to.extend_from_slice(self.method.as_str().as_bytes());
        to.push(b' ');
        to.extend_from_slice(self.target.as_str().as_bytes());
        to.extend_from_slice(b" HTTP/1.1\r\nhost: ");
        to.extend_from_slice(self.authority.as_str().as_bytes());
        to.extend_from_slice(b"\r\n");
        for (name, value) in self.headers {
            if !is_said_anew(name) {
                write_field(name, value, to);
            }
        }
        match sending {
            Sending::Nothing => {
                // A server may wait for the body of a method that has one (RFC 9110 §8.6).
                if matches!(*self.method, Method::POST | Method::PUT | Method::PATCH)
                    || self.headers.contains_key(header::CONTENT_LENGTH)
                {
                    to.extend_from_slice(b"content-length: 0\r\n");
                }
            }
            Sending::Exact(length) => {
                to.extend_from_slice(b"content-length: ");
                to.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
                to.extend_from_slice(b"\r\n");
            }
            Sending::Chunked => to.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        }
        if let Some(protocol) = self.upgrade {
            to.extend_from_slice(b"connection: upgrade\r\n");
            write_field(&header::UPGRADE, protocol, to);
        }
        to.extend_from_slice(b"\r\n");
    }

    /// The names of trailers that the head announces.
    pub fn announced_trailers(&self) -> Vec<HeaderName> {
        let values = self.headers.get_all(header::TRAILER).iter();
        let names = values.flat_map(|value| value.as_bytes().split(|&b| b == b','));
        names
            .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
            .filter(|name| !is_said_anew(name) && *name != header::TRAILER)
            .collect()
    }
}

/// Appends what stands before the data of a chunk of this size, which is not 0.
pub fn chunk_start(size: usize, to: &mut Vec<u8>) {
    let digits = (usize::BITS - size.leading_zeros()).div_ceil(4);
    for place in (0..digits).rev() {
        let digit = size >> (place * 4) & 15;
        to.push(b"0123456789abcdef"[digit]);
    }
    to.extend_from_slice(b"\r\n");
}

/// Appends the end of a chunked body, with those of the trailers that were announced.
pub fn last_chunk(trailers: Option<&HeaderMap>, announced: &[HeaderName], to: &mut Vec<u8>) {
    to.extend_from_slice(b"0\r\n");
    for (name, value) in trailers.into_iter().flatten() {
        if announced.contains(name) {
            write_field(name, value, to);
        }
    }
    to.extend_from_slice(b"\r\n");
}

fn write_field(name: &HeaderName, value: &HeaderValue, to: &mut Vec<u8>) {
    to.extend_from_slice(name.as_str().as_bytes());
    to.extend_from_slice(b": ");
    to.extend_from_slice(value.as_bytes());
    to.extend_from_slice(b"\r\n");
}

fn is_said_anew(name: &HeaderName) -> bool {
    *name == header::HOST || *name == header::CONTENT_LENGTH || *name == header::TRANSFER_ENCODING
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(method: &Method, fields: &[(&str, &str)], sending: Sending) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                value.parse().unwrap(),
            );
        }
        let head = RequestHead {
            method,
            target: &PathAndQuery::from_static("/a?b=c"),
            authority: &Authority::from_static("host.example:8080"),
            headers: &headers,
            upgrade: None,
        };
        let mut text = Vec::new();
        head.write(sending, &mut text);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn a_head_says_its_host_first_and_its_length_once() {
        let fields = [
            ("Accept", "a"),
            ("Host", "other"),
            ("Content-Length", "7"),
            ("Transfer-Encoding", "chunked"),
            ("accept", "b"),
        ];
        let start = "host: host.example:8080\r\naccept: a\r\naccept: b\r\n";
        for (method, sending, end) in [
            (
                Method::POST,
                Sending::Exact(1234),
                "content-length: 1234\r\n",
            ),
            (
                Method::PUT,
                Sending::Chunked,
                "transfer-encoding: chunked\r\n",
            ),
            (Method::DELETE, Sending::Nothing, "content-length: 0\r\n"),
        ] {
            let want = format!("{method} /a?b=c HTTP/1.1\r\n{start}{end}\r\n");
            assert_eq!(written(&method, &fields, sending), want);
        }
    }

    #[test]
    fn no_body_has_a_length_where_one_is_expected() {
        for (method, says) in [
            (Method::GET, false),
            (Method::HEAD, false),
            (Method::DELETE, false),
            (Method::OPTIONS, false),
            (Method::POST, true),
            (Method::PUT, true),
            (Method::PATCH, true),
        ] {
            let text = written(&method, &[], Sending::Nothing);
            assert_eq!(text.contains("content-length: 0\r\n"), says, "{text}");
        }
    }

    #[test]
    fn sizes_of_chunks() {
        for size in [1, 9, 15, 16, 255, 256, 65_535, 1 << 20, usize::MAX] {
            let mut text = Vec::new();
            chunk_start(size, &mut text);
            assert_eq!(text, format!("{size:x}\r\n").into_bytes());
        }
    }

    #[test]
    fn trailers_go_out_when_they_were_announced_and_do_not_frame() {
        let mut headers = HeaderMap::new();
        headers.append(header::TRAILER, "X-Sum, content-length".parse().unwrap());
        headers.append(header::TRAILER, "x-more".parse().unwrap());
        let head = RequestHead {
            method: &Method::POST,
            target: &PathAndQuery::from_static("/"),
            authority: &Authority::from_static("a"),
            headers: &headers,
            upgrade: None,
        };
        let announced = head.announced_trailers();
        let mut trailers = HeaderMap::new();
        for name in ["x-sum", "content-length", "x-more", "x-other"] {
            trailers.append(HeaderName::from_static(name), "1".parse().unwrap());
        }
        let mut text = Vec::new();
        last_chunk(Some(&trailers), &announced, &mut text);
        assert_eq!(text, b"0\r\nx-sum: 1\r\nx-more: 1\r\n\r\n");
    }
}
