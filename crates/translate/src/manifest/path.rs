//! Paths of fields: `spec.rules[0].matches[1]`, `metadata.labels["app.kubernetes.io/name"]`.

use std::fmt;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Key(String),
    Index(usize),
}

/// Steps from an object's root to a field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FieldPath(pub(crate) Vec<Step>);

impl FieldPath {
    /// Reads what `Display` writes. Lenient: what makes no sense becomes a key that is not there.
    pub(crate) fn parse(text: &str) -> Self {
        let mut steps = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some((key, after)) = quoted(rest) {
                steps.push(Step::Key(key));
                rest = after;
            } else if let Some((index, after)) = indexed(rest) {
                steps.push(Step::Index(index));
                rest = after;
            } else {
                rest = rest.trim_start_matches('.');
                let end = rest
                    .find(['.', '['])
                    .filter(|&end| end > 0)
                    .unwrap_or(rest.len());
                if end > 0 {
                    steps.push(Step::Key(rest[..end].to_owned()));
                }
                rest = &rest[end..];
            }
        }
        Self(steps)
    }

    pub(crate) fn key(&self, key: &str) -> Self {
        self.then(Step::Key(key.to_owned()))
    }

    pub(crate) fn index(&self, index: usize) -> Self {
        self.then(Step::Index(index))
    }

    fn then(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }
}

/// `["key"]` off the front.
fn quoted(text: &str) -> Option<(String, &str)> {
    let (key, rest) = text.strip_prefix("[\"")?.split_once("\"]")?;
    Some((key.to_owned(), rest))
}

/// `[7]` off the front.
fn indexed(text: &str) -> Option<(usize, &str)> {
    let (index, rest) = text.strip_prefix('[')?.split_once(']')?;
    Some((index.parse().ok()?, rest))
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key)
                    if key.is_empty() || key.contains(['.', '[', ']', '/', '"', ' ']) =>
                {
                    write!(f, "[\"{key}\"]")?;
                }
                Step::Key(key) if n == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for text in [
            "",
            "spec",
            "spec.rules[0].filters[1].urlRewrite",
            "metadata.labels[\"app.kubernetes.io/name\"]",
            "[\"a b\"].c",
            "items[0][1]",
        ] {
            assert_eq!(FieldPath::parse(text).to_string(), text);
        }
    }

    #[test]
    fn survives_nonsense() {
        for text in ["[", "[]", "a..b", ".", "a[x]", "[\"", "]"] {
            FieldPath::parse(text);
        }
    }
}
