//! Who may pass.

use std::sync::Arc;

use agw_core::access::{
    Access, ApiKeyAuthentication, ApiKeys, Authorization, BasicAuthentication, Issuer, Jwk, Jwks,
    JwtAuthentication, KeySource, Location, Material, PasswordHash, User,
};

use super::common::{each, enumeration, expression, field_name, list, one, optional, required};
use super::invalid::{At, Invalid, OrInvalid};
use crate::proto;
use crate::proto::issuer::Keys as KeysMessage;
use crate::proto::jwk::Material as MaterialMessage;
use crate::proto::location::Location as LocationMessage;

/// What asks for nothing does not travel.
pub(super) fn said(access: &Access) -> Option<proto::Access> {
    (!access.is_empty()).then(|| access.into())
}

impl From<&Access> for proto::Access {
    fn from(access: &Access) -> Self {
        let Access {
            jwt,
            basic,
            api_key,
            external,
            authorization,
        } = access;
        Self {
            jwt: jwt.as_deref().map(Into::into),
            basic: basic.as_deref().map(Into::into),
            api_key: api_key.as_deref().map(Into::into),
            external: external.as_deref().map(Into::into),
            authorization: authorization.iter().map(|a| (&**a).into()).collect(),
        }
    }
}

impl TryFrom<proto::Access> for Access {
    type Error = Invalid;

    fn try_from(message: proto::Access) -> Result<Self, Invalid> {
        let proto::Access {
            jwt,
            basic,
            api_key,
            external,
            authorization,
        } = message;
        let authorization: Vec<Authorization> = list(authorization, "authorization")?;
        Ok(Self {
            jwt: optional(jwt, "jwt")?.map(Arc::new),
            basic: optional(basic, "basic")?.map(Arc::new),
            api_key: optional(api_key, "api_key")?.map(Arc::new),
            external: optional(external, "external")?.map(Arc::new),
            authorization: authorization.into_iter().map(Arc::new).collect(),
        })
    }
}

