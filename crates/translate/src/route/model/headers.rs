//! Fixed edits of headers, as filters.

use agw_api::traffic::HeaderModifiers;
use agw_core::filter::Filter;

use crate::expression::Rejected;
use crate::finding::Code;
use crate::header_edits;
use crate::report::{Report, Subject};

/// `spec.policies.headers` of a model.
pub(super) fn filters(
    spec: &HeaderModifiers,
    subject: Subject<'_>,
    report: &mut Report,
) -> Result<Vec<Filter>, Rejected> {
    let mut part = |edits: Option<&_>, name: &str| {
        let mut refuse = |at: &str, message: &str, remedy: &str| {
            let field = format!("spec.policies.headers.{name}.{at}");
            report.add(subject, Code::InvalidValue, &field, message, remedy);
            Rejected
        };
        let made = edits.map(|edits| header_edits::edits(edits, &mut refuse));
        made.transpose()
    };
    let request = part(spec.request.as_ref(), "request");
    let response = part(spec.response.as_ref(), "response");
    let request = request?.map(Filter::RequestHeaders);
    let response = response?.map(Filter::ResponseHeaders);
    Ok(request.into_iter().chain(response).collect())
}
