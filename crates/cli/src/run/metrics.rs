//! Several proxies' metrics as one scrape.

use std::fmt::Write as _;

/// Joins OpenMetrics texts: each family once, and `gateway` on every sample so that two Gateways'
/// series stay apart. A single text goes through as it is.
pub(crate) fn joined(mut texts: Vec<(String, String)>) -> String {
    if texts.len() == 1
        && let Some((_, text)) = texts.pop()
    {
        return text;
    }
    let mut families: Vec<Family> = Vec::new();
    for (gateway, text) in &texts {
        let mut current = None;
        for line in text.lines() {
            if let Some((name, _)) = meta(line) {
                let known = families.iter().position(|family| family.name == name);
                let index = known.unwrap_or_else(|| {
                    families.push(Family {
                        name: name.to_owned(),
                        ..Family::default()
                    });
                    families.len() - 1
                });
                current = Some(index);
                let family = &mut families[index];
                if !family.meta.iter().any(|written| written == line) {
                    family.meta.push(line.to_owned());
                }
            } else if let Some(index) = current
                && !line.starts_with('#')
            {
                families[index].samples.push(labelled(line, gateway));
            }
        }
    }
    let mut text = String::new();
    for family in families {
        for line in family.meta.iter().chain(&family.samples) {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{line}");
        }
    }
    text.push_str("# EOF\n");
    text
}

#[derive(Default)]
struct Family {
    name: String,
    meta: Vec<String>,
    samples: Vec<String>,
}

/// The family that a `# HELP`, `# TYPE` or `# UNIT` line is about, and the rest of the line.
fn meta(line: &str) -> Option<(&str, &str)> {
    let rest = ["# HELP ", "# TYPE ", "# UNIT "]
        .iter()
        .find_map(|tag| line.strip_prefix(tag))?;
    rest.split_once(' ')
}

/// The sample with a `gateway` label if it has none. Gateway names need no escaping.
fn labelled(line: &str, gateway: &str) -> String {
    match line.split_once('{') {
        Some((name, rest)) if !rest.starts_with("gateway=") => {
            let comma = if rest.starts_with('}') { "" } else { "," };
            format!("{name}{{gateway=\"{gateway}\"{comma}{rest}")
        }
        Some(_) => line.to_owned(),
        None => match line.split_once(' ') {
            Some((name, value)) => format!("{name}{{gateway=\"{gateway}\"}} {value}"),
            None => line.to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_families_and_tells_gateways_apart() {
        let one = "# HELP r Requests.\n# TYPE r counter\nr_total{gateway=\"n/a\",x=\"1\"} 1\n\
                   # TYPE v gauge\nv 3\n# EOF\n";
        let two = "# HELP r Requests.\n# TYPE r counter\nr_total{gateway=\"n/b\",x=\"1\"} 2\n\
                   # TYPE h gauge\nh{b=\"}{\"} 1\n# TYPE v gauge\nv 4\n# EOF\n";
        let texts = [("n/a", one), ("n/b", two)];
        let texts = texts.map(|(name, text)| (name.to_owned(), text.to_owned()));
        assert_eq!(
            joined(texts.to_vec()),
            "# HELP r Requests.\n# TYPE r counter\nr_total{gateway=\"n/a\",x=\"1\"} 1\n\
             r_total{gateway=\"n/b\",x=\"1\"} 2\n# TYPE v gauge\nv{gateway=\"n/a\"} 3\n\
             v{gateway=\"n/b\"} 4\n# TYPE h gauge\nh{gateway=\"n/b\",b=\"}{\"} 1\n# EOF\n"
        );
        assert_eq!(joined(vec![("n/a".to_owned(), one.to_owned())]), one);
    }
}
