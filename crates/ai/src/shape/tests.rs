//! What policies make of requests, in each API.

use agw_core::expr::Expression;
use agw_core::shaping::{
    Aliases, CachePlace, Member, ModelPattern, Prompt, PromptCaching, Role, Turn,
};
use proptest::prelude::*;
use serde_json::json;

use super::*;

/// A policy, from the words of a manifest.
fn policy(text: Value) -> Shaping {
    let members = |key: &str| {
        let map = text.get(key)?.as_object()?;
        let members = map.iter().map(|(field, value)| Member {
            field: field.as_str().into(),
            value: Json::of(value),
        });
        Some(members.collect())
    };
    let computed = |key: &str| {
        let map = text.get(key)?.as_object()?;
        let members = map.iter().map(|(field, source)| Computed {
            field: field.as_str().into(),
            value: Expression::compile(source.as_str().unwrap()).unwrap(),
        });
        Some(members.collect())
    };
    let turns = |key: &str| -> Vec<Turn> {
        let list = text["prompt"][key].as_array().cloned().unwrap_or_default();
        let turns = list.iter().map(|turn| Turn {
            role: Role::of(turn[0].as_str().unwrap()).unwrap(),
            content: turn[1].as_str().unwrap().into(),
        });
        turns.collect()
    };
    let aliases = text.get("modelAliases").and_then(Value::as_object);
    let aliases = aliases.map(|map| {
        let all = map.iter().map(|(from, to)| {
            let to = to.as_str().unwrap();
            (ModelPattern::new(from), Arc::from(to))
        });
        Arc::new(Aliases::new(all))
    });
    Shaping {
        defaults: members("defaults"),
        overrides: members("overrides"),
        transformations: computed("transformations"),
        aliases,
        prompt: text.get("prompt").map(|_| {
            Arc::new(Prompt {
                prepend: turns("prepend"),
                append: turns("append"),
            })
        }),
        caching: None,
        final_transformations: computed("finalTransformations"),
        guard: None,
    }
}

fn caching(places: &[CachePlace], min_tokens: u32, message_offset: u32) -> Shaping {
    Shaping {
        caching: Some(Arc::new(PromptCaching {
            places: places.to_vec(),
            min_tokens,
            message_offset,
        })),
        ..Shaping::default()
    }
}

/// Evaluates with the body alone.
fn alone(member: &Computed, body: &Bytes) -> Option<Value> {
    let tree: Value = serde_json::from_slice(body).unwrap();
    let mut input = agw_core::expr::Input::new();
    input.llm_request = Some(&tree);
    let value = member.value.eval(&input).ok()?;
    Some(value.to_json())
}

fn shaped(policy: &Shaping, operation: Operation, body: &str) -> Shaped {
    let request = Request {
        operation,
        body: &Bytes::copy_from_slice(body.as_bytes()),
        path_model: None,
    };
    before(policy, request, &mut alone).unwrap()
}

fn text(shaped: &Shaped) -> &str {
    std::str::from_utf8(&shaped.body).unwrap()
}

