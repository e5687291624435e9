//! Secrets: resources of their own, so that a new key is one small resource and nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;

use agw_core::listener::PrivateKey;
use agw_core::secret::Secret;

use super::common::{not_empty, required};
use super::invalid::Invalid;
use crate::proto;
use crate::proto::secret::Content as Message;
use crate::resource::ResourceKey;

/// The secrets that the resources encoded so far refer to, by name.
#[derive(Default)]
pub(crate) struct Outgoing(pub(super) BTreeMap<String, (ResourceKey, proto::Secret)>);

/// The name that a secret should travel under, and what it comes from.
pub(super) struct Slot {
    pub(super) name: String,
    pub(super) key: ResourceKey,
}

/// What a secret resource holds.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    Credential(Secret),
    KeyPair {
        chain: Vec<Arc<[u8]>>,
        key: PrivateKey,
    },
    AwsKey {
        id: Secret,
        secret: Secret,
        session: Option<Secret>,
    },
}

/// Of an AWS key: its id, the secret, and the session that it is of.
pub(super) type AwsKey = (Secret, Secret, Option<Secret>);

/// A chain and its key.
pub(super) type KeyPair = (Vec<Arc<[u8]>>, PrivateKey);

/// The secrets at hand while resources are decoded, and those that were asked for.
pub(crate) struct Secrets<'a> {
    held: &'a BTreeMap<Arc<str>, Content>,
    asked: Vec<Arc<str>>,
}

impl Outgoing {
    /// The name that the content travels under: the slot's, unless other content has it.
    pub(super) fn put(&mut self, slot: Slot, content: Message) -> String {
        let Slot { name, key } = slot;
        let secret = proto::Secret {
            content: Some(content),
        };
        let taken = |(_, other): &(_, proto::Secret)| *other != secret;
        let mut free = name.clone();
        let mut turn = 1;
        while self.0.get(&free).is_some_and(taken) {
            turn += 1;
            free = format!("{name}~{turn}");
        }
        self.0.insert(free.clone(), (key, secret));
        free
    }
}

impl<'a> Secrets<'a> {
    pub(crate) fn new(held: &'a BTreeMap<Arc<str>, Content>) -> Self {
        let asked = Vec::new();
        Self { held, asked }
    }

    /// Names of the secrets that were asked for, found or not.
    pub(crate) fn asked(self) -> Vec<Arc<str>> {
        self.asked
    }

    pub(super) fn credential(&mut self, name: &str) -> Result<Secret, Invalid> {
        match self.get(name)? {
            Content::Credential(secret) => Ok(secret.clone()),
            _ => Err(Invalid::new(format!("secret {name} is no credential"))),
        }
    }

    pub(super) fn key_pair(&mut self, name: &str) -> Result<KeyPair, Invalid> {
        match self.get(name)? {
            Content::KeyPair { chain, key } => Ok((chain.clone(), key.clone())),
            _ => Err(Invalid::new(format!("secret {name} is no key pair"))),
        }
    }

    pub(super) fn aws_key(&mut self, name: &str) -> Result<AwsKey, Invalid> {
        match self.get(name)? {
            Content::AwsKey {
                id,
                secret,
                session,
            } => Ok((id.clone(), secret.clone(), session.clone())),
            _ => Err(Invalid::new(format!("secret {name} is no key of AWS"))),
        }
    }

    fn get(&mut self, name: &str) -> Result<&'a Content, Invalid> {
        self.asked.push(name.into());
        let missing = || Invalid::new(format!("secret {name} is missing"));
        self.held.get(name).ok_or_else(missing)
    }
}

impl TryFrom<proto::Secret> for Content {
    type Error = Invalid;

    fn try_from(secret: proto::Secret) -> Result<Self, Invalid> {
        let proto::Secret { content } = secret;
        Ok(match required(content, "content")? {
            Message::Credential(text) => Self::Credential(Secret::new(text)),
            Message::AwsKey(proto::AwsKey {
                id,
                secret,
                session,
            }) => Self::AwsKey {
                id: Secret::new(id),
                secret: Secret::new(secret),
                session: session.map(Secret::new),
            },
            Message::KeyPair(proto::KeyPair { chain, key }) => Self::KeyPair {
                chain: not_empty(chain, "chain")?
                    .into_iter()
                    .map(|certificate| certificate.as_ref().into())
                    .collect(),
                key: PrivateKey::new(key.as_ref()),
            },
        })
    }
}
