mod bounds;
mod compiling;
mod evaluating;
mod in_use;
mod properties;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version};
use std::time::{Duration, UNIX_EPOCH};

use super::{
    EvalError, Expression, Input, LlmInput, RequestInput, ResponseInput, SourceInput, Value,
};

const SEED_LENGTH: &str = "string(len(json(request.body).messages[0].content))";
const SEED_CLASS: &str =
    r#"if len(json(request.body).messages[0].content) > 100 then "long" else "short""#;

const CHAT: &str = r#"{"model":"gpt-4o","temperature":0.5,"n":1,"big":18446744073709551615,
    "messages":[{"role":"user","content":"héllo wörld"},
                {"role":"user","content":[{"type":"text","text":"ab"},{"type":"text","text":"çd\u00e9"},
                                          {"type":"image_url","image_url":{"url":"x"}}]}],
    "tags":["a","b"],"nested":{"x":{"y":[1,2,3]}},"esc\"aped":"q\"\n","nothing":null,"stream":true}"#;

/// What an input borrows.
struct World {
    request_headers: HeaderMap,
    response_headers: HeaderMap,
    body: Vec<u8>,
    jwt: serde_json::Value,
    params: serde_json::Value,
}

impl World {
    fn new(body: impl Into<Vec<u8>>) -> Self {
        let mut request_headers = HeaderMap::new();
        for (name, value) in [
            ("x-environment", "development"),
            ("x-many", "a"),
            ("x-many", "b"),
            ("x-b64", "aGk="),
        ] {
            let name = HeaderName::from_static(name);
            request_headers.append(name, HeaderValue::from_static(value));
        }
        request_headers.insert("x-raw", HeaderValue::from_bytes(b"\xff\xfe").unwrap());
        let mut response_headers = HeaderMap::new();
        response_headers.insert("content-type", HeaderValue::from_static("application/json"));
        Self {
            request_headers,
            response_headers,
            body: body.into(),
            jwt: serde_json::json!({"sub": "alice", "groups": ["users", "AI-Users"], "n": 3}),
            params: serde_json::json!({"temperature": 0.5, "seed": 7}),
        }
    }

    fn request(&self) -> RequestInput<'_> {
        RequestInput {
            method: "POST",
            scheme: "https",
            host: "api.example.com",
            path: "/v1/chat",
            query: Some("foo=bar&beta=true&foo=2&q=a%20b+c"),
            version: Version::HTTP_11,
            headers: &self.request_headers,
            body: Some(&self.body),
            start_time: Some(UNIX_EPOCH + Duration::from_millis(1_700_000_000_250)),
            end_time: None,
        }
    }

    fn input(&self) -> Input<'_> {
        let mut input = Input::new();
        input.request = Some(self.request());
        input.response = Some(ResponseInput {
            code: StatusCode::NOT_FOUND,
            headers: &self.response_headers,
            body: Some(br#"{"model":"gpt-4o-2024"}"#),
        });
        input.source = Some(SourceInput {
            address: [10, 0, 0, 7].into(),
            port: 4711,
            more: None,
        });
        input.llm = Some(LlmInput {
            request_model: Some("gpt-4o"),
            input_tokens: Some(12),
            streaming: Some(false),
            time_to_first_token: Some(Duration::from_millis(1500)),
            params: Some(&self.params),
            ..LlmInput::default()
        });
        input.jwt = Some(&self.jwt);
        input.now = Some(UNIX_EPOCH + Duration::from_secs(1_700_000_000));
        input.random = Some(42);
        input
    }
}

fn compile(source: &str) -> Expression {
    Expression::compile(source).unwrap_or_else(|error| panic!("{source}: {error}"))
}

fn eval(source: &str) -> Result<Value, EvalError> {
    compile(source).eval(&World::new(CHAT).input())
}

fn eval_on(source: &str, body: &str) -> Result<Value, EvalError> {
    compile(source).eval(&World::new(body).input())
}

fn string(text: &str) -> Value {
    Value::String(text.to_owned())
}
