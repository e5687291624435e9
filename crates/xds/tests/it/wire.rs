//! Both sides of the protocol, message by message.

use std::net::SocketAddr;
use std::sync::Arc;

use agw_xds::proto;
use agw_xds::proto::configuration_discovery_client::ConfigurationDiscoveryClient;
use agw_xds::proto::configuration_discovery_server::{
    ConfigurationDiscovery, ConfigurationDiscoveryServer,
};
use agw_xds::proto::proxy_message::Message;
use futures_util::stream::{self, BoxStream, StreamExt};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status, Streaming};

use crate::rig::{Authority, SERVER_NAME, within};

/// A connection to a server under TLS.
pub(crate) async fn connect(
    address: SocketAddr,
    authority: &Authority,
) -> Result<Channel, tonic::transport::Error> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let connector = TlsConnector::from(Arc::new(config));
    let dial = tower::service_fn(move |_: http::Uri| {
        let connector = connector.clone();
        async move {
            let stream = TcpStream::connect(address).await?;
            let name = ServerName::try_from(SERVER_NAME).unwrap();
            connector.connect(name, stream).await.map(TokioIo::new)
        }
    });
    let endpoint = Endpoint::from_static("http://controller.test");
    within("a connection", endpoint.connect_with_connector(dial)).await
}

/// A request with this `authorization`.
pub(crate) fn request<T>(message: T, authorization: Option<&str>) -> Request<T> {
    let mut request = Request::new(message);
    if let Some(authorization) = authorization {
        request
            .metadata_mut()
            .insert("authorization", authorization.parse().unwrap());
    }
    request
}

/// A proxy that says what the test makes it say.
pub(crate) struct RawProxy {
    requests: mpsc::Sender<proto::ProxyMessage>,
    updates: Streaming<proto::Update>,
}

pub(crate) fn hello(proxy: &str) -> proto::Hello {
    proto::Hello {
        proxy: proxy.to_owned(),
        gateway: Some(proto::ObjectKey {
            namespace: "shop".to_owned(),
            name: "front".to_owned(),
        }),
        ..proto::Hello::default()
    }
}

impl RawProxy {
    pub(crate) async fn open(address: SocketAddr, authority: &Authority) -> Self {
        let channel = connect(address, authority).await.unwrap();
        let (requests, outgoing) = mpsc::channel(16);
        let outgoing = stream::unfold(outgoing, |mut outgoing| async move {
            Some((outgoing.recv().await?, outgoing))
        });
        let request = request(outgoing, Some("Bearer token-of-front"));
        let mut client = ConfigurationDiscoveryClient::new(channel);
        let updates = within("a stream", client.stream(request))
            .await
            .unwrap()
            .into_inner();
        Self { requests, updates }
    }

    /// Opens a stream and says hello with nothing held.
    pub(crate) async fn greet(address: SocketAddr, authority: &Authority, name: &str) -> Self {
        let proxy = Self::open(address, authority).await;
        proxy.say(Message::Hello(hello(name))).await;
        proxy
    }

    pub(crate) async fn say(&self, message: Message) {
        let message = proto::ProxyMessage {
            message: Some(message),
        };
        self.requests.send(message).await.unwrap();
    }

    pub(crate) async fn ack(&self, version: u64, errors: Vec<proto::ResourceError>) {
        self.say(Message::Ack(proto::Ack { version, errors })).await;
    }

    /// The next message, or how the stream ended.
    pub(crate) async fn next(&mut self) -> Result<proto::Update, Status> {
        let message = within("an update", self.updates.message()).await?;
        message.ok_or_else(|| Status::ok("the end"))
    }
}

/// Kinds and names of what an update brings.
pub(crate) fn upserts(update: &proto::Update) -> Vec<String> {
    let ids = update
        .upsert
        .iter()
        .map(|resource| resource.id.as_ref().unwrap());
    ids.map(|id| format!("{:?} {}", id.kind(), id.name))
        .collect()
}

/// A controller that sends what the test makes it send.
pub(crate) struct RawController {
    pub(crate) address: SocketAddr,
    streams: mpsc::Receiver<RawStream>,
    _server: tokio::task::JoinSet<()>,
}

/// One client's stream.
pub(crate) struct RawStream {
    pub(crate) updates: mpsc::Sender<Result<proto::Update, Status>>,
    messages: Streaming<proto::ProxyMessage>,
}

struct Service(mpsc::Sender<RawStream>);

#[tonic::async_trait]
impl ConfigurationDiscovery for Service {
    type StreamStream = BoxStream<'static, Result<proto::Update, Status>>;

    async fn stream(
        &self,
        request: Request<Streaming<proto::ProxyMessage>>,
    ) -> Result<Response<Self::StreamStream>, Status> {
        let (updates, outgoing) = mpsc::channel(16);
        let messages = request.into_inner();
        let stream = RawStream { updates, messages };
        self.0.send(stream).await.unwrap();
        let outgoing = stream::unfold(outgoing, |mut outgoing| async move {
            Some((outgoing.recv().await?, outgoing))
        });
        Ok(Response::new(outgoing.boxed()))
    }
}

impl RawController {
    pub(crate) async fn start(authority: &Authority) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut config = (*authority.server).clone();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let incoming = stream::unfold(listener, move |listener| {
            let acceptor = acceptor.clone();
            async move {
                let (stream, _) = listener.accept().await.unwrap();
                Some((acceptor.accept(stream).await, listener))
            }
        });
        let (sender, streams) = mpsc::channel(16);
        let service = ConfigurationDiscoveryServer::new(Service(sender));
        let mut server = tokio::task::JoinSet::new();
        server.spawn(async move {
            let server = tonic::transport::Server::builder();
            server
                .serve_with_incoming(service, Box::pin(incoming))
                .await
                .unwrap();
        });
        Self {
            address,
            streams,
            _server: server,
        }
    }

    /// The next stream and its hello.
    pub(crate) async fn stream(&mut self) -> (RawStream, proto::Hello) {
        let mut stream = within("a client connects", self.streams.recv())
            .await
            .unwrap();
        let hello = stream.hello().await;
        (stream, hello)
    }
}

impl RawStream {
    pub(crate) async fn next(&mut self) -> Message {
        let message = within("a message", self.messages.message()).await.unwrap();
        message.unwrap().message.unwrap()
    }

    pub(crate) async fn hello(&mut self) -> proto::Hello {
        match self.next().await {
            Message::Hello(hello) => hello,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn acked(&mut self) -> proto::Ack {
        match self.next().await {
            Message::Ack(ack) => ack,
            other => panic!("{other:?}"),
        }
    }
}
