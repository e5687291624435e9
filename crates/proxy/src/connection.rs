//! One client connection.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;

use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::pipeline;
use crate::worker::{LocalExec, Worker};

/// What a request needs to know of its connection.
#[derive(Clone)]
pub(crate) struct Peer {
    pub(crate) worker: Rc<Worker>,
    /// Port of the listeners that this connection belongs to.
    pub(crate) port: u16,
    pub(crate) address: SocketAddr,
}

/// Serves HTTP/1.1 or HTTP/2 (by prior knowledge) on `stream` until it ends; after `stop` the
/// requests under way finish and the connection closes.
pub(crate) async fn serve(
    worker: Rc<Worker>,
    port: u16,
    stream: TcpStream,
    address: SocketAddr,
    stop: CancellationToken,
) {
    let limits = worker.limits.clone();
    let peer = Peer {
        worker,
        port,
        address,
    };
    let service = service_fn(move |request| {
        let peer = peer.clone();
        async move { Ok::<_, Infallible>(pipeline::handle(peer, request).await) }
    });
    let mut builder = auto::Builder::new(LocalExec);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_read);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(64 << 10)
        .max_pending_accept_reset_streams(64)
        .keep_alive_interval(std::time::Duration::from_secs(30))
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(4 << 20);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%address, error = %error, "client connection ended");
    }
}
