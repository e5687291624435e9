//! Keys in places of their own.

use agw_api::access::{HeaderLocation, NamedLocation};
use agw_api::backend_policy::AuthLocation;
use agw_core::backend::{Auth, KeyPlace};
use agw_core::header::{FieldName, FieldValue};

use super::Written;
use crate::expression::Rejected;
use crate::report::Report;

/// The place that `location` says.
fn place(
    location: &AuthLocation,
    at: &Written<'_>,
    report: &mut Report,
) -> Result<KeyPlace, Rejected> {
    let AuthLocation {
        header,
        query_parameter,
        cookie,
    } = location;
    match (header, query_parameter, cookie) {
        (Some(header), None, None) => in_header(header, &at.inside("header"), report),
        (None, Some(NamedLocation { name }), None) if !name.is_empty() => {
            Ok(KeyPlace::Query(name.as_str().into()))
        }
        (None, None, Some(NamedLocation { name })) if is_cookie(name) => {
            Ok(KeyPlace::Cookie(name.as_str().into()))
        }
        (None, None, Some(_)) => Err(at.inside("cookie.name").reject(
            "no cookie can have this name",
            "write one of letters, digits, `-`, `_` and `.`",
            report,
        )),
        _ => Err(at.reject(
            "`location` is one of `header`, `queryParameter` and `cookie`, with a name",
            "keep one of them",
            report,
        )),
    }
}

fn in_header(
    header: &HeaderLocation,
    at: &Written<'_>,
    report: &mut Report,
) -> Result<KeyPlace, Rejected> {
    let prefix = header.prefix.as_deref().unwrap_or_default();
    let name = FieldName::parse(&header.name);
    match (name, FieldValue::parse(prefix)) {
        (Ok(name), Ok(_)) => Ok(KeyPlace::Header {
            name,
            prefix: prefix.into(),
        }),
        (Err(error), _) | (_, Err(error)) => {
            Err(at.reject(&error.to_string(), "write what a header may hold", report))
        }
    }
}

fn is_cookie(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !name.is_empty() && name.bytes().all(plain)
}

/// `auth` with its key in the place that `location` says.
pub(super) fn placed(
    auth: Auth,
    location: &AuthLocation,
    at: &Written<'_>,
    report: &mut Report,
) -> Result<Auth, Rejected> {
    let place = place(location, at, report)?;
    Ok(match auth {
        Auth::Key(key) => Auth::KeyAt(Box::new((key, place))),
        Auth::Passthrough => Auth::PassthroughAt(Box::new(place)),
        other => other,
    })
}
