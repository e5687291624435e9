//! Public keys of token issuers (RFC 7517, RFC 7518 §6).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The keys of a set that can verify a signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Jwks(Vec<Jwk>);

/// One public key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Jwk {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Arc<str>>,
    /// The algorithms that it may be used with: the key says it, never a token.
    pub algorithms: Vec<Algorithm>,
    pub material: Material,
}

/// The numbers of a key, as base64url without padding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Material {
    Rsa { n: Arc<str>, e: Arc<str> },
    Ec { x: Arc<str>, y: Arc<str> },
    Ed25519 { x: Arc<str> },
}

/// Signature algorithms of tokens (RFC 7518 §3.1, RFC 8037). None is symmetric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    EdDsa,
}

/// Why a text is no usable set of keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKeys {
    #[error("not a JSON Web Key Set: {0}")]
    Json(String),
    #[error("key {position} is a secret (`kty: oct`); tokens are verified with public keys only")]
    Secret { position: usize },
    #[error("key {position} holds a private key; publish its public part only")]
    Private { position: usize },
    #[error("key {position}: `{member}` is missing or not base64url")]
    Member {
        position: usize,
        member: &'static str,
    },
    #[error("key {position}: `{member}` is {bytes} bytes long, and not {wanted}")]
    Length {
        position: usize,
        member: &'static str,
        bytes: usize,
        wanted: usize,
    },
    #[error("key {position}: an RSA key of {bits} bits is too short; use 2048 or more")]
    Short { position: usize, bits: usize },
    #[error("the set has no key that can verify tokens")]
    None,
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Written>,
}

#[derive(Deserialize)]
struct Written {
    kty: String,
    #[serde(default)]
    kid: Option<Arc<str>>,
    #[serde(default)]
    alg: Option<String>,
    #[serde(default, rename = "use")]
    usage: Option<String>,
    #[serde(default)]
    crv: Option<String>,
    #[serde(default)]
    n: Option<Arc<str>>,
    #[serde(default)]
    e: Option<Arc<str>>,
    #[serde(default)]
    x: Option<Arc<str>>,
    #[serde(default)]
    y: Option<Arc<str>>,
    #[serde(default)]
    d: Option<serde::de::IgnoredAny>,
}

/// Most keys that are read of a set.
const MOST: usize = 256;

impl Jwks {
    /// Reads a set. Keys for encryption, of other curves and of other algorithms are left out.
    ///
    /// # Errors
    /// A text that is no set, a key that is secret, private, too short or incomplete, and a set
    /// without a key that can verify tokens.
    pub fn parse(text: &str) -> Result<Self, InvalidKeys> {
        let set: Set = serde_json::from_str(text).map_err(|e| InvalidKeys::Json(e.to_string()))?;
        let mut keys = Vec::new();
        for (position, written) in set.keys.into_iter().take(MOST).enumerate() {
            keys.extend(key(position, written)?);
        }
        if keys.is_empty() {
            return Err(InvalidKeys::None);
        }
        Ok(Self(keys))
    }

    /// As they are known to be valid, from the wire.
    pub fn new(keys: Vec<Jwk>) -> Self {
        Self(keys)
    }

    pub fn keys(&self) -> &[Jwk] {
        &self.0
    }
}

