//! Filters of rules and of backend references.
//!
//! The Gateway API's generated types for the two are unrelated, and alike: both are read into one
//! shape through their JSON.

use agw_api::traffic::{Cors as CorsSpec, HeaderEdits as HeaderEditsSpec};
use agw_core::filter::{
    Cors, Filter, HeaderEdits, PathRewrite, Redirect, RedirectScheme, UrlRewrite,
};
use agw_core::hostname::Hostname;
use agw_core::matcher::{Match, PathMatch};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::RuleMaker;
use super::mirror::MirrorSpec;
use crate::expression::{Rejected, collect};
use crate::finding::Code;
use crate::{cors, header_edits};

/// A filter as it is written.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FilterSpec {
    r#type: String,
    request_header_modifier: Option<HeaderEditsSpec>,
    response_header_modifier: Option<HeaderEditsSpec>,
    url_rewrite: Option<Rewrite>,
    request_redirect: Option<RedirectSpec>,
    cors: Option<CorsSpec>,
    request_mirror: Option<MirrorSpec>,
}

#[derive(Debug, Deserialize)]
struct Rewrite {
    hostname: Option<String>,
    path: Option<PathSpec>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PathSpec {
    r#type: String,
    replace_full_path: Option<String>,
    replace_prefix_match: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RedirectSpec {
    scheme: Option<String>,
    hostname: Option<String>,
    path: Option<PathSpec>,
    port: Option<i32>,
    status_code: Option<i64>,
}

/// The filters in their common shape.
pub(super) fn read<T: Serialize>(filters: Option<&[T]>) -> Vec<FilterSpec> {
    let filters = filters.unwrap_or_default().iter();
    let values = filters.filter_map(|filter| serde_json::to_value(filter).ok());
    values
        .filter_map(|value| serde_json::from_value(value).ok())
        .collect()
}

impl RuleMaker<'_, '_> {
    pub(super) fn filters(
        &mut self,
        specs: &[FilterSpec],
        field: &str,
        matches: &[Match],
    ) -> Result<Vec<Filter>, Rejected> {
        let made: Vec<_> = specs
            .iter()
            .enumerate()
            .map(|(index, spec)| self.filter(spec, &format!("{field}[{index}]"), matches))
            .collect();
        let filters: Vec<Option<Filter>> = collect(made.into_iter())?;
        self.only_once(specs, field)?;
        Ok(filters.into_iter().flatten().collect())
    }

    /// `HTTPRouteRule.filters`: a rewrite or redirect stands at most once, and not both.
    fn only_once(&mut self, specs: &[FilterSpec], field: &str) -> Result<(), Rejected> {
        let count = |kind: &str| specs.iter().filter(|s| s.r#type == kind).count();
        for kind in [
            "URLRewrite",
            "RequestRedirect",
            "RequestHeaderModifier",
            "ResponseHeaderModifier",
            "CORS",
        ] {
            if count(kind) > 1 {
                let message = format!("`{kind}` stands more than once");
                return Err(self.refuse(
                    Code::InvalidFilter,
                    field,
                    &message,
                    "merge them into one",
                ));
            }
        }
        if count("URLRewrite") > 0 && count("RequestRedirect") > 0 {
            let message = "`URLRewrite` and `RequestRedirect` exclude each other";
            return Err(self.refuse(Code::InvalidFilter, field, message, "keep one of them"));
        }
        Ok(())
    }

    /// `None` stands for a mirror whose backend does not resolve.
    fn filter(
        &mut self,
        spec: &FilterSpec,
        field: &str,
        matches: &[Match],
    ) -> Result<Option<Filter>, Rejected> {
        if spec.r#type == "RequestMirror"
            && let Some(mirror) = &spec.request_mirror
        {
            return self.mirror(mirror, &format!("{field}.requestMirror"));
        }
        self.edit(spec, field, matches).map(Some)
    }

    /// A filter that changes or answers requests.
    fn edit(
        &mut self,
        spec: &FilterSpec,
        field: &str,
        matches: &[Match],
    ) -> Result<Filter, Rejected> {
        let missing = |maker: &mut Self, part: &str| {
            let message = format!("a filter of type `{}` needs `{part}`", spec.r#type);
            maker.refuse(Code::InvalidFilter, field, &message, "write its settings")
        };
        match spec.r#type.as_str() {
            "RequestHeaderModifier" => match &spec.request_header_modifier {
                Some(edits) => self
                    .headers(edits, &format!("{field}.requestHeaderModifier"))
                    .map(Filter::RequestHeaders),
                None => Err(missing(self, "requestHeaderModifier")),
            },
            "ResponseHeaderModifier" => match &spec.response_header_modifier {
                Some(edits) => self
                    .headers(edits, &format!("{field}.responseHeaderModifier"))
                    .map(Filter::ResponseHeaders),
                None => Err(missing(self, "responseHeaderModifier")),
            },
            "URLRewrite" => match &spec.url_rewrite {
                Some(rewrite) => self
                    .rewrite(rewrite, &format!("{field}.urlRewrite"), matches)
                    .map(Filter::UrlRewrite),
                None => Err(missing(self, "urlRewrite")),
            },
            "RequestRedirect" => match &spec.request_redirect {
                Some(redirect) => self
                    .redirect(redirect, &format!("{field}.requestRedirect"), matches)
                    .map(Filter::Redirect),
                None => Err(missing(self, "requestRedirect")),
            },
            "CORS" if field.contains("backendRefs") => {
                let message = "a preflight request is answered before a backend is chosen";
                let remedy = "put the CORS filter into the rule's own `filters`";
                Err(self.refuse(Code::InvalidFilter, field, message, remedy))
            }
            "CORS" => match &spec.cors {
                Some(cors) => self
                    .cors(cors, &format!("{field}.cors"))
                    .map(|cors| Filter::Cors(Box::new(cors))),
                None => Err(missing(self, "cors")),
            },
            "RequestMirror" => Err(missing(self, "requestMirror")),
            other => {
                let message = format!("filters of type `{other}` are not served by this release");
                let remedy = "remove it; until then the rule answers 500";
                Err(self.refuse(
                    Code::InvalidFilter,
                    &format!("{field}.type"),
                    &message,
                    remedy,
                ))
            }
        }
    }

    fn headers(&mut self, spec: &HeaderEditsSpec, field: &str) -> Result<HeaderEdits, Rejected> {
        let mut refuse = |at: &str, message: &str, remedy: &str| {
            self.refuse(
                Code::InvalidFilter,
                &format!("{field}.{at}"),
                message,
                remedy,
            )
        };
        header_edits::edits(spec, &mut refuse)
    }

    fn cors(&mut self, spec: &CorsSpec, field: &str) -> Result<Cors, Rejected> {
        let mut refuse = |at: &str, message: &str, remedy: &str| {
            self.refuse(
                Code::InvalidFilter,
                &format!("{field}.{at}"),
                message,
                remedy,
            )
        };
        cors::cors(spec, &mut refuse)
    }

    fn rewrite(
        &mut self,
        spec: &Rewrite,
        field: &str,
        matches: &[Match],
    ) -> Result<UrlRewrite, Rejected> {
        let hostname = spec
            .hostname
            .as_deref()
            .map(|h| self.precise(h, field))
            .transpose();
        let path = spec
            .path
            .as_ref()
            .map(|p| self.new_path(p, &format!("{field}.path"), matches))
            .transpose();
        let path = path?;
        if let Some(PathRewrite::Prefix(to)) = &path
            && to.ends_with("/completions")
        {
            self.hint_doubled(matches, field, to);
        }
        Ok(UrlRewrite {
            hostname: hostname?,
            path,
        })
    }

    /// A prefix rewrite to `…/completions` under which clients ask for `…/completions` doubles it.
    fn hint_doubled(&mut self, matches: &[Match], field: &str, to: &str) {
        let prefixes = matches.iter().filter_map(|m| match &m.path {
            PathMatch::Prefix(prefix) if !prefix.ends_with("/completions") => Some(prefix),
            _ => None,
        });
        if let Some(prefix) = prefixes.into_iter().next() {
            self.report.add(
                self.subject,
                Code::DoubledPath,
                &format!("{field}.path.replacePrefixMatch"),
                format!("a request to {prefix}/completions becomes {to}/completions; AI backends drop the odd tail"),
                "use `ReplaceFullPath` to say exactly what is meant",
            );
        }
    }

    fn precise(&mut self, hostname: &str, field: &str) -> Result<std::sync::Arc<str>, Rejected> {
        match Hostname::parse(hostname) {
            Ok(Hostname::Exact(name)) => Ok(name),
            _ => {
                let message = format!("{hostname:?} is not a precise hostname");
                let field = format!("{field}.hostname");
                Err(self.refuse(
                    Code::InvalidFilter,
                    &field,
                    &message,
                    "write a DNS name without wildcard",
                ))
            }
        }
    }

    fn new_path(
        &mut self,
        spec: &PathSpec,
        field: &str,
        matches: &[Match],
    ) -> Result<PathRewrite, Rejected> {
        match (
            spec.r#type.as_str(),
            &spec.replace_full_path,
            &spec.replace_prefix_match,
        ) {
            ("ReplaceFullPath", Some(full), None) => Ok(PathRewrite::Full(rooted(full).into())),
            ("ReplacePrefixMatch", None, Some(prefix)) => {
                let all_prefixes = matches
                    .iter()
                    .all(|m| matches!(m.path, PathMatch::Prefix(_)));
                if !all_prefixes {
                    let message = "`ReplacePrefixMatch` needs a match of type `PathPrefix`";
                    let remedy = "match by prefix, or use `ReplaceFullPath`";
                    return Err(self.refuse(Code::InvalidFilter, field, message, remedy));
                }
                Ok(PathRewrite::Prefix(prefix.as_str().into()))
            }
            (kind, ..) => {
                let message = format!("type `{kind}` does not go with the field that is set");
                let remedy = "set `replaceFullPath` or `replacePrefixMatch`, as the type says";
                Err(self.refuse(Code::InvalidFilter, field, &message, remedy))
            }
        }
    }

    fn redirect(
        &mut self,
        spec: &RedirectSpec,
        field: &str,
        matches: &[Match],
    ) -> Result<Redirect, Rejected> {
        let scheme = match spec.scheme.as_deref() {
            None => None,
            Some("http") => Some(RedirectScheme::Http),
            Some("https") => Some(RedirectScheme::Https),
            Some(other) => {
                let message = format!("`{other}` is not a scheme to redirect to");
                let field = format!("{field}.scheme");
                return Err(self.refuse(
                    Code::InvalidFilter,
                    &field,
                    &message,
                    "use `http` or `https`",
                ));
            }
        };
        let status = u16::try_from(spec.status_code.unwrap_or(302)).ok();
        let status = status
            .and_then(|s| StatusCode::from_u16(s).ok())
            .filter(|s| s.is_redirection());
        let Some(status) = status else {
            let field = format!("{field}.statusCode");
            let message = "the status is not one of a redirect";
            return Err(self.refuse(
                Code::InvalidFilter,
                &field,
                message,
                "use 301, 302, 303, 307 or 308",
            ));
        };
        let hostname = spec
            .hostname
            .as_deref()
            .map(|h| self.precise(h, field))
            .transpose();
        let path = spec
            .path
            .as_ref()
            .map(|p| self.new_path(p, &format!("{field}.path"), matches))
            .transpose();
        let port = spec.port.and_then(|p| u16::try_from(p).ok());
        Ok(Redirect {
            scheme,
            hostname: hostname?,
            port,
            path: path?,
            status,
        })
    }
}

fn rooted(path: &str) -> String {
    if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/{path}")
    }
}
