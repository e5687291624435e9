//! `testdata/<case>.yaml` gives exactly what stands in `testdata/<case>.golden`.
//!
//! `UPDATE_GOLDEN=1 cargo test -p agw-translate` writes the files anew; read the difference.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use agw_translate::manifest::ManifestFile;
use agw_translate::{Mode, Settings, Translation};

use super::{line, read_files};

/// Cases whose first line is `# mode: cluster` are read as from an API server.
const CLUSTER: &str = "# mode: cluster\n";

fn rendered(translation: &Translation) -> String {
    let mut text = String::from("findings\n");
    for finding in &translation.findings {
        writeln!(text, "  {}", line(finding)).unwrap();
    }
    for status in &translation.statuses {
        let body = serde_json::to_string_pretty(&status.status).unwrap();
        writeln!(text, "\nstatus of {}\n{body}", status.object).unwrap();
    }
    for gateway in &translation.gateways {
        let body = serde_json::to_string_pretty(gateway).unwrap();
        writeln!(text, "\nconfiguration of {}\n{body}", gateway.gateway).unwrap();
    }
    for infra in &translation.infra {
        let body = serde_json::to_string_pretty(infra).unwrap();
        writeln!(text, "\ndeployed for {}\n{body}", infra.gateway).unwrap();
    }
    text
}

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let files = std::fs::read_dir(folder).unwrap();
    let files = files.map(|entry| entry.unwrap().path());
    let mut cases: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
        .collect();
    cases.sort();
    cases
}

#[test]
fn every_case_gives_what_its_golden_file_says() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let cases = cases();
    assert!(cases.len() >= 20, "{} cases found", cases.len());
    let mut different = Vec::new();
    for case in &cases {
        let text = std::fs::read_to_string(case).unwrap();
        let settings = Settings {
            mode: if text.starts_with(CLUSTER) {
                Mode::Cluster
            } else {
                Mode::Files
            },
            ..Settings::default()
        };
        let file = ManifestFile {
            path: case.file_name().unwrap().to_string_lossy().into_owned(),
            text,
        };
        let got = rendered(&read_files(&[file], &settings));
        let golden = case.with_extension("golden");
        if update {
            std::fs::write(&golden, &got).unwrap();
        } else if std::fs::read_to_string(&golden).unwrap_or_default() != got {
            different.push(format!("{}\n{got}", golden.display()));
        }
    }
    assert!(
        different.is_empty(),
        "these differ from their golden files:\n{}",
        different.join("\n")
    );
}

#[test]
fn every_golden_file_has_its_case() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "golden") {
            assert!(path.with_extension("yaml").exists(), "{}", path.display());
        }
    }
}
