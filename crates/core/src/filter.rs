//! Filters of a rule: data, and their application to a request or response head.

mod cors;
mod header;
mod mirror;
mod redirect;
mod rewrite;

use serde::Serialize;

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
