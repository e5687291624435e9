//! Keys from Secrets, and hashes of keys from ConfigMaps.

use std::collections::BTreeMap;
use std::sync::Arc;

use agw_api::access::{ApiKeyAuthentication as Spec, LabelSelector};
use agw_core::access::{ApiKeyAuthentication, ApiKeys};
use agw_core::id::ObjectKey;
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::super::place::Place;
use super::{demand, location};
use crate::expression::Rejected;
use crate::finding::Code;

/// A value that says more than a key.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    key: Option<String>,
    key_hash: Option<String>,
    #[serde(default)]
    metadata: Map<String, Value>,
}

/// Whether a value may be a key itself.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holder {
    Secret,
    ConfigMap,
}

/// What a value says: the digest of a key, and what is known of who has it.
struct Entry {
    digest: [u8; 32],
    known: Map<String, Value>,
}

pub(super) fn api_key(
    spec: &Spec,
    place: &mut Place<'_, '_>,
) -> Result<ApiKeyAuthentication, Rejected> {
    let location = location(spec.location.as_ref(), place);
    let keys = keys(spec, place);
    Ok(ApiKeyAuthentication {
        demand: demand(spec.mode),
        location: location?,
        keys: Arc::new(keys?),
    })
}

fn keys(spec: &Spec, place: &mut Place<'_, '_>) -> Result<ApiKeys, Rejected> {
    let mut keys = ApiKeys::default();
    match (
        &spec.secret_ref,
        &spec.secret_selector,
        &spec.config_map_selector,
    ) {
        (Some(secret), None, None) => {
            let key = ObjectKey::new(place.subject.key.namespace.clone(), &*secret.name);
            let state = place.state;
            let Some(found) = state.secrets.get(&key) else {
                let message = format!("Secret {key} does not exist");
                let remedy = "create it beside the policy, or correct the name";
                place.say(Code::SecretNotFound, "secretRef.name", &message, remedy);
                return Err(Rejected);
            };
            let data = found.object.data.iter();
            let data = data.map(|(name, value)| (name, value.expose()));
            collect("Secret", &key, Holder::Secret, data, place, &mut keys);
        }
        (None, Some(selector), None) => {
            let state = place.state;
            let namespace = &place.subject.key.namespace;
            let chosen = state.secrets.iter().filter(|(key, secret)| {
                key.namespace == *namespace && fits(selector, Some(&secret.object.labels))
            });
            for (key, secret) in chosen {
                let data = secret.object.data.iter();
                let data = data.map(|(name, value)| (name, value.expose()));
                collect("Secret", key, Holder::Secret, data, place, &mut keys);
            }
        }
        (None, None, Some(selector)) => {
            let state = place.state;
            let namespace = &place.subject.key.namespace;
            let chosen = state.config_maps.iter().filter(|(key, map)| {
                let labels = map.object.metadata.labels.as_ref();
                key.namespace == *namespace && fits(selector, labels)
            });
            for (key, map) in chosen {
                let data = map.object.data.iter().flatten();
                let data = data.map(|(name, value)| (name, value.as_bytes()));
                collect("ConfigMap", key, Holder::ConfigMap, data, place, &mut keys);
            }
        }
        _ => {
            let remedy =
                "write exactly one of `secretRef`, `secretSelector` and `configMapSelector`";
            return Err(place.refuse("", "it is not said where the keys are", remedy));
        }
    }
    Ok(keys)
}

fn fits(selector: &LabelSelector, labels: Option<&BTreeMap<String, String>>) -> bool {
    let has = |(k, v): (&String, &String)| labels.is_some_and(|l| l.get(k) == Some(v));
    selector.match_labels.iter().all(has)
}

