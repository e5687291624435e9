//! What guards did, in the words of metrics.

use agw_ai::guard::Verdict;

/// What a guard looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Phase {
    Request,
    Response,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum GuardAction {
    Allow,
    /// It could not be asked about, and that is to be let pass.
    FailOpen,
    Mask,
    Reject,
}

impl Phase {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Request => "Request",
            Self::Response => "Response",
        }
    }
}

impl GuardAction {
    pub(crate) fn of(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Allow => Self::Allow,
            Verdict::Mask => Self::Mask,
            Verdict::Reject => Self::Reject,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "Allow",
            Self::FailOpen => "FailOpen",
            Self::Mask => "Mask",
            Self::Reject => "Reject",
        }
    }
}
