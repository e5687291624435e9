//! One client connection.

mod handshake;
mod head_tap;
mod tunnel;
mod upgrade;
mod watch;
mod wire;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use agw_core::filter::RedirectScheme as Scheme;
use agw_core::listener::Transport;
use bytes::Bytes;
use http::{Request, Version, header};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::pipeline;
use crate::settings::Limits;
use crate::worker::{LocalExec, Worker};
use handshake::Shaken;
use tunnel::Tunnel;
pub(crate) use upgrade::Upgrade;
pub(crate) use watch::{Closed, Flight, Watch, Watched, Watches};
use wire::{Spoken, Wire};

/// What a request needs to know of its connection.
#[derive(Clone)]
pub(crate) struct Peer {
    pub(crate) worker: Rc<Worker>,
    /// Port of the listeners that this connection belongs to.
    pub(crate) port: u16,
    pub(crate) client: Arc<Client>,
    pub(crate) scheme: Scheme,
    /// The name that TLS was asked for, in lower case; empty when the client named none.
    pub(crate) server_name: Arc<str>,
}

/// The client's side of a connection, with its text made once.
pub(crate) struct Client {
    pub(crate) address: SocketAddr,
    /// Address and port.
    text: String,
    ip_text: String,
}

/// A request as it came, and what the wire said that its head does not.
pub(crate) struct Arrival {
    pub(crate) request: Request<Incoming>,
    pub(crate) flight: Rc<Flight>,
    pub(crate) framing: Framing,
}

/// Whether a connection was told that it should end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Nothing,
    ToEnd,
}

/// How the end of a request's body is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    Sound,
    /// Both by length and by chunks (RFC 9112 §6.1).
    Conflicting,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            text: address.to_string(),
            ip_text: address.ip().to_string(),
        }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn ip_text(&self) -> &str {
        &self.ip_text
    }
}

/// Serves what the port's listeners say on `stream` until it ends: requests, under TLS or not, or
/// bytes that go to a backend as they are. Once `watched` is told to end, the requests under way
/// finish and the connection closes.
pub(crate) async fn serve(
    worker: Rc<Worker>,
    port: u16,
    stream: TcpStream,
    address: SocketAddr,
    watched: Watched,
) {
    let watch = watched.watch();
    // Sockets are opened after the first snapshot is in place.
    let transport = worker.live.load().as_ref().map(|live| live.transport(port));
    let Some(transport) = transport else { return };
    let peer = Peer {
        worker,
        port,
        client: Arc::new(Client::new(address)),
        scheme: Scheme::Http,
        server_name: "".into(),
    };
    let served = async {
        match transport {
            Transport::Http | Transport::Udp => {
                converse(Wire::new(stream, watch.clone()), None, peer, watch).await;
            }
            Transport::Tls => serve_tls(stream, peer, watch).await,
            Transport::Tcp => {
                let live = peer.worker.live.load_full();
                if let Some(tunnel) = live.map(|live| Tunnel::new(peer, live, transport)) {
                    Box::pin(tunnel.serve(Box::new(stream), watch)).await;
                }
            }
        }
    };
    if watch.unless_cut(served).await.is_none() {
        tracing::debug!(%address, "client connection cut: it stood still");
    }
}

async fn serve_tls(stream: TcpStream, mut peer: Peer, watch: &Rc<Watch>) {
    // In a box: connections without TLS would carry room for what a handshake needs.
    let session = match Box::pin(handshake::shake(&peer.worker, peer.port, stream)).await {
        Some(Shaken::Requests(session)) => session,
        Some(Shaken::Stream(opaque)) => {
            peer.server_name = opaque.server_name;
            let tunnel = Tunnel::new(peer, opaque.live, Transport::Tls);
            return Box::pin(tunnel.serve(opaque.stream, watch)).await;
        }
        None => {
            peer.worker.shard.closed(Closed::Handshake);
            return;
        }
    };
    let tls = session.get_ref().1;
    let spoken = match tls.alpn_protocol() {
        Some(b"h2") => Some(Spoken::Http2),
        Some(_) => Some(Spoken::Http1),
        None => None,
    };
    peer.scheme = Scheme::Https;
    if let Some(name) = tls.server_name() {
        peer.server_name = name.to_ascii_lowercase().into();
    }
    converse(Wire::new(session, watch.clone()), spoken, peer, watch).await;
}

