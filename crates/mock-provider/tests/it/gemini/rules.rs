//! What the API refuses, in its words.

use http::StatusCode;
use serde_json::{Value, json};

use super::{hello, path, weather, with};
use crate::server::Server;

async fn refuses(cases: &[(Value, &str)]) {
    let server = Server::start().await;
    for (body, message) in cases {
        let answer = server.post(&path("generateContent"), body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
        let error = answer.json()["error"].clone();
        assert_eq!(error["status"], "INVALID_ARGUMENT");
        let said = error["message"].as_str().unwrap();
        assert!(said.starts_with(message), "{body}\n{said}\n{message}");
    }
}

fn contents(contents: Value) -> Value {
    with(hello(), "contents", contents)
}

#[tokio::test]
async fn fields_that_are_strange_or_wrong() {
    let part = |part: Value| contents(json!([{"role": "user", "parts": [part]}]));
    let config = |config: Value| with(hello(), "generationConfig", config);
    let schema = |schema: Value| {
        with(
            hello(),
            "tools",
            json!([{"functionDeclarations": [{"name": "f", "parameters": schema}]}]),
        )
    };
    refuses(&[
        (
            with(hello(), "messages", json!([])),
            "Invalid JSON payload received. Unknown name \"messages\": Cannot find field.",
        ),
        (
            config(json!({"maxTokens": 1})),
            "Invalid JSON payload received. Unknown name \"maxTokens\" at 'generation_config': Cannot find field.",
        ),
        (
            config(json!({"maxOutputTokens": "x"})),
            "Invalid value at 'generation_config.max_output_tokens' (TYPE_INT32)",
        ),
        (
            config(json!({"temperature": 3})),
            "* GenerateContentRequest.generation_config.temperature: temperature must be in the range [0.0, 2.0].",
        ),
        (
            config(json!({"responseMimeType": "text/html"})),
            "* GenerateContentRequest.generation_config.response_mime_type:",
        ),
        (
            config(json!({"responseSchema": {"type": "OBJECT"}})),
            "* GenerateContentRequest.generation_config.response_schema:",
        ),
        (
            schema(json!({"type": "object", "$schema": "x"})),
            "Invalid JSON payload received. Unknown name \"$schema\" at 'tools[0].function_declarations[0].parameters': Cannot find field.",
        ),
        (
            schema(json!({"type": ["string", "null"]})),
            "Invalid value at 'tools[0].function_declarations[0].parameters.type' (TYPE_STRING)",
        ),
        (
            part(json!({"inlineData": {"mimeType": "image/png", "data": "?"}})),
            "Invalid value at 'contents[0].parts[0].inline_data.data'",
        ),
        (
            part(json!({"text": "a", "functionCall": {"name": "f"}})),
            "Invalid value at 'contents[0].parts[0]' (oneof)",
        ),
        (
            part(json!({})),
            "* GenerateContentRequest.contents[0].parts[0].data: required oneof field 'data'",
        ),
    ])
    .await;
}

#[tokio::test]
async fn contents_that_do_not_follow_each_other() {
    let text = json!({"text": "x"});
    let call = json!({"functionCall": {"name": "f", "args": {}}});
    let response = json!({"functionResponse": {"name": "f", "response": {}}});
    let turn = |role: &str, parts: &[&Value]| json!({"role": role, "parts": parts});
    refuses(&[
        (contents(json!([])), "* GenerateContentRequest.contents: contents is not specified"),
        (contents(json!([{"role": "user", "parts": []}])), "* GenerateContentRequest.contents[0].parts:"),
        (contents(json!([turn("assistant", &[&text])])), "Please use a valid role: user, model."),
        (
            contents(json!([turn("user", &[&response])])),
            "Please ensure that function response turn comes immediately after a function call turn.",
        ),
        (
            contents(json!([turn("user", &[&text]), turn("model", &[&call, &call]), turn("user", &[&response])])),
            "Please ensure that the number of function response parts is equal",
        ),
        (
            contents(json!([turn("user", &[&text]), turn("model", &[&call]), turn("user", &[&text])])),
            "Please ensure that the number of function response parts is equal",
        ),
        (
            contents(json!([turn("model", &[&call])])),
            "Please ensure that function call turn comes immediately after a user turn",
        ),
        (
            with(hello(), "toolConfig", json!({"functionCallingConfig": {"mode": "ANY"}})),
            "Function calling mode is ANY",
        ),
        (
            with(
                with(hello(), "tools", weather()),
                "generationConfig",
                json!({"responseMimeType": "application/json"}),
            ),
            "Function calling with a response mime type: 'application/json' is unsupported",
        ),
    ])
    .await;
}

#[tokio::test]
async fn calls_of_the_third_generation_must_come_back_signed() {
    let server = Server::start().await;
    let path = "/v1beta/models/gemini-3-pro:generateContent";
    let mut body = with(hello(), "tools", weather());
    body["contents"][0]["parts"][0]["text"] = json!("use get_weather");
    let answer = server.post(path, &body).await.json();
    let content = answer["candidates"][0]["content"].clone();
    let result =
        json!({"functionResponse": {"name": "get_weather", "response": {"output": "dry"}}});
    body["contents"] = json!([body["contents"][0], content, {"role": "user", "parts": [result]}]);
    assert_eq!(server.post(path, &body).await.status, StatusCode::OK);
    // Clients send bytes in either alphabet of base64.
    let signature = body["contents"][1]["parts"][0]["thoughtSignature"].clone();
    let other = signature
        .as_str()
        .unwrap()
        .replace('+', "-")
        .replace('/', "_");
    body["contents"][1]["parts"][0]["thoughtSignature"] = json!(other);
    assert_eq!(server.post(path, &body).await.status, StatusCode::OK);
    let part = body["contents"][1]["parts"][0].as_object_mut().unwrap();
    part.remove("thoughtSignature").unwrap();
    let refused = server.post(path, &body).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(refused.text().contains("missing a thought_signature"));
}