impl From<&JwtAuthentication> for proto::JwtAuthentication {
    fn from(jwt: &JwtAuthentication) -> Self {
        let JwtAuthentication {
            demand,
            location,
            issuers,
        } = jwt;
        Self {
            demand: proto::Demand::from(*demand).into(),
            location: Some(location.into()),
            issuers: issuers.iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<proto::JwtAuthentication> for JwtAuthentication {
    type Error = Invalid;

    fn try_from(message: proto::JwtAuthentication) -> Result<Self, Invalid> {
        let proto::JwtAuthentication {
            demand,
            location,
            issuers,
        } = message;
        Ok(Self {
            demand: enumeration::<proto::Demand, _>(demand, "demand")?,
            location: one(location, "location")?,
            issuers: list(issuers, "issuers")?,
        })
    }
}

impl From<&Issuer> for proto::Issuer {
    fn from(issuer: &Issuer) -> Self {
        let Issuer {
            name,
            audiences,
            keys,
        } = issuer;
        Self {
            name: name.to_string(),
            audiences: audiences.iter().map(ToString::to_string).collect(),
            keys: Some(match keys {
                KeySource::Inline(keys) => KeysMessage::Inline(proto::Jwks {
                    keys: keys.keys().iter().map(Into::into).collect(),
                }),
                KeySource::Remote {
                    backend,
                    path,
                    lifetime,
                } => KeysMessage::Remote(proto::RemoteJwks {
                    backend: Some(backend.into()),
                    path: path.to_string(),
                    lifetime: Some((*lifetime).into()),
                }),
            }),
        }
    }
}

impl TryFrom<proto::Issuer> for Issuer {
    type Error = Invalid;

    fn try_from(message: proto::Issuer) -> Result<Self, Invalid> {
        let proto::Issuer {
            name,
            audiences,
            keys,
        } = message;
        Ok(Self {
            name: name.into(),
            audiences: audiences.into_iter().map(Into::into).collect(),
            keys: match required(keys, "keys")? {
                KeysMessage::Inline(proto::Jwks { keys }) => {
                    KeySource::Inline(Arc::new(Jwks::new(list(keys, "keys")?)))
                }
                KeysMessage::Remote(proto::RemoteJwks {
                    backend,
                    path,
                    lifetime,
                }) => KeySource::Remote {
                    backend: one(backend, "backend")?,
                    path: path.into(),
                    lifetime: one(lifetime, "lifetime")?,
                },
            },
        })
    }
}

impl From<&Jwk> for proto::Jwk {
    fn from(key: &Jwk) -> Self {
        let Jwk {
            id,
            algorithms,
            material,
        } = key;
        let algorithms = algorithms.iter().map(|a| proto::Algorithm::from(*a).into());
        Self {
            id: id.as_deref().map(str::to_owned),
            algorithms: algorithms.collect(),
            material: Some(match material {
                Material::Rsa { n, e } => MaterialMessage::Rsa(proto::RsaKey {
                    n: n.to_string(),
                    e: e.to_string(),
                }),
                Material::Ec { x, y } => MaterialMessage::Ec(proto::EcKey {
                    x: x.to_string(),
                    y: y.to_string(),
                }),
                Material::Ed25519 { x } => MaterialMessage::Ed25519(x.to_string()),
            }),
        }
    }
}

impl TryFrom<proto::Jwk> for Jwk {
    type Error = Invalid;

    fn try_from(message: proto::Jwk) -> Result<Self, Invalid> {
        let proto::Jwk {
            id,
            algorithms,
            material,
        } = message;
        Ok(Self {
            id: id.map(Into::into),
            algorithms: each(algorithms, "algorithms", |value| {
                enumeration::<proto::Algorithm, _>(value, "algorithm")
            })?,
            material: match required(material, "material")? {
                MaterialMessage::Rsa(proto::RsaKey { n, e }) => Material::Rsa {
                    n: n.into(),
                    e: e.into(),
                },
                MaterialMessage::Ec(proto::EcKey { x, y }) => Material::Ec {
                    x: x.into(),
                    y: y.into(),
                },
                MaterialMessage::Ed25519(x) => Material::Ed25519 { x: x.into() },
            },
        })
    }
}

impl From<&Location> for proto::Location {
    fn from(location: &Location) -> Self {
        let location = match location {
            Location::Header { name, prefix } => LocationMessage::Header(proto::HeaderLocation {
                name: name.to_string(),
                prefix: prefix.as_deref().map(str::to_owned),
            }),
            Location::Query(name) => LocationMessage::Query(name.to_string()),
            Location::Cookie(name) => LocationMessage::Cookie(name.to_string()),
            Location::Expression(e) => LocationMessage::Expression(e.source().to_owned()),
        };
        Self {
            location: Some(location),
        }
    }
}

impl TryFrom<proto::Location> for Location {
    type Error = Invalid;

    fn try_from(message: proto::Location) -> Result<Self, Invalid> {
        Ok(match required(message.location, "location")? {
            LocationMessage::Header(proto::HeaderLocation { name, prefix }) => Self::Header {
                name: field_name(&name).at("name")?.name().clone(),
                prefix: prefix.map(Into::into),
            },
            LocationMessage::Query(name) => Self::Query(name.into()),
            LocationMessage::Cookie(name) => Self::Cookie(name.into()),
            LocationMessage::Expression(source) => {
                Self::Expression(expression(&source).at("expression")?)
            }
        })
    }
}

impl From<&BasicAuthentication> for proto::BasicAuthentication {
    fn from(basic: &BasicAuthentication) -> Self {
        let BasicAuthentication {
            demand,
            realm,
            users,
        } = basic;
        let users = users.iter().map(|User { name, hash }| proto::User {
            name: name.to_string(),
            hash: hash.expose().to_owned(),
        });
        Self {
            demand: proto::Demand::from(*demand).into(),
            realm: realm.to_string(),
            users: users.collect(),
        }
    }
}

impl TryFrom<proto::BasicAuthentication> for BasicAuthentication {
    type Error = Invalid;

    fn try_from(message: proto::BasicAuthentication) -> Result<Self, Invalid> {
        let proto::BasicAuthentication {
            demand,
            realm,
            users,
        } = message;
        Ok(Self {
            demand: enumeration::<proto::Demand, _>(demand, "demand")?,
            realm: realm.into(),
            users: each(users, "users", |proto::User { name, hash }| {
                Ok(User {
                    name: name.into(),
                    hash: PasswordHash::parse(&hash).or_invalid("hash")?,
                })
            })?,
        })
    }
}

impl From<&ApiKeyAuthentication> for proto::ApiKeyAuthentication {
    fn from(api_key: &ApiKeyAuthentication) -> Self {
        let ApiKeyAuthentication {
            demand,
            location,
            keys,
        } = api_key;
        let keys = keys.0.iter().map(|(digest, known)| proto::ApiKey {
            digest: digest.to_vec().into(),
            known: serde_json::to_string(&**known).unwrap_or_default(),
        });
        Self {
            demand: proto::Demand::from(*demand).into(),
            location: Some(location.into()),
            keys: keys.collect(),
        }
    }
}

impl TryFrom<proto::ApiKeyAuthentication> for ApiKeyAuthentication {
    type Error = Invalid;

    fn try_from(message: proto::ApiKeyAuthentication) -> Result<Self, Invalid> {
        let proto::ApiKeyAuthentication {
            demand,
            location,
            keys,
        } = message;
        let keys = each(keys, "keys", |proto::ApiKey { digest, known }| {
            let digest = <[u8; 32]>::try_from(&*digest);
            let digest = digest.map_err(|_| Invalid::new("is no SHA-256").under("digest"))?;
            let known = serde_json::from_str(&known).or_invalid("known")?;
            Ok((digest, Arc::new(known)))
        })?;
        Ok(Self {
            demand: enumeration::<proto::Demand, _>(demand, "demand")?,
            location: one(location, "location")?,
            keys: Arc::new(ApiKeys(keys.into_iter().collect())),
        })
    }
}

impl From<&Authorization> for proto::Authorization {
    fn from(authorization: &Authorization) -> Self {
        let Authorization {
            action,
            expressions,
        } = authorization;
        let sources = expressions.iter().map(|e| e.source().to_owned());
        Self {
            action: proto::Action::from(*action).into(),
            expressions: sources.collect(),
        }
    }
}

impl TryFrom<proto::Authorization> for Authorization {
    type Error = Invalid;

    fn try_from(message: proto::Authorization) -> Result<Self, Invalid> {
        let proto::Authorization {
            action,
            expressions,
        } = message;
        Ok(Self {
            action: enumeration::<proto::Action, _>(action, "action")?,
            expressions: each(expressions, "expressions", |source| expression(&source))?,
        })
    }
}
