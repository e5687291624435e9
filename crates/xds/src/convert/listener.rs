//! Listeners and their certificates.

use std::sync::Arc;

use agw_core::listener::{Certificate, ClientValidation, Listener, ListenerTls, Protocol};

use super::common::{each, enumeration, hostname, hostname_text, not_empty, one, port, required};
use super::invalid::{At, Invalid};
use super::policy::{policy, said};
use super::secret::{Outgoing, Secrets, Slot};
use crate::proto;
use crate::proto::listener::Protocol as Message;
use crate::proto::secret::Content;
use crate::resource::ResourceKey;

pub(super) fn encode(
    listener: &Listener,
    position: u32,
    secrets: &mut Outgoing,
) -> proto::Listener {
    let Listener {
        name,
        port,
        protocol,
        hostname,
        policy,
    } = listener;
    let protocol = match protocol {
        Protocol::Http => Message::Http(proto::Empty {}),
        Protocol::Https(tls) => Message::Https(tls_message(tls, secrets)),
        Protocol::TlsPassthrough => Message::TlsPassthrough(proto::Empty {}),
        Protocol::Tls(tls) => Message::Tls(tls_message(tls, secrets)),
        Protocol::Tcp => Message::Tcp(proto::Empty {}),
        Protocol::Udp => Message::Udp(proto::Empty {}),
    };
    proto::Listener {
        name: name.to_string(),
        position,
        port: (*port).into(),
        protocol: Some(protocol),
        hostname: hostname_text(hostname),
        policy: said(policy),
    }
}

fn tls_message(tls: &ListenerTls, secrets: &mut Outgoing) -> proto::ListenerTls {
    let ListenerTls {
        certificates,
        clients,
    } = tls;
    let certificates = certificates.iter();
    let clients = clients.as_ref().map(|clients| {
        let ClientValidation { mode, authorities } = &**clients;
        proto::ClientValidation {
            authorities: ders(authorities),
            mode: proto::ClientValidationMode::from(*mode).into(),
        }
    });
    proto::ListenerTls {
        certificates: certificates.map(|c| certificate(c, secrets)).collect(),
        clients,
    }
}

pub(super) fn certificate(
    certificate: &Certificate,
    secrets: &mut Outgoing,
) -> proto::CertificateRef {
    let Certificate { secret, chain, key } = certificate;
    let pair = proto::KeyPair {
        chain: ders(chain),
        key: bytes::Bytes::copy_from_slice(key.expose()),
    };
    let slot = Slot {
        name: format!("Secret {secret}"),
        key: ResourceKey::Certificate(secret.clone()),
    };
    proto::CertificateRef {
        object: Some(secret.into()),
        secret: secrets.put(slot, Content::KeyPair(pair)),
    }
}

/// The listener and its position.
pub(super) fn decode(
    message: proto::Listener,
    secrets: &mut Secrets<'_>,
) -> Result<(u32, Listener), Invalid> {
    let proto::Listener {
        name,
        position,
        port: number,
        protocol,
        hostname: host,
        policy: attached,
    } = message;
    let protocol = match required(protocol, "protocol")? {
        Message::Http(proto::Empty {}) => Protocol::Http,
        Message::Https(tls) => Protocol::Https(listener_tls(tls, secrets).at("https")?),
        Message::TlsPassthrough(proto::Empty {}) => Protocol::TlsPassthrough,
        Message::Tls(tls) => Protocol::Tls(listener_tls(tls, secrets).at("tls")?),
        Message::Tcp(proto::Empty {}) => Protocol::Tcp,
        Message::Udp(proto::Empty {}) => Protocol::Udp,
    };
    let listener = Listener {
        name: name.into(),
        port: port(number, "port")?,
        protocol,
        hostname: hostname(&host).at("hostname")?,
        policy: policy(attached, "policy")?,
    };
    Ok((position, listener))
}

fn listener_tls(
    message: proto::ListenerTls,
    secrets: &mut Secrets<'_>,
) -> Result<Arc<ListenerTls>, Invalid> {
    let proto::ListenerTls {
        certificates,
        clients,
    } = message;
    let certificates = each(certificates, "certificates", |c| key_pair(c, secrets))?;
    let clients = clients.map(|clients| {
        let proto::ClientValidation { authorities, mode } = clients;
        let authorities = not_empty(from_ders(authorities), "clients.authorities")?;
        let mode = enumeration::<proto::ClientValidationMode, _>(mode, "clients.mode")?;
        Ok(Arc::new(ClientValidation { mode, authorities }))
    });
    Ok(Arc::new(ListenerTls {
        certificates: not_empty(certificates, "certificates")?,
        clients: clients.transpose()?,
    }))
}

pub(super) fn ders(certificates: &[Arc<[u8]>]) -> Vec<bytes::Bytes> {
    let certificates = certificates.iter();
    certificates
        .map(|der| bytes::Bytes::copy_from_slice(der))
        .collect()
}

pub(super) fn from_ders(certificates: Vec<bytes::Bytes>) -> Vec<Arc<[u8]>> {
    let certificates = certificates.into_iter();
    certificates.map(|der| Arc::from(&*der)).collect()
}

pub(super) fn key_pair(
    message: proto::CertificateRef,
    secrets: &mut Secrets<'_>,
) -> Result<Certificate, Invalid> {
    let proto::CertificateRef { object, secret } = message;
    let (chain, key) = secrets.key_pair(&secret).at("secret")?;
    Ok(Certificate {
        secret: one(object, "object")?,
        chain,
        key,
    })
}
