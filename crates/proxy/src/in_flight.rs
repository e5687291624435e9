//! Requests that a target has.

use std::sync::Arc;

use crate::live::TargetState;

/// One of them, from its first attempt until its answer has gone out or was given up.
pub(crate) struct InFlight(Arc<TargetState>);

impl InFlight {
    pub(crate) fn new(state: &Arc<TargetState>) -> Self {
        state.begun();
        Self(state.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.ended();
    }
}
