use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn joined(spliced: &Spliced) -> String {
    let text = spliced.pieces.concat();
    assert_eq!(text.len(), spliced.len);
    String::from_utf8(text).unwrap()
}

#[test]
fn says_where_a_body_is_no_json_object() {
    let syntax = "the request body is not valid JSON: ";
    let table: &[(&str, String, &str, Option<&str>)] = &[
        (
            "",
            "the request body is empty; a JSON object is expected".into(),
            "invalid_json",
            None,
        ),
        (
            " \n",
            "the request body is empty; a JSON object is expected".into(),
            "invalid_json",
            None,
        ),
        (
            "hello",
            format!("{syntax}unexpected character at byte 0"),
            "invalid_json",
            None,
        ),
        (
            r#"{"a":1,}"#,
            format!("{syntax}unexpected character at byte 7"),
            "invalid_json",
            None,
        ),
        (
            r#"{"a":1} x"#,
            format!("{syntax}unexpected character at byte 8"),
            "invalid_json",
            None,
        ),
        (
            r#"{"a":[1]"#,
            format!("{syntax}it ends early, at byte 8"),
            "invalid_json",
            None,
        ),
        (
            "[1]",
            "the request body must be a JSON object".into(),
            "invalid_body",
            None,
        ),
        (
            "\"x\"",
            "the request body must be a JSON object".into(),
            "invalid_body",
            None,
        ),
    ];
    for (body, text, code, param) in table {
        let error = RequestFacts::read(body.as_bytes()).unwrap_err();
        assert_eq!(
            (error.to_string().as_str(), error.code(), error.param()),
            (text.as_str(), *code, *param)
        );
        assert_eq!(error.fault(), crate::error::Fault::Client);
    }
}

