//! From files to what is served: the one way that `run` and `analyze` share.

use std::collections::HashMap;
use std::sync::Arc;

use agw_core::config::GatewayConfig;
use agw_translate::finding::{Finding, Severity};
use agw_translate::manifest::{self, ManifestFile};
use agw_translate::{ClusterState, ObjectStatus, Origin, Settings};

/// What files say, and what is wrong with it.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) files: Vec<ManifestFile>,
    pub(crate) gateways: Vec<Arc<GatewayConfig>>,
    pub(crate) statuses: Vec<Arc<ObjectStatus>>,
    pub(crate) findings: Vec<Finding>,
    /// Which policy says what of which target.
    pub(crate) origins: Vec<Origin>,
}

/// How much is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) gateways: usize,
    pub(crate) routes: usize,
    pub(crate) backends: usize,
}

impl Compiled {
    pub(crate) fn from(files: Vec<ManifestFile>, settings: &Settings) -> Self {
        let mut loaded = manifest::load(&files);
        let mut findings = std::mem::take(&mut loaded.findings);
        let state = ClusterState::from_loaded(loaded);
        let translation = agw_translate::translate(&state, settings);
        findings.extend(translation.findings);
        findings.sort_by_key(|finding| {
            (
                finding.file.clone(),
                finding.line,
                finding.column,
                finding.code,
            )
        });
        Self {
            files,
            gateways: translation.gateways,
            statuses: translation.statuses,
            findings,
            origins: translation.origins,
        }
    }

    pub(crate) fn errors(&self) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(|finding| finding.severity == Severity::Error)
    }

    /// Whether a file is not what it should be, as opposed to referring to what is not there.
    pub(crate) fn is_malformed(&self) -> bool {
        self.errors()
            .any(|finding| finding.code.as_str().starts_with("AGW01"))
    }

    /// Findings that `earlier` has not, wherever they stand in the files.
    pub(crate) fn new_findings<'a>(&'a self, earlier: &Self) -> Vec<&'a Finding> {
        let mut known: HashMap<_, usize> = HashMap::new();
        for finding in &earlier.findings {
            *known.entry(identity(finding)).or_default() += 1;
        }
        self.findings
            .iter()
            .filter(|finding| match known.get_mut(&identity(finding)) {
                Some(count) if *count > 0 => {
                    *count -= 1;
                    false
                }
                _ => true,
            })
            .collect()
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            gateways: self.gateways.len(),
            routes: self
                .gateways
                .iter()
                .map(|gateway| gateway.routes.len())
                .sum(),
            backends: self
                .gateways
                .iter()
                .map(|gateway| gateway.backends.len())
                .sum(),
        }
    }
}

/// What makes two findings the same although lines moved.
fn identity(finding: &Finding) -> (&str, String, Option<&str>, &str) {
    let object = finding
        .object
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    (
        finding.code.as_str(),
        object,
        finding.field.as_deref(),
        &finding.message,
    )
}

/// `1 gateway, 2 routes, 3 backends`.
impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let plural = |n: usize| if n == 1 { "" } else { "s" };
        write!(
            f,
            "{} gateway{}, {} route{}, {} backend{}",
            self.gateways,
            plural(self.gateways),
            self.routes,
            plural(self.routes),
            self.backends,
            plural(self.backends),
        )
    }
}
