//! Tokens of known issuers.

use std::sync::Arc;
use std::time::Duration;

use agw_core::access::{Issuer, JwtAuthentication, KeySource};
use agw_core::backend::Endpoint;
use agw_core::snapshot::{Snapshot, TargetKind};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm as Alg, DecodingKey, Validation, decode, decode_header};
use rustc_hash::FxHashMap;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::keys::{Keys, Published};
use crate::credentials::{Refresher, Via};

/// A longer token is none that an issuer made.
const LONGEST: usize = 16 << 10;

/// Keys are not fetched again for a name that is not among them more often than this.
const APART: Duration = Duration::from_secs(10);

/// Seconds that clocks may differ.
const LEEWAY: u64 = 60;

/// Where an issuer publishes its keys, and for how long they are used.
type Source = (Vec<Endpoint>, Arc<str>, Duration);

/// Of every policy on tokens in a snapshot.
#[derive(Default)]
pub(crate) struct Verifiers {
    /// By the address of the policy, which the snapshot keeps alive.
    by_policy: FxHashMap<usize, Arc<TokenVerifier>>,
    published: FxHashMap<Source, Arc<Refresher<Published>>>,
}

/// Tells whose tokens are good.
pub(crate) struct TokenVerifier {
    issuers: Vec<TrustedIssuer>,
}

struct TrustedIssuer {
    name: Arc<str>,
    audiences: Vec<Arc<str>>,
    ring: KeyRing,
}

enum KeyRing {
    Fixed(Arc<Keys>),
    Published(Arc<Refresher<Published>>),
}

/// Why a token is not good. Of the token itself nothing is said but the name of its key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("the token is malformed")]
    Malformed,
    #[error("the token is of an unknown issuer")]
    UnknownIssuer,
    #[error("token uses the unknown key {0:?}")]
    UnknownKey(String),
    #[error("the token's algorithm is none of its key")]
    Algorithm,
    #[error("the token's signature is wrong")]
    Signature,
    #[error("the token has expired")]
    Expired,
    #[error("the token is not yet valid")]
    Early,
    #[error("the token is for another audience")]
    Audience,
    #[error("the token does not say when it ends")]
    Endless,
    #[error("the issuer's keys are not known now")]
    NoKeys(#[source] crate::error::Error),
}

impl Verifiers {
    /// Keys that `before` has fetched are taken over.
    pub(crate) fn new(snapshot: &Snapshot, before: Option<&Self>) -> Self {
        let mut verifiers = Self::default();
        let listeners = snapshot.config.listeners.iter().map(|l| &l.policy);
        let gateway = [&snapshot.config.policy];
        let rules = snapshot.rules.iter().map(|plan| &plan.policy);
        for policy in rules.chain(listeners).chain(gateway) {
            for jwt in policy.pre_access.jwt.iter().chain(&policy.access.jwt) {
                verifiers.add(jwt, snapshot, before);
            }
        }
        verifiers
    }

    pub(crate) fn of(&self, policy: &Arc<JwtAuthentication>) -> Option<&Arc<TokenVerifier>> {
        self.by_policy.get(&address(policy))
    }

    fn add(&mut self, policy: &Arc<JwtAuthentication>, of: &Snapshot, before: Option<&Self>) {
        if self.by_policy.contains_key(&address(policy)) {
            return;
        }
        let issuers = policy.issuers.iter();
        let issuers = issuers
            .map(|issuer| self.issuer(issuer, of, before))
            .collect();
        let verifier = Arc::new(TokenVerifier { issuers });
        self.by_policy.insert(address(policy), verifier);
    }

    fn issuer(&mut self, issuer: &Issuer, of: &Snapshot, before: Option<&Self>) -> TrustedIssuer {
        let ring = match &issuer.keys {
            KeySource::Inline(set) => KeyRing::Fixed(Arc::new(Keys::new(set))),
            KeySource::Remote {
                backend,
                path,
                lifetime,
            } => {
                let targets = of.targets_of(backend);
                let endpoints = targets.flat_map(|target| match &target.kind {
                    TargetKind::Endpoints(plain) => plain.endpoints.clone(),
                    TargetKind::Ai { .. } => Vec::new(),
                });
                let source = (endpoints.collect(), path.clone(), *lifetime);
                KeyRing::Published(self.publisher(source, before))
            }
        };
        TrustedIssuer {
            name: issuer.name.clone(),
            audiences: issuer.audiences.clone(),
            ring,
        }
    }

