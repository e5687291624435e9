//! Which policy says what of which target.

use agw_core::id::ObjectKey;
use agw_core::policy::Field;

use super::target::Target;

/// A policy in force on a target.
#[derive(Debug, Clone)]
pub struct Origin {
    pub target: Target,
    /// Kind of the policy.
    pub kind: &'static str,
    pub policy: ObjectKey,
    /// What it says there; an older policy on the same target may say it too, and wins.
    pub fields: Vec<Field>,
    /// What it says of requests to models (`spec.backend.ai`).
    pub shapes: Shapes,
}

/// Whether a policy says anything of requests to models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shapes {
    Nothing,
    Something,
}
