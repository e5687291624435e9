//! Heads of answers.

use std::io::BufRead;

use anyhow::{Context, bail};

use super::{End, Framing};

type Head = (u16, Vec<(String, String)>);

/// The answer's head; interim (1xx) heads are skipped.
pub(super) fn head(reader: &mut impl BufRead) -> anyhow::Result<Head> {
    loop {
        let status_line = line(reader)?;
        let status: u16 = status_line
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .with_context(|| format!("{status_line:?} is no status line"))?;
        let mut headers = Vec::new();
        loop {
            let line = line(reader)?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line
                .split_once(':')
                .with_context(|| format!("{line:?} is no header"))?;
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        if status >= 200 {
            return Ok((status, headers));
        }
    }
}

fn line(reader: &mut impl BufRead) -> anyhow::Result<String> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        bail!("the connection closed before the head of the answer was complete");
    }
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// How the end of an answer's body is told.
pub(super) fn framing(
    method: &str,
    status: u16,
    headers: &[(String, String)],
) -> anyhow::Result<Framing> {
    if method == "HEAD" || status == 204 || status == 304 {
        return Ok(Framing::Ended(End::Whole));
    }
    let value = |wanted: &str| {
        headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(wanted))
            .map(|(_, v)| v.as_str())
    };
    if value("transfer-encoding").is_some_and(|v| v.eq_ignore_ascii_case("chunked")) {
        return Ok(Framing::Chunked);
    }
    match value("content-length") {
        Some(length) => Ok(Framing::Length(length.parse().context("content-length")?)),
        None => Ok(Framing::UntilClose),
    }
}
