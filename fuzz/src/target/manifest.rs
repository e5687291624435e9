//! Manifests: loading, translating and indexing never panics, and findings point into the file.

use std::sync::Arc;

use agw_core::snapshot::Snapshot;
use agw_translate::finding::Finding;
use agw_translate::manifest::{ManifestFile, load};
use agw_translate::{ClusterState, Mode, Settings, translate};

use super::{Behaviour, Target, Verdict};

pub(super) const TARGET: Target = Target {
    name: "manifest",
    dictionary: &[
        "apiVersion: ",
        "kind: ",
        "metadata: ",
        "name: ",
        "namespace: ",
        "spec: ",
        "rules: ",
        "matches: ",
        "filters: ",
        "backendRefs: ",
        "parentRefs: ",
        "weight: 0",
        "weight: ",
        "path: ",
        "type: ",
        "value: ",
        "headers: ",
        "queryParams: ",
        "method: ",
        "timeouts: ",
        "request: ",
        "backendRequest: ",
        "retry: ",
        "attempts: ",
        "backoff: ",
        "hostnames: ",
        "listeners: ",
        "port: ",
        "protocol: ",
        "hostname: ",
        "tls: ",
        "gatewayClassName: ",
        "ai: ",
        "provider: ",
        "openai: ",
        "model: ",
        "config: ",
        "policies: ",
        "auth: ",
        "secretRef: ",
        "key: ",
        "healthCheck: ",
        "interval: ",
        "timeout: ",
        "traffic: ",
        "transformation: ",
        "targetRefs: ",
        "group: ",
        "sectionName: ",
        "PathPrefix",
        "Exact",
        "RegularExpression",
        "URLRewrite",
        "ReplacePrefixMatch",
        "ReplaceFullPath",
        "RequestRedirect",
        "HTTPRoute",
        "Gateway",
        "Secret",
        "List",
        "items: ",
        "\n---\n",
        "...\n",
        "&a ",
        "*a",
        "<<: *a",
        "- ",
        "? ",
        "| ",
        "|\n",
        ">-\n",
        "{",
        "}",
        "[",
        "]",
        ", ",
        "\"",
        "'",
        "# ",
        "\t",
        "!!str ",
        "!x ",
        "~",
        "null",
        "true",
        "on",
        "0s",
        "1h",
        "-1s",
        "0x10",
        ".inf",
        "1e3",
        "\u{feff}",
        "\u{2028}",
        "\r\n",
        "%YAML 1.1\n",
        "é",
    ],
    more_seeds: &[
        "examples/routing-patterns",
        "tests/broken",
        "crates/translate/testdata",
    ],
    run,
};

fn run(input: &[u8]) -> Verdict {
    let text = String::from_utf8_lossy(input).into_owned();
    let files = [ManifestFile::new("m.yaml", text)];
    let loaded = load(&files);
    let mut findings = loaded.findings.clone();
    let state = ClusterState::from_loaded(loaded);
    for mode in [Mode::Files, Mode::Cluster] {
        let settings = Settings {
            mode,
            ..Settings::default()
        };
        let translation = translate(&state, &settings);
        for gateway in &translation.gateways {
            serde_json::to_string(gateway).map_err(|error| error.to_string())?;
            Snapshot::build(1, Arc::clone(gateway));
        }
        findings.extend(translation.findings);
    }
    for finding in &findings {
        check(finding, &files[0])?;
    }
    let mut told: Vec<_> = findings.iter().map(shape).collect();
    told.sort();
    told.dedup();
    Ok(Behaviour::of(&told.concat()))
}

/// Whether a finding's place is in the file.
fn check(finding: &Finding, file: &ManifestFile) -> Result<(), String> {
    let outside = |what: &str| Err(format!("{what} is not in the file: {finding:?}"));
    if finding.file.as_deref() != Some(&file.path) {
        return outside("the file");
    }
    let (Some(line), Some(column)) = (finding.line, finding.column) else {
        return outside("no place");
    };
    // The end of the text is a place too.
    let lines = file.text.split('\n').count();
    if line == 0 || line as usize > lines {
        return outside("the line");
    }
    let written = file.text.split('\n').nth(line as usize - 1);
    let columns = written.map_or(0, |line| line.chars().count());
    if column == 0 || column as usize > columns + 1 {
        return outside("the column");
    }
    Ok(())
}

fn shape(finding: &Finding) -> String {
    let kind = finding.object.as_ref().map_or("", |o| o.kind.as_str());
    let field = finding.field.as_deref().unwrap_or_default();
    let field = field.rsplit('.').next().unwrap_or_default();
    format!("{}{kind}{field};", finding.code.title())
}
