//! Where in a policy something is written, and what is said about it.

use agw_api::access::BackendObjectRef;
use agw_core::expr::Expression;
use agw_core::id::BackendKey;

use crate::expression::{self, Rejected};
use crate::finding::Code;
use crate::report::{Report, Subject};
use crate::server::Reference;
use crate::state::ClusterState;

/// A field of a policy that is being compiled.
pub(super) struct Place<'a, 'r> {
    pub(super) state: &'a ClusterState,
    pub(super) subject: Subject<'a>,
    /// Path of the field.
    pub(super) field: String,
    pub(super) report: &'r mut Report,
}

impl<'a> Place<'a, '_> {
    /// A field inside this one.
    pub(super) fn inside(&mut self, name: &str) -> Place<'a, '_> {
        Place {
            state: self.state,
            subject: self.subject,
            field: format!("{}.{name}", self.field),
            report: self.report,
        }
    }

    /// Notes what is wrong at `at` inside this field.
    pub(super) fn say(&mut self, code: Code, at: &str, message: &str, remedy: &str) {
        let field = match at {
            "" => self.field.clone(),
            at => format!("{}.{at}", self.field),
        };
        self.report.add(self.subject, code, &field, message, remedy);
    }

    /// The same, of what keeps the policy from being valid.
    pub(super) fn refuse(&mut self, at: &str, message: &str, remedy: &str) -> Rejected {
        self.say(Code::InvalidPolicy, at, message, remedy);
        Rejected
    }

    /// What the reference in this field leads to.
    pub(super) fn server(&mut self, to: &BackendObjectRef) -> Result<BackendKey, Rejected> {
        let reference = Reference {
            state: self.state,
            subject: self.subject,
            field: self.field.clone(),
            report: self.report,
        };
        reference.find(to)
    }

    /// Compiles the expression at `at`.
    pub(super) fn expression(&mut self, at: &str, source: &str) -> Result<Expression, Rejected> {
        let field = format!("{}.{at}", self.field);
        expression::compile(source, self.subject, &field, self.report)
    }
}
