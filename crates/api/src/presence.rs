//! Fields whose mere presence means something.

use serde::{Deserialize, Deserializer};

/// For an optional object: `field:` and `field: {}` are both present, only a missing field is
/// absent. Without it serde reads a null as absent. Needs `#[serde(default)]` beside it.
pub(crate) fn null_is_empty<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::deserialize(deserializer).map(|value| Some(value.unwrap_or_default()))
}
