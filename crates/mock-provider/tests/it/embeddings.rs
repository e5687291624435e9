use base64::{Engine, prelude::BASE64_STANDARD};
use http::StatusCode;
use serde_json::{Value, json};

use crate::server::{Server, names};

const PATH: &str = "/v1/embeddings";

fn floats(value: &Value) -> Vec<f32> {
    serde_json::from_value(value.clone()).unwrap()
}

#[tokio::test]
async fn embeds_strings_lists_and_tokens_alike() {
    let server = Server::start().await;
    let model = "text-embedding-3-small";
    let one = server
        .post(PATH, &json!({"model": model, "input": "hello world"}))
        .await
        .json();
    assert_eq!(names(&one), ["object", "data", "model", "usage"]);
    assert_eq!(names(&one["data"][0]), ["object", "index", "embedding"]);
    assert_eq!(one["usage"], json!({"prompt_tokens": 2, "total_tokens": 2}));
    let vector = floats(&one["data"][0]["embedding"]);
    assert_eq!(vector.len(), 1536);
    assert!((vector.iter().map(|x| x * x).sum::<f32>() - 1.0).abs() < 1e-4);
    let list = json!({"model": model, "input": ["hello world", "other"]});
    let list = server.post(PATH, &list).await.json();
    assert_eq!(list["data"][1]["index"], 1);
    assert_eq!(list["data"][0]["embedding"], one["data"][0]["embedding"]);
    assert_ne!(list["data"][1]["embedding"], one["data"][0]["embedding"]);
    // "hello world" in cl100k.
    for input in [json!([15339, 1917]), json!([[15339, 1917]])] {
        let tokens = server
            .post(PATH, &json!({"model": model, "input": input}))
            .await
            .json();
        assert_eq!(tokens["data"][0]["embedding"], one["data"][0]["embedding"]);
    }
}

#[tokio::test]
async fn encodes_and_shortens() {
    let server = Server::start().await;
    let mut body = json!({"model": "text-embedding-3-large", "input": "x", "dimensions": 8});
    let plain = server.post(PATH, &body).await.json();
    body["encoding_format"] = json!("base64");
    let packed = server.post(PATH, &body).await.json();
    let bytes = BASE64_STANDARD
        .decode(packed["data"][0]["embedding"].as_str().unwrap())
        .unwrap();
    let unpacked: Vec<f32> = bytes
        .chunks(4)
        .map(|four| f32::from_le_bytes(four.try_into().unwrap()))
        .collect();
    assert_eq!(unpacked, floats(&plain["data"][0]["embedding"]));
    assert_eq!(unpacked.len(), 8);
    let native = server
        .post(
            PATH,
            &json!({"model": "text-embedding-3-large", "input": "x"}),
        )
        .await;
    assert_eq!(floats(&native.json()["data"][0]["embedding"]).len(), 3072);
}

#[tokio::test]
async fn rejects_bad_inputs() {
    let server = Server::start().await;
    let small = "text-embedding-3-small";
    for (body, needle) in [
        (
            json!({"model": small}),
            "Missing required parameter: 'input'.",
        ),
        (json!({"model": small, "input": ""}), "'$.input' is invalid"),
        (json!({"model": small, "input": []}), "'$.input' is invalid"),
        (
            json!({"model": small, "input": [{}]}),
            "'$.input' is invalid",
        ),
        (
            json!({"model": small, "input": 7}),
            "expected a string or an array",
        ),
        (
            json!({"model": small, "input": "word ".repeat(9000)}),
            "maximum context length is 8192",
        ),
        (
            json!({"model": small, "input": "x", "dimensions": 1537}),
            "less than or equal to 1536",
        ),
        (
            json!({"model": small, "input": "x", "encoding_format": "hex"}),
            "'float', 'base64'",
        ),
        (
            json!({"model": "text-embedding-ada-002", "input": "x", "dimensions": 8}),
            "does not support specifying dimensions",
        ),
    ] {
        let answer = server.post(PATH, &body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        let message = answer.json()["error"]["message"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(message.contains(needle), "{message}");
    }
}
