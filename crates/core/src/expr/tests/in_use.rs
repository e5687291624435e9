//! Expressions that users write, each with its value.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value as Tree, json};

use super::*;

/// Who asks, what for, and what the answer was.
struct Exchange {
    request: HeaderMap,
    response: HeaderMap,
    asked: Tree,
    body: String,
    answer: String,
    jwt: Tree,
    api_key: Tree,
    mcp: Tree,
    metadata: Tree,
    prompt: Tree,
    completion: Tree,
    tool_calls: Tree,
    params: Tree,
    cost: Tree,
}

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let pairs = pairs.iter().map(|(name, value)| {
        let name = HeaderName::from_static(name);
        (name, HeaderValue::from_static(value))
    });
    pairs.collect()
}

impl Exchange {
    fn new() -> Self {
        let asked = json!({
            "model": "food-review-1",
            "modelId": "m-1",
            "method": "tools/call",
            "params": { "name": "search" },
            "name": "World",
            "user_id": "u-7",
            "priority": "high",
            "max_completion_tokens": 25,
            "x_trace": "t",
            "messages": [{ "role": "user", "content": "Is this a review?" }],
        });
        Self {
            request: headers(&[
                ("x-user-id", "u-7"),
                ("x-user-id-encoded", "dS03"),
                ("x-tenant-id", "acme"),
                ("x-org", "acme"),
                ("x-user", "ann"),
                ("foo", "bar"),
                ("x-foo", "f"),
                ("x-internal", "true"),
                ("x-llm", "gemini"),
                ("x-request-id", "r-1"),
                ("x-gateway-request", "g-1"),
                ("x-header-tag", "h"),
                ("x-child-required", "true"),
                ("x-parent-required", "false"),
            ]),
            response: headers(&[("content-type", "application/json")]),
            body: asked.to_string(),
            asked,
            answer: json!({ "model": "Qwen/Qwen3-32B" }).to_string(),
            jwt: json!({
                "iss": "https://idp.example",
                "sub": "alice",
                "aud": "api://solo",
                "azp": "gateway",
                "org": "solo.io",
                "team": "team-id",
                "tier": "premium",
                "plan": "gold",
                "persona": "economist",
                "preferred_username": "alice",
                "groups": ["users", "AI-Users"],
                "roles": ["engineering", "Tenant Admin"],
                "permissions": ["read:tools"],
            }),
            api_key: json!({ "user_id": "u-7", "tenant_id": "acme", "tier": "gold" }),
            mcp: json!({ "tool": { "name": "get_me", "target": "mcp-bls-80" } }),
            metadata: json!({ "requestedModel": "fast" }),
            prompt: json!([{ "role": "user", "content": "Is this a review?" }]),
            completion: json!(["Yes."]),
            tool_calls: json!([{ "id": "c-1", "name": "search", "arguments": "{}" }]),
            params: json!({ "temperature": 0.5 }),
            cost: json!({ "total": 0.0025 }),
        }
    }

    fn input(&self) -> Input<'_> {
        let mut input = Input::new();
        input.request = Some(RequestInput {
            method: "POST",
            scheme: "https",
            host: "api.example.com",
            path: "/v1/chat/42",
            query: Some("beta=true&foo=bar"),
            version: Version::HTTP_11,
            headers: &self.request,
            body: Some(self.body.as_bytes()),
            start_time: Some(UNIX_EPOCH),
            end_time: None,
        });
        input.response = Some(ResponseInput {
            code: StatusCode::NOT_FOUND,
            headers: &self.response,
            body: Some(self.answer.as_bytes()),
        });
        input.source = Some(SourceInput {
            address: [10, 0, 0, 9].into(),
            port: 4711,
            more: None,
        });
        input.llm = Some(LlmInput {
            provider: Some("openai"),
            request_model: Some("fast"),
            response_model: Some("gpt-4o-mini"),
            streaming: Some(false),
            input_tokens: Some(12),
            cached_input_tokens: Some(4),
            output_tokens: Some(3),
            reasoning_tokens: Some(1),
            total_tokens: Some(15),
            prompt: Some(&self.prompt),
            completion: Some(&self.completion),
            tool_calls: Some(&self.tool_calls),
            params: Some(&self.params),
            cost: Some(&self.cost),
            ..LlmInput::default()
        });
        input.jwt = Some(&self.jwt);
        input.api_key = Some(&self.api_key);
        input.mcp = Some(&self.mcp);
        input.metadata = Some(&self.metadata);
        input.llm_request = Some(&self.asked);
        input.now = Some(UNIX_EPOCH);
        input.random = Some(7);
        input
    }
}

fn told(source: &str, exchange: &Exchange) -> String {
    let expression = match Expression::compile(source) {
        Ok(expression) => expression,
        Err(error) => return format!("does not compile: {error}"),
    };
    match expression.eval(&exchange.input()) {
        Ok(value) => value.to_json().to_string(),
        Err(error) => format!("has no value: {error}"),
    }
}

#[test]
fn every_expression_in_use_has_its_value() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/expressions.golden");
    let text = std::fs::read_to_string(&file).unwrap();
    let exchange = Exchange::new();
    let (mut now, mut count) = (String::new(), 0);
    for line in text.lines().filter(|line| !line.starts_with("    => ")) {
        writeln!(now, "{line}").unwrap();
        if !line.starts_with('#') {
            count += 1;
            writeln!(now, "    => {}", told(line, &exchange)).unwrap();
        }
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, &now).unwrap();
    }
    assert_eq!(now, text);
    assert_eq!(count, 129);
    assert!(!now.contains("=> does not compile"));
}
