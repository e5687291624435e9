//! TLS with a client, or what its first message says of where it goes without it.

use std::sync::Arc;

use agw_core::listener::Protocol;
use bytes::BytesMut;
use rustls::ServerConfig;
use rustls::server::Acceptor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::live::Live;
use crate::stream::{BoxStream, Rewound};
use crate::worker::Worker;

/// Largest first message of a client. One with every key that is in use is a tenth of it.
const LARGEST_HELLO: usize = 32 << 10;

/// In a box: a session's state is many times what the rest of a connection takes.
pub(super) type Session = Box<TlsStream<Rewound<TcpStream>>>;

/// What a connection to a port with TLS turned out to be.
pub(super) enum Shaken {
    /// Its session carries requests.
    Requests(Session),
    /// It carries anything: inside of TLS that ended here, or with TLS that ends at a backend.
    Stream(Opaque),
}

/// A stream to be relayed, and what it is routed by.
pub(super) struct Opaque {
    pub(super) stream: BoxStream,
    pub(super) server_name: Arc<str>,
    pub(super) live: Arc<Live>,
}

/// What becomes of the client's connection, unless the handshake fails or takes too long.
/// Handshakes cost the most of all that a stranger may ask for: only so many run at a time.
pub(super) async fn shake(worker: &Worker, port: u16, stream: TcpStream) -> Option<Shaken> {
    let shaken = async {
        let _turn = worker.handshakes.acquire().await.ok()?;
        let requests = worker.live.load().as_ref()?.tls(port)?.only_requests();
        match requests {
            Some(config) => accept(config, Rewound::new(stream))
                .await
                .map(Shaken::Requests),
            None => by_name(worker, port, stream).await,
        }
    };
    tokio::time::timeout(worker.limits.handshake, shaken)
        .await
        .ok()
        .flatten()
}

/// Looks at the name that the client asks for before anything is answered.
async fn by_name(worker: &Worker, port: u16, mut stream: TcpStream) -> Option<Shaken> {
    let (ahead, server_name) = hello(&mut stream).await?;
    let live = worker.live.load_full()?;
    // A name that leads nowhere is not talked to, not even to say so: whoever listens for an alert
    // would take it for the backend's word.
    let listener = live.snapshot.bind(port)?.listener(&server_name)?;
    if !listener.protocol.has_requests() {
        listener.select_connection(&server_name)?;
    }
    let protocol = &listener.protocol;
    let stream = Rewound::to(stream, ahead);
    let tls = live.tls(port)?;
    let stream: BoxStream = match protocol {
        Protocol::Https(_) => {
            let session = accept(tls.requests.clone()?, stream).await?;
            return Some(Shaken::Requests(session));
        }
        Protocol::Tls(_) => accept(tls.streams.clone()?, stream).await?,
        Protocol::TlsPassthrough => Box::new(stream),
        Protocol::Http | Protocol::Tcp | Protocol::Udp => return None,
    };
    Some(Shaken::Stream(Opaque {
        stream,
        server_name,
        live,
    }))
}

async fn accept(config: Arc<ServerConfig>, stream: Rewound<TcpStream>) -> Option<Session> {
    let session = TlsAcceptor::from(config).accept(stream).await;
    session.ok().map(Box::new)
}

/// Reads the client's first message: its bytes, and the name in it, in lower case; empty when the
/// client names none.
async fn hello(stream: &mut TcpStream) -> Option<(BytesMut, Arc<str>)> {
    const STEP: usize = 4 << 10;
    let mut acceptor = Acceptor::default();
    let mut read = BytesMut::new();
    while read.len() < LARGEST_HELLO {
        let known = read.len();
        read.reserve(STEP);
        if stream.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
        let mut new = &read[known..];
        while !new.is_empty() {
            if acceptor.read_tls(&mut new).ok()? == 0 {
                return None;
            }
        }
        match acceptor.accept() {
            Ok(None) => {}
            Ok(Some(accepted)) => {
                let hello = accepted.client_hello();
                let name = hello.server_name().unwrap_or_default();
                let name = name.to_ascii_lowercase().into();
                return Some((read, name));
            }
            Err((_, mut alert)) => {
                let mut bytes = Vec::new();
                let _ = alert.write_all(&mut bytes);
                let _ = stream.write_all(&bytes).await;
                return None;
            }
        }
    }
    None
}
