//! Findings for people: the place, the line with a mark under it, the remedy.

use std::fmt::Write as _;

use agw_translate::finding::{Code, Finding};
use agw_translate::manifest::ManifestFile;

/// Longest part of a line that is shown.
const WIDTH: usize = 160;

/// One finding as text of one to four lines, each with its line end.
pub(crate) fn render(finding: &Finding, files: &[ManifestFile]) -> String {
    let mut text = String::new();
    let bare = Finding {
        remedy: String::new(),
        ..finding.clone()
    };
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{bare}");
    if let Some(excerpt) = excerpt(finding, files) {
        text.push_str(&excerpt);
    }
    if !finding.remedy.is_empty() {
        let _ = writeln!(text, "  help: {}", finding.remedy);
    }
    text
}

/// The line that a finding points at, with carets under the word.
fn excerpt(finding: &Finding, files: &[ManifestFile]) -> Option<String> {
    let name = finding.file.as_ref()?;
    let number = usize::try_from(finding.line?).ok()?;
    let column = usize::try_from(finding.column?).ok()?;
    let file = files.iter().find(|file| file.path == *name)?;
    let line = file.text.lines().nth(number.checked_sub(1)?)?;
    if may_hold_secret(finding, &file.text, number) {
        return None;
    }
    let shown: String = line
        .chars()
        .take(WIDTH)
        .map(|c| if c == '\t' { ' ' } else { c })
        .collect();
    let before = column.checked_sub(1)?;
    let word = line
        .chars()
        .skip(before)
        .take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/'))
        .count()
        .clamp(1, WIDTH.saturating_sub(before).max(1));
    let gutter = number.to_string().len();
    let carets = if before < WIDTH {
        format!("  {:gutter$} | {:before$}{}\n", "", "", "^".repeat(word))
    } else {
        String::new()
    };
    Some(format!("  {number} | {shown}\n{carets}"))
}

/// Whether showing the line could show a credential.
fn may_hold_secret(finding: &Finding, text: &str, line: usize) -> bool {
    let field_may = finding.field.as_deref().is_some_and(|field| {
        field
            .split(['.', '[', ']'])
            .any(|part| matches!(part, "auth" | "key" | "data" | "stringData"))
    });
    let object_may = match &finding.object {
        Some(object) => object.kind == "Secret",
        // What does not parse has no kind that could be known: look at what it says.
        None => document_around(text, line).any(|l| l.contains("kind") && l.contains("Secret")),
    };
    finding.code == Code::InlineCredential || field_may || object_may
}

/// Lines of the YAML document that a line is in.
fn document_around(text: &str, line: usize) -> impl Iterator<Item = &str> {
    let is_separator = |l: &str| l.starts_with("---");
    let start = text
        .lines()
        .take(line)
        .enumerate()
        .filter(|(_, l)| is_separator(l))
        .map(|(index, _)| index + 1)
        .last()
        .unwrap_or(0);
    text.lines()
        .skip(start)
        .take_while(move |l| !is_separator(l))
}

#[cfg(test)]
mod tests {
    use agw_translate::finding::ObjectRef;

    use super::*;

    fn file(text: &str) -> Vec<ManifestFile> {
        vec![ManifestFile {
            path: "m.yaml".to_owned(),
            text: text.to_owned(),
        }]
    }

    fn finding(code: Code, line: u32, column: u32) -> Finding {
        Finding {
            file: Some("m.yaml".to_owned()),
            line: Some(line),
            column: Some(column),
            ..Finding::new(code, "wrong")
        }
    }

    #[test]
    fn marks_the_word_in_its_line() {
        let found = finding(Code::UnknownField, 2, 3)
            .with_remedy("did you mean `model`?")
            .about(ObjectRef::new("AgentgatewayBackend", Some("ai"), "b"));
        assert_eq!(
            render(&found, &file("spec:\n  modle: x\n")),
            "m.yaml:2:3: error AGW0105: AgentgatewayBackend ai/b: wrong\n  \
             2 |   modle: x\n    \
               |   ^^^^^\n  \
             help: did you mean `model`?\n"
        );
    }

    #[test]
    fn never_shows_a_line_that_may_hold_a_credential() {
        let secret = "kind: Secret\nstringData:\n  Authorization: \"Bearer sk-canary\n";
        let other = format!("kind: Gateway\n---\n{secret}---\nkind: Gateway\n");
        let backend = "spec:\n  policies:\n    auth:\n      key: sk-canary\n";
        let about = |f: Finding, kind| f.about(ObjectRef::new(kind, Some("ai"), "s"));
        let mut in_auth = about(finding(Code::WrongType, 4, 7), "AgentgatewayBackend");
        in_auth.field = Some("spec.policies.auth.key".to_owned());
        for (found, text) in [
            (finding(Code::Syntax, 3, 18), secret),
            (finding(Code::Syntax, 5, 18), other.as_str()),
            (about(finding(Code::WrongType, 3, 18), "Secret"), secret),
            (
                about(
                    finding(Code::InlineCredential, 4, 12),
                    "AgentgatewayBackend",
                ),
                backend,
            ),
            (in_auth, backend),
        ] {
            let text = render(&found, &file(text));
            assert!(!text.contains("canary"), "{text}");
        }
    }

    #[test]
    fn survives_places_that_are_not_there() {
        for (line, column) in [(0, 0), (1, 900), (9, 1)] {
            let text = render(&finding(Code::Syntax, line, column), &file("a: b\n"));
            assert!(text.contains("AGW0101"), "{text}");
        }
    }
}
