//! What is said on standard error: to people as text, to machines as JSON lines.

use std::io::{IsTerminal, Write};

use agw_translate::finding::{Finding, Severity};
use agw_translate::manifest::ManifestFile;

use super::banner::Banner;
use crate::command::Plain;
use crate::report;

/// To whom standard error speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Voice {
    People,
    Machines,
}

impl Voice {
    pub(crate) fn choose(plain: Plain) -> Self {
        match plain {
            Plain::Always => Self::People,
            Plain::Never => Self::Machines,
            Plain::Auto if std::io::stderr().is_terminal() => Self::People,
            Plain::Auto => Self::Machines,
        }
    }

    /// Errors and warnings in full, hints as a number: `agw analyze` shows them.
    pub(crate) fn findings<'a>(
        self,
        findings: impl IntoIterator<Item = &'a Finding>,
        files: &[ManifestFile],
    ) {
        let mut hints = 0;
        for finding in findings {
            match (finding.severity, self) {
                (Severity::Hint, _) => hints += 1,
                (_, Self::People) => write(&report::render(finding, files)),
                (_, Self::Machines) => log(finding),
            }
        }
        if hints > 0 {
            self.note(&format!(
                "{hints} hints on the manifests; `agw analyze` shows them"
            ));
        }
    }

    pub(crate) fn note(self, text: &str) {
        match self {
            Self::People => write(&format!("{text}\n")),
            Self::Machines => tracing::info!(target: "agw", "{text}"),
        }
    }

    pub(crate) fn warn(self, text: &str) {
        match self {
            Self::People => write(&format!("warning: {text}\n")),
            Self::Machines => tracing::warn!(target: "agw", "{text}"),
        }
    }

    /// The last thing that is said.
    pub(crate) fn fatal(self, error: &anyhow::Error) {
        match self {
            Self::People => write(&format!("agw: {error:#}\n")),
            Self::Machines => tracing::error!(target: "agw", "{error:#}"),
        }
    }

    pub(crate) fn banner(self, banner: &Banner) {
        match self {
            Self::People => write(&banner.text()),
            Self::Machines => banner.log(),
        }
    }
}

fn write(text: &str) {
    // There is no other place to say that standard error takes no bytes.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

fn log(finding: &Finding) {
    macro_rules! event {
        ($level:ident) => {
            tracing::$level!(
                target: "agw::manifests",
                code = finding.code.as_str(),
                file = finding.file.as_deref(),
                line = finding.line,
                column = finding.column,
                field = finding.field.as_deref(),
                remedy = finding.remedy,
                "{finding}"
            )
        };
    }
    match finding.severity {
        Severity::Error => event!(error),
        Severity::Warning | Severity::Hint => event!(warn),
    }
}
