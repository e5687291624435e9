//! Azure OpenAI: OpenAI's API under `/openai/`, where deployments stand for models.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, request::Parts};
use serde_json::{Map, Value, json};

use super::{OpenAi, Operation, error};
use crate::{
    credential,
    dialect::{self, Context, Dialect, Endpoint, Framing, Intake, Payload, Refusal},
    error::ApiError,
    fault::ModelSelector,
    ids::Ids,
    percent,
    settings::{KeyCheck, Settings},
    wire::to_bytes,
};

const DEPLOYMENTS: &str = "/openai/deployments/";

/// Azure's form of OpenAI's API. `/openai/v1/…` is the newer one, in which the body names the deployment.
#[derive(Debug)]
pub(crate) struct Azure;

/// An operation on a deployment.
#[derive(Debug)]
struct Deployed {
    operation: Operation,
    deployment: String,
}

// === impl Azure ===

impl Dialect for Azure {
    fn owns(&self, parts: &Parts) -> bool {
        parts.uri.path().starts_with("/openai/")
    }

    fn request_id(&self, ids: &Ids) -> String {
        ids.uuid()
    }

    fn stamp(&self, headers: &mut HeaderMap, request_id: HeaderValue, elapsed_ms: u64) {
        headers.insert("apim-request-id", request_id.clone());
        OpenAi.stamp(headers, request_id, elapsed_ms);
    }

    fn endpoint(&self, parts: &Parts) -> Result<Arc<dyn Endpoint>, ApiError> {
        let path = parts.uri.path();
        let Some(rest) = path.strip_prefix(DEPLOYMENTS) else {
            return OpenAi.endpoint(parts);
        };
        let unknown = || ApiError::UnknownUrl {
            method: parts.method.clone(),
            path: path.to_owned(),
        };
        let versioned = parts.uri.query().is_some_and(|query| {
            query.split('&').any(|pair| {
                pair.strip_prefix("api-version=")
                    .is_some_and(|v| !v.is_empty())
            })
        });
        let (deployment, rest) = rest.split_once('/').ok_or_else(unknown)?;
        let operation = Operation::named(rest)
            .filter(|operation| {
                versioned
                    && matches!(
                        operation,
                        Operation::Chat | Operation::Completions | Operation::Embeddings
                    )
            })
            .ok_or_else(unknown)?
            .called_by(&parts.method, path)?;
        Ok(Arc::new(Deployed {
            operation,
            deployment: percent::decode(deployment),
        }))
    }

    fn admit(
        &self,
        parts: &Parts,
        _body: Option<&[u8]>,
        settings: &Settings,
    ) -> Result<(), ApiError> {
        let keyed = credential::header(&parts.headers, "api-key").is_some()
            || credential::bearer(&parts.headers).is_some();
        match settings.require_key {
            KeyCheck::Required if !keyed => Err(ApiError::MissingKey),
            _ => Ok(()),
        }
    }

    /// What Azure's front refuses has a code of digits; what the model refuses is as with OpenAI.
    fn refusal(&self, error: &ApiError, _request_id: &str) -> Refusal {
        let status = error.status();
        let (code, message) = match error {
            ApiError::MissingKey => (
                "401",
                "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active subscription and use a correct regional API endpoint for your resource.",
            ),
            ApiError::UnknownUrl { .. } => ("404", "Resource not found"),
            ApiError::UnknownModel(_) => (
                "DeploymentNotFound",
                "The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, please wait a moment and try again.",
            ),
            ApiError::Injected {
                status: StatusCode::TOO_MANY_REQUESTS,
                ..
            } => (
                "429",
                "Requests to the deployment have exceeded the call rate limit of your current pricing tier. Please retry later.",
            ),
            _ => return error::refusal(error),
        };
        Refusal {
            status,
            headers: error::refusal(error).headers,
            body: to_bytes(&json!({"error": {"code": code, "message": message}})),
        }
    }
}

// === impl Deployed ===

impl Endpoint for Deployed {
    fn intake(&self) -> Intake {
        self.operation.intake()
    }

    fn selector(&self, _document: Option<&Map<String, Value>>) -> Option<ModelSelector> {
        dialect::by_model(&self.deployment)
    }

    fn framing(&self, document: &Map<String, Value>) -> Option<Framing> {
        self.operation.framing(document)
    }

    /// The deployment is the model; one that the body names is not looked at.
    fn answer(
        &self,
        document: &Map<String, Value>,
        context: &Context<'_>,
    ) -> Result<Payload, ApiError> {
        let mut document = document.clone();
        document.insert("model".to_owned(), self.deployment.as_str().into());
        self.operation.answer(&document, context)
    }

    fn error_event(&self, error: &ApiError, position: u32, request_id: &str) -> Bytes {
        self.operation.error_event(error, position, request_id)
    }
}
