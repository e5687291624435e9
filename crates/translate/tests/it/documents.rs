//! The examples of this project.

use std::path::{Path, PathBuf};

use agw_translate::Settings;
use agw_translate::finding::{Code, Severity};
use agw_translate::manifest::ManifestFile;

use super::{line, read_files};

fn manifests(folder: &Path) -> Vec<ManifestFile> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
        .collect();
    paths.sort();
    let files = paths.iter().map(|path| ManifestFile {
        path: path.file_name().unwrap().to_string_lossy().into_owned(),
        text: std::fs::read_to_string(path).unwrap(),
    });
    files.collect()
}

#[test]
fn the_examples_give_no_finding_but_on_header_case() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/routing-patterns");
    let files = manifests(&folder);
    assert!(files.len() >= 8);
    let translation = read_files(&files, &Settings::default());
    // Their headers are written as HTTP/1.1 shows them, on purpose.
    let (cased, others): (Vec<_>, Vec<_>) = translation
        .findings
        .iter()
        .partition(|f| f.code == Code::HeaderCase);
    assert!(cased.iter().all(|f| f.severity == Severity::Hint));
    assert!(!cased.is_empty());
    let lines: Vec<_> = others.into_iter().map(line).collect();
    assert!(lines.is_empty(), "{lines:#?}");
    assert_eq!(translation.gateways.len(), 1);
}

/// Findings on the examples in a folder.
fn told(folder: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../examples")
        .join(folder);
    let files = manifests(&folder);
    assert!(!files.is_empty());
    let translation = read_files(&files, &Settings::default());
    assert_eq!(translation.gateways.len(), 1);
    translation.findings.iter().map(line).collect()
}

#[test]
fn the_examples_of_shaping_give_no_finding() {
    assert_eq!(told("shaping"), Vec::<String>::new());
}

#[test]
fn the_examples_of_guardrails_give_no_finding() {
    assert_eq!(told("guardrails"), Vec::<String>::new());
}
