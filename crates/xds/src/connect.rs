//! A connection to the controller, or between two replicas of it, with the credentials of now.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};

use crate::error::Error;

/// How long a connection may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often the connection is pinged, and how long the answer may take.
const PING: Duration = Duration::from_secs(10);
const PONG: Duration = Duration::from_secs(10);

const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 2 << 20;

/// Bytes of a token or CA file.
const FILE: u64 = 1 << 20;

/// Who is connected to, and what proves it to both.
pub(crate) struct Target<'a> {
    /// Host and port.
    pub(crate) address: &'a str,
    /// The name in its certificate.
    pub(crate) server_name: &'a str,
    pub(crate) trust: Trust<'a>,
    pub(crate) token_file: &'a Path,
}

/// The certificates that the server's is verified against, in PEM.
#[derive(Clone, Copy)]
pub(crate) enum Trust<'a> {
    File(&'a Path),
    Pem(&'a str),
}

pub(crate) struct Connected {
    pub(crate) channel: Channel,
    pub(crate) authorization: MetadataValue<Ascii>,
}

/// Connects, with the files as they are now: projected tokens and certificates change.
pub(crate) async fn connect(target: &Target<'_>) -> Result<Connected, Error> {
    let authorization = authorization(target.token_file).await?;
    let tls = Arc::new(tls(target.trust).await?);
    let name = ServerName::try_from(target.server_name.to_owned())
        .map_err(|_| Error::ServerName(target.server_name.to_owned()))?;
    // The scheme says nothing here: the connector below always encrypts.
    let endpoint = Endpoint::from_shared(format!("http://{}", target.server_name))?
        .http2_keep_alive_interval(PING)
        .keep_alive_timeout(PONG)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW);
    let address = target.address.to_owned();
    let connector = tower::service_fn(move |_| dial(address.clone(), name.clone(), tls.clone()));
    let connecting = endpoint.connect_with_connector(connector);
    let problem = |problem: String| Error::Connect {
        address: target.address.to_owned(),
        problem,
    };
    let channel = match tokio::time::timeout(PATIENCE, connecting).await {
        Ok(connected) => connected.map_err(|error| problem(causes(&error)))?,
        Err(_) => return Err(problem(format!("no connection within {PATIENCE:?}"))),
    };
    Ok(Connected {
        channel,
        authorization,
    })
}

async fn dial(
    address: String,
    name: ServerName<'static>,
    tls: Arc<ClientConfig>,
) -> std::io::Result<TokioIo<tokio_rustls::client::TlsStream<TcpStream>>> {
    let stream = TcpStream::connect(&address).await?;
    stream.set_nodelay(true)?;
    let stream = TlsConnector::from(tls).connect(name, stream).await?;
    Ok(TokioIo::new(stream))
}

/// An error and what is behind it: tonic's own text is "transport error".
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

async fn authorization(path: &Path) -> Result<MetadataValue<Ascii>, Error> {
    let token = read(path).await?;
    let unusable = |problem: &str| Error::Content {
        path: path.to_owned(),
        what: "token",
        problem: problem.to_owned(),
    };
    let token = std::str::from_utf8(&token)
        .map_err(|_| unusable("it is not text"))?
        .trim();
    if token.is_empty() {
        return Err(unusable("it is empty"));
    }
    let value = MetadataValue::try_from(format!("Bearer {token}"));
    let mut value = value.map_err(|_| unusable("it has characters that no header may have"))?;
    value.set_sensitive(true);
    Ok(value)
}

async fn tls(trust: Trust<'_>) -> Result<ClientConfig, Error> {
    match trust {
        Trust::File(path) => {
            let pem = read(path).await?;
            client_config(&pem).map_err(|problem| Error::Content {
                path: path.to_owned(),
                what: "certificates",
                problem,
            })
        }
        Trust::Pem(pem) => client_config(pem.as_bytes()).map_err(Error::Trust),
    }
}

/// The configuration of a client that trusts these, or why there is none.
fn client_config(pem: &[u8]) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| error.to_string())?;
        let added = roots.add(certificate);
        added.map_err(|error| error.to_string())?;
    }
    if roots.is_empty() {
        return Err("there is none".to_owned());
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

async fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let failed = |source| Error::File {
        path: path.to_owned(),
        source,
    };
    let size = tokio::fs::metadata(path).await.map_err(failed)?.len();
    if size > FILE {
        return Err(failed(std::io::ErrorKind::FileTooLarge.into()));
    }
    tokio::fs::read(path).await.map_err(failed)
}
