//! Cohere's rerank API.

use agw_mock_provider::{KeyCheck, Settings};
use http::StatusCode;
use serde_json::{Value, json};

use crate::server::{Server, names};

fn body() -> Value {
    json!({"model": "rerank-v3.5", "query": "capital of France",
        "documents": ["Bread is baked.", "Paris is the capital of France.", "A capital idea"]})
}

fn indices(answer: &Value) -> Vec<u64> {
    let results = answer["results"].as_array().unwrap();
    results
        .iter()
        .map(|result| result["index"].as_u64().unwrap())
        .collect()
}

#[tokio::test]
async fn ranks_by_the_words_of_the_query() {
    let server = Server::start().await;
    let answer = server.post("/v2/rerank", &body()).await.json();
    assert_eq!(names(&answer), ["id", "results", "meta"]);
    assert_eq!(indices(&answer), [1, 2, 0]);
    let scores: Vec<f64> = answer["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| result["relevance_score"].as_f64().unwrap())
        .collect();
    assert!(scores.is_sorted_by(|a, b| a >= b));
    assert!(scores.iter().all(|score| (0.0..=1.0).contains(score)));
    assert_eq!(answer["meta"]["billed_units"], json!({"search_units": 1}));
    let mut top = body();
    top["top_n"] = json!(1);
    assert_eq!(indices(&server.post("/v2/rerank", &top).await.json()), [1]);
}

#[tokio::test]
async fn the_first_version_takes_objects_and_gives_documents_back() {
    let server = Server::start().await;
    let mut first = body();
    first["documents"] = json!([{"text": "Bread"}, {"text": "France"}]);
    first["return_documents"] = json!(true);
    let answer = server.post("/v1/rerank", &first).await.json();
    assert_eq!(indices(&answer), [1, 0]);
    assert_eq!(answer["results"][0]["document"], json!({"text": "France"}));
    assert_eq!(answer["meta"]["api_version"]["version"], "1");
    let refused = server.post("/v2/rerank", &first).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn refuses_and_breaks_in_its_words() {
    let server = Server::with(Settings {
        require_key: KeyCheck::Required,
        ..Settings::default()
    })
    .await;
    let refused = server.post("/v2/rerank", &body()).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert_eq!(refused.json()["message"], "no api key supplied");
    let key = ("authorization", "Bearer k");
    let mut bad = body();
    bad["top_n"] = json!(0);
    let refused = server.post_with("/v2/rerank", &[key], &bad).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(
        refused.json()["message"]
            .as_str()
            .unwrap()
            .starts_with("invalid request: top_n")
    );
    for (fault, status) in [("status=429", 429), ("error-in-200", 200)] {
        let answer = server
            .post_with("/v2/rerank", &[key, ("x-mock-fault", fault)], &body())
            .await;
        assert_eq!(answer.status.as_u16(), status);
        assert_eq!(names(&answer.json()), ["id", "message"]);
    }
}