#[test]
fn members_are_set_where_they_stand_and_all_else_keeps_its_bytes() {
    let table = [
        (
            json!({"defaults": {"temperature": 0.5}}),
            r#"{ "model" : "m" }"#,
            r#"{"temperature":0.5, "model" : "m" }"#,
        ),
        (json!({"defaults": {"a": 1}}), "{}", r#"{"a":1}"#),
        (
            json!({"defaults": {"a": 1}}),
            " {\n\"a\": null}",
            " {\n\"a\": null}",
        ),
        (
            json!({"overrides": {"max_tokens": 7}}),
            r#"{"max_tokens": 9, "x": "\u00e9"}"#,
            r#"{"max_tokens": 7, "x": "\u00e9"}"#,
        ),
        // Readers disagree on which of two counts.
        (
            json!({"overrides": {"a": [1]}}),
            r#"{"a": 1, "\u0061": 2,"b":{"a":3}}"#,
            r#"{"a": [1], "\u0061": [1],"b":{"a":3}}"#,
        ),
        (
            json!({"defaults": {"a": 1, "b": 2}, "overrides": {"a": 3}}),
            r#"{"c":0}"#,
            r#"{"b":2,"a":3,"c":0}"#,
        ),
        (
            json!({"transformations": {"max_tokens": "min(llmRequest.max_tokens, 10)"}}),
            r#"{"max_tokens":50,"n":1}"#,
            r#"{"max_tokens":10,"n":1}"#,
        ),
        // No value: without the member.
        (
            json!({"transformations": {"max_tokens": "llmRequest.nothing"}}),
            r#"{"max_tokens":50, "n": [1, 2] , "max_tokens":1}"#,
            r#"{"n":[1, 2]}"#,
        ),
        (
            json!({"overrides": {"a": 2}, "transformations": {"b": "llmRequest.a + 1"}}),
            r#"{"a":1}"#,
            r#"{"b":3,"a":2}"#,
        ),
    ];
    for (asked, body, want) in table {
        let got = shaped(&policy(asked.clone()), Operation::Chat, body);
        assert_eq!(text(&got), want, "{asked}");
        assert!(got.undone.is_empty(), "{asked}");
        assert_eq!(got.model, None, "{asked}");
    }
}

#[test]
fn a_prompt_goes_where_each_api_has_it() {
    use Operation::{Chat, GenerateContent, Messages, Responses};
    let asked = policy(json!({"prompt": {
        "prepend": [["system", "Be \"kind\"."], ["user", "Hi"]],
        "append": [["assistant", "Well,"], ["developer", "End."]],
    }}));
    let table = [
        (
            Chat,
            r#"{"messages": [ {"role":"user","content":"Q"} ]}"#,
            r#"{"messages": [{"role":"system","content":"Be \"kind\"."},{"role":"user","content":"Hi"}, {"role":"user","content":"Q"},{"role":"assistant","content":"Well,"},{"role":"developer","content":"End."} ]}"#,
        ),
        (
            Messages,
            r#"{"system":"Old","messages":[{"role":"user","content":"Q"}]}"#,
            r#"{"system":"Be \"kind\".\n\nOld\n\nEnd.","messages":[{"role":"user","content":"Hi"},{"role":"user","content":"Q"},{"role":"assistant","content":"Well,"}]}"#,
        ),
        (
            Messages,
            r#"{"messages":[],"system":[{"type":"text","text":"Old"}]}"#,
            r#"{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Well,"}],"system":[{"type":"text","text":"Be \"kind\"."},{"type":"text","text":"Old"},{"type":"text","text":"End."}]}"#,
        ),
        (
            Messages,
            r#"{"messages":[],"system":null}"#,
            r#"{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Well,"}],"system":"Be \"kind\".\n\nEnd."}"#,
        ),
        (
            Responses,
            r#"{"input":"Q","instructions":""}"#,
            r#"{"input":[{"role":"user","content":"Hi"},{"role":"user","content":"Q"},{"role":"assistant","content":"Well,"}],"instructions":"Be \"kind\".\n\nEnd."}"#,
        ),
        (
            Responses,
            r#"{"input":[{"role":"user","content":"Q"}]}"#,
            r#"{"instructions":"Be \"kind\".\n\nEnd.","input":[{"role":"user","content":"Hi"},{"role":"user","content":"Q"},{"role":"assistant","content":"Well,"}]}"#,
        ),
        (
            GenerateContent,
            r#"{"contents":[{"parts":[{"text":"Q"}]}],"system_instruction":{"parts":[{"text":"Old"}]}}"#,
            r#"{"contents":[{"role":"user","parts":[{"text":"Hi"}]},{"parts":[{"text":"Q"}]},{"role":"model","parts":[{"text":"Well,"}]}],"system_instruction":{"parts":[{"text":"Be \"kind\"."},{"text":"Old"},{"text":"End."}]}}"#,
        ),
        (
            GenerateContent,
            r#"{"contents":[]}"#,
            r#"{"systemInstruction":{"parts":[{"text":"Be \"kind\"."},{"text":"End."}]},"contents":[{"role":"user","parts":[{"text":"Hi"}]},{"role":"model","parts":[{"text":"Well,"}]}]}"#,
        ),
        (
            GenerateContent,
            r#"{"systemInstruction":{"role":"user"}}"#,
            r#"{"contents":[{"role":"user","parts":[{"text":"Hi"}]},{"role":"model","parts":[{"text":"Well,"}]}],"systemInstruction":{"parts":[{"text":"Be \"kind\"."},{"text":"End."}],"role":"user"}}"#,
        ),
    ];
    for (operation, body, want) in table {
        let got = shaped(&asked, operation, body);
        assert_eq!(text(&got), want, "{operation:?} {body}");
        assert!(got.undone.is_empty());
    }
}

#[test]
fn what_cannot_be_done_is_named() {
    use Operation::{Chat, Completions, CountTokens, Embeddings, Models, Passthrough};
    let all = policy(json!({
        "defaults": {"temperature": 1}, "overrides": {"top_p": 1}, "prompt": {"append": [["user", "x"]]},
    }));
    let table = [
        (Chat, r#"{"messages":[]}"#, vec![]),
        (Completions, r#"{"prompt":"x"}"#, vec![Part::Prompt]),
        (Embeddings, r#"{"input":"x"}"#, vec![Part::Prompt]),
        (
            CountTokens,
            r#"{"messages":[]}"#,
            vec![Part::Defaults, Part::Overrides],
        ),
        (
            Passthrough,
            "anything",
            vec![Part::Defaults, Part::Overrides, Part::Prompt],
        ),
        (Passthrough, "", vec![]),
        (Models, "", vec![]),
    ];
    for (operation, body, want) in table {
        assert_eq!(shaped(&all, operation, body).undone, want, "{operation:?}");
    }
    let odd = shaped(&all, Chat, r#"{"messages":{}}"#);
    assert_eq!(odd.undone, [Part::Prompt]);
    assert_eq!(text(&odd), r#"{"temperature":1,"top_p":1,"messages":{}}"#);
}

#[test]
fn models_are_renamed_in_the_body_and_in_the_path() {
    let asked = policy(json!({
        "modelAliases": {"fast": "gpt-4o-mini", "claude-*": "claude-sonnet-4-5"},
    }));
    for (body, want) in [
        (r#"{"model":"fast"}"#, Some("gpt-4o-mini")),
        (r#"{"model":"claude-3"}"#, Some("claude-sonnet-4-5")),
        (r#"{"model":"gpt-4o"}"#, None),
        ("{}", None),
    ] {
        let got = shaped(&asked, Operation::Chat, body);
        assert_eq!(got.model.as_deref(), want, "{body}");
        assert_eq!(text(&got), body);
    }
    let forced = policy(json!({
        "modelAliases": {"fast": "gemini-2.5-flash"}, "overrides": {"model": "fast", "x": 1},
    }));
    let body = Bytes::from_static(b"{}");
    let request = Request {
        operation: Operation::GenerateContent,
        body: &body,
        path_model: Some("gemini-pro"),
    };
    let got = before(&forced, request, &mut alone).unwrap();
    assert_eq!(got.model.as_deref(), Some("gemini-2.5-flash"));
    assert_eq!(text(&got), r#"{"x":1}"#);
    let got = shaped(&forced, Operation::Chat, r#"{"model":"slow"}"#);
    assert_eq!(got.model.as_deref(), Some("gemini-2.5-flash"));
    assert_eq!(text(&got), r#"{"x":1,"model":"fast"}"#);
}

fn marked(policy: &Shaping, format: Format, model: &str, body: &str) -> Shaped {
    let body = Bytes::copy_from_slice(body.as_bytes());
    let operation = format.operation();
    after(
        policy,
        operation,
        Some(format),
        Some(model),
        &body,
        &mut alone,
    )
    .unwrap()
}

const ANTHROPIC: &str = r#"{"system":"Be kind","tools":[{"name":"a"},{"name":"b"}],"messages":[{"role":"user","content":"1"},{"role":"assistant","content":[{"type":"text","text":"2"}]},{"role":"user","content":"3"}]}"#;
const CONVERSE: &str = r#"{"system":[{"text":"Be kind"}],"toolConfig":{"tools":[{"toolSpec":{"name":"a"}}]},"messages":[{"role":"user","content":[{"text":"1"}]},{"role":"assistant","content":[{"text":"2"}]},{"role":"user","content":[{"text":"3"}]}]}"#;
const CLAUDE: &str = "us.anthropic.claude-sonnet-4-5-v1:0";

#[test]
fn marks_go_behind_what_is_kept() {
    use CachePlace::{Messages, System, Tools};
    let mark = r#""cache_control":{"type":"ephemeral"}"#;
    let point = r#",{"cachePoint":{"type":"default"}}"#;
    let anthropic = Format::AnthropicMessages;
    let got = marked(&caching(&[System], 1, 0), anthropic, "claude", ANTHROPIC);
    let want = format!(r#"{{"system":[{{"type":"text","text":"Be kind",{mark}}}],"#);
    assert!(text(&got).starts_with(&want), "{}", text(&got));
    let got = marked(&caching(&[Tools], 0, 0), anthropic, "claude", ANTHROPIC);
    assert_eq!(
        text(&got),
        ANTHROPIC.replace(r#"{"name":"b"}"#, &format!(r#"{{{mark},"name":"b"}}"#))
    );
    let got = marked(&caching(&[Messages], 0, 0), anthropic, "claude", ANTHROPIC);
    assert_eq!(
        text(&got),
        ANTHROPIC.replace(r#"{"type":"text""#, &format!(r#"{{{mark},"type":"text""#))
    );
    // One further back, and never before the first.
    for offset in [1, 9] {
        let got = marked(
            &caching(&[Messages], 0, offset),
            anthropic,
            "claude",
            ANTHROPIC,
        );
        let block = format!(r#"[{{"type":"text","text":"1",{mark}}}]"#);
        assert_eq!(text(&got), ANTHROPIC.replace(r#""1""#, &block));
    }
    let bedrock = Format::BedrockConverse;
    let all = caching(&[System, Tools, Messages], 1, 0);
    let got = marked(&all, bedrock, CLAUDE, CONVERSE);
    let want = CONVERSE
        .replace(
            r#"{"text":"Be kind"}"#,
            &format!(r#"{{"text":"Be kind"}}{point}"#),
        )
        .replace(r#"{"name":"a"}}"#, &format!(r#"{{"name":"a"}}}}{point}"#))
        .replace(r#"{"text":"2"}"#, &format!(r#"{{"text":"2"}}{point}"#));
    assert_eq!(text(&got), want);
    assert!(got.undone.is_empty());
    // Nova keeps no tools.
    let got = marked(&all, bedrock, "amazon.nova-pro-v1:0", CONVERSE);
    assert_eq!(got.undone, [Part::PromptCaching]);
    assert_eq!(text(&got).matches("cachePoint").count(), 2);
}

#[test]
fn no_mark_is_set_where_none_is_wanted() {
    use CachePlace::{Messages, System, Tools};
    let all = |min| caching(&[System, Tools, Messages], min, 0);
    // Too short, absent, empty, or a conversation of one.
    let short = r#"{"system":"Be kind","tools":[],"messages":[{"role":"user","content":"1"}]}"#;
    let got = marked(&all(1024), Format::AnthropicMessages, "claude", short);
    assert_eq!((text(&got), got.undone.clone()), (short, vec![]));
    // The client's own marks stay, and count.
    let own = r#"{"system":[{"type":"text","text":"x","cache_control":{"type":"ephemeral"}}],"messages":[]}"#;
    let got = marked(&all(0), Format::AnthropicMessages, "claude", own);
    assert_eq!((text(&got), got.undone.clone()), (own, vec![]));
    let four = format!(
        r#"{{"system":"x","messages":[{}]}}"#,
        [r#"{"cache_control":1}"#; 4].join(",")
    );
    let got = marked(&all(0), Format::AnthropicMessages, "claude", &four);
    assert_eq!(
        (text(&got), got.undone.clone()),
        (&*four, vec![Part::PromptCaching])
    );
    // Models and APIs that take none.
    let got = marked(&all(0), Format::BedrockConverse, "meta.llama3-8b", CONVERSE);
    assert_eq!(
        (text(&got), got.undone.clone()),
        (CONVERSE, vec![Part::PromptCaching])
    );
    let got = marked(&all(0), Format::OpenAiChat, "gpt-4o", "{}");
    assert_eq!(
        (text(&got), got.undone.clone()),
        ("{}", vec![Part::PromptCaching])
    );
}

#[test]
fn final_members_are_set_in_the_words_of_the_provider() {
    let asked = policy(json!({"finalTransformations": {
        "top_k": "size(llmRequest.messages)", "model": "'other'",
    }}));
    let got = marked(
        &asked,
        Format::AnthropicMessages,
        "m",
        r#"{"messages":[1],"model":"m"}"#,
    );
    assert_eq!(text(&got), r#"{"top_k":1,"messages":[1],"model":"other"}"#);
    assert_eq!(got.model.as_deref(), Some("other"));
    // The path is written already.
    let got = marked(&asked, Format::BedrockConverse, "m", r#"{"messages":[1]}"#);
    assert_eq!(text(&got), r#"{"top_k":1,"messages":[1]}"#);
    assert_eq!(
        (got.undone, got.model),
        (vec![Part::FinalTransformations], None)
    );
}

#[test]
fn a_body_that_is_no_object_is_the_clients_fault() {
    let asked = policy(json!({"defaults": {"a": 1}}));
    for body in ["", "[1]", "{\"a\":", "{\"a\":\"\u{1}\"}"] {
        let request = Request {
            operation: Operation::Chat,
            body: &Bytes::copy_from_slice(body.as_bytes()),
            path_model: None,
        };
        let error = before(&asked, request, &mut alone).err().unwrap();
        assert_eq!(error.fault(), crate::error::Fault::Client, "{body}");
    }
}

/// Objects as clients write them, with space where it may be.
fn bodies() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("1.50".to_owned()),
        any::<String>().prop_map(|text| json!(text).to_string()),
    ];
    let value = leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|v| format!("[ {} ]", v.join(" , "))),
            prop::collection::vec(("[a-z]{1,8}", inner), 0..4).prop_map(|v| {
                let members: Vec<_> = v.iter().map(|(k, v)| format!("\"{k}\" : {v}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    });
    let key = prop_oneof![
        Just("messages".to_owned()),
        Just("system".to_owned()),
        Just("model".to_owned()),
        "[a-z]{1,8}",
    ];
    prop::collection::vec((key, value), 0..6).prop_map(|members| {
        let members: Vec<_> = members
            .iter()
            .map(|(k, v)| format!("\n\"{k}\":\t{v}"))
            .collect();
        format!(" {{{}}} ", members.join(" ,"))
    })
}

const SHAPED: [Operation; 6] = [
    Operation::Chat,
    Operation::Responses,
    Operation::Messages,
    Operation::GenerateContent,
    Operation::Embeddings,
    Operation::Passthrough,
];

proptest! {
    #[test]
    fn an_empty_policy_changes_nothing(body in prop_oneof![bodies(), any::<String>()]) {
        let body = Bytes::from(body);
        for operation in SHAPED {
            let request = Request { operation, body: &body, path_model: Some("m") };
            let got = before(&Shaping::default(), request, &mut alone).unwrap();
            prop_assert_eq!(got.body.as_ptr(), body.as_ptr());
            prop_assert_eq!(got.model.as_deref(), Some("m"));
            let format = Format::of_operation(operation);
            let got = after(&Shaping::default(), operation, format, None, &body, &mut alone).unwrap();
            prop_assert_eq!(got.body.as_ptr(), body.as_ptr());
            prop_assert!(got.undone.is_empty());
        }
    }

    #[test]
    fn what_is_shaped_is_json_and_keeps_the_rest(body in bodies()) {
        let asked = policy(json!({
            "defaults": {"temperature": 1},
            "overrides": {"user": "u"},
            "prompt": {"prepend": [["system", "s\n"]], "append": [["user", "u"]]},
        }));
        let old: serde_json::Map<String, Value> = serde_json::from_str(&body).unwrap();
        for operation in SHAPED {
            let got = shaped(&asked, operation, &body);
            let new: serde_json::Map<String, Value> = serde_json::from_slice(&got.body).unwrap();
            for (key, value) in &old {
                let touched = ["messages", "system", "input", "instructions", "contents", "user"];
                if !touched.contains(&key.as_str()) && !key.starts_with("system") {
                    prop_assert_eq!(new.get(key), Some(value), "{}", key);
                }
            }
            if operation != Operation::Passthrough {
                prop_assert_eq!(new.get("user"), Some(&json!("u")));
                prop_assert!(new.contains_key("temperature"));
            }
        }
    }

    #[test]
    fn marks_leave_json_behind(body in bodies()) {
        let places = [CachePlace::System, CachePlace::Tools, CachePlace::Messages];
        for format in [Format::AnthropicMessages, Format::BedrockConverse] {
            let got = marked(&caching(&places, 0, 0), format, CLAUDE, &body);
            prop_assert!(serde_json::from_slice::<Value>(&got.body).is_ok());
        }
    }
}
