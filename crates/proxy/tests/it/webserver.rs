//! A server of HTTP/1.1 whose answers depend on what it is asked.

use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    pub(crate) line: String,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

/// A status, headers and a body.
pub(crate) type Answer = (u16, Vec<(&'static str, &'static str)>, &'static str);

/// Serves until it is dropped.
pub(crate) struct WebServer {
    pub(crate) address: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
    task: JoinHandle<()>,
}

impl Heard {
    /// The values of a header, as one.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let all = self.headers.iter().filter(|(known, _)| known == name);
        let values: Vec<_> = all.map(|(_, value)| value.as_str()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }
}

impl WebServer {
    pub(crate) async fn start(answer: impl Fn(&Heard) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (all, answer) = (heard.clone(), Arc::new(answer));
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let (all, answer) = (all.clone(), answer.clone());
                connections.spawn(async move {
                    while let Some(request) = read(&mut stream).await {
                        let (status, headers, body) = answer(&request);
                        all.lock().push(request);
                        let mut head = format!("HTTP/1.1 {status} X\r\n");
                        for (name, value) in headers {
                            head.push_str(&format!("{name}: {value}\r\n"));
                        }
                        head.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
                        stream.write_all(head.as_bytes()).await.unwrap();
                    }
                });
            }
        });
        Self {
            address,
            heard,
            task,
        }
    }

    pub(crate) fn asked(&self) -> Vec<Heard> {
        self.heard.lock().clone()
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn read(stream: &mut TcpStream) -> Option<Heard> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let mut lines = head.lines();
            let line = lines.next()?.to_owned();
            let headers: Vec<(String, String)> = lines
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
                .collect();
            let length = headers.iter().find(|(name, _)| name == "content-length");
            let length = length.map_or(0, |(_, length)| length.parse().unwrap());
            if body.len() >= length {
                return Some(Heard {
                    line,
                    headers,
                    body: body.to_owned(),
                });
            }
        }
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return None,
            Ok(read) => bytes.extend_from_slice(&buffer[..read]),
        }
    }
}
