//! How requests prove themselves.

use std::sync::Arc;

use agw_core::backend::{Auth, AwsKey, KeyPlace};
use agw_core::cloud::{
    AwsRole, AzureAuth, AzureClient, GcpAuth, GcpIdentity, GcpToken, ManagedIdentity,
    ServiceAccount,
};

use super::common::{field_name, required, text};
use super::invalid::{At, Invalid};
use super::secret::{Outgoing, Secrets, Slot};
use crate::proto;
use crate::proto::auth::Auth as Message;
use crate::proto::azure_auth::Identity as AzureIdentity;
use crate::proto::gcp_auth::{Identity, Token};
use crate::proto::key_place::Place;
use crate::proto::managed_identity::By;
use crate::proto::secret::Content;

/// What is secret of it goes into `slot`.
pub(super) fn encode(auth: &Auth, slot: Slot, secrets: &mut Outgoing) -> proto::Auth {
    let message = match auth {
        Auth::Key(key) => {
            let content = Content::Credential(key.expose().to_owned());
            Message::Key(secrets.put(slot, content))
        }
        Auth::Aws(key) => {
            let AwsKey {
                id,
                secret,
                session,
                region,
            } = &**key;
            let content = Content::AwsKey(proto::AwsKey {
                id: id.expose().to_owned(),
                secret: secret.expose().to_owned(),
                session: session.as_ref().map(|session| session.expose().to_owned()),
            });
            Message::Aws(proto::AwsAuth {
                key: secrets.put(slot, content),
                region: region.to_string(),
            })
        }
        Auth::AwsAmbient(region) => Message::AwsAmbient(region.to_string()),
        Auth::Gcp(auth) => Message::Gcp(gcp_message(auth, slot, secrets)),
        Auth::Azure(auth) => Message::Azure(azure_message(auth, slot, secrets)),
        Auth::Passthrough => Message::Passthrough(proto::Empty {}),
        Auth::KeyAt(at) => {
            let (key, place) = &**at;
            let content = Content::Credential(key.expose().to_owned());
            Message::KeyAt(proto::KeyAt {
                key: secrets.put(slot, content),
                place: Some(place_message(place)),
            })
        }
        Auth::PassthroughAt(place) => Message::PassthroughAt(place_message(place)),
        Auth::AwsRole(role) => Message::AwsRole(role_message(role)),
    };
    proto::Auth {
        auth: Some(message),
    }
}

fn place_message(place: &KeyPlace) -> proto::KeyPlace {
    let place = match place {
        KeyPlace::Header { name, prefix } => Place::Header(proto::KeyHeader {
            name: name.written().to_owned(),
            prefix: prefix.to_string(),
        }),
        KeyPlace::Query(name) => Place::Query(name.to_string()),
        KeyPlace::Cookie(name) => Place::Cookie(name.to_string()),
    };
    proto::KeyPlace { place: Some(place) }
}

fn role_message(role: &AwsRole) -> proto::AwsRole {
    let AwsRole {
        arn,
        region,
        session,
        tags,
    } = role;
    let tag = |(key, value): &(Arc<str>, Arc<str>)| proto::SessionTag {
        key: key.to_string(),
        value: value.to_string(),
    };
    proto::AwsRole {
        arn: arn.to_string(),
        region: region.to_string(),
        session: session.to_string(),
        tags: tags.iter().map(tag).collect(),
    }
}

fn gcp_message(auth: &GcpAuth, slot: Slot, secrets: &mut Outgoing) -> proto::GcpAuth {
    let GcpAuth { identity, token } = auth;
    let identity = match identity {
        GcpIdentity::Ambient => Identity::Ambient(proto::Empty {}),
        GcpIdentity::ServiceAccount(account) => {
            let ServiceAccount {
                email,
                key_id,
                key,
                token_uri,
            } = &**account;
            Identity::ServiceAccount(proto::ServiceAccount {
                email: email.to_string(),
                key_id: text(key_id.as_ref()),
                key: secrets.put(slot, Content::Credential(key.expose().to_owned())),
                token_uri: token_uri.to_string(),
            })
        }
    };
    let token = match token {
        GcpToken::Access => Token::Access(proto::Empty {}),
        GcpToken::Id { audience } => Token::Id(proto::IdToken {
            audience: text(audience.as_ref()),
        }),
    };
    proto::GcpAuth {
        identity: Some(identity),
        token: Some(token),
    }
}

