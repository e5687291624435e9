//! The `RequestMirror` filter: where copies of requests go.

use agw_api::external::httproutes::HttpRouteRulesBackendRefs;
use agw_core::filter::{Filter, Mirror, Share};
use serde::Deserialize;

use super::RuleMaker;
use crate::expression::Rejected;
use crate::finding::Code;

/// `HTTPRequestMirrorFilter` as it is written. Its reference is a backend reference without
/// weight and filters, and is read as one.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MirrorSpec {
    backend_ref: HttpRouteRulesBackendRefs,
    percent: Option<i32>,
    fraction: Option<FractionSpec>,
}

#[derive(Debug, Deserialize)]
struct FractionSpec {
    numerator: i32,
    denominator: Option<i32>,
}

impl RuleMaker<'_, '_> {
    /// The filter, or `None` when its backend does not resolve: requests are then served without
    /// a copy, and the route says so (`HTTPRequestMirrorFilter.backendRef`).
    pub(super) fn mirror(
        &mut self,
        spec: &MirrorSpec,
        field: &str,
    ) -> Result<Option<Filter>, Rejected> {
        let share = self.share(spec, field)?;
        let field = format!("{field}.backendRef");
        let to = self.reference(&spec.backend_ref, &field);
        Ok(to.ok().map(|to| Filter::Mirror(Mirror { to, share })))
    }

    fn share(&mut self, spec: &MirrorSpec, field: &str) -> Result<Share, Rejected> {
        let (part, whole, wrong) = match (spec.percent, &spec.fraction) {
            (None, None) => return Ok(Share::ALL),
            (Some(percent), None) => (percent, 100, "percent"),
            (None, Some(f)) => (f.numerator, f.denominator.unwrap_or(100), "fraction"),
            (Some(_), Some(_)) => {
                let message = "`percent` and `fraction` exclude each other";
                return Err(self.refuse(Code::InvalidFilter, field, message, "keep one of them"));
            }
        };
        let share = u32::try_from(part)
            .ok()
            .zip(u32::try_from(whole).ok())
            .and_then(|(part, whole)| Share::new(part, whole));
        share.ok_or_else(|| {
            let message = format!("{part} of {whole} is not a share of the requests");
            let field = format!("{field}.{wrong}");
            let remedy = "write a part from nothing to all";
            self.refuse(Code::InvalidFilter, &field, &message, remedy)
        })
    }
}
