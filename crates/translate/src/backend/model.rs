//! Backends of models that are objects of their own.

use agw_api::backend::Provider;
use agw_api::backend_policy::BackendPolicies;
use agw_core::backend::{AiBackend, Backend, BackendTarget};
use agw_core::id::BackendKey;

use super::{Context, Layer, provider};
use crate::expression::Rejected;
use crate::report::Report;

/// A model's provider and policies as its `spec` says them, in the words of a backend.
pub(crate) struct OfModel<'a> {
    pub(crate) key: BackendKey,
    pub(crate) provider: &'a Provider,
    pub(crate) policies: &'a BackendPolicies,
}

/// Why there is no backend of a model.
#[derive(Debug, Clone)]
pub(crate) enum Unserved {
    /// What it says is not valid.
    Invalid(String),
    /// What it refers to is not there, for this reason.
    Unresolved(&'static str, String),
}

impl Unserved {
    pub(crate) fn why(&self) -> &str {
        match self {
            Self::Invalid(why) | Self::Unresolved(_, why) => why,
        }
    }
}

/// The backend of a model.
pub(crate) fn of_model(
    context: Context<'_>,
    model: &OfModel<'_>,
    report: &mut Report,
) -> Result<Backend, Unserved> {
    let mark = report.mark();
    let layers = vec![Layer {
        policies: model.policies,
        subject: context.subject,
        field: "spec.policies".to_owned(),
    }];
    let entry = provider::Entry {
        name: None,
        provider: model.provider,
        field: "spec".to_owned(),
    };
    let mut refs = Ok(());
    let made = context.provider(&entry, &layers, &mut refs, report);
    let made = made.map_err(|Rejected| Unserved::Invalid(report.errors_since(mark)))?;
    refs.map_err(|unresolved| Unserved::Unresolved(unresolved.reason, unresolved.message))?;
    Ok(Backend {
        key: model.key.clone(),
        target: BackendTarget::Ai(AiBackend {
            groups: vec![made],
            routes: Vec::new(),
        }),
    })
}