fn key(position: usize, written: Written) -> Result<Option<Jwk>, InvalidKeys> {
    if written.usage.as_deref().is_some_and(|usage| usage != "sig") {
        return Ok(None);
    }
    if written.d.is_some() {
        return Err(InvalidKeys::Private { position });
    }
    let member = |value: Option<Arc<str>>, member| {
        value
            .filter(|text| length(text).is_some())
            .ok_or(InvalidKeys::Member { position, member })
    };
    let (algorithms, material) = match (&*written.kty, written.crv.as_deref()) {
        ("oct", _) => return Err(InvalidKeys::Secret { position }),
        ("RSA", _) => {
            let (n, e) = (member(written.n, "n")?, member(written.e, "e")?);
            let bits = length(&n).unwrap_or_default() * 8;
            if bits < 2048 {
                return Err(InvalidKeys::Short { position, bits });
            }
            use Algorithm::{Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
            let all = vec![Rs256, Rs384, Rs512, Ps256, Ps384, Ps512];
            (all, Material::Rsa { n, e })
        }
        ("EC", Some(curve @ ("P-256" | "P-384"))) => {
            let (algorithm, size) = match curve {
                "P-256" => (Algorithm::Es256, 32),
                _ => (Algorithm::Es384, 48),
            };
            let x = sized(position, "x", member(written.x, "x")?, size)?;
            let y = sized(position, "y", member(written.y, "y")?, size)?;
            (vec![algorithm], Material::Ec { x, y })
        }
        ("OKP", Some("Ed25519")) => {
            let x = sized(position, "x", member(written.x, "x")?, 32)?;
            (vec![Algorithm::EdDsa], Material::Ed25519 { x })
        }
        _ => return Ok(None),
    };
    let algorithms: Vec<_> = match written.alg.as_deref() {
        None => algorithms,
        Some(name) => algorithms
            .into_iter()
            .filter(|a| a.name() == name)
            .collect(),
    };
    Ok((!algorithms.is_empty()).then_some(Jwk {
        id: written.kid,
        algorithms,
        material,
    }))
}

fn sized(
    position: usize,
    member: &'static str,
    text: Arc<str>,
    wanted: usize,
) -> Result<Arc<str>, InvalidKeys> {
    match length(&text) {
        Some(bytes) if bytes == wanted => Ok(text),
        bytes => Err(InvalidKeys::Length {
            position,
            member,
            bytes: bytes.unwrap_or_default(),
            wanted,
        }),
    }
}

/// Bytes that a base64url text stands for; `None` when it is none.
fn length(text: &str) -> Option<usize> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let bytes = text.len() * 6 / 8;
    (!text.is_empty() && text.len() % 4 != 1 && text.bytes().all(fits)).then_some(bytes)
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 9] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
    ];

    /// As `alg` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rsa(more: &str) -> String {
        let n = "A".repeat(342);
        format!(r#"{{"kty":"RSA","kid":"a","n":"{n}","e":"AQAB"{more}}}"#)
    }

    fn parse(keys: &[&str]) -> Result<Jwks, InvalidKeys> {
        Jwks::parse(&format!(r#"{{"keys":[{}]}}"#, keys.join(",")))
    }

    #[test]
    fn takes_the_keys_that_verify_signatures() {
        let encryption = rsa(r#","use":"enc""#);
        let oaep = rsa(r#","alg":"RSA-OAEP""#);
        let one = rsa(r#","alg":"RS256","x5c":["…"]"#);
        let number = "A".repeat(43);
        let ec = &format!(r#"{{"kty":"EC","crv":"P-256","x":"{number}","y":"{number}"}}"#);
        let other = r#"{"kty":"EC","crv":"secp256k1","x":"AAAA","y":"AAAA"}"#;
        let ed = &format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{number}"}}"#);
        let set = parse(&[&rsa(""), &encryption, &oaep, &one, ec, other, ed]).unwrap();
        let algorithms: Vec<_> = set.keys().iter().map(|k| k.algorithms.len()).collect();
        assert_eq!(algorithms, [6, 1, 1, 1]);
        assert_eq!(set.keys()[1].algorithms, [Algorithm::Rs256]);
    }

    #[test]
    fn refuses_what_cannot_be_trusted() {
        let short = r#"{"kty":"RSA","n":"AAAA","e":"AQAB"}"#;
        let table: &[(&[&str], InvalidKeys)] = &[
            (&[], InvalidKeys::None),
            (
                &[r#"{"kty":"oct","k":"c2VjcmV0"}"#],
                InvalidKeys::Secret { position: 0 },
            ),
            (
                &[&rsa(r#","d":"AAAA""#)],
                InvalidKeys::Private { position: 0 },
            ),
            (
                &[&rsa(""), short],
                InvalidKeys::Short {
                    position: 1,
                    bits: 24,
                },
            ),
            (
                &[r#"{"kty":"EC","crv":"P-256","x":"AA==","y":"AAAA"}"#],
                InvalidKeys::Member {
                    position: 0,
                    member: "x",
                },
            ),
            (
                &[r#"{"kty":"OKP","crv":"Ed25519","x":"AAAA"}"#],
                InvalidKeys::Length {
                    position: 0,
                    member: "x",
                    bytes: 3,
                    wanted: 32,
                },
            ),
            (
                &[r#"{"kty":"RSA","e":"AQAB"}"#],
                InvalidKeys::Member {
                    position: 0,
                    member: "n",
                },
            ),
        ];
        for (keys, want) in table {
            assert_eq!(parse(keys).unwrap_err(), *want, "{keys:?}");
        }
        assert!(matches!(Jwks::parse("{}"), Err(InvalidKeys::Json(_))));
    }
}
