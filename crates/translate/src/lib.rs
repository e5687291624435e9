//! From manifests to what a proxy serves: pure functions over values.

pub mod finding;
pub mod manifest;
