//! Every manifest of this project loads with the findings that `documents.expected` has for it, and
//! no others: those of a folder of `examples` together, any other by itself, and the whole objects
//! that documents show.
//!
//! `UPDATE_GOLDEN=1 cargo test -p agw-translate` writes the list anew; read the difference.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use agw_core::backend::Endpoint;
use agw_translate::Settings;
use agw_translate::finding::Finding;
use agw_translate::manifest::ManifestFile;

use super::read_files;

/// What is no manifest for users, and why.
const OTHERS: &[(&str, &str)] = &[
    ("charts/", "templates, and the definitions of crds/"),
    ("crates/", "inputs of tests that stand beside them"),
    ("crds/", "definitions of kinds"),
    ("deploy/base/", "rendered from the charts"),
    ("docs/conformance/", "a report"),
    ("kind-config.yaml", "of kind"),
    ("target/", "built"),
    ("tests/broken/", "each says itself what it is told"),
    ("tests/chart/", "values of a chart"),
    ("tests/cluster/", "configuration of a cluster's parts"),
    ("tests/crds/", "each says itself what it is told"),
];

/// Manifests by what is read together.
type Units = BTreeMap<String, Vec<ManifestFile>>;

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    here.canonicalize().unwrap()
}

/// Files under `folder` with the extension, by their paths from `root`; hidden folders are not
/// looked into.
fn files(root: &Path, folder: &Path, extension: &str, out: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let relative = path.strip_prefix(root).unwrap().to_str().unwrap();
        let is_hidden = path.file_name().unwrap().as_encoded_bytes()[0] == b'.';
        let within = format!("{relative}/");
        let is_other = |(other, _): &(&str, &str)| within.starts_with(other) || relative == *other;
        if is_hidden || OTHERS.iter().any(is_other) {
            continue;
        }
        if path.is_dir() {
            files(root, &path, extension, out);
        } else if path.extension().is_some_and(|e| e == extension) {
            out.push(relative.to_owned());
        }
    }
    out.sort();
}

fn manifests(root: &Path, units: &mut Units) {
    let mut paths = Vec::new();
    files(root, root, "yaml", &mut paths);
    for path in paths
        .into_iter()
        .filter(|p| !p.ends_with("kustomization.yaml"))
    {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let unit = match folder.starts_with("examples/") {
            true => folder.to_owned(),
            false => path.clone(),
        };
        let text = std::fs::read_to_string(root.join(&path)).unwrap();
        units
            .entry(unit)
            .or_default()
            .push(ManifestFile { path, text });
    }
}

/// The blocks of documents that are whole objects.
fn blocks(root: &Path, units: &mut Units) {
    let mut paths = Vec::new();
    files(root, root, "md", &mut paths);
    for path in paths {
        let text = std::fs::read_to_string(root.join(&path)).unwrap();
        let blocks = text.split("```yaml\n").skip(1);
        for (number, block) in blocks.enumerate() {
            let text = block.split("\n```").next().unwrap();
            if !text.lines().any(|line| line.starts_with("kind:")) {
                continue;
            }
            let path = format!("{path}#{}", number + 1);
            let text = text.to_owned();
            units.insert(path.clone(), vec![ManifestFile { path, text }]);
        }
    }
}

/// As `agw run --mock` reads them: no key is needed.
fn mocked() -> Settings {
    Settings {
        provider_override: Some(Endpoint {
            host: "127.0.0.1".into(),
            port: 9000,
            tls: None,
        }),
        ..Settings::default()
    }
}

/// What was found, without lines: they change with every edit.
fn line(finding: &Finding) -> String {
    let object = finding.object.as_ref();
    let object = object.map_or_else(|| "-".to_owned(), ToString::to_string);
    let field = finding.field.as_deref().unwrap_or("-");
    let Finding {
        code,
        severity,
        message,
        ..
    } = finding;
    format!("  {code} {severity} {object} {field}: {message}")
}

#[test]
fn every_manifest_has_the_findings_that_it_is_meant_to_have() {
    let root = root();
    let mut units = Units::new();
    manifests(&root, &mut units);
    blocks(&root, &mut units);
    let examples = units.keys().filter(|unit| unit.starts_with("examples/"));
    assert!(
        examples.count() >= 4 && units.len() >= 15,
        "{:?}",
        units.keys()
    );
    let mut told = String::new();
    for (unit, files) in &units {
        let translation = read_files(files, &mocked());
        writeln!(told, "{unit}").unwrap();
        for finding in &translation.findings {
            writeln!(told, "{}", line(finding)).unwrap();
        }
        if unit.starts_with("examples/") {
            assert_eq!(translation.gateways.len(), 1, "{unit}");
        }
    }
    let expected = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/documents.expected");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&expected, &told).unwrap();
    }
    let expected = std::fs::read_to_string(&expected).unwrap();
    similar(&expected, &told);
}

/// Fails with the lines that only one of the two has.
fn similar(expected: &str, told: &str) {
    let missing: Vec<_> = expected
        .lines()
        .filter(|l| !told.lines().any(|t| t == *l))
        .collect();
    let more: Vec<_> = told
        .lines()
        .filter(|l| !expected.lines().any(|t| t == *l))
        .collect();
    assert!(
        expected == told,
        "expected and not found:\n{}\nfound and not expected:\n{}",
        missing.join("\n"),
        more.join("\n"),
    );
}