/// Adds the keys of one object. A value that is none is reported, and the others count.
fn collect<'d>(
    kind: &str,
    object: &ObjectKey,
    holder: Holder,
    data: impl Iterator<Item = (&'d String, &'d [u8])>,
    place: &mut Place<'_, '_>,
    keys: &mut ApiKeys,
) {
    for (name, value) in data {
        let entry = match entry(value, holder) {
            Ok(entry) => entry,
            Err(why) => {
                let message = format!("`{name}` of {kind} {object} is no key: {why}");
                place.say(Code::InvalidValue, "", &message, "the other keys count");
                continue;
            }
        };
        if keys.0.contains_key(&entry.digest) {
            let message = format!("`{name}` of {kind} {object} is a key that was there before");
            place.say(Code::PolicyConflict, "", &message, "the first counts");
            continue;
        }
        keys.0.insert(entry.digest, Arc::new(entry.known));
    }
}

/// Reads a value. What is wrong is said without a word of it.
fn entry(value: &[u8], holder: Holder) -> Result<Entry, &'static str> {
    let text = str::from_utf8(value).map_err(|_| "it is not text")?.trim();
    if !text.starts_with('{') {
        return plain(text, holder).map(|digest| Entry {
            digest,
            known: Map::new(),
        });
    }
    let described: Described = serde_json::from_str(text)
        .map_err(|_| "it is not an object with `key` or `keyHash`, and `metadata`")?;
    let digest = match (&described.key, &described.key_hash) {
        (Some(key), None) => plain(key.trim(), holder)?,
        (None, Some(hash)) => hashed(hash)?,
        _ => return Err("it has not exactly one of `key` and `keyHash`"),
    };
    Ok(Entry {
        digest,
        known: described.metadata,
    })
}

fn plain(key: &str, holder: Holder) -> Result<[u8; 32], &'static str> {
    match (key.starts_with("sha256:"), holder) {
        _ if key.is_empty() => Err("it is empty"),
        (true, _) => hashed(key),
        (false, Holder::Secret) => Ok(Sha256::digest(key.as_bytes()).into()),
        (false, Holder::ConfigMap) => {
            Err("ConfigMaps are read by many: write `sha256:` and the key's hash")
        }
    }
}

/// `sha256:` and 64 hexadecimal digits.
fn hashed(text: &str) -> Result<[u8; 32], &'static str> {
    const WRONG: &str = "a hash is `sha256:` and 64 hexadecimal digits";
    let digits = text.trim().strip_prefix("sha256:").ok_or(WRONG)?.as_bytes();
    let mut digest = [0; 32];
    if digits.len() != 2 * digest.len() {
        return Err(WRONG);
    }
    for (byte, pair) in digest.iter_mut().zip(digits.chunks(2)) {
        let pair = str::from_utf8(pair).map_err(|_| WRONG)?;
        if !pair.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(WRONG);
        }
        *byte = u8::from_str_radix(pair, 16).map_err(|_| WRONG)?;
    }
    Ok(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_a_key_a_hash_or_an_object_with_one() {
        let of = |text: &str, holder| entry(text.as_bytes(), holder).map(|e| e.digest);
        let digest: [u8; 32] = Sha256::digest(b"k1").into();
        let hex: String = digest.iter().map(|b| format!("{b:02x}")).collect();
        for text in [
            "k1\n".to_owned(),
            r#"{"key":"k1","metadata":{"team":"a"}}"#.to_owned(),
            format!("sha256:{hex}"),
            format!(r#"{{"keyHash":"sha256:{}"}}"#, hex.to_uppercase()),
        ] {
            assert_eq!(of(&text, Holder::Secret), Ok(digest), "{text}");
        }
        assert_eq!(of(&format!("sha256:{hex}"), Holder::ConfigMap), Ok(digest));
        for text in ["k1", r#"{"key":"k1"}"#] {
            assert!(of(text, Holder::ConfigMap).is_err(), "{text}");
        }
        for text in ["", "{", "{}", "sha256:00", r#"{"keyHash":"md5:1"}"#] {
            assert!(of(text, Holder::Secret).is_err(), "{text}");
        }
    }
}