/// Speaks HTTP until the connection ends.
async fn converse<S>(mut wire: Wire<S>, spoken: Option<Spoken>, peer: Peer, watch: &Rc<Watch>)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let spoken = match spoken {
        Some(spoken) => spoken,
        None => tokio::select! {
            told = wire.tell() => match told {
                Ok(Some(spoken)) => spoken,
                Ok(None) | Err(_) => return,
            },
            () = last_call(watch) => return,
        },
    };
    let address = peer.client.address;
    let limits = peer.worker.limits.clone();
    let watching = watch.clone();
    let service = service_fn(move |request| {
        let (peer, arrival) = (peer.clone(), arrive(&watching, request));
        // Boxed: an idle connection, or one whose answer is streaming, keeps no room for it.
        Box::pin(async move { Ok::<_, Infallible>(pipeline::handle(peer, arrival).await) })
    });
    macro_rules! until_the_end {
        ($connection:expr, $poll:ident) => {{
            let mut told = Told::Nothing;
            let served = std::future::poll_fn(|cx| {
                // The task is woken by the signal: see `unless_cut`.
                if told == Told::Nothing && watch.is_ending() {
                    told = Told::ToEnd;
                    $connection.graceful_shutdown();
                }
                $connection.$poll(cx)
            });
            served.await
        }};
    }
    let ended = match spoken {
        Spoken::Http1 => {
            let mut connection = http1(&limits).serve_connection(TokioIo::new(wire), service);
            match until_the_end!(Pin::new(&mut connection), poll_without_shutdown) {
                Ok(()) => {
                    let parts = connection.into_parts();
                    return leave(parts.io.into_inner(), parts.read_buf, &limits, watch).await;
                }
                Err(error) => Err(error),
            }
        }
        Spoken::Http2 => {
            watch.multiplexed();
            let connection = http2(&limits).serve_connection(TokioIo::new(wire), service);
            let mut connection = Box::pin(connection);
            until_the_end!(connection.as_mut(), poll)
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%address, error = %error, "client connection ended");
    }
}

/// What follows HTTP/1.1 on a connection: what its last request was upgraded to, or nothing.
async fn leave<S>(mut wire: Wire<S>, ahead: Bytes, limits: &Limits, watch: &Rc<Watch>)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    match watch.upgraded() {
        Some(upgrade) => Box::pin(upgrade.serve(wire, ahead, limits, watch)).await,
        // The client may be gone.
        None => drop(wire.shutdown().await),
    }
}

/// The end of the time in which a connection that has not spoken yet may still do so: its request
/// may be on the way.
async fn last_call(watch: &Watch) {
    const MOMENT: std::time::Duration = std::time::Duration::from_secs(1);
    watch.ended().await;
    tokio::time::sleep(MOMENT).await;
}

fn arrive(watch: &Rc<Watch>, request: Request<Incoming>) -> Arrival {
    let chunked = request.version() == Version::HTTP_11
        && request.headers().contains_key(header::TRANSFER_ENCODING);
    let conflicting = chunked && watch.tap.had_length(request.method(), request.uri());
    watch.tap.complete();
    Arrival {
        flight: watch.begin(),
        framing: if conflicting {
            Framing::Conflicting
        } else {
            Framing::Sound
        },
        request,
    }
}

fn http1(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        // Heads are timed by the sweep, which tells a slow head from an idle connection.
        .header_read_timeout(None)
        .max_header_size(limits.header_bytes)
        .max_buf_size(limits.header_bytes.max(128 << 10));
    builder
}

fn http2(limits: &Limits) -> http2::Builder<LocalExec> {
    let mut builder = http2::Builder::new(LocalExec);
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        // Rapid reset (CVE-2023-44487) and streams that we had to reset ourselves.
        .max_pending_accept_reset_streams(64)
        .max_local_error_reset_streams(256)
        .max_send_buf_size(64 << 10)
        .max_frame_size(16 << 10)
        .keep_alive_interval(std::time::Duration::from_secs(30))
        .keep_alive_timeout(std::time::Duration::from_secs(20))
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(4 << 20);
    builder
}
