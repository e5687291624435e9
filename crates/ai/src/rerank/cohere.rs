//! Cohere's API as clients speak it, and as models on Bedrock take and answer it.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{Echo, Ranked, RerankRequest, document};
use crate::chat::{Dropped, Text};
use crate::envelope::ErrorBody;
use crate::error::Error;
use crate::json::{self, Members, Path, compact};

pub(crate) fn read_request(
    body: Map<String, Value>,
    dropped: &mut Dropped,
) -> Result<RerankRequest, Error> {
    const DOCUMENTS: &str = "a list of documents that is not empty";
    let root = Path::Root;
    let mut body = Members::new(body, root);
    let at = root.key("documents");
    let documents = body.list("documents")?.into_iter().enumerate();
    let documents: Vec<Text> = documents
        .map(|(index, value)| document(value, at.item(index), dropped))
        .collect::<Result<_, _>>()?;
    if documents.is_empty() {
        return Err(at.wrong(DOCUMENTS));
    }
    let top = body.count("top_n")?;
    if top == Some(0) {
        return Err(root.key("top_n").wrong("a whole number from 1 on"));
    }
    let request = RerankRequest {
        model: body.text("model")?.unwrap_or_default(),
        query: Text(body.required("query")?),
        documents,
        top,
        echo: match body.flag("return_documents")? {
            Some(true) => Echo::Documents,
            _ => Echo::Indices,
        },
    };
    body.rest(dropped);
    Ok(request)
}

/// An error as Cohere's clients read it: a message, and what to name when asking about it.
pub(crate) fn envelope(error: &ErrorBody<'_>) -> Bytes {
    let body = compact([
        ("id", error.request_id.into()),
        ("message", error.message.into()),
    ]);
    json::bytes(&body).into()
}

pub(super) fn on_bedrock(request: RerankRequest, version: Value) -> Map<String, Value> {
    let most = u64::try_from(request.documents.len()).unwrap_or(u64::MAX);
    compact([
        ("api_version", version),
        ("query", request.query.into()),
        ("documents", json!(request.documents)),
        ("top_n", request.top.map(|top| top.min(most)).into()),
    ])
}

pub(super) fn ranked(body: Map<String, Value>) -> Result<Vec<Ranked>, Error> {
    let Some(Value::Array(results)) = body.get("results") else {
        return Err(Error::NoAnswer);
    };
    let ranked = results.iter().map(|result| {
        let index = result["index"].as_u64();
        Some(Ranked {
            index: usize::try_from(index?).ok()?,
            score: result["relevance_score"].as_f64()?,
        })
    });
    ranked.collect::<Option<_>>().ok_or(Error::NoAnswer)
}
