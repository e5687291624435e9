//! An HTTP/1.1 client that hides nothing: header names come back in the case they were sent in,
//! and a body that was cut is told from one that ended.

mod head;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;

use head::{framing, head};

/// No answer of a test takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A request to be sent on a connection of its own.
#[derive(Debug, Clone)]
pub struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    /// In order and letter case as they came.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub end: End,
}

/// How a body ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// As its framing announced.
    Whole,
    /// Before that.
    Cut,
}

/// An answer whose body is read bit by bit.
pub struct Streaming {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    body: BufReader<TcpStream>,
    framing: Framing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    Length(u64),
    Chunked,
    UntilClose,
    Ended(End),
}

impl Request {
    pub fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// A POST of JSON.
    pub fn post(target: &str, body: &Value) -> Self {
        Self::new("POST", target)
            .header("content-type", "application/json")
            .body(body.to_string())
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// As the options that describe a request to `agw explain`.
    pub fn described(&self) -> Vec<String> {
        let mut options = vec!["--path".to_owned(), self.target.clone()];
        options.extend(["-X".to_owned(), self.method.clone()]);
        for (name, value) in &self.headers {
            options.extend(["-H".to_owned(), format!("{name}: {value}")]);
        }
        if !self.body.is_empty() {
            let body = String::from_utf8_lossy(&self.body).into_owned();
            options.extend(["-d".to_owned(), body]);
        }
        options
    }

    /// Sends it and reads the whole answer.
    ///
    /// # Errors
    /// When there is no connection or no readable answer head.
    pub fn send(&self, to: SocketAddr) -> anyhow::Result<Answer> {
        let mut streaming = self.open(to)?;
        let mut body = Vec::new();
        while let Some(bytes) = streaming.next_bytes()? {
            body.extend_from_slice(&bytes);
        }
        let Framing::Ended(end) = streaming.framing else {
            bail!("the body has no end")
        };
        Ok(Answer {
            status: streaming.status,
            headers: streaming.headers,
            body,
            end,
        })
    }

    /// Sends it and reads the answer's head.
    ///
    /// # Errors
    /// When there is no connection or no readable answer head.
    pub fn open(&self, to: SocketAddr) -> anyhow::Result<Streaming> {
        let mut stream = TcpStream::connect(to).with_context(|| format!("connecting to {to}"))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        stream.write_all(&self.bytes(to))?;
        let mut reader = BufReader::new(stream);
        let (status, headers) = head(&mut reader)?;
        let framing = framing(&self.method, status, &headers)?;
        Ok(Streaming {
            status,
            headers,
            body: reader,
            framing,
        })
    }

    fn bytes(&self, to: SocketAddr) -> Vec<u8> {
        let has = |wanted: &str| {
            self.headers
                .iter()
                .any(|(n, _)| n.eq_ignore_ascii_case(wanted))
        };
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        let mut line = |name: &str, value: &str| head.push_str(&format!("{name}: {value}\r\n"));
        for (name, value) in &self.headers {
            line(name, value);
        }
        if !has("host") {
            line("Host", &to.to_string());
        }
        if !has("connection") {
            line("Connection", "close");
        }
        if !has("content-length") && !has("transfer-encoding") && self.method != "GET" {
            line("Content-Length", &self.body.len().to_string());
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

impl Answer {
    /// The value of a header, by its name in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Whether a header came under exactly this name, letter case included, with this value.
    pub fn has_exact(&self, name: &str, value: &str) -> bool {
        self.headers.iter().any(|(n, v)| n == name && v == value)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// # Errors
    /// When the body is not JSON; the error shows it.
    pub fn json(&self) -> anyhow::Result<Value> {
        serde_json::from_slice(&self.body).with_context(|| {
            format!(
                "{} with a body that is not JSON: {}",
                self.status,
                self.text()
            )
        })
    }

    /// The `model` that answered, of a whole answer or a stream.
    pub fn model(&self) -> Option<String> {
        let whole = serde_json::from_slice::<Value>(&self.body).ok();
        let value = whole.or_else(|| crate::sse::json_events(&self.body).into_iter().next())?;
        value["model"].as_str().map(str::to_owned)
    }
}

impl Streaming {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// How the body ended, once it has.
    pub fn end(&self) -> Option<End> {
        match self.framing {
            Framing::Ended(end) => Some(end),
            _ => None,
        }
    }

    /// The next bytes as they come, `None` at the end.
    ///
    /// # Errors
    /// When nothing comes for a minute.
    pub fn next_bytes(&mut self) -> anyhow::Result<Option<Vec<u8>>> {
        let read = match self.framing {
            Framing::Ended(_) => return Ok(None),
            Framing::Length(0) => {
                self.framing = Framing::Ended(End::Whole);
                return Ok(None);
            }
            Framing::Length(left) => self.some(left).inspect(|bytes| {
                self.framing = Framing::Length(left - bytes.len() as u64);
            }),
            Framing::UntilClose => self.some(u64::MAX),
            Framing::Chunked => return self.chunk(),
        };
        match read {
            Ok(bytes) if bytes.is_empty() => {
                let closed = self.framing == Framing::UntilClose;
                self.framing = Framing::Ended(if closed { End::Whole } else { End::Cut });
                Ok(None)
            }
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) => self.cut_or(error),
        }
    }

    fn some(&mut self, limit: u64) -> std::io::Result<Vec<u8>> {
        let available = self.body.fill_buf()?;
        let count = available
            .len()
            .min(usize::try_from(limit).unwrap_or(usize::MAX));
        let bytes = available[..count].to_vec();
        self.body.consume(count);
        Ok(bytes)
    }

    fn chunk(&mut self) -> anyhow::Result<Option<Vec<u8>>> {
        let mut size = String::new();
        match self.body.read_line(&mut size) {
            Ok(0) => {
                self.framing = Framing::Ended(End::Cut);
                return Ok(None);
            }
            Ok(_) => {}
            Err(error) => return self.cut_or(error),
        }
        let digits = size.trim_end().split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(digits, 16)
            .with_context(|| format!("{size:?} is no chunk size"))?;
        // The chunk's own line end, or after the last chunk that of the (empty) trailer.
        let mut bytes = vec![0; size + 2];
        if let Err(error) = self.body.read_exact(&mut bytes) {
            return self.cut_or(error);
        }
        bytes.truncate(size);
        if size == 0 {
            self.framing = Framing::Ended(End::Whole);
            return Ok(None);
        }
        Ok(Some(bytes))
    }

    /// A broken connection ends the body; a time-out is the test's failure.
    fn cut_or<T>(&mut self, error: std::io::Error) -> anyhow::Result<Option<T>> {
        if matches!(
            error.kind(),
            std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
        ) {
            return Err(error).context("nothing comes");
        }
        self.framing = Framing::Ended(End::Cut);
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::RawServer;

    fn answer(bytes: &'static str) -> Answer {
        let server = RawServer::answering(bytes.as_bytes()).unwrap();
        Request::get("/").send(server.address()).unwrap()
    }

    #[test]
    fn keeps_the_case_of_header_names() {
        let answer = answer("HTTP/1.1 200 OK\r\nX-aB: 1\r\nContent-Length: 2\r\n\r\nhi");
        assert!(answer.has_exact("X-aB", "1") && !answer.has_exact("x-ab", "1"));
        assert_eq!((answer.text().as_str(), answer.end), ("hi", End::Whole));
    }

    #[test]
    fn tells_a_cut_body_from_a_whole_one() {
        for (bytes, body, end) in [
            (
                "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
                "hi",
                End::Whole,
            ),
            (
                "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n",
                "hi",
                End::Cut,
            ),
            ("Transfer-Encoding: chunked\r\n\r\n5\r\nhi", "", End::Cut),
            ("Content-Length: 5\r\n\r\nhi", "hi", End::Cut),
            ("Connection: close\r\n\r\nhi", "hi", End::Whole),
        ] {
            let head = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n";
            let answer = answer(format!("{head}{bytes}").leak());
            assert_eq!(
                (answer.text().as_str(), answer.end),
                (body, end),
                "{bytes:?}"
            );
        }
    }
}
