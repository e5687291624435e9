//! New connections: name, TCP, TLS, HTTP handshake.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use agw_core::backend::{AppProtocol, Endpoint, UpstreamTls};
use hyper::client::conn::http2;
use hyper::rt::{Read, Write};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, UdpSocket};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::task::TaskTracker;

use super::dns::Resolver;
use super::http1::Io;
use super::tls::Carries;
use super::{PoolKey, TlsClients};
use crate::body::{BoxError, Outgoing};
use crate::error::Error;
use crate::stream::BoxStream;
use crate::worker::LocalExec;

/// Makes connections for one worker.
pub(crate) struct Connector {
    resolver: Resolver,
    tls: TlsClients,
    timeout: Duration,
    /// Owns the tasks that drive connections.
    tasks: TaskTracker,
}

/// A fresh connection.
pub(super) enum Opened {
    Http1(Io),
    Http2(http2::SendRequest<Outgoing>),
}

impl Connector {
    pub(crate) fn new(tls: TlsClients, timeout: Duration, tasks: TaskTracker) -> Self {
        Self {
            resolver: Resolver::default(),
            tls,
            timeout,
            tasks,
        }
    }

    /// What owns the tasks of connections.
    pub(crate) fn tasks(&self) -> TaskTracker {
        self.tasks.clone()
    }

    pub(super) async fn connect(&self, key: &PoolKey) -> Result<Opened, Error> {
        self.in_time(&key.endpoint, self.handshake(key)).await
    }

    /// A connection for one request that may lead out of HTTP/1.1.
    pub(super) async fn upgradable(&self, endpoint: &Endpoint) -> Result<Opened, Error> {
        let opened = async {
            let tcp = self.tcp(endpoint).await?;
            Ok(Opened::Http1(match &endpoint.tls {
                None => Io::Plain(tcp),
                Some(tls) => {
                    let stream = self.tls(tls, endpoint, tcp, Carries::Http1).await?;
                    Io::Tls(Box::new(stream))
                }
            }))
        };
        self.in_time(endpoint, opened).await
    }

    /// A connection for whatever bytes there are.
    pub(crate) async fn stream(&self, endpoint: &Endpoint) -> Result<BoxStream, Error> {
        let opened = async {
            let tcp = self.tcp(endpoint).await?;
            let Some(tls) = &endpoint.tls else {
                return Ok(Box::new(tcp) as BoxStream);
            };
            let stream = self.tls(tls, endpoint, tcp, Carries::Stream).await?;
            Ok(Box::new(stream) as BoxStream)
        };
        self.in_time(endpoint, opened).await
    }

    /// A socket whose datagrams go to the endpoint, and that takes those of nobody else.
    pub(crate) async fn datagrams(&self, endpoint: &Endpoint) -> Result<UdpSocket, Error> {
        let opened = async {
            if endpoint.tls.is_some() {
                return Err("datagrams cannot be sent under TLS".into());
            }
            let addresses = self.resolver.resolve(&endpoint.host, endpoint.port).await?;
            let to = addresses
                .first()
                .ok_or("the endpoint's name has no address")?;
            let from: IpAddr = match to {
                SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
                SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
            };
            let socket = UdpSocket::bind((from, 0)).await?;
            socket.connect(to).await?;
            Ok(socket)
        };
        self.in_time(endpoint, opened).await
    }

    /// What `opening` opens, unless it fails or takes too long.
    async fn in_time<T>(
        &self,
        endpoint: &Endpoint,
        opening: impl Future<Output = Result<T, BoxError>>,
    ) -> Result<T, Error> {
        let failed = |cause: String| Error::Connect {
            endpoint: authority(endpoint),
            cause,
        };
        match tokio::time::timeout(self.timeout, opening).await {
            Ok(Ok(opened)) => Ok(opened),
            Ok(Err(error)) => Err(failed(error.to_string())),
            Err(_) => Err(failed(format!("no connection within {:?}", self.timeout))),
        }
    }

    async fn handshake(&self, key: &PoolKey) -> Result<Opened, BoxError> {
        let tcp = self.tcp(&key.endpoint).await?;
        let Some(tls) = &key.endpoint.tls else {
            return match key.protocol {
                AppProtocol::Http1 => Ok(Opened::Http1(Io::Plain(tcp))),
                AppProtocol::H2c => self.http2(TokioIo::new(tcp)).await,
            };
        };
        let stream = self.tls(tls, &key.endpoint, tcp, Carries::Http).await?;
        if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
            self.http2(TokioIo::new(stream)).await
        } else {
            Ok(Opened::Http1(Io::Tls(Box::new(stream))))
        }
    }

    async fn tcp(&self, endpoint: &Endpoint) -> std::io::Result<TcpStream> {
        let addresses = self.resolver.resolve(&endpoint.host, endpoint.port).await?;
        let mut last = None;
        for address in addresses {
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    notice_loss(&stream)?;
                    return Ok(stream);
                }
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| std::io::ErrorKind::NotFound.into()))
    }

    async fn tls(
        &self,
        tls: &UpstreamTls,
        endpoint: &Endpoint,
        tcp: TcpStream,
        carries: Carries,
    ) -> Result<TlsStream<TcpStream>, BoxError> {
        let connector = TlsConnector::from(self.tls.config(tls, carries)?);
        Ok(connector.connect(server_name(tls, endpoint)?, tcp).await?)
    }

    async fn http2<I>(&self, io: I) -> Result<Opened, BoxError>
    where
        I: Read + Write + Unpin + 'static,
    {
        let (sender, connection) = http2::Builder::new(LocalExec)
            .timer(TokioTimer::new())
            .keep_alive_interval(Duration::from_secs(20))
            .keep_alive_timeout(Duration::from_secs(10))
            .initial_stream_window_size(1 << 20)
            .initial_connection_window_size(4 << 20)
            .handshake(io)
            .await?;
        self.tasks.spawn_local(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "upstream connection ended");
            }
        });
        Ok(Opened::Http2(sender))
    }
}

fn server_name(tls: &UpstreamTls, endpoint: &Endpoint) -> Result<ServerName<'static>, BoxError> {
    let name: &Arc<str> = tls.sni.as_ref().unwrap_or(&endpoint.host);
    Ok(ServerName::try_from(name.to_string())?)
}

/// Lets the kernel end a connection whose other side is gone without a word: what is sent and not
/// acknowledged, and a silence in which probes are not.
fn notice_loss(stream: &TcpStream) -> std::io::Result<()> {
    const UNANSWERED: Duration = Duration::from_secs(30);
    let probes = TcpKeepalive::new()
        .with_time(Duration::from_secs(20))
        .with_interval(Duration::from_secs(5))
        .with_retries(4);
    let socket = SockRef::from(stream);
    socket.set_tcp_keepalive(&probes)?;
    socket.set_tcp_user_timeout(Some(UNANSWERED))
}

/// `host:port`, an IPv6 address in brackets.
pub(crate) fn authority(endpoint: &Endpoint) -> String {
    if endpoint.host.contains(':') {
        format!("[{}]:{}", endpoint.host, endpoint.port)
    } else {
        format!("{}:{}", endpoint.host, endpoint.port)
    }
}

/// What goes into `Host`: without the scheme's own port.
pub(crate) fn host_header(endpoint: &Endpoint) -> String {
    let own = if endpoint.tls.is_some() { 443 } else { 80 };
    let full = authority(endpoint);
    match full.strip_suffix(&format!(":{own}")) {
        Some(host) if endpoint.port == own => host.to_owned(),
        _ => full,
    }
}
