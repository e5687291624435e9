//! Findings as they are made, tied to the object and field they are about.

use agw_core::id::ObjectKey;

use crate::finding::{Code, Finding, ObjectRef, Severity};
use crate::manifest::Origin;

/// Collects findings.
#[derive(Debug, Default)]
pub(crate) struct Report {
    findings: Vec<Finding>,
}

/// The object that is being translated.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) kind: &'static str,
    pub(crate) key: &'a ObjectKey,
    pub(crate) origin: &'a Origin,
}

impl Subject<'_> {
    pub(crate) fn reference(&self) -> ObjectRef {
        let namespace = Some(&*self.key.namespace).filter(|n| !n.is_empty());
        ObjectRef::new(self.kind, namespace, &self.key.name)
    }
}

impl Report {
    /// Notes a finding about `field` of `subject`.
    pub(crate) fn add(
        &mut self,
        subject: Subject<'_>,
        code: Code,
        field: &str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let finding = Finding::new(code, message)
            .with_remedy(remedy)
            .about(subject.reference());
        self.findings.push(finding.at(subject.origin, field));
    }

    /// Notes a finding at a line and column, both from 1, of the text of `field`.
    pub(crate) fn add_inside(
        &mut self,
        subject: Subject<'_>,
        code: Code,
        field: &str,
        position: (u32, u32),
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let finding = Finding::new(code, message)
            .with_remedy(remedy)
            .about(subject.reference());
        let mut finding = finding.at(subject.origin, field);
        if let Some((line, column)) = subject.origin.locate_within(field, position) {
            finding.line = Some(line);
            finding.column = Some(column);
        }
        self.findings.push(finding);
    }

    /// Notes findings that are complete.
    pub(crate) fn extend(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.findings.extend(findings);
    }

    /// Where the findings stand now, for [`Report::errors_since`].
    pub(crate) fn mark(&self) -> usize {
        self.findings.len()
    }

    /// The first errors since the mark, as a condition's message tells them.
    pub(crate) fn errors_since(&self, mark: usize) -> String {
        const TOLD: usize = 3;
        let errors = self.findings[mark..]
            .iter()
            .filter(|finding| finding.severity == Severity::Error);
        let told = errors.take(TOLD).map(|finding| {
            let field = finding.field.as_deref().unwrap_or_default();
            format!("{field}: {}", finding.message)
        });
        told.collect::<Vec<_>>().join("; ")
    }

    /// Every finding, as they were made.
    pub(crate) fn into_findings(self) -> Vec<Finding> {
        self.findings
    }

    /// Every finding, in the order of files and lines.
    pub(crate) fn finish(mut self) -> Vec<Finding> {
        self.findings.sort_by(|a, b| {
            let place = |f: &Finding| (f.line, f.column, f.code);
            (a.file.cmp(&b.file))
                .then_with(|| place(a).cmp(&place(b)))
                .then_with(|| a.field.cmp(&b.field))
                .then_with(|| a.message.cmp(&b.message))
        });
        self.findings.dedup();
        self.findings
    }
}