#[test]
fn says_which_member_is_wrong() {
    let deep = format!(r#"{{"messages":{}"#, "[".repeat(200));
    let long = format!(r#"{{"model":"{}"}}"#, "m".repeat(600));
    let duplicate = "the request body has `model` more than once";
    let text = "`model` must be a string";
    let table = [
        (
            r#"{"model":"a","model":"b"}"#,
            duplicate,
            "duplicate_parameter",
            Some("model"),
        ),
        (
            r#"{"model":"a","mod\u0065l":"b"}"#,
            duplicate,
            "duplicate_parameter",
            Some("model"),
        ),
        (r#"{"model":7}"#, text, "invalid_type", Some("model")),
        (r#"{"model":"\ud800"}"#, text, "invalid_type", Some("model")),
        (
            r#"{"stream":0}"#,
            "`stream` must be true or false",
            "invalid_type",
            Some("stream"),
        ),
        (
            &deep,
            "the request body is nested deeper than 128 levels",
            "body_too_deep",
            None,
        ),
        (
            &long,
            "`model` is longer than 512 bytes",
            "string_above_max_length",
            Some("model"),
        ),
    ];
    for (body, text, code, param) in table {
        let error = RequestFacts::read(body.as_bytes()).unwrap_err();
        assert_eq!(
            (&*error.to_string(), error.code(), error.param()),
            (text, code, param)
        );
    }
}

#[test]
fn reads_what_a_body_says() {
    let facts = RequestFacts::read(
        br#" {"messages":[{"model":"inner"}], "mod\u0065l" : "gpt\u002d4o" ,"stream":true}"#,
    )
    .unwrap();
    assert_eq!(facts.model().map(|model| &**model), Some("gpt-4o"));
    assert!(facts.stream && facts.has_messages && !facts.has_input && !facts.has_prompt);
    let facts = RequestFacts::read(br#"{"model":null,"stream":null,"input":null}"#).unwrap();
    assert_eq!(facts.model(), None);
    assert!(!facts.stream && !facts.has_input);
}

#[test]
fn sets_the_model_and_keeps_every_other_byte() {
    let table = [
        (r#"{"model":"a","n":1.10}"#, r#"{"model":"b","n":1.10}"#),
        (
            r#" { "n" : 1e2 , "model" : "a" } "#,
            r#" { "n" : 1e2 , "model" : "b" } "#,
        ),
        (r#"{"model":null}"#, r#"{"model":"b"}"#),
        (r#"{ "n":1}"#, r#"{"model":"b", "n":1}"#),
        (r#"{ }"#, r#"{"model":"b" }"#),
        (r#"{"model":"b","x":"é"}"#, r#"{"model":"b","x":"é"}"#),
        (r#"{"model":"\u0062"}"#, r#"{"model":"\u0062"}"#),
        (
            r#"{"messages":[{"model":"a"}],"model":"a"}"#,
            r#"{"messages":[{"model":"a"}],"model":"b"}"#,
        ),
    ];
    let edits = Edits {
        model: Some("b"),
        usage: UsageOwner::Client,
    };
    for (before, after) in table {
        let body = Bytes::from_static(before.as_bytes());
        let facts = RequestFacts::read(&body).unwrap();
        assert_eq!(joined(&splice(&body, &facts, &edits)), after);
    }
}

#[test]
fn a_body_that_is_already_right_is_not_copied() {
    let body = Bytes::from_static(br#"{"model":"b"}"#);
    let facts = RequestFacts::read(&body).unwrap();
    for model in [Some("b"), None] {
        let spliced = splice(
            &body,
            &facts,
            &Edits {
                model,
                usage: UsageOwner::Client,
            },
        );
        assert_eq!(spliced.pieces.len(), 1);
        assert_eq!(spliced.pieces[0].as_ptr(), body.as_ptr());
    }
}

#[test]
fn model_names_are_escaped() {
    let body = Bytes::from_static(br#"{"model":"a"}"#);
    let facts = RequestFacts::read(&body).unwrap();
    let edits = Edits {
        model: Some("b\",\"n\":9,\"x\":\""),
        usage: UsageOwner::Client,
    };
    let value: Value = serde_json::from_str(&joined(&splice(&body, &facts, &edits))).unwrap();
    assert_eq!(value, json!({"model": "b\",\"n\":9,\"x\":\""}));
}

#[test]
fn asks_for_usage_where_the_client_did_not() {
    use UsageOwner::{Client, Gateway};
    let table = [
        (
            r#"{"stream":true}"#,
            Gateway,
            r#"{"stream_options":{"include_usage":true},"stream":true}"#,
        ),
        (
            r#"{"stream":true,"stream_options":null}"#,
            Gateway,
            r#"{"stream":true,"stream_options":{"include_usage":true}}"#,
        ),
        (
            r#"{"stream":true,"stream_options":{ }}"#,
            Gateway,
            r#"{"stream":true,"stream_options":{"include_usage":true }}"#,
        ),
        (
            r#"{"stream":true,"stream_options":{"x":1}}"#,
            Gateway,
            r#"{"stream":true,"stream_options":{"include_usage":true,"x":1}}"#,
        ),
        (
            r#"{"stream_options":{"include_usage": false},"stream":true}"#,
            Gateway,
            r#"{"stream_options":{"include_usage": true},"stream":true}"#,
        ),
        (
            r#"{"stream":true,"stream_options":{"include_usage":true}}"#,
            Client,
            r#"{"stream":true,"stream_options":{"include_usage":true}}"#,
        ),
        (
            r#"{"stream":true,"stream_options":7}"#,
            Client,
            r#"{"stream":true,"stream_options":7}"#,
        ),
        (r#"{"stream":false}"#, Client, r#"{"stream":false}"#),
        (r#"{"n":1}"#, Client, r#"{"n":1}"#),
    ];
    for (before, owner, after) in table {
        let body = Bytes::from_static(before.as_bytes());
        let facts = RequestFacts::read(&body).unwrap();
        let usage = facts.usage_owner(Operation::Chat);
        assert_eq!(usage, owner, "{before}");
        assert_eq!(
            joined(&splice(&body, &facts, &Edits { model: None, usage })),
            after
        );
        assert_eq!(facts.usage_owner(Operation::Responses), Client, "{before}");
    }
}

fn member() -> impl Strategy<Value = (String, Value)> {
    let key = prop_oneof![
        Just("model".to_owned()),
        Just("stream".to_owned()),
        Just("stream_options".to_owned()),
        "[a-zé\"\\\\]{0,6}",
    ];
    (key, any::<u8>(), ".{0,12}").prop_map(|(key, pick, text)| {
        let value = match (key.as_str(), pick % 4) {
            ("model", 0) | ("stream" | "stream_options", 1) => Value::Null,
            ("model", _) => Value::String(text),
            ("stream", pick) => Value::Bool(pick > 1),
            ("stream_options", 2) => json!({}),
            ("stream_options", 3) => json!({ "include_usage": false, text: 1 }),
            ("stream_options", _) => json!({ text: 1 }),
            _ => json!([text, { "model": text }, pick]),
        };
        (key, value)
    })
}

proptest! {
    #[test]
    fn splicing_equals_editing_the_document(
        members in proptest::collection::vec(member(), 0..6),
        model in proptest::option::of(".{0,12}"),
        pretty in any::<bool>(),
    ) {
        let mut document: Value = Value::Object(members.into_iter().collect());
        let text = if pretty { serde_json::to_string_pretty(&document) } else { serde_json::to_string(&document) };
        let body = Bytes::from(text.unwrap());
        let facts = RequestFacts::read(&body).unwrap();
        let usage = facts.usage_owner(Operation::Chat);
        let spliced = joined(&splice(&body, &facts, &Edits { model: model.as_deref(), usage }));
        if let Some(model) = &model {
            document["model"] = json!(model);
        }
        if usage == UsageOwner::Gateway {
            if !document["stream_options"].is_object() {
                document["stream_options"] = json!({});
            }
            document["stream_options"]["include_usage"] = json!(true);
        }
        prop_assert_eq!(serde_json::from_str::<Value>(&spliced).unwrap(), document);
    }
}
