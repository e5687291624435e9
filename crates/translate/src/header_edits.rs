//! Fixed edits of headers, of filters and of policies.

use agw_api::traffic::{Header, HeaderEdits as Spec};
use agw_core::filter::HeaderEdits;
use agw_core::header::{FieldName, FieldValue};

use crate::cors::Refuse;
use crate::expression::{Rejected, collect};

/// Compiles edits.
pub(crate) fn edits(spec: &Spec, refuse: Refuse<'_>) -> Result<HeaderEdits, Rejected> {
    let set = pairs(&spec.set, "set", refuse);
    let add = pairs(&spec.add, "add", refuse);
    let remove = spec.remove.iter().enumerate();
    let remove = collect(remove.map(|(i, text)| name(text, &format!("remove[{i}]"), refuse)));
    Ok(HeaderEdits {
        set: set?,
        add: add?,
        remove: remove?,
    })
}

fn pairs(
    list: &[Header],
    part: &str,
    refuse: Refuse<'_>,
) -> Result<Vec<(FieldName, FieldValue)>, Rejected> {
    collect(list.iter().enumerate().map(|(index, pair)| {
        let at = format!("{part}[{index}]");
        let name = name(&pair.name, &format!("{at}.name"), refuse);
        let value = FieldValue::parse(&pair.value).map_err(|error| {
            let (at, remedy) = (format!("{at}.value"), "write it without control characters");
            refuse(&at, &error.to_string(), remedy)
        });
        Ok((name?, value?))
    }))
}

fn name(text: &str, at: &str, refuse: Refuse<'_>) -> Result<FieldName, Rejected> {
    FieldName::parse(text)
        .map_err(|error| refuse(at, &error.to_string(), "write a valid header name"))
}
