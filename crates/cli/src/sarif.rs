//! Findings as SARIF 2.1.0 (OASIS), which code scanning and editors read.

use agw_translate::finding::{Code, Finding, Severity};
use serde_json::{Value, json};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The log of one run (§3.13), with a rule for every code there is.
pub(crate) fn log(findings: &[Finding]) -> Value {
    let results: Vec<_> = findings.iter().map(result).collect();
    let rules: Vec<_> = Code::ALL.iter().map(|code| rule(*code)).collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "agw",
                "version": env!("CARGO_PKG_VERSION"),
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": rules,
            }},
            // Columns count characters, not UTF-16 units (§3.14.17).
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

/// A kind of finding (§3.49).
fn rule(code: Code) -> Value {
    let (id, advice) = (code.as_str(), code.advice());
    json!({
        "id": id,
        "name": format!("{code:?}"),
        "shortDescription": { "text": code.title() },
        "help": { "text": advice, "markdown": advice },
        "helpUri": format!("docs/findings.md#{}", id.to_ascii_lowercase()),
        "defaultConfiguration": { "level": level(code.severity()) },
    })
}

/// One finding (§3.27).
fn result(finding: &Finding) -> Value {
    let message = match finding.remedy.as_str() {
        "" => finding.message.clone(),
        remedy => format!("{} ({remedy})", finding.message),
    };
    let mut result = json!({
        "ruleId": finding.code.as_str(),
        "ruleIndex": Code::ALL.iter().position(|code| *code == finding.code),
        "level": level(finding.severity),
        "message": { "text": message },
    });
    if let Some(location) = location(finding) {
        result["locations"] = json!([location]);
    }
    result
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Hint => "note",
    }
}

/// Where in which file (§3.29), and of which object (§3.33); `None` of what has neither.
fn location(finding: &Finding) -> Option<Value> {
    let mut location = json!({});
    if let Some(file) = &finding.file {
        location["physicalLocation"] = json!({ "artifactLocation": { "uri": uri(file) } });
        if let Some(line) = finding.line {
            let mut region = json!({ "startLine": line });
            if let Some(column) = finding.column {
                region["startColumn"] = column.into();
            }
            location["physicalLocation"]["region"] = region;
        }
    }
    if let Some(object) = &finding.object {
        let field = finding.field.as_deref();
        let name = match field {
            Some(field) => format!("{object} {field}"),
            None => object.to_string(),
        };
        location["logicalLocations"] = json!([{ "fullyQualifiedName": name, "kind": "object" }]);
    }
    location
        .as_object()
        .is_some_and(|l| !l.is_empty())
        .then_some(location)
}

/// A path as a URI reference (RFC 3986): relative ones as they are, absolute ones with `file://`.
fn uri(path: &str) -> String {
    let mut uri = String::new();
    if path.starts_with('/') {
        uri.push_str("file://");
    }
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte));
            }
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use agw_translate::finding::ObjectRef;

    use super::*;

    #[test]
    fn tells_place_object_and_remedy() {
        let finding = Finding {
            file: Some("m.yaml".to_owned()),
            line: Some(2),
            column: Some(3),
            field: Some("spec.x".to_owned()),
            ..Finding::new(Code::UnknownField, "unknown field `x`")
        };
        let finding =
            finding
                .with_remedy("remove it")
                .about(ObjectRef::new("Gateway", Some("ai"), "g"));
        let got = &log(&[finding])["runs"][0]["results"][0];
        let index = got["ruleIndex"].as_u64().unwrap();
        assert_eq!(
            Code::ALL[usize::try_from(index).unwrap()],
            Code::UnknownField
        );
        assert_eq!(got["ruleId"], "AGW0105");
        assert_eq!(got["level"], "error");
        assert_eq!(got["message"]["text"], "unknown field `x` (remove it)");
        assert_eq!(
            got["locations"],
            json!([{
                "physicalLocation": {
                    "artifactLocation": { "uri": "m.yaml" },
                    "region": { "startLine": 2, "startColumn": 3 },
                },
                "logicalLocations": [{ "fullyQualifiedName": "Gateway ai/g spec.x", "kind": "object" }],
            }])
        );
    }

    #[test]
    fn what_has_no_place_has_no_location() {
        let got = log(&[Finding::new(Code::NoEffect, "nothing")]);
        assert_eq!(got["runs"][0]["results"][0]["locations"], Value::Null);
    }

    #[test]
    fn paths_become_uri_references() {
        for (path, want) in [
            ("a/b.yaml", "a/b.yaml"),
            ("-", "-"),
            ("/a b/ü#.yaml", "file:///a%20b/%C3%BC%23.yaml"),
        ] {
            assert_eq!(uri(path), want);
        }
    }
}
