use serde_json::{Value, json};

use crate::server::Server;

const PATH: &str = "/v1/chat/completions";

fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

fn weather_tools() -> Value {
    json!([
        {"type": "function", "function": {"name": "get_weather", "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "unit": {"enum": ["celsius"]}},
            "required": ["city"]
        }}},
        {"type": "function", "function": {"name": "get_time"}}
    ])
}

#[tokio::test]
async fn calls_tools_when_it_must() {
    let server = Server::start().await;
    let body = json!({
        "model": "gpt-4o",
        "messages": [{"role": "user", "content": "hello"}],
        "tools": weather_tools()
    });
    let named = json!({"type": "function", "function": {"name": "get_time"}});
    for (choice, name, finish) in [
        (json!("required"), "get_weather", "tool_calls"),
        // OpenAI reports `stop` when the function was forced by name.
        (named, "get_time", "stop"),
    ] {
        let body = with(body.clone(), "tool_choice", choice);
        let answer = server.post(PATH, &body).await.json();
        let choice = &answer["choices"][0];
        assert_eq!(choice["finish_reason"], finish);
        assert!(choice["message"]["content"].is_null());
        let call = &choice["message"]["tool_calls"][0];
        assert_eq!(call["function"]["name"], name);
        assert!(call["id"].as_str().unwrap().starts_with("call_"));
        let arguments: Value =
            serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap();
        assert!(arguments.is_object());

        let answer = server.post(PATH, &with(body, "stream", json!(true))).await;
        let events = answer.events();
        let first = &events[0]["choices"][0]["delta"]["tool_calls"][0];
        assert_eq!(first["function"], json!({"name": name, "arguments": ""}));
        let joined: String = events
            .iter()
            .filter_map(|e| {
                e["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"].as_str()
            })
            .collect();
        assert_eq!(serde_json::from_str::<Value>(&joined).unwrap(), arguments);
    }
    for choice in [json!("auto"), json!("none")] {
        let answer = server
            .post(PATH, &with(body.clone(), "tool_choice", choice))
            .await
            .json();
        assert_eq!(answer["choices"][0]["finish_reason"], "stop");
        assert!(answer["choices"][0]["message"]["content"].is_string());
    }
}

#[tokio::test]
async fn answers_a_tool_result_in_text() {
    let server = Server::start().await;
    let call = json!({"id": "call_1", "type": "function",
        "function": {"name": "get_weather", "arguments": "{}"}});
    let body = json!({
        "model": "gpt-4o",
        "tools": weather_tools(),
        "tool_choice": "required",
        "messages": [
            {"role": "user", "content": "weather?"},
            {"role": "assistant", "content": null, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": "sunny"}
        ]
    });
    let answer = server.post(PATH, &body).await.json();
    let message = &answer["choices"][0]["message"];
    assert_eq!(
        message["content"],
        "I am gpt-4o, a mock model. The tool returned: sunny"
    );
}
