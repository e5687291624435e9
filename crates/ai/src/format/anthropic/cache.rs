//! `cache_control`: up to where the provider's cache is to hold the conversation.

use serde_json::{Map, Value, json};

use crate::chat::{Cache, Dropped};
use crate::error::Error;
use crate::json::Members;

const KEY: &str = "cache_control";

pub(in crate::format) fn read(
    members: &mut Members<'_>,
    dropped: &mut Dropped,
) -> Result<Option<Cache>, Error> {
    let path = members.path();
    let Some(map) = members.map(KEY)? else {
        return Ok(None);
    };
    let mut mark = Members::new(map, path.key(KEY));
    let (kind, ttl) = (mark.text("type")?, mark.text("ttl")?);
    mark.rest(dropped);
    Ok(match (kind.as_deref(), ttl.as_deref()) {
        (Some("ephemeral"), Some("1h")) => Some(Cache::Hour),
        (Some("ephemeral"), _) => Some(Cache::Short),
        _ => {
            dropped.add(&path.key(KEY));
            None
        }
    })
}

pub(super) fn put(cache: Option<Cache>, members: &mut Map<String, Value>) {
    let mark = match cache {
        None => return,
        Some(Cache::Short) => json!({"type": "ephemeral"}),
        Some(Cache::Hour) => json!({"type": "ephemeral", "ttl": "1h"}),
    };
    members.insert(KEY.to_owned(), mark);
}