fn azure_message(auth: &AzureAuth, slot: Slot, secrets: &mut Outgoing) -> proto::AzureAuth {
    let identity = match auth {
        AzureAuth::Ambient => AzureIdentity::Ambient(proto::Empty {}),
        AzureAuth::WorkloadIdentity => AzureIdentity::Workload(proto::Empty {}),
        AzureAuth::ManagedIdentity(identity) => AzureIdentity::Managed(proto::ManagedIdentity {
            by: identity.as_ref().map(|identity| match identity {
                ManagedIdentity::Client(id) => By::Client(id.to_string()),
                ManagedIdentity::Object(id) => By::Object(id.to_string()),
                ManagedIdentity::Resource(id) => By::Resource(id.to_string()),
            }),
        }),
        AzureAuth::Client(client) => {
            let AzureClient { tenant, id, secret } = &**client;
            AzureIdentity::Client(proto::AzureClient {
                tenant: tenant.to_string(),
                id: id.to_string(),
                secret: secrets.put(slot, Content::Credential(secret.expose().to_owned())),
            })
        }
    };
    proto::AzureAuth {
        identity: Some(identity),
    }
}

pub(super) fn decode(message: proto::Auth, secrets: &mut Secrets<'_>) -> Result<Auth, Invalid> {
    let proto::Auth { auth } = message;
    Ok(match required(auth, "auth")? {
        Message::Key(secret) => Auth::Key(secrets.credential(&secret).at("key")?),
        Message::Passthrough(proto::Empty {}) => Auth::Passthrough,
        Message::KeyAt(proto::KeyAt { key, place: at }) => {
            let key = secrets.credential(&key).at("key_at.key")?;
            let at = required(at, "key_at.place").and_then(place)?;
            Auth::KeyAt(Box::new((key, at)))
        }
        Message::PassthroughAt(at) => {
            Auth::PassthroughAt(Box::new(place(at).at("passthrough_at")?))
        }
        Message::AwsRole(role) => {
            let proto::AwsRole {
                arn,
                region,
                session,
                tags,
            } = role;
            let tag = |proto::SessionTag { key, value }| (key.into(), value.into());
            Auth::AwsRole(Box::new(AwsRole {
                arn: arn.into(),
                region: region.into(),
                session: session.into(),
                tags: tags.into_iter().map(tag).collect(),
            }))
        }
        Message::Aws(proto::AwsAuth { key, region }) => {
            let (id, secret, session) = secrets.aws_key(&key).at("aws.key")?;
            Auth::Aws(Box::new(AwsKey {
                id,
                secret,
                session,
                region: region.into(),
            }))
        }
        Message::AwsAmbient(region) => Auth::AwsAmbient(region.into()),
        Message::Gcp(auth) => Auth::Gcp(Box::new(gcp(auth, secrets).at("gcp")?)),
        Message::Azure(auth) => Auth::Azure(Box::new(azure(auth, secrets).at("azure")?)),
    })
}

fn place(message: proto::KeyPlace) -> Result<KeyPlace, Invalid> {
    let proto::KeyPlace { place } = message;
    Ok(match required(place, "place")? {
        Place::Header(proto::KeyHeader { name, prefix }) => KeyPlace::Header {
            name: field_name(&name).at("header.name")?,
            prefix: prefix.into(),
        },
        Place::Query(name) => KeyPlace::Query(name.into()),
        Place::Cookie(name) => KeyPlace::Cookie(name.into()),
    })
}

fn gcp(message: proto::GcpAuth, secrets: &mut Secrets<'_>) -> Result<GcpAuth, Invalid> {
    let proto::GcpAuth { identity, token } = message;
    let identity = match required(identity, "identity")? {
        Identity::Ambient(proto::Empty {}) => GcpIdentity::Ambient,
        Identity::ServiceAccount(account) => {
            let proto::ServiceAccount {
                email,
                key_id,
                key,
                token_uri,
            } = account;
            GcpIdentity::ServiceAccount(Box::new(ServiceAccount {
                email: email.into(),
                key_id: key_id.map(Into::into),
                key: secrets.credential(&key).at("key")?,
                token_uri: token_uri.into(),
            }))
        }
    };
    let token = match required(token, "token")? {
        Token::Access(proto::Empty {}) => GcpToken::Access,
        Token::Id(proto::IdToken { audience }) => GcpToken::Id {
            audience: audience.map(Into::into),
        },
    };
    Ok(GcpAuth { identity, token })
}

fn azure(message: proto::AzureAuth, secrets: &mut Secrets<'_>) -> Result<AzureAuth, Invalid> {
    let proto::AzureAuth { identity } = message;
    Ok(match required(identity, "identity")? {
        AzureIdentity::Ambient(proto::Empty {}) => AzureAuth::Ambient,
        AzureIdentity::Workload(proto::Empty {}) => AzureAuth::WorkloadIdentity,
        AzureIdentity::Managed(proto::ManagedIdentity { by }) => {
            AzureAuth::ManagedIdentity(by.map(|by| match by {
                By::Client(id) => ManagedIdentity::Client(id.into()),
                By::Object(id) => ManagedIdentity::Object(id.into()),
                By::Resource(id) => ManagedIdentity::Resource(id.into()),
            }))
        }
        AzureIdentity::Client(proto::AzureClient { tenant, id, secret }) => {
            AzureAuth::Client(Box::new(AzureClient {
                tenant: tenant.into(),
                id: id.into(),
                secret: secrets.credential(&secret).at("secret")?,
            }))
        }
    })
}
