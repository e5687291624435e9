//! The packages that are built, as cargo sees them.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::table::Edges;

const PREFIX: &str = "agw-";
/// A second TLS or crypto provider in the binary.
const FORBIDDEN: [&str; 3] = ["ring", "openssl-sys", "native-tls"];

/// The part of `cargo metadata` that is looked at.
#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    /// `None` for a normal dependency, else `dev` or `build`.
    kind: Option<String>,
}

/// Normal dependencies between the workspace's crates, by folder name. Dependencies of tests are
/// free: they are in no binary.
pub(crate) fn internal_edges(root: &Path) -> Result<Edges> {
    let json = cargo(root, &["metadata", "--format-version", "1", "--no-deps"])?;
    Ok(edges(
        &serde_json::from_str(&json).context("cargo metadata printed something else")?,
    ))
}

/// Packages that must not be in a binary but are.
pub(crate) fn forbidden(root: &Path) -> Result<Vec<String>> {
    // Not `cargo metadata`: its graph holds packages that only a feature nobody has on would need.
    let tree = cargo(
        root,
        &[
            "tree",
            "--workspace",
            "--edges",
            "normal",
            "--prefix",
            "none",
        ],
    )?;
    Ok(forbidden_in(&tree))
}

fn cargo(root: &Path, arguments: &[&str]) -> Result<String> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let output = Command::new(program)
        .args(arguments)
        .current_dir(root)
        .output()
        .with_context(|| format!("cannot run cargo {}", arguments[0]))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "cargo {}: {complaint}",
        arguments[0]
    );
    String::from_utf8(output.stdout).context("cargo printed something that is not text")
}

fn edges(metadata: &Metadata) -> Edges {
    let short = |name: &str| name.strip_prefix(PREFIX).map(str::to_owned);
    metadata
        .packages
        .iter()
        .filter_map(|package| {
            let normal = package
                .dependencies
                .iter()
                .filter(|dependency| dependency.kind.is_none());
            Some((
                short(&package.name)?,
                normal.filter_map(|d| short(&d.name)).collect(),
            ))
        })
        .collect()
}

/// Reads `cargo tree --prefix none`: a package a line, its name first.
fn forbidden_in(tree: &str) -> Vec<String> {
    let names: BTreeSet<_> = tree
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    FORBIDDEN
        .iter()
        .filter(|name| names.contains(*name))
        .map(|name| {
            format!("forbidden package `{name}`; see `cargo tree --edges normal --invert {name}`")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn internal_edges_are_normal_dependencies() {
        let metadata = serde_json::from_value(json!({
            "packages": [
                {"name": "agw-a", "dependencies": [
                    {"name": "agw-b", "kind": null},
                    {"name": "agw-c", "kind": "dev"},
                    {"name": "x", "kind": null},
                ]},
                {"name": "agw-b", "dependencies": []},
            ],
        }));
        let want: Edges = [
            ("a".into(), ["b".to_owned()].into()),
            ("b".into(), BTreeSet::new()),
        ]
        .into();
        assert_eq!(edges(&metadata.unwrap()), want);
    }

    #[test]
    fn forbidden_packages_are_named() {
        let tree = "agw-cli v0.1.0 (/x/ring)\nring v0.17.14\nring v0.17.14 (*)\nring-like v1.0.0\n";
        let found = forbidden_in(tree);
        assert_eq!(
            found,
            ["forbidden package `ring`; see `cargo tree --edges normal --invert ring`"]
        );
        assert_eq!(
            forbidden_in("native-tls-x v1.0.0\nstring v1.0.0\n"),
            [""; 0]
        );
    }
}
