//! Where requests for models come in.

use agw_core::matcher::{Match, PathMatch};
use agw_core::shaping::ModelPattern;

/// Where the APIs are that name a model in the body.
const PATHS: [&str; 6] = [
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/embeddings",
    "/v1/messages",
    "/v1/messages/count_tokens",
    "/v1/responses",
];

/// Where Gemini's is, which names it in the path.
const GEMINI: &str = "/v1beta/models";

pub(super) fn matches(pattern: &ModelPattern) -> Vec<Match> {
    let paths = PATHS.into_iter().map(|path| PathMatch::Exact(path.into()));
    let paths = paths.chain([PathMatch::prefix(GEMINI)]);
    let matches = paths.map(|path| Match {
        path,
        method: None,
        headers: Vec::new(),
        query: Vec::new(),
        model: Some(pattern.clone()),
    });
    matches.collect()
}
