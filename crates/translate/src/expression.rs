//! Expressions and the transformations made of them.

use std::collections::BTreeMap;

use agw_api::transformation::{
    HeaderExpression, InlineTransformation, MessageTransformation, Transformation as Spec,
};
use agw_core::expr::Expression;
use agw_core::header::FieldName;
use agw_core::transform::{Edits, Part, Transformation};

use crate::finding::Code;
use crate::report::{Report, Subject};

/// A part of an object that cannot be used; what is wrong has been reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rejected;

/// Compiles an expression, and hints at its standard form when it has one.
pub(crate) fn compile(
    source: &str,
    subject: Subject<'_>,
    field: &str,
    report: &mut Report,
) -> Result<Expression, Rejected> {
    match Expression::compile(source) {
        Ok(expression) => {
            if let Some(standard) = expression.standard_form() {
                report.add(
                    subject,
                    Code::DialectExpression,
                    field,
                    "the expression uses spellings that standard CEL does not have",
                    format!("the same in standard CEL: {standard}"),
                );
            }
            Ok(expression)
        }
        Err(error) => {
            report.add_inside(
                subject,
                Code::InvalidExpression,
                field,
                (error.line, error.column),
                format!(
                    "the expression does not compile, at {}:{}: {}",
                    error.line, error.column, error.message
                ),
                "correct the expression; docs/expressions.md lists what there is",
            );
            Err(Rejected)
        }
    }
}

/// A transformation of a backend's policy.
pub(crate) fn of_backend(
    spec: &Spec,
    subject: Subject<'_>,
    field: &str,
    report: &mut Report,
) -> Result<Transformation, Rejected> {
    transformation(
        [spec.request.as_ref(), spec.response.as_ref()],
        [Side::Backend; 2],
        subject,
        field,
        report,
    )
}

/// A transformation of requests under a Gateway or route.
pub(crate) fn of_traffic(
    request: Option<&MessageTransformation>,
    response: Option<&MessageTransformation>,
    subject: Subject<'_>,
    field: &str,
    report: &mut Report,
) -> Result<Transformation, Rejected> {
    transformation(
        [request, response],
        [Side::Request, Side::Response],
        subject,
        field,
        report,
    )
}

fn transformation(
    [request, response]: [Option<&MessageTransformation>; 2],
    [before, after]: [Side; 2],
    subject: Subject<'_>,
    field: &str,
    report: &mut Report,
) -> Result<Transformation, Rejected> {
    let request = message(
        request,
        before,
        subject,
        &format!("{field}.request"),
        report,
    );
    let response = message(
        response,
        after,
        subject,
        &format!("{field}.response"),
        report,
    );
    Ok(Transformation {
        request: request?,
        response: response?,
    })
}

fn message(
    spec: Option<&MessageTransformation>,
    side: Side,
    subject: Subject<'_>,
    field: &str,
    report: &mut Report,
) -> Result<Edits, Rejected> {
    let Some(spec) = spec else {
        return Ok(Edits::default());
    };
    let (heads, headers): (Vec<_>, Vec<_>) = spec
        .set
        .iter()
        .enumerate()
        .partition(|(_, e)| e.name.starts_with(':'));
    let parts = collect(heads.into_iter().map(|(index, written)| {
        let at = format!("{field}.set[{index}]");
        let part = head_part(&written.name, side, subject, &format!("{at}.name"), report);
        let value = compile(&written.value, subject, &format!("{at}.value"), report);
        Ok((part?, value?))
    }));
    let mut named = |list: Vec<(usize, &HeaderExpression)>, part: &str| {
        collect(list.into_iter().map(|(index, header)| {
            let at = format!("{field}.{part}[{index}]");
            let name = header_name(&header.name, subject, &format!("{at}.name"), report);
            let value = compile(&header.value, subject, &format!("{at}.value"), report);
            Ok((name?, value?))
        }))
    };
    let set = named(headers, "set");
    let add = named(spec.add.iter().enumerate().collect(), "add");
    let remove = removed(&spec.remove, subject, field, report);
    let body = spec
        .body
        .as_ref()
        .map(|b| compile(b, subject, &format!("{field}.body"), report));
    let metadata = collect(spec.metadata.iter().map(|(name, source)| {
        let value = compile(source, subject, &format!("{field}.metadata.{name}"), report)?;
        Ok((name.clone(), value))
    }));
    Ok(Edits {
        set: set?,
        parts: parts?,
        add: add?,
        remove: remove?,
        body: body.transpose()?,
        metadata: metadata?,
    })
}

