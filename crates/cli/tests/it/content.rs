//! Pattern 5 on bodies that its author did not think of.

use agw_testkit::Request;
use serde_json::{Value, json};

use crate::setup::{LARGE, MINI, Setup, chat, seed, setups};

fn ask(setup: &Setup, body: &Value) -> Request {
    Request::post(setup.content.path, body)
}

fn content(value: &Value) -> Value {
    json!({ "messages": [{ "role": "user", "content": value }] })
}

#[test]
fn the_limit_is_counted_in_characters() {
    for setup in setups() {
        let rig = setup.start();
        let limit = setup.content.limit;
        for (prompt, model) in [
            ("x".repeat(limit), MINI),
            ("x".repeat(limit + 1), LARGE),
            ("ü".repeat(limit), MINI),
            ("🦀".repeat(limit), MINI),
            ("🦀".repeat(limit + 1), LARGE),
            ("\n".repeat(limit), MINI),
            ("\"\\".repeat(limit), LARGE),
            (String::new(), MINI),
        ] {
            let answer = rig.chat(setup.content.path, &prompt);
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert_eq!(
                answer.model().as_deref(),
                Some(model),
                "{} characters",
                prompt.chars().count()
            );
        }
    }
}

#[test]
fn the_clients_own_header_counts_for_nothing() {
    for setup in setups() {
        let rig = setup.start();
        let request = chat(setup.content.path, "Hi").header(setup.content.header, "long");
        assert_eq!(
            rig.agw.send(&request).unwrap().model().as_deref(),
            Some(MINI)
        );
        // Also when there is nothing to compute it from.
        let request = ask(&setup, &json!({})).header(setup.content.header, "long");
        assert_eq!(rig.agw.send(&request).unwrap().status, 404);
    }
}

#[test]
fn a_body_that_the_expression_cannot_read_matches_no_route() {
    for setup in setups() {
        let rig = setup.start();
        for body in [
            json!({}),
            json!({ "messages": [] }),
            json!({ "messages": "Hi" }),
            json!([1, 2]),
            content(&Value::Null),
            content(&json!(7)),
        ] {
            let answer = rig.agw.send(&ask(&setup, &body)).unwrap();
            assert_eq!(answer.status, 404, "{body}: {}", answer.text());
        }
        for text in ["", "no json", "\u{feff}{}"] {
            let request = Request::new("POST", setup.content.path).body(text);
            let answer = rig.agw.send(&request).unwrap();
            assert_eq!(answer.status, 404, "{text:?}: {}", answer.text());
        }
        // As far as the expression reads it is well; the provider would never take it.
        let cut = r#"{"messages":[{"content":"Hi"}]"#;
        let request = Request::new("POST", setup.content.path).body(cut);
        assert_eq!(rig.agw.send(&request).unwrap().status, 400);
        let get = Request::get(setup.content.path);
        assert_eq!(rig.agw.send(&get).unwrap().status, 404);
    }
}

#[test]
fn only_the_first_message_counts_and_large_bodies_are_read() {
    for setup in setups() {
        let rig = setup.start();
        let long = "x".repeat(1 << 20);
        let user = |text: &str| json!({ "role": "user", "content": text });
        let last_long = json!({ "messages": [user("Hi"), user(&long)] });
        assert_eq!(
            rig.agw
                .send(&ask(&setup, &last_long))
                .unwrap()
                .model()
                .as_deref(),
            Some(MINI)
        );
        let first_long = json!({ "messages": [user(&long), user("Hi")] });
        assert_eq!(
            rig.agw
                .send(&ask(&setup, &first_long))
                .unwrap()
                .model()
                .as_deref(),
            Some(LARGE)
        );
    }
}

#[test]
fn a_chunked_body_is_read_like_any_other() {
    for setup in setups() {
        let rig = setup.start();
        let body = content(&json!("x".repeat(setup.content.limit + 1))).to_string();
        let (head, tail) = body.split_at(20);
        let chunks = format!(
            "{:x}\r\n{head}\r\n{:x}\r\n{tail}\r\n0\r\n\r\n",
            head.len(),
            tail.len()
        );
        let request = Request::new("POST", setup.content.path)
            .header("content-type", "application/json")
            .header("transfer-encoding", "chunked")
            .body(chunks);
        let answer = rig.agw.send(&request).unwrap();
        assert_eq!(answer.model().as_deref(), Some(LARGE), "{}", answer.text());
    }
}

/// `len()` is the length of the joined text; `size()` stays CEL's, which counts the parts.
#[test]
fn parts_of_a_message_count_as_their_text_for_len() {
    let Some(setup) = seed() else { return };
    let rig = setup.start();
    let text = |length: usize| json!({ "type": "text", "text": "x".repeat(length) });
    for (parts, model) in [
        (json!([text(60), text(40)]), MINI),
        (json!([text(60), text(41)]), LARGE),
        (json!([text(5)]), MINI),
    ] {
        let answer = rig.agw.send(&ask(&setup, &content(&parts))).unwrap();
        assert_eq!(answer.model().as_deref(), Some(model), "{parts}");
    }
}

#[test]
fn a_computed_header_goes_upstream() {
    for setup in setups() {
        let rig = setup.start();
        rig.chat(setup.content.path, "Hi!");
        let seen = rig.mock.requests().unwrap();
        let seen = seen.iter().rfind(|r| r["method"] == "POST").unwrap();
        let name = setup.content.header.to_lowercase();
        assert_eq!(seen["headers"][&name], "short", "{seen}");
    }
}
