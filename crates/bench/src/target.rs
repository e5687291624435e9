//! What is sent where.

use std::net::SocketAddr;
use std::rc::Rc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Uri, header};
use http_body_util::Full;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::mock::{PACE, Pace};

pub(crate) type Sender = SendRequest<Full<Bytes>>;

/// Whether a target is loaded like a proxy, or at a rate that an interpreter can keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Fast,
    /// Like a proxy, but it writes answers anew.
    Translator,
    Slow,
}

/// One of the things that are compared.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) name: &'static str,
    pub(crate) class: Class,
    /// Root of the process tree whose CPU and memory count.
    pub(crate) pid: u32,
    pub(crate) addr: SocketAddr,
    /// Asked for one after the other.
    pub(crate) paths: Rc<[Uri]>,
    pub(crate) headers: HeaderMap,
}

/// Whether the answer comes whole or as events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Whole,
    Stream(Pace),
}

/// A chat completion request whose prompt has `size` bytes.
pub(crate) fn body(size: usize, answer: Answer) -> Bytes {
    let stream = match answer {
        Answer::Whole => "",
        Answer::Stream(_) => r#""stream":true,"#,
    };
    Bytes::from(format!(
        r#"{{"model":"mock",{stream}"messages":[{{"role":"user","content":"{}"}}]}}"#,
        "y".repeat(size)
    ))
}

impl Target {
    /// The request of the given turn.
    pub(crate) fn request(&self, turn: usize, body: Bytes, answer: Answer) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = http::Method::POST;
        request
            .uri_mut()
            .clone_from(&self.paths[turn % self.paths.len()]);
        let headers = request.headers_mut();
        headers.clone_from(&self.headers);
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        if let Ok(host) = HeaderValue::try_from(self.addr.to_string()) {
            headers.entry(header::HOST).or_insert(host);
        }
        if let Answer::Stream(pace) = answer
            && self.class != Class::Slow
            && let Ok(pace) = HeaderValue::try_from(pace.to_header())
        {
            headers.insert(PACE, pace);
        }
        request
    }

    /// What is asked of the provider when this target is asked for streams of `pace`: those that do
    /// not pass a foreign header on get the usual one.
    pub(crate) fn pace(&self, pace: Pace) -> Pace {
        match self.class {
            Class::Fast | Class::Translator => pace,
            Class::Slow => Pace::USUAL,
        }
    }

    /// A new connection, driven on the current `LocalSet` until the sender is dropped.
    pub(crate) async fn dial(&self) -> anyhow::Result<Sender> {
        let stream = TcpStream::connect(self.addr).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::task::spawn_local(async move {
            let _ = connection.await;
        });
        Ok(sender)
    }
}
