//! Expressions: compiling and evaluating never panics, and errors point into the source.

use std::net::{IpAddr, Ipv4Addr};

use agw_core::expr::{Expression, Input, LlmInput, RequestInput, ResponseInput, SourceInput};
use http::{HeaderMap, HeaderValue, StatusCode, Version};

use super::{Behaviour, Target, Verdict};

pub(super) const TARGET: Target = Target {
    name: "expression",
    dictionary: &[
        "request.",
        "request.body",
        "request.headers['x-a']",
        "request.path",
        "response.body",
        "response.code",
        "llm.",
        "jwt.",
        "source.address",
        "json(",
        "size(",
        "len(",
        "string(",
        "int(",
        "double(",
        "bytes(",
        "if ",
        " then ",
        " else ",
        "?",
        ":",
        "&&",
        "||",
        "!",
        "==",
        "<=",
        "in ",
        "has(",
        ".map(x, ",
        ".filter(x, ",
        ".exists(x, ",
        ".all(x, ",
        ".with(x, ",
        "default(",
        "coalesce(",
        ".matches('",
        ".startsWith(",
        ".split(",
        ".join(",
        ".replace(",
        ".substring(",
        ".format(",
        "duration('1s')",
        "timestamp('",
        "now()",
        "uuid()",
        "random()",
        "base64.encode(",
        "math.greatest(",
        "flatten(",
        "mapValues(",
        "filterKeys(",
        "'a'",
        "b'a'",
        "r'\\d'",
        "\"\"\"",
        "0x",
        "1e9",
        "9223372036854775807",
        "-",
        "u",
        "[",
        "]",
        "{",
        "}",
        "(",
        ")",
        ",",
        ".",
        "//",
        "\n",
        "é",
        "\\u00e9",
        "\\x",
        "[0]",
        "[-1]",
        "{'a': 1}",
        "null",
        "true",
        "\n----\n",
        "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
    ],
    more_seeds: &[],
    run,
};

/// What separates the source from the body it is evaluated on.
const SEPARATOR: &str = "\n----\n";

fn run(input: &[u8]) -> Verdict {
    let text = String::from_utf8_lossy(input);
    let (source, body) = text
        .split_once(SEPARATOR)
        .unwrap_or((&text, "{\"a\":[1,\"x\"]}"));
    let expression = match Expression::compile(source) {
        Ok(expression) => expression,
        Err(error) => {
            let line = source
                .split('\n')
                .nth(error.line.saturating_sub(1) as usize);
            let columns = line.map_or(0, |line| line.chars().count() + 1);
            if error.line == 0 || error.column == 0 || error.column as usize > columns {
                return Err(format!(
                    "{}:{} is not in the source",
                    error.line, error.column
                ));
            }
            return Ok(Behaviour::of(&error.message));
        }
    };
    if let Some(standard) = expression.standard_form() {
        let again = Expression::compile(&standard).map_err(|error| {
            format!(
                "the standard form {standard:?} does not compile: {}",
                error.message
            )
        })?;
        if let Some(other) = again.standard_form() {
            return Err(format!(
                "the standard form {standard:?} has one too: {other:?}"
            ));
        }
    }
    Ok(Behaviour::of(&evaluated(&expression, body)))
}

/// What comes of it with nothing to read, and with everything.
fn evaluated(expression: &Expression, body: &str) -> String {
    let mut headers = HeaderMap::new();
    headers.insert("x-a", HeaderValue::from_static("1"));
    headers.append(
        "x-a",
        HeaderValue::from_bytes(b"\xff").unwrap_or(HeaderValue::from_static("2")),
    );
    let claims = serde_json::json!({ "sub": "u", "n": [1, 2.5, null], "m": { "k": "v" } });
    let mut all = Input::default();
    all.request = Some(RequestInput {
        method: "POST",
        scheme: "https",
        host: "a.example:8443",
        path: "/v1/chat/completions",
        query: Some("a=1&b=%20&a=2&%zz"),
        version: Version::HTTP_11,
        headers: &headers,
        body: Some(body.as_bytes()),
        start_time: None,
        end_time: None,
    });
    all.response = Some(ResponseInput {
        code: StatusCode::BAD_GATEWAY,
        headers: &headers,
        body: Some(b"\xff{"),
    });
    all.source = Some(SourceInput {
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        port: 1,
        more: None,
    });
    all.llm = Some(LlmInput::default());
    all.jwt = Some(&claims);
    all.now = Some(std::time::SystemTime::UNIX_EPOCH);
    all.random = Some(7);
    let mut text = String::new();
    for input in [&Input::default(), &all] {
        text += &match expression.eval(input) {
            Ok(value) => kind(&format!("{value:?}")),
            Err(error) => error.to_string(),
        };
        let _ = expression.eval_bool(input);
        if let Err(error) = expression.eval_header(input) {
            text += &error.to_string();
        }
    }
    text
}

/// The name of a value's variant.
fn kind(value: &str) -> String {
    value
        .chars()
        .take_while(char::is_ascii_alphabetic)
        .collect()
}
