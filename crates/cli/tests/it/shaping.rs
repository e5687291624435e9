//! `examples/shaping`, as its page says.

use agw_testkit::{Agw, Mock, Request};
use serde_json::{Value, json};

use crate::setup::{BINARY, Rig, top};

fn rig(folder: &str) -> Rig {
    let mock = Mock::start(BINARY).unwrap();
    let builder = Agw::builder(BINARY).unwrap();
    let agw = builder
        .path(top().join(folder))
        .mock(&mock)
        .start()
        .unwrap();
    Rig { agw, mock }
}

/// What the provider was sent last.
fn sent(rig: &Rig) -> Value {
    let last = rig.mock.requests().unwrap().pop().unwrap();
    serde_json::from_str(last["body"].as_str().unwrap()).unwrap()
}

#[test]
fn the_examples_do_what_they_say() {
    let rig = rig("examples/shaping");
    let body = json!({
        "model": "fast", "max_tokens": 9000, "temperature": 1.5,
        "messages": [{ "role": "user", "content": "Hi" }],
    });
    let answer = rig
        .agw
        .send(&Request::post("/openai/v1/chat/completions", &body))
        .unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.model().as_deref(), Some("gpt-4o-mini"));
    let got = sent(&rig);
    assert_eq!(got["max_tokens"], 2048);
    assert_eq!(got["temperature"], 0.2);
    let roles: Vec<_> = got["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["role"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(roles, ["system", "user", "system"]);

    let system = "word ".repeat(1000);
    let body = json!({
        "model": "any", "max_tokens": 100, "system": system,
        "messages": [
            { "role": "user", "content": "1" },
            { "role": "assistant", "content": "2" },
            { "role": "user", "content": "3" },
        ],
    });
    let answer = rig
        .agw
        .send(&Request::post("/anthropic/v1/messages", &body))
        .unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    let got = sent(&rig);
    assert_eq!(got["model"], "claude-sonnet-4-5");
    let mark = json!({ "type": "ephemeral" });
    assert_eq!(got["system"][0]["cache_control"], mark);
    assert_eq!(got["messages"][1]["content"][0]["cache_control"], mark);
    assert_eq!(
        got["messages"][2],
        json!({ "role": "user", "content": "3" })
    );
}

#[test]
fn the_body_s_model_chooses_the_route() {
    let rig = rig("examples/shaping");
    for (asked, model) in [
        ("opus", Some("claude-sonnet-4-5")),
        ("gpt-4o", Some("gpt-4o")),
        ("gpt-4.1-latest", Some("gpt-4.1-latest")),
        ("mine-latest", Some("claude-sonnet-4-5")),
        ("my-gpt-4", None),
    ] {
        let messages = json!([{ "role": "user", "content": "Hi" }]);
        let body = json!({ "model": asked, "messages": messages });
        // The client's own header counts for nothing.
        let request = Request::post("/v1/chat/completions", &body).header("x-model", "opus");
        let answer = rig.agw.send(&request).unwrap();
        let want = if model.is_some() { 200 } else { 404 };
        assert_eq!(answer.status, want, "{asked}: {}", answer.text());
        assert_eq!(answer.model().as_deref(), model, "{asked}");
    }
}
