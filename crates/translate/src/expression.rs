//! Expressions and the transformations made of them.

use std::collections::BTreeMap;

use agw_api::transformation::{
    HeaderExpression, InlineTransformation, MessageTransformation, Transformation as Spec,
};
use agw_core::expr::Expression;
use agw_core::header::FieldName;
use agw_core::transform::{Edits, Transformation};

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

/// A transformation in the standard dialect.
pub(crate) fn transformation(
    spec: &Spec,
    subject: Subject<'_>,
    field: &str,
    report: &mut Report,
) -> Result<Transformation, Rejected> {
    let request = message(
        spec.request.as_ref(),
        subject,
        &format!("{field}.request"),
        report,
    );
    let response = message(
        spec.response.as_ref(),
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
    subject: Subject<'_>,
    field: &str,
    report: &mut Report,
) -> Result<Edits, Rejected> {
    let Some(spec) = spec else {
        return Ok(Edits::default());
    };
    let mut named = |list: &[HeaderExpression], part: &str| {
        collect(list.iter().enumerate().map(|(index, header)| {
            let at = format!("{field}.{part}[{index}]");
            let name = header_name(&header.name, subject, &format!("{at}.name"), report);
            let value = compile(&header.value, subject, &format!("{at}.value"), report);
            Ok((name?, value?))
        }))
    };
    let set = named(&spec.set, "set");
    let add = named(&spec.add, "add");
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
        add: add?,
        remove: remove?,
        body: body.transpose()?,
        metadata: metadata?,
    })
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
