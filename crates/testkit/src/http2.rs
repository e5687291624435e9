//! A cleartext HTTP/2 client by prior knowledge.

use std::net::SocketAddr;

use anyhow::Context;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};

/// Sends one request on a connection of its own and reads the whole answer.
///
/// # Errors
/// When there is no connection, or no whole answer.
pub fn send(
    to: SocketAddr,
    request: http::Request<Vec<u8>>,
) -> anyhow::Result<http::Response<Bytes>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(to)
            .await
            .context("connecting")?;
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                .await
                .context("HTTP/2 handshake")?;
        // It ends with the runtime.
        let connection = tokio::spawn(connection);
        let request = request.map(|body| Full::new(Bytes::from(body)));
        let (parts, body) = sender.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        drop(sender);
        connection.abort();
        Ok(http::Response::from_parts(parts, body))
    })
}
