//! Cases in files, with what is expected of each beside what is given.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Runs every case of these folders, which fills in what came of it, and compares with what the
/// file says. `UPDATE_GOLDEN` writes the files anew.
pub(crate) fn run_all<Case: Serialize + DeserializeOwned>(
    folders: &[&str],
    at_least: usize,
    run: impl Fn(&mut Case),
) {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut failures = String::new();
    let paths = paths(folders);
    assert!(paths.len() >= at_least, "{paths:?}");
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        let mut case: Case = serde_json::from_str(&text).unwrap();
        run(&mut case);
        let mut now = serde_json::to_string_pretty(&case).unwrap();
        now.push('\n');
        if update {
            fs::write(&path, &now).unwrap();
        } else if now != text {
            let lines = now.lines().zip(text.lines());
            let first = lines.enumerate().find(|(_, (now, kept))| now != kept);
            failures += &format!("{}: {first:?}\n", path.display());
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

/// The files of folders under `tests/golden`, in order.
fn paths(folders: &[&str]) -> Vec<PathBuf> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let entries = folders
        .iter()
        .flat_map(|folder| fs::read_dir(golden.join(folder)).unwrap());
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}
