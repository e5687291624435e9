//! What the process decides for its proxy, as opposed to what manifests say.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use agw_runtime::lines::LineWriter;

use crate::credentials::Environment;

/// How a proxy runs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Address that every listener binds, each on its own port.
    pub bind: IpAddr,
    /// Worker threads, each with its own runtime, sockets and pools; at least one.
    pub workers: usize,
    pub access_log: LineWriter,
    pub limits: Limits,
    /// What the process was given to prove itself to providers with.
    pub environment: Arc<Environment>,
}

/// Bounds on what one request may use. Every one has a safe default.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Largest request body that is held in memory (AI requests, expressions on bodies).
    pub body: usize,
    /// Largest request body kept for a retry of a plain backend.
    pub replay: usize,
    /// Largest response body held for a response transformation.
    pub response_body: usize,
    /// Bytes of a response held back while it is not yet known to be good.
    pub held_back: usize,
    /// For a TCP connection and TLS handshake to an upstream.
    pub connect: Duration,
    /// For the start of a response when no manifest bounds it.
    pub response: Duration,
    /// Between two chunks of a stream.
    pub stream_idle: Duration,
    /// Bytes of a request's head.
    pub header_bytes: usize,
    /// For a client to send its request head.
    pub header_read: Duration,
    /// A client connection without a request is closed after this.
    pub client_idle: Duration,
    /// A client that neither reads its answer nor sends its body is cut off after this.
    pub client_stall: Duration,
    /// Longest pause in a request body that is held.
    pub client_body: Duration,
    /// Client connections of one worker.
    pub connections: usize,
    /// For a TLS handshake with a client.
    pub handshake: Duration,
    /// TLS handshakes that one worker does at a time.
    pub handshakes: usize,
    /// A connection that is relayed as it is ends when nothing has gone either way for this long.
    pub tunnel_idle: Duration,
    /// A client's datagrams are forgotten when none has gone either way for this long.
    pub datagram_idle: Duration,
    /// Clients of one worker whose datagrams are relayed.
    pub datagram_sessions: usize,
    /// Idle connections kept per worker and endpoint.
    pub idle_connections: usize,
    /// An idle upstream connection is closed after this.
    pub idle: Duration,
    /// Upstream requests that one client request may cause.
    pub attempts: usize,
    /// Concurrent HTTP/2 streams of one client connection.
    pub streams: u32,
    /// Copies of requests that one worker has under way to mirrors.
    pub mirrors: usize,
    /// For a mirror's answer.
    pub mirror: Duration,
}

impl Settings {
    pub fn new(bind: IpAddr, access_log: LineWriter) -> Self {
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            bind,
            workers,
            access_log,
            limits: Limits::default(),
            environment: Arc::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 32 << 20,
            replay: 1 << 20,
            response_body: 8 << 20,
            held_back: 256 << 10,
            connect: Duration::from_secs(5),
            response: Duration::from_secs(600),
            stream_idle: Duration::from_secs(300),
            header_bytes: 64 << 10,
            header_read: Duration::from_secs(30),
            client_idle: Duration::from_secs(75),
            client_stall: Duration::from_secs(60),
            client_body: Duration::from_secs(45),
            connections: 16 << 10,
            handshake: Duration::from_secs(10),
            handshakes: 256,
            tunnel_idle: Duration::from_secs(3600),
            datagram_idle: Duration::from_secs(60),
            datagram_sessions: 4096,
            idle_connections: 64,
            idle: Duration::from_secs(50),
            attempts: 16,
            streams: 256,
            mirrors: 256,
            mirror: Duration::from_secs(60),
        }
    }
}
