//! Fixed edits of headers, as filters.

use agw_api::header_modifiers::{HeaderModifier, HeaderModifiers, HeaderValue};
use agw_core::filter::{Filter, HeaderEdits};
use agw_core::header::{FieldName, FieldValue, InvalidField};

use crate::expression::{Rejected, collect};
use crate::finding::Code;
use crate::report::{Report, Subject};

/// Edits as they are written, and where.
struct Written<'a, 'r> {
    subject: Subject<'a>,
    field: String,
    report: &'r mut Report,
}

/// `spec.policies.headers` of a model.
pub(super) fn filters(
    spec: &HeaderModifiers,
    subject: Subject<'_>,
    report: &mut Report,
) -> Result<Vec<Filter>, Rejected> {
    let mut part = |edits: Option<&HeaderModifier>, name: &str| {
        let mut written = Written {
            subject,
            field: format!("spec.policies.headers.{name}"),
            report,
        };
        edits.map(|edits| written.edits(edits)).transpose()
    };
    let request = part(spec.request.as_ref(), "request");
    let response = part(spec.response.as_ref(), "response");
    let request = request?.map(Filter::RequestHeaders);
    let response = response?.map(Filter::ResponseHeaders);
    Ok(request.into_iter().chain(response).collect())
}

impl Written<'_, '_> {
    fn edits(&mut self, spec: &HeaderModifier) -> Result<HeaderEdits, Rejected> {
        let (set, add) = (self.pairs(&spec.set, "set"), self.pairs(&spec.add, "add"));
        let names = spec.remove.iter().enumerate();
        let remove = collect(names.map(|(index, name)| {
            let at = format!("remove[{index}]");
            self.checked(FieldName::parse(name), &at)
        }));
        Ok(HeaderEdits {
            set: set?,
            add: add?,
            remove: remove?,
        })
    }

    fn pairs(
        &mut self,
        list: &[HeaderValue],
        part: &str,
    ) -> Result<Vec<(FieldName, FieldValue)>, Rejected> {
        collect(list.iter().enumerate().map(|(index, header)| {
            let name = self.checked(
                FieldName::parse(&header.name),
                &format!("{part}[{index}].name"),
            );
            let value = self.checked(
                FieldValue::parse(&header.value),
                &format!("{part}[{index}].value"),
            );
            Ok((name?, value?))
        }))
    }

    fn checked<T>(&mut self, parsed: Result<T, InvalidField>, at: &str) -> Result<T, Rejected> {
        parsed.map_err(|error| {
            let field = format!("{}.{at}", self.field);
            let remedy = "write what a header may hold";
            let (subject, code) = (self.subject, Code::InvalidValue);
            self.report
                .add(subject, code, &field, error.to_string(), remedy);
            Rejected
        })
    }
}
