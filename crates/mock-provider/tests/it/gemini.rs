//! Google's generateContent API.

mod rules;

use agw_mock_provider::{KeyCheck, Settings};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::server::{Answer, End, Server, names};

const MODEL: &str = "gemini-2.5-flash";

pub(super) fn path(verb: &str) -> String {
    format!("/v1beta/models/{MODEL}:{verb}")
}

pub(super) fn hello() -> Value {
    json!({"contents": [{"role": "user", "parts": [{"text": "hello"}]}]})
}

pub(super) fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

pub(super) fn weather() -> Value {
    json!([{"functionDeclarations": [{"name": "get_weather", "parameters": {
        "type": "OBJECT", "properties": {"city": {"type": "STRING"}}}}]}])
}

async fn generate(server: &Server, body: &Value) -> Value {
    let answer = server.post(&path("generateContent"), body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.json()
}

fn said(events: &[Value]) -> String {
    events
        .iter()
        .filter_map(|event| event["candidates"][0]["content"]["parts"][0]["text"].as_str())
        .collect()
}

#[tokio::test]
async fn answers_in_googles_shape_with_the_text_that_openai_gets() {
    let server = Server::start().await;
    let body = generate(&server, &hello()).await;
    assert_eq!(
        names(&body),
        ["candidates", "usageMetadata", "modelVersion", "responseId"]
    );
    let text = format!("I am {MODEL}, a mock model. You said: hello");
    assert_eq!(
        body["candidates"],
        json!([{"content": {"parts": [{"text": text}], "role": "model"},
            "finishReason": "STOP", "index": 0}])
    );
    let openai = json!({"model": MODEL, "messages": [{"role": "user", "content": "hello"}]});
    let openai = server.post("/v1/chat/completions", &openai).await.json();
    assert_eq!(openai["choices"][0]["message"]["content"], text);
    let (usage, expected) = (&body["usageMetadata"], &openai["usage"]);
    assert_eq!(usage["promptTokenCount"], expected["prompt_tokens"]);
    assert_eq!(usage["candidatesTokenCount"], expected["completion_tokens"]);
    assert_eq!(usage["totalTokenCount"], expected["total_tokens"]);
}

#[tokio::test]
async fn streams_events_or_an_array() {
    let server = Server::start().await;
    let whole = generate(&server, &hello()).await;
    let text = whole["candidates"][0]["content"]["parts"][0]["text"].clone();
    let answer = server
        .post(&(path("streamGenerateContent") + "?alt=sse"), &hello())
        .await;
    let events = answer.events();
    assert_eq!(said(&events), text);
    let last = events.last().unwrap();
    assert_eq!(last["candidates"][0]["finishReason"], "STOP");
    assert_eq!(last["usageMetadata"], whole["usageMetadata"]);
    assert!(events[0]["candidates"][0].get("finishReason").is_none());
    let answer = server.post(&path("streamGenerateContent"), &hello()).await;
    assert_eq!(
        answer.headers["content-type"],
        "application/json; charset=UTF-8"
    );
    let list = answer.json();
    assert_eq!(said(list.as_array().unwrap()), text);
}

#[tokio::test]
async fn calls_a_function_and_answers_its_response() {
    let server = Server::start().await;
    let config =
        json!({"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["get_weather"]}});
    let body = with(with(hello(), "tools", weather()), "toolConfig", config);
    let answer = generate(&server, &body).await;
    let part = answer["candidates"][0]["content"]["parts"][0].clone();
    assert_eq!(
        part["functionCall"],
        json!({"name": "get_weather", "args": {"city": "mock city"}})
    );
    assert_eq!(answer["candidates"][0]["finishReason"], "STOP");
    let streamed = server
        .post(&(path("streamGenerateContent") + "?alt=sse"), &body)
        .await;
    assert_eq!(
        streamed.events()[0]["candidates"][0]["content"]["parts"][0]["functionCall"],
        part["functionCall"]
    );
    let result =
        json!({"functionResponse": {"name": "get_weather", "response": {"result": "sunny"}}});
    let contents = json!([
        {"role": "user", "parts": [{"text": "hello"}]},
        {"role": "model", "parts": [part]},
        {"role": "user", "parts": [result]}
    ]);
    let answer = generate(&server, &with(body, "contents", contents)).await;
    assert_eq!(
        answer["candidates"][0]["content"]["parts"][0]["text"],
        format!("I am {MODEL}, a mock model. The tool returned: sunny")
    );
}

#[tokio::test]
async fn thinks_and_stops_as_configured() {
    let server = Server::start().await;
    let config = |config: Value| with(hello(), "generationConfig", config);
    let thinking = json!({"thinkingConfig": {"includeThoughts": true, "thinkingBudget": 1024}});
    let answer = generate(&server, &config(thinking)).await;
    let parts = &answer["candidates"][0]["content"]["parts"];
    assert_eq!(parts[0]["thought"], true);
    assert!(parts[1].get("thought").is_none());
    let usage = &answer["usageMetadata"];
    let tokens = |name: &str| usage[name].as_u64().unwrap();
    assert!(tokens("thoughtsTokenCount") > 0);
    assert_eq!(
        tokens("totalTokenCount"),
        tokens("promptTokenCount") + tokens("candidatesTokenCount") + tokens("thoughtsTokenCount")
    );
    // The names with underscores are as good.
    let cut = with(
        hello(),
        "generation_config",
        json!({"max_output_tokens": 3}),
    );
    let answer = generate(&server, &cut).await;
    assert_eq!(answer["candidates"][0]["finishReason"], "MAX_TOKENS");
    assert_eq!(answer["usageMetadata"]["candidatesTokenCount"], 3);
    let two = config(json!({"candidateCount": 2, "stopSequences": ["You"]}));
    let answer = generate(&server, &two).await;
    assert_eq!(answer["candidates"][1]["index"], 1);
    let schema = json!({"responseMimeType": "application/json",
        "responseSchema": {"type": "OBJECT", "properties": {"age": {"type": "INTEGER"}}}});
    let answer = generate(&server, &config(schema)).await;
    assert_eq!(
        answer["candidates"][0]["content"]["parts"][0]["text"],
        "{\"age\":1}"
    );
}

#[tokio::test]
async fn counts_embeds_and_lists() {
    let server = Server::start().await;
    let billed = generate(&server, &hello()).await["usageMetadata"]["promptTokenCount"].clone();
    let counted = server.post(&path("countTokens"), &hello()).await.json();
    assert_eq!(counted["totalTokens"], billed);
    let nested = with(hello(), "model", json!(format!("models/{MODEL}")));
    let nested = json!({"generateContentRequest": nested});
    let counted = server.post(&path("countTokens"), &nested).await.json();
    assert_eq!(counted["totalTokens"], billed);

    let embed = |model: &str, verb: &str| format!("/v1beta/models/{model}:{verb}");
    let content = json!({"parts": [{"text": "hello"}]});
    let body = json!({"content": content, "outputDimensionality": 256});
    let one = server.post(&embed("e", "embedContent"), &body).await.json();
    assert_eq!(one["embedding"]["values"].as_array().unwrap().len(), 256);
    let openai = json!({"model": "e", "input": "hello", "dimensions": 256});
    let openai = server.post("/v1/embeddings", &openai).await.json();
    assert!(one["embedding"]["values"] == openai["data"][0]["embedding"]);
    let request = json!({"model": "models/e", "content": content, "outputDimensionality": 256});
    let batch = json!({"requests": [request, request]});
    let batch = server
        .post(&embed("e", "batchEmbedContents"), &batch)
        .await
        .json();
    assert_eq!(batch["embeddings"][1], one["embedding"]);

    let list = server.call(Method::GET, "/v1beta/models").await.json();
    assert_eq!(list["models"][0]["name"], "models/gpt-5");
    let first = server
        .call(Method::GET, "/v1/models/gpt-5?key=k")
        .await
        .json();
    assert_eq!(first, list["models"][0]);
    let missing = server.call(Method::GET, "/v1beta/models/x").await;
    assert_eq!(missing.json()["error"]["status"], "NOT_FOUND");
}

#[tokio::test]
async fn takes_keys_where_google_does() {
    let server = Server::with(Settings {
        require_key: KeyCheck::Required,
        ..Settings::default()
    })
    .await;
    let vertex =
        format!("/v1/projects/p/locations/l/publishers/google/models/{MODEL}:generateContent");
    for (path, headers, status) in [
        (path("generateContent"), vec![], 403),
        (path("generateContent"), vec![("x-goog-api-key", "k")], 200),
        (path("generateContent") + "?key=k", vec![], 200),
        (vertex.clone(), vec![], 401),
        (vertex.clone(), vec![("x-goog-api-key", "k")], 401),
        (vertex, vec![("authorization", "Bearer k")], 200),
    ] {
        let answer = server.post_with(&path, &headers, &hello()).await;
        assert_eq!(answer.status.as_u16(), status, "{path} {headers:?}");
        let record = server.provider.requests().pop().unwrap();
        assert_eq!(record.model.as_deref(), (status == 200).then_some(MODEL));
        assert!(!record.path.contains("key=k"), "{}", record.path);
        assert_eq!(
            record.credentials.len(),
            usize::from(status == 200 || !headers.is_empty())
        );
    }
}

#[tokio::test]
async fn breaks_on_demand_in_its_own_form() {
    let server = Server::start().await;
    let stream = path("streamGenerateContent") + "?alt=sse";
    let faulty = |path: String, fault: String| {
        let server = &server;
        async move {
            server
                .post_with(&path, &[("x-mock-fault", &fault)], &hello())
                .await
        }
    };
    for (status, name) in [
        (400, "INVALID_ARGUMENT"),
        (403, "PERMISSION_DENIED"),
        (429, "RESOURCE_EXHAUSTED"),
        (500, "INTERNAL"),
        (503, "UNAVAILABLE"),
    ] {
        let answer = faulty(stream.clone(), format!("status={status};retry-after=2")).await;
        assert_eq!(answer.status.as_u16(), status);
        let error = answer.json()["error"].clone();
        assert_eq!(
            (&error["code"], &error["status"]),
            (&json!(status), &json!(name))
        );
        assert_eq!(error["details"][0]["retryDelay"], "2s");
    }
    let answer = faulty(stream.clone(), "error-in-200=2".to_owned()).await;
    assert_eq!(answer.events()[2]["error"]["status"], "INTERNAL");
    let array = |answer: Answer| answer.json().as_array().unwrap().clone();
    for count in [0, 2] {
        let path = path("streamGenerateContent");
        let list = array(faulty(path, format!("error-in-200={count}")).await);
        assert_eq!(list.len(), count + 1);
        assert_eq!(list[count]["error"]["code"], 500);
    }
    let cut = faulty(stream.clone(), "cut-after=2".to_owned()).await;
    assert_eq!((cut.end, cut.events().len()), (End::Broken, 2));
    let garbage = faulty(stream, "garbage".to_owned()).await;
    assert!(garbage.body.starts_with(b"data: "));
}
