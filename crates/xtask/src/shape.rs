//! The shape of the code: sizes, crate edges and what must not be there.

mod graph;
mod source;
mod table;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};

use source::Source;

/// Production lines of one file.
const MAX_FILE: usize = 600;
/// Lines of one function.
const MAX_FUNCTION: usize = 100;

/// Checks everything and prints what is wrong, and the sizes.
pub(crate) fn lint(root: &Path, out: &mut impl Write) -> Result<ExitCode> {
    let mut problems = Vec::new();
    let sources = sources(root, &mut problems)?;
    problems.extend(
        sources
            .iter()
            .flat_map(|(path, source)| judge(path, source)),
    );

    let architecture = fs::read_to_string(root.join("ARCHITECTURE.md"))
        .context("ARCHITECTURE.md holds the dependency table and must be there")?;
    problems.extend(table::differences(
        &table::parse(&architecture)?,
        &graph::internal_edges(root)?,
    ));
    problems.extend(graph::forbidden(root)?);

    let files = sources.iter().map(|(_, source)| source.lines).collect();
    let functions = sources
        .iter()
        .flat_map(|(_, source)| &source.functions)
        .map(|f| f.lines)
        .collect();
    writeln!(out, "lines of a file:     {}", Spread::of(files))?;
    writeln!(out, "lines of a function: {}", Spread::of(functions))?;
    for problem in &problems {
        writeln!(out, "{problem}")?;
    }
    Ok(if problems.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Production sources below `crates/*/src`, with their paths from the root.
fn sources(root: &Path, problems: &mut Vec<String>) -> Result<Vec<(PathBuf, Source)>> {
    let mut sources = Vec::new();
    for package in fs::read_dir(root.join("crates"))? {
        let mut files = Vec::new();
        walk(&package?.path().join("src"), &mut files)?;
        for file in files {
            let path = file.strip_prefix(root).unwrap_or(&file).to_owned();
            if path.file_name().is_some_and(|name| name == "mod.rs") {
                problems.push(format!(
                    "{}: name it after its folder instead",
                    path.display()
                ));
            }
            if is_test(&path) {
                continue;
            }
            let text = fs::read_to_string(&file)
                .with_context(|| format!("cannot read {}", path.display()))?;
            match Source::parse(&text) {
                Ok(Some(source)) => sources.push((path, source)),
                Ok(None) => {}
                Err(error) => problems.push(format!("{}: {error}", path.display())),
            }
        }
    }
    sources.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(sources)
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            walk(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

fn is_test(path: &Path) -> bool {
    path.components()
        .any(|part| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs")
}

fn judge(path: &Path, source: &Source) -> Vec<String> {
    let mut problems = Vec::new();
    let path = path.display();
    if source.lines > MAX_FILE {
        problems.push(format!(
            "{path}: {} production lines, at most {MAX_FILE}",
            source.lines
        ));
    }
    for function in source
        .functions
        .iter()
        .filter(|function| function.lines > MAX_FUNCTION)
    {
        problems.push(format!(
            "{path}:{}: `{}` has {} lines, at most {MAX_FUNCTION}",
            function.line, function.name, function.lines
        ));
    }
    problems.extend(
        source
            .unsafe_lines
            .iter()
            .map(|line| format!("{path}:{line}: unsafe code")),
    );
    problems
}

/// How sizes spread.
struct Spread {
    count: usize,
    median: usize,
    p90: usize,
    max: usize,
}

impl Spread {
    fn of(mut sizes: Vec<usize>) -> Self {
        sizes.sort_unstable();
        // The smallest size that at least that share of all does not exceed.
        let quantile = |percent: usize| {
            let rank = (sizes.len() * percent).div_ceil(100).max(1);
            sizes.get(rank - 1).copied().unwrap_or_default()
        };
        Self {
            count: sizes.len(),
            median: quantile(50),
            p90: quantile(90),
            max: quantile(100),
        }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            count,
            median,
            p90,
            max,
        } = self;
        write!(f, "median {median}, p90 {p90}, max {max} ({count} in all)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_are_nearest_ranks() {
        let table = [
            (vec![], (0, 0, 0)),
            (vec![7], (7, 7, 7)),
            ((1..=10).rev().collect(), (5, 9, 10)),
            (vec![1, 2, 3, 100], (2, 100, 100)),
        ];
        for (sizes, want) in table {
            let Spread {
                median, p90, max, ..
            } = Spread::of(sizes.clone());
            assert_eq!((median, p90, max), want, "{sizes:?}");
        }
    }

    #[test]
    fn oversized_and_unsafe_code_is_named() {
        let function = |lines| source::Function {
            name: "f".into(),
            line: 3,
            lines,
        };
        let source = Source {
            lines: MAX_FILE + 1,
            functions: vec![function(MAX_FUNCTION), function(MAX_FUNCTION + 1)],
            unsafe_lines: vec![9],
        };
        let problems = judge(Path::new("x.rs"), &source);
        assert_eq!(
            problems,
            [
                "x.rs: 601 production lines, at most 600",
                "x.rs:3: `f` has 101 lines, at most 100",
                "x.rs:9: unsafe code",
            ]
        );
    }

    #[test]
    fn test_files_are_not_production() {
        for (path, want) in [
            ("a/src/x/tests.rs", true),
            ("a/tests/x.rs", true),
            ("a/src/tests_of.rs", false),
        ] {
            assert_eq!(is_test(Path::new(path)), want, "{path}");
        }
    }
}
