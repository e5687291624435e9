//! The one form of a request that both sides compute.

use std::borrow::Cow;

use super::SignedRequest;
use crate::operation::{decode, encode};

/// The canonical request, and the names of the headers in it.
pub(super) fn request(
    request: &SignedRequest<'_>,
    moment: &str,
    token: Option<&str>,
) -> (String, String) {
    let mut headers: Vec<(String, String)> = request
        .headers
        .iter()
        .copied()
        .chain([("host", request.host), ("x-amz-date", moment)])
        .chain(token.map(|token| ("x-amz-security-token", token)))
        .map(|(name, value)| (name.to_ascii_lowercase(), trimmed(value)))
        .collect();
    // Values of one name stay in their order, and are one list.
    headers.sort_by(|(a, _), (b, _)| a.cmp(b));
    headers.dedup_by(|(name, value), (kept, list)| {
        let same = name == kept;
        if same {
            list.push(',');
            list.push_str(value);
        }
        same
    });
    let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    let names = names.join(";");
    let mut out = format!(
        "{}\n{}\n{}\n",
        request.method,
        path(request.path),
        query(request.query)
    );
    for (name, value) in &headers {
        out.extend([name, ":", value, "\n"]);
    }
    out.extend(["\n", &names, "\n", request.payload_hash]);
    (out, names)
}

/// A header's value without the blanks that mean nothing.
fn trimmed(value: &str) -> String {
    let words: Vec<&str> = value.split_ascii_whitespace().collect();
    words.join(" ")
}

/// The path without its detours, and escaped: an escape in it is so once more.
pub(super) fn path(path: &str) -> String {
    let mut kept: Vec<Cow<'_, str>> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(kept.pop()),
            segment => kept.push(encode(segment)),
        }
    }
    let end = match path.ends_with('/') && !kept.is_empty() {
        true => "/",
        false => "",
    };
    format!("/{}{end}", kept.join("/"))
}

/// The members of a query in their order, each escaped once.
pub(super) fn query(query: &str) -> String {
    let once = |text| encode(&decode(text)).into_owned();
    let mut members: Vec<(String, String)> = query
        .split('&')
        .filter(|member| !member.is_empty())
        .map(|member| member.split_once('=').unwrap_or((member, "")))
        .map(|(name, value)| (once(name), once(value)))
        .collect();
    members.sort();
    let members: Vec<String> = members
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    members.join("&")
}