/// Which message is edited, and by whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Request,
    Response,
    /// Of a backend's policy: the head is the provider's own by then.
    Backend,
}

fn head_part(
    name: &str,
    side: Side,
    subject: Subject<'_>,
    field: &str,
    report: &mut Report,
) -> Result<Part, Rejected> {
    let (message, remedy) = match (Part::parse(name), side) {
        (Some(part @ Part::Status), Side::Response)
        | (Some(part @ (Part::Path | Part::Method | Part::Authority)), Side::Request) => {
            return Ok(part);
        }
        (Some(_), Side::Backend) => (
            format!("`{name}` cannot be set for a backend alone"),
            "set it in the `traffic.transformation` of a policy on a Gateway or route",
        ),
        (Some(_), _) => (
            format!("`{name}` is no part of this message"),
            "requests have `:path`, `:method` and `:authority`, responses `:status`",
        ),
        (None, _) => (
            format!("there is no `{name}`"),
            "there are `:path`, `:method`, `:authority` and `:status`",
        ),
    };
    report.add(subject, Code::InvalidValue, field, message, remedy);
    Err(Rejected)
}

/// The enterprise dialect's form: maps of names to expressions. `add` replaces what the client
/// sent, as its users expect of a header that is computed.
pub(crate) fn inline(
    spec: &InlineTransformation,
    subject: Subject<'_>,
    field: &str,
    report: &mut Report,
) -> Result<Edits, Rejected> {
    let Some(inline) = &spec.inline else {
        return Ok(Edits::default());
    };
    let body = inline.body.as_ref();
    let body = body.map(|b| compile(b, subject, &format!("{field}.inline.body"), report));
    let mut edits = Edits {
        body: body.transpose()?,
        ..Edits::default()
    };
    if let Some(headers) = &inline.headers {
        let field = format!("{field}.inline.headers");
        let mut map = |map: &BTreeMap<String, String>, part: &str| {
            collect(map.iter().map(|(name, source)| {
                let at = format!("{field}.{part}.{name}");
                let value = compile(source, subject, &at, report);
                Ok((header_name(name, subject, &at, report)?, value?))
            }))
        };
        let (set, add) = (map(&headers.set, "set"), map(&headers.add, "add"));
        edits.set = set?;
        edits.set.extend(add?);
        edits.remove = removed(&headers.remove, subject, &field, report)?;
    }
    Ok(edits)
}

fn removed(
    names: &[String],
    subject: Subject<'_>,
    field: &str,
    report: &mut Report,
) -> Result<Vec<FieldName>, Rejected> {
    collect(names.iter().enumerate().map(|(index, name)| {
        header_name(name, subject, &format!("{field}.remove[{index}]"), report)
    }))
}

pub(crate) fn header_name(
    name: &str,
    subject: Subject<'_>,
    field: &str,
    report: &mut Report,
) -> Result<FieldName, Rejected> {
    FieldName::parse(name).map_err(|error| {
        report.add(
            subject,
            Code::InvalidValue,
            field,
            error.to_string(),
            "write a valid header name",
        );
        Rejected
    })
}

/// Every result, so that all that is wrong is reported at once.
pub(crate) fn collect<T>(
    results: impl Iterator<Item = Result<T, Rejected>>,
) -> Result<Vec<T>, Rejected> {
    let all: Vec<_> = results.collect();
    all.into_iter().collect()
}
