//! Translation as a whole: manifests in, configuration, statuses and findings out.

#![expect(clippy::unwrap_used, reason = "tests")]

mod again;
mod cluster;
mod coverage;
mod crds;
mod documents;
mod golden;
mod isolation;
mod spellings;

use agw_translate::finding::Finding;
use agw_translate::manifest::{ManifestFile, load};
use agw_translate::{ClusterState, Settings, Translation, translate};

/// Loads and translates texts as files `0.yaml`, `1.yaml` …; findings of both steps are together.
fn read(texts: &[&str]) -> Translation {
    read_with(texts, &Settings::default())
}

fn read_with(texts: &[&str], settings: &Settings) -> Translation {
    let files = texts.iter().enumerate().map(|(n, text)| ManifestFile {
        path: format!("{n}.yaml"),
        text: (*text).to_owned(),
    });
    read_files(&files.collect::<Vec<_>>(), settings)
}

fn read_files(files: &[ManifestFile], settings: &Settings) -> Translation {
    let loaded = load(files);
    let findings = loaded.findings.clone();
    let mut translation = translate(&ClusterState::from_loaded(loaded), settings);
    translation.findings.splice(0..0, findings);
    translation
}

/// One line: `AGW0105 error 0.yaml:7:5 Kind ns/name spec.x: message | remedy`.
fn line(finding: &Finding) -> String {
    let object = finding.object.as_ref();
    format!(
        "{} {} {}:{}:{} {} {}: {} | {}",
        finding.code,
        finding.severity,
        finding.file.as_deref().unwrap_or("-"),
        finding.line.unwrap_or_default(),
        finding.column.unwrap_or_default(),
        object.map_or_else(|| "-".to_owned(), ToString::to_string),
        finding.field.as_deref().unwrap_or("-"),
        finding.message,
        finding.remedy,
    )
}
