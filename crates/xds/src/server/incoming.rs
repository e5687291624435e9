//! New connections, under TLS before anything else is read from them.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, FuturesUnordered, Stream, StreamExt};
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use super::Limits;
use super::connection::Connection;

/// The one protocol that is spoken.
const HTTP2: &[u8] = b"h2";

/// The wait after a failure to accept, such as a lack of descriptors.
const PAUSE: Duration = Duration::from_millis(100);

type Handshake = Pin<Box<dyn Future<Output = Option<Connection>> + Send>>;

pub(super) struct Incoming {
    listener: TcpListener,
    tls: watch::Receiver<Arc<ServerConfig>>,
    permits: Arc<Semaphore>,
    limits: Limits,
    handshakes: FuturesUnordered<Handshake>,
}

impl Incoming {
    pub(super) fn new(
        listener: TcpListener,
        tls: watch::Receiver<Arc<ServerConfig>>,
        limits: Limits,
    ) -> Self {
        Self {
            listener,
            tls,
            permits: Arc::new(Semaphore::new(limits.connections)),
            limits,
            handshakes: FuturesUnordered::new(),
        }
    }

    pub(super) fn connections(self) -> impl Stream<Item = Result<Connection, Infallible>> + Send {
        stream::unfold(self, |mut incoming| async move {
            let connection = incoming.next().await;
            Some((Ok(connection), incoming))
        })
    }

    async fn next(&mut self) -> Connection {
        loop {
            tokio::select! {
                Some(done) = self.handshakes.next() => {
                    if let Some(connection) = done {
                        return connection;
                    }
                }
                (stream, permit) = accept(&self.listener, &self.permits) => {
                    let handshake = self.handshake(stream, permit);
                    self.handshakes.push(handshake);
                }
            }
        }
    }

    /// With the certificate of now.
    fn handshake(&mut self, stream: TcpStream, permit: OwnedSemaphorePermit) -> Handshake {
        let mut config = ServerConfig::clone(&self.tls.borrow_and_update());
        config.alpn_protocols = vec![HTTP2.to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let patience = self.limits.admission;
        Box::pin(async move {
            let deadline = tokio::time::sleep(patience);
            let accepting = tokio::time::timeout(patience, acceptor.accept(stream));
            let shaken = match accepting.await {
                Ok(shaken) => shaken,
                Err(elapsed) => Err(elapsed.into()),
            };
            match shaken {
                Ok(stream) => Some(Connection::new(stream, deadline, permit)),
                Err(error) => {
                    tracing::debug!(%error, "a client did not complete its TLS handshake");
                    None
                }
            }
        })
    }
}

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> (TcpStream, OwnedSemaphorePermit) {
    loop {
        let Ok(permit) = permits.clone().acquire_owned().await else {
            // The semaphore is never closed.
            return std::future::pending().await;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                // Without it the acknowledgement of a change would wait for company.
                let _ = stream.set_nodelay(true);
                return (stream, permit);
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
