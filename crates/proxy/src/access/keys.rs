//! Keys that tokens are verified with.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use agw_core::access::{Algorithm, Jwk, Jwks, Material};
use agw_core::backend::Endpoint;
use jsonwebtoken::{Algorithm as Alg, DecodingKey};

use crate::credentials::{Mint, MintError, Minted, TokenEndpoints};

/// A set of keys, ready to use.
pub(crate) struct Keys(Vec<Key>);

pub(super) struct Key {
    pub(super) id: Option<Arc<str>>,
    pub(super) algorithms: Vec<Alg>,
    pub(super) decoding: DecodingKey,
}

/// Fetches the keys that an issuer publishes.
pub(crate) struct Published {
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) path: Arc<str>,
    pub(super) lifetime: Duration,
}

impl Keys {
    /// A key whose numbers make no sense is left out: its tokens are refused.
    pub(super) fn new(set: &Jwks) -> Self {
        Self(set.keys().iter().filter_map(key).collect())
    }

    /// The keys that may have signed a token: those of its `kid`, or all of its algorithm.
    pub(super) fn candidates<'a>(
        &'a self,
        id: Option<&'a str>,
        algorithm: Alg,
    ) -> impl Iterator<Item = &'a Key> {
        /// A token without a name of its key is tried with no more than these.
        const MOST: usize = 8;
        let named = move |key: &&Key| id.is_none_or(|id| key.id.as_deref() == Some(id));
        let keys = self.0.iter().filter(named);
        keys.filter(move |key| key.algorithms.contains(&algorithm))
            .take(MOST)
    }

    pub(super) fn has(&self, id: &str) -> bool {
        self.0.iter().any(|key| key.id.as_deref() == Some(id))
    }
}

fn key(jwk: &Jwk) -> Option<Key> {
    let decoding = match &jwk.material {
        Material::Rsa { n, e } => DecodingKey::from_rsa_components(n, e),
        Material::Ec { x, y } => DecodingKey::from_ec_components(x, y),
        Material::Ed25519 { x } => DecodingKey::from_ed_components(x),
    };
    Some(Key {
        id: jwk.id.clone(),
        algorithms: jwk.algorithms.iter().copied().map(algorithm).collect(),
        decoding: decoding.ok()?,
    })
}

fn algorithm(algorithm: Algorithm) -> Alg {
    match algorithm {
        Algorithm::Rs256 => Alg::RS256,
        Algorithm::Rs384 => Alg::RS384,
        Algorithm::Rs512 => Alg::RS512,
        Algorithm::Ps256 => Alg::PS256,
        Algorithm::Ps384 => Alg::PS384,
        Algorithm::Ps512 => Alg::PS512,
        Algorithm::Es256 => Alg::ES256,
        Algorithm::Es384 => Alg::ES384,
        Algorithm::EdDsa => Alg::EdDSA,
    }
}

impl Mint for Published {
    type Token = Arc<Keys>;

    fn name(&self) -> &'static str {
        "the keys of an issuer of tokens"
    }

    async fn mint(
        &self,
        endpoints: &TokenEndpoints,
        now: SystemTime,
    ) -> Result<Minted<Arc<Keys>>, MintError> {
        let mut failure = MintError::Unset("an endpoint of the issuer's server");
        for endpoint in &self.endpoints {
            match endpoints.get(endpoint, &self.path).await {
                Ok(answer) => {
                    let text = str::from_utf8(&answer.body).unwrap_or_default();
                    let set = Jwks::parse(text).map_err(|_| answer.no_token("it has no keys"))?;
                    return Ok(Minted {
                        value: Arc::new(Keys::new(&set)),
                        expires: now + self.lifetime,
                    });
                }
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }
}
