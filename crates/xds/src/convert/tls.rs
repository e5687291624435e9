//! TLS towards backends.

use std::sync::Arc;

use agw_core::backend::{Roots, SubjectName, Trust, UpstreamTls, Verify};

use super::common::{each, not_empty, required, text};
use super::invalid::{At, Invalid};
use super::listener::{certificate, ders, from_ders, key_pair};
use super::secret::{Outgoing, Secrets};
use crate::proto;
use crate::proto::subject_name::Name;
use crate::proto::trust::Roots as RootsMessage;
use crate::proto::upstream_tls::Verify as VerifyMessage;

pub(super) fn encode(tls: &UpstreamTls, secrets: &mut Outgoing) -> proto::UpstreamTls {
    let UpstreamTls {
        sni,
        verify,
        client,
    } = tls;
    let verify = match verify {
        Verify::Full => VerifyMessage::System(proto::Empty {}),
        Verify::Off => VerifyMessage::Off(proto::Empty {}),
        Verify::Trust(trust) => VerifyMessage::Trust(trust_message(trust)),
    };
    proto::UpstreamTls {
        sni: text(sni.as_ref()),
        verify: Some(verify),
        client: client.as_ref().map(|client| certificate(client, secrets)),
    }
}

fn trust_message(trust: &Trust) -> proto::Trust {
    let Trust { roots, names } = trust;
    let roots = match roots {
        Roots::System => RootsMessage::System(proto::Empty {}),
        Roots::Only(authorities) => RootsMessage::Authorities(proto::Authorities {
            certificates: ders(authorities),
        }),
    };
    let name = |name: &SubjectName| match name {
        SubjectName::Dns(name) => Name::Dns(name.to_string()),
        SubjectName::Uri(uri) => Name::Uri(uri.to_string()),
    };
    let names = names.iter().map(|subject| proto::SubjectName {
        name: Some(name(subject)),
    });
    proto::Trust {
        roots: Some(roots),
        names: names.collect(),
    }
}

pub(super) fn decode(
    message: proto::UpstreamTls,
    secrets: &mut Secrets<'_>,
) -> Result<UpstreamTls, Invalid> {
    let proto::UpstreamTls {
        sni,
        verify,
        client,
    } = message;
    let verify = match required(verify, "verify")? {
        VerifyMessage::System(proto::Empty {}) => Verify::Full,
        VerifyMessage::Off(proto::Empty {}) => Verify::Off,
        VerifyMessage::Trust(asked) => Verify::Trust(Arc::new(trust(asked).at("trust")?)),
    };
    let client = client.map(|client| key_pair(client, secrets).map(Arc::new));
    Ok(UpstreamTls {
        sni: sni.map(Into::into),
        verify,
        client: client.transpose().at("client")?,
    })
}

fn trust(message: proto::Trust) -> Result<Trust, Invalid> {
    let proto::Trust { roots, names } = message;
    let roots = match required(roots, "roots")? {
        RootsMessage::System(proto::Empty {}) => Roots::System,
        RootsMessage::Authorities(proto::Authorities { certificates }) => {
            Roots::Only(not_empty(from_ders(certificates), "roots")?)
        }
    };
    let names = each(names, "names", |proto::SubjectName { name }| {
        Ok(match required(name, "name")? {
            Name::Dns(name) => SubjectName::Dns(name.into()),
            Name::Uri(uri) => SubjectName::Uri(uri.into()),
        })
    })?;
    Ok(Trust { roots, names })
}