    fn publisher(&mut self, source: Source, before: Option<&Self>) -> Arc<Refresher<Published>> {
        let kept = before.and_then(|before| before.published.get(&source));
        let entry = self.published.entry(source).or_insert_with_key(|source| {
            kept.cloned().unwrap_or_else(|| {
                let (endpoints, path, lifetime) = source.clone();
                Arc::new(Refresher::new(Published {
                    endpoints,
                    path,
                    lifetime,
                }))
            })
        });
        entry.clone()
    }
}

fn address(policy: &Arc<JwtAuthentication>) -> usize {
    Arc::as_ptr(policy).addr()
}

impl TokenVerifier {
    /// The claims of a token that is good now.
    pub(crate) async fn verify(
        &self,
        token: &str,
        via: Via<'_>,
    ) -> Result<Map<String, Value>, TokenError> {
        let issuer = self.issuer(token)?;
        // The algorithm is read and only compared: the key says which may be used.
        let header = decode_header(token).map_err(|_| TokenError::Malformed)?;
        let keys = issuer.keys(header.kid.as_deref(), via).await?;
        let id = header.kid.as_deref();
        if let Some(id) = id
            && !keys.has(id)
        {
            return Err(TokenError::UnknownKey(id.chars().take(128).collect()));
        }
        let mut failure = TokenError::Algorithm;
        for key in keys.candidates(id, header.alg) {
            match issuer.check(token, &key.decoding, header.alg) {
                Ok(claims) => return Ok(claims),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// Who says to have issued it.
    fn issuer(&self, token: &str) -> Result<&TrustedIssuer, TokenError> {
        #[derive(Deserialize)]
        struct Claims {
            iss: Option<String>,
        }
        let mut parts = token.split('.');
        let (Some(_), Some(claims), Some(_), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenError::Malformed);
        };
        if token.len() > LONGEST {
            return Err(TokenError::Malformed);
        }
        let claims = URL_SAFE_NO_PAD.decode(claims);
        let claims = claims.map_err(|_| TokenError::Malformed)?;
        let claims: Claims = serde_json::from_slice(&claims).map_err(|_| TokenError::Malformed)?;
        let name = claims.iss.ok_or(TokenError::UnknownIssuer)?;
        let known = self.issuers.iter().find(|issuer| *issuer.name == *name);
        known.ok_or(TokenError::UnknownIssuer)
    }
}

impl TrustedIssuer {
    /// The keys as they are known. A name that is not among published ones may be new.
    async fn keys(&self, id: Option<&str>, via: Via<'_>) -> Result<Arc<Keys>, TokenError> {
        let publisher = match &self.ring {
            KeyRing::Fixed(keys) => return Ok(keys.clone()),
            KeyRing::Published(publisher) => publisher,
        };
        let keys = publisher.get(via).await.map_err(TokenError::NoKeys)?;
        match id {
            Some(id) if !keys.has(id) => {
                let newer = publisher.newer(via, APART).await;
                Ok(newer.unwrap_or(keys))
            }
            _ => Ok(keys),
        }
    }

    fn check(
        &self,
        token: &str,
        key: &DecodingKey,
        algorithm: Alg,
    ) -> Result<Map<String, Value>, TokenError> {
        let mut validation = Validation::new(algorithm);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        validation.set_issuer(&[&self.name]);
        match &self.audiences[..] {
            [] => validation.validate_aud = false,
            audiences => {
                validation.set_audience(audiences);
                validation.required_spec_claims.insert("aud".to_owned());
            }
        }
        let decoded = decode::<Map<String, Value>>(token, key, &validation);
        decoded
            .map(|data| data.claims)
            .map_err(|error| match error.kind() {
                ErrorKind::ExpiredSignature => TokenError::Expired,
                ErrorKind::ImmatureSignature => TokenError::Early,
                ErrorKind::InvalidAudience => TokenError::Audience,
                ErrorKind::InvalidIssuer => TokenError::UnknownIssuer,
                ErrorKind::InvalidSignature => TokenError::Signature,
                ErrorKind::InvalidAlgorithm => TokenError::Algorithm,
                ErrorKind::MissingRequiredClaim(claim) if claim == "aud" => TokenError::Audience,
                ErrorKind::MissingRequiredClaim(claim) if claim == "exp" => TokenError::Endless,
                _ => TokenError::Malformed,
            })
    }
}
