//! Listeners and their certificates.

use std::sync::Arc;

use agw_core::listener::{Certificate, Listener, ListenerTls, Protocol};

use super::common::{each, hostname, hostname_text, not_empty, one, port, required};
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
        Protocol::Https(tls) => {
            let ListenerTls { certificates } = &**tls;
            let certificates = certificates.iter();
            Message::Https(proto::ListenerTls {
                certificates: certificates.map(|c| certificate(c, secrets)).collect(),
            })
        }
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

fn certificate(certificate: &Certificate, secrets: &mut Outgoing) -> proto::CertificateRef {
    let Certificate { secret, chain, key } = certificate;
    let chain = chain.iter();
    let pair = proto::KeyPair {
        chain: chain
            .map(|der| bytes::Bytes::copy_from_slice(der))
            .collect(),
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
        Message::Https(proto::ListenerTls { certificates }) => {
            let decoded = each(certificates, "certificates", |c| key_pair(c, secrets));
            let decoded = decoded
                .and_then(|c| not_empty(c, "certificates"))
                .at("https")?;
            Protocol::Https(Arc::new(ListenerTls {
                certificates: decoded,
            }))
        }
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

fn key_pair(
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
