//! The labels of series, by name.

use super::families::Labels;
use super::metrics::{AiLabels, RequestLabels};

impl RequestLabels {
    pub(super) fn all(&self) -> Labels {
        vec![
            ("gateway", self.gateway.to_string()),
            ("listener", self.listener.to_string()),
            ("route_namespace", self.route_namespace.to_string()),
            ("route_name", self.route_name.to_string()),
            ("backend", self.backend.to_string()),
            ("provider", self.provider.to_owned()),
            ("model", self.model.to_string()),
            ("method", self.method.to_owned()),
            ("status", self.status.to_string()),
            ("reason", self.reason.to_owned()),
        ]
    }
}

impl AiLabels {
    pub(super) fn route(&self) -> Labels {
        vec![
            ("gateway", self.gateway.to_string()),
            ("route_namespace", self.route_namespace.to_string()),
            ("route_name", self.route_name.to_string()),
            ("backend", self.backend.to_string()),
            ("provider", self.provider.to_owned()),
            ("operation", self.operation.to_owned()),
            ("model", self.model.to_string()),
            ("response_model", self.response_model.to_string()),
        ]
    }

    pub(super) fn conventional(&self) -> Labels {
        vec![
            ("gen_ai_operation_name", self.operation.to_owned()),
            ("gen_ai_provider_name", self.provider.to_owned()),
            ("gen_ai_request_model", self.model.to_string()),
            ("gen_ai_response_model", self.response_model.to_string()),
            ("route_namespace", self.route_namespace.to_string()),
            ("route_name", self.route_name.to_string()),
            ("backend", self.backend.to_string()),
        ]
    }
}
