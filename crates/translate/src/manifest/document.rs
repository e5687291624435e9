//! Cutting a text into YAML documents, so that a broken one takes no other with it.

/// One document of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Document<'a> {
    pub(crate) text: &'a str,
    /// Lines of the whole text before this document.
    pub(crate) lines_before: u32,
}

/// Cuts at document markers. YAML 1.2.2 §9.1.2 forbids them within any content, so a marker at the
/// start of a line is one wherever it stands.
pub(crate) fn documents(text: &str) -> Vec<Document<'_>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut cuts = vec![(0, 0)];
    let (mut at, mut has_content) = (0, false);
    for (number, line) in (0u32..).zip(text.split_inclusive('\n')) {
        if is_marker(line, "---") {
            // Directives belong to the document whose start marker follows them.
            if has_content {
                cuts.push((at, number));
            }
            has_content = true;
        } else if is_marker(line, "...") {
            cuts.push((at + line.len(), number + 1));
            has_content = false;
        } else if !matches!(line.trim_start().chars().next(), None | Some('#'))
            && !line.starts_with('%')
        {
            has_content = true;
        }
        at += line.len();
    }
    let ends = cuts
        .iter()
        .skip(1)
        .map(|&(start, _)| start)
        .chain([text.len()]);
    cuts.iter()
        .zip(ends)
        .map(|(&(start, lines_before), end)| Document {
            text: &text[start..end],
            lines_before,
        })
        .collect()
}

fn is_marker(line: &str, marker: &str) -> bool {
    line.strip_prefix(marker)
        .is_some_and(|rest| rest.chars().next().is_none_or(char::is_whitespace))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_at_markers_only() {
        let table: [(&str, &[(&str, u32)]); 7] = [
            ("a: 1\n", &[("a: 1\n", 0)]),
            ("a: 1\n---\nb: 2\n", &[("a: 1\n", 0), ("---\nb: 2\n", 1)]),
            ("# x\n---\na: 1\n", &[("# x\n---\na: 1\n", 0)]),
            ("%YAML 1.2\n---\na: 1\n", &[("%YAML 1.2\n---\na: 1\n", 0)]),
            ("a: 1\n...\nb: 2\n", &[("a: 1\n...\n", 0), ("b: 2\n", 2)]),
            ("a: ---\nb: 1\n----\n", &[("a: ---\nb: 1\n----\n", 0)]),
            (
                "--- {a: 1}\n--- {b: 1}",
                &[("--- {a: 1}\n", 0), ("--- {b: 1}", 1)],
            ),
        ];
        for (text, want) in table {
            let got: Vec<_> = documents(text)
                .iter()
                .map(|d| (d.text, d.lines_before))
                .collect();
            assert_eq!(got, want, "{text:?}");
        }
    }
}
