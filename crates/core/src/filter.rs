//! Filters of a rule: data, and their application to a request or response head.

mod cors;
mod header;
mod mirror;
mod redirect;
mod rewrite;

use http::HeaderMap;
use serde::Serialize;

use crate::matcher::PathMatch;

pub use cors::{Cors, Credentials, HostPattern, InvalidOrigin, Names, OriginPattern, is_preflight};
pub use header::HeaderEdits;
pub use mirror::{Mirror, Share};
pub use redirect::{Redirect, RedirectScheme, Target};
pub use rewrite::{PathRewrite, UrlRewrite, prefix_replaced};

/// One filter, in the order of the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Filter {
    RequestHeaders(HeaderEdits),
    ResponseHeaders(HeaderEdits),
    UrlRewrite(UrlRewrite),
    Redirect(Redirect),
    Cors(Box<Cors>),
    Mirror(Mirror),
}

/// What the filters of a backend reference change of a request to a model: its headers and its path.
/// The host is the provider's.
pub fn shape(filters: &[Filter], matched: &PathMatch, path: &mut String, headers: &mut HeaderMap) {
    for filter in filters {
        match filter {
            Filter::RequestHeaders(edits) => edits.apply(headers),
            Filter::UrlRewrite(rewrite) => {
                if let Some(rewrite) = &rewrite.path {
                    *path = rewrite.apply(path, matched).into_owned();
                }
            }
            Filter::ResponseHeaders(_)
            | Filter::Redirect(_)
            | Filter::Cors(_)
            | Filter::Mirror(_) => {}
        }
    }
}
