//! The dependency table of `ARCHITECTURE.md`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};

/// Crates and the crates they use, by folder name.
pub(crate) type Edges = BTreeMap<String, BTreeSet<String>>;

const HEADING: &str = "## Dependency table";
const NOTHING: &str = "nothing";

/// Reads the first fenced block under the heading: lines `a, b -> c, d`; `nothing` is no crate.
pub(crate) fn parse(document: &str) -> Result<Edges> {
    let (_, section) = document
        .split_once(HEADING)
        .with_context(|| format!("ARCHITECTURE.md has no heading `{HEADING}`"))?;
    let fenced = section
        .lines()
        .skip_while(|line| !line.starts_with("```"))
        .skip(1);
    let mut edges = Edges::new();
    for line in fenced
        .take_while(|line| !line.starts_with("```"))
        .filter(|line| !line.trim().is_empty())
    {
        let (from, to) = line
            .split_once("->")
            .with_context(|| format!("dependency table: no `->` in `{line}`"))?;
        let to: BTreeSet<_> = names(to).filter(|name| name != NOTHING).collect();
        for name in names(from) {
            if edges.insert(name.clone(), to.clone()).is_some() {
                bail!("dependency table: `{name}` stands twice");
            }
        }
    }
    Ok(edges)
}

fn names(list: &str) -> impl Iterator<Item = String> {
    list.split(',')
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
}

/// How the crates differ from the table, both ways.
pub(crate) fn differences(table: &Edges, found: &Edges) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, uses) in found {
        let Some(allowed) = table.get(name) else {
            problems.push(format!("crate `{name}` is not in the dependency table"));
            continue;
        };
        let forbidden = uses.difference(allowed);
        problems.extend(forbidden.map(|to| format!("`{name}` must not depend on `{to}`")));
        let unused = allowed.difference(uses);
        problems.extend(unused.map(|to| {
            format!("`{name}` no longer depends on `{to}`: correct the dependency table")
        }));
    }
    let gone = table.keys().filter(|name| !found.contains_key(*name));
    problems
        .extend(gone.map(|name| format!("crate `{name}` of the dependency table does not exist")));
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = "# X\n\n## Dependency table\n\nwords\n\n```text\na -> b, c\nb, c -> nothing\n```\n\n```\nd -> a\n```\n";

    #[test]
    fn reads_the_block_under_the_heading() {
        let set = |names: &[&str]| names.iter().map(|&n| n.to_owned()).collect();
        let want: Edges = [
            ("a".into(), set(&["b", "c"])),
            ("b".into(), set(&[])),
            ("c".into(), set(&[])),
        ]
        .into();
        assert_eq!(parse(DOCUMENT).unwrap(), want);
        assert!(parse("# X\n").is_err());
        assert!(parse("## Dependency table\n```\na b\n```\n").is_err());
        assert!(parse("## Dependency table\n```\na -> b\na -> c\n```\n").is_err());
    }

    #[test]
    fn names_every_difference() {
        let table = parse(DOCUMENT).unwrap();
        let mut found = table.clone();
        assert_eq!(differences(&table, &found), [""; 0]);
        found.insert("b".into(), ["a".to_owned()].into());
        found.insert("a".into(), ["b".to_owned()].into());
        found.remove("c");
        found.insert("new".into(), BTreeSet::new());
        assert_eq!(
            differences(&table, &found),
            [
                "`a` no longer depends on `c`: correct the dependency table",
                "`b` must not depend on `a`",
                "crate `new` is not in the dependency table",
                "crate `c` of the dependency table does not exist",
            ]
        );
    }
}
