//! Embeddings and rerank in the words of Vertex AI, Bedrock's models and Cohere.

use http::StatusCode;
use serde_json::{Value, json};

use crate::server::Server;

const VERTEX: &str = "/v1/projects/p/locations/us-east5";

/// The numbers of a vector as they were computed: some answers write more digits of them.
fn floats(vector: &Value) -> Vec<f32> {
    #[expect(clippy::cast_possible_truncation, reason = "they were that short")]
    let short = |number: &Value| number.as_f64().unwrap() as f32;
    vector.as_array().unwrap().iter().map(short).collect()
}

fn length(vector: &Value) -> usize {
    vector.as_array().unwrap().len()
}

#[tokio::test]
async fn the_same_text_is_the_same_vector_in_all_words() {
    let server = Server::start().await;
    let openai = json!({"model": "text-embedding-3-small", "input": "hello", "dimensions": 256});
    let openai = server.post("/v1/embeddings", &openai).await.json();
    let expected = floats(&openai["data"][0]["embedding"]);
    let predict = format!("{VERTEX}/publishers/google/models/text-embedding-005:predict");
    let body = json!({"instances": [{"content": "hello", "task_type": "RETRIEVAL_QUERY"}],
        "parameters": {"outputDimensionality": 256}});
    let vertex = server.post(&predict, &body).await.json();
    let embedding = &vertex["predictions"][0]["embeddings"];
    assert_eq!(floats(&embedding["values"]), expected, "{vertex}");
    assert_eq!(embedding["statistics"]["token_count"], 1);
    let body = json!({"inputText": "hello", "dimensions": 256});
    let path = "/model/amazon.titan-embed-text-v2%3A0/invoke";
    let titan = server.post(path, &body).await.json();
    assert_eq!(floats(&titan["embedding"]), expected, "{titan}");
    assert_eq!(titan["inputTextTokenCount"], 1);
    let body = json!({"texts": ["hello"], "input_type": "search_query",
        "embedding_types": ["float"], "output_dimension": 256});
    let answer = server
        .post("/model/cohere.embed-v4%3A0/invoke", &body)
        .await;
    assert_eq!(answer.headers["x-amzn-bedrock-input-token-count"], "1");
    assert_eq!(floats(&answer.json()["embeddings"]["float"][0]), expected);
    let mut body = body;
    body["model"] = "embed-v4.0".into();
    let cohere = server.post("/v2/embed", &body).await.json();
    assert_eq!(floats(&cohere["embeddings"]["float"][0]), expected);
    assert_eq!(cohere["meta"]["billed_units"]["input_tokens"], 1);
}

#[tokio::test]
async fn models_on_bedrock_take_only_their_own_members() {
    let server = Server::start().await;
    let first = json!({"texts": ["a"], "input_type": "clustering"});
    let path = "/model/cohere.embed-english-v3/invoke";
    let answer = server.post(path, &first).await.json();
    assert_eq!(length(&answer["embeddings"][0]), 1024);
    let refused = [
        (path, json!({"texts": ["a"], "input_type": "x"})),
        (
            path,
            json!({"texts": ["a"], "input_type": "clustering", "output_dimension": 256}),
        ),
        (path, json!({"texts": [], "input_type": "clustering"})),
        (
            "/model/amazon.titan-embed-text-v1/invoke",
            json!({"inputText": "a", "dimensions": 256}),
        ),
        (
            "/model/amazon.titan-embed-text-v2%3A0/invoke",
            json!({"inputText": ""}),
        ),
        (
            "/model/cohere.rerank-v3-5%3A0/invoke",
            json!({"query": "q", "documents": ["a"]}),
        ),
        (
            "/model/amazon.rerank-v1%3A0/invoke",
            json!({"query": "q", "documents": []}),
        ),
        ("/model/amazon.nova-pro-v1%3A0/invoke", json!({})),
        ("/v2/embed", json!({"model": "m", "texts": ["a"]})),
    ];
    for (path, body) in refused {
        let answer = server.post(path, &body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path} {body}");
        assert!(answer.json()["message"].is_string(), "{path}");
    }
}

#[tokio::test]
async fn all_rank_alike() {
    let server = Server::start().await;
    let documents = [
        "Bread is baked.",
        "Paris is the capital of France.",
        "A capital idea",
    ];
    let query = "capital of France";
    let body = json!({"api_version": 2, "query": query, "documents": documents, "top_n": 2});
    let bedrock = server
        .post("/model/cohere.rerank-v3-5%3A0/invoke", &body)
        .await
        .json();
    let order = |results: &Value, key: &str| -> Vec<Value> {
        let results = results.as_array().unwrap().iter();
        results.map(|result| result[key].clone()).collect()
    };
    assert_eq!(order(&bedrock["results"], "index"), [1, 2]);
    let records: Vec<_> = documents
        .iter()
        .enumerate()
        .map(|(index, text)| json!({"id": index.to_string(), "content": text}))
        .collect();
    let path = format!("{VERTEX}/rankingConfigs/default_ranking_config:rank");
    let body = json!({"query": query, "records": records, "topN": 2,
        "ignoreRecordDetailsInResponse": true});
    let google = server.post(&path, &body).await.json();
    assert_eq!(order(&google["records"], "id"), ["1", "2"], "{google}");
    let body = json!({"query": query, "records": [{"id": "a", "content": "x"}]});
    let google = server.post(&path, &body).await.json();
    assert_eq!(google["records"][0]["content"], "x");
    let answer = server.post(&path, &json!({"records": []})).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}
