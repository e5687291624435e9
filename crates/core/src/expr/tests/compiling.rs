//! What compiles, what does not and where it says so.

use super::*;
use crate::expr::{Flatten, Reads};

/// The error of `source`: its line, column and text.
fn error(source: &str) -> (u32, u32, String) {
    let error = Expression::compile(source).expect_err(source);
    (error.line, error.column, error.message)
}

#[test]
fn places_errors_in_the_source_as_written() {
    for (source, line, column, message) in [
        (
            "requst.method",
            1,
            1,
            "unknown variable `requst`; did you mean `request`?",
        ),
        (
            "1 + foo",
            1,
            5,
            "unknown variable `foo`; there are `request`",
        ),
        (
            "request.metod",
            1,
            8,
            "unknown field of `request` `metod`; did you mean `method`?",
        ),
        (
            "llm.inputToken",
            1,
            4,
            "unknown field of `llm` `inputToken`; did you mean `inputTokens`?",
        ),
        ("frobnicate(1)", 1, 11, "unknown function `frobnicate`"),
        (
            "siz('a')",
            1,
            4,
            "unknown function `siz`; did you mean `size`?",
        ),
        (
            "'a'.startWith('a')",
            1,
            14,
            "unknown method `startWith`; did you mean `startsWith`?",
        ),
        (
            "sha256.encode('a')",
            1,
            14,
            "unknown function `sha256.encode`",
        ),
        ("base64.enc('a')", 1, 11, "unknown function `base64.enc`"),
        ("startsWith('a', 'b')", 1, 11, "write it behind a dot"),
        (
            "default(1)",
            1,
            8,
            "function `default` takes 2 arguments, not 1",
        ),
        (
            "'a'.matches('(')",
            1,
            13,
            "not a regular expression: unclosed group",
        ),
        ("jwt.map(1)", 1, 8, "wrong use of the macro `map`"),
        ("1 +", 1, 4, "the expression ends too early"),
        ("(1", 1, 3, "the expression ends too early"),
        ("1)", 1, 2, "unexpected `)`"),
        ("'abc", 1, 1, "this string does not end"),
        ("1 # 2", 1, 3, "unexpected character `#`"),
        ("'ü' + ö", 1, 7, r"unexpected character `\u{f6}`"),
        ("", 1, 1, "the expression is empty"),
        ("  // nothing", 1, 1, "the expression is empty"),
        ("'ü' + foo", 1, 7, "unknown variable `foo`"),
        ("true ||\n  'ü' == foo", 2, 10, "unknown variable `foo`"),
        ("true ||\n  1 1", 2, 5, "syntax error"),
        ("'ü' 1", 1, 5, "syntax error"),
        ("if 'ü' 1 then 2 else 3", 1, 8, "syntax error"),
        ("if true then 1 else foo", 1, 21, "unknown variable `foo`"),
        ("if foo then 1 else 2", 1, 4, "unknown variable `foo`"),
        (
            "1 + (if 'ü' == '' then if bar then 1 else 2 else 2)",
            1,
            27,
            "unknown variable `bar`",
        ),
        ("if true then 1", 1, 1, "this `if` has no `else`"),
        ("if true", 1, 1, "this `if` has no `then`"),
        ("if then 1 else 2", 1, 4, "an expression before `then`"),
        ("if true then 1 else", 1, 1, "nothing follows the `else`"),
        ("(if true) then 1 else 2", 1, 9, "expected `then`"),
        ("flatten(jwt) == 1", 1, 8, "must be the whole expression"),
        ("jwt.with(1, 2)", 1, 10, "must be the name of a variable"),
        ("[1].exists(x, y > 1)", 1, 15, "unknown variable `y`"),
        ("a.b{c: 1}", 1, 4, "there is no message type `a.b`"),
        (".request.method", 1, 2, "names have no leading dot"),
        ("jwt.sub // 'anonymous' // x\n + +", 2, 4, "syntax error"),
    ] {
        let (at_line, at_column, text) = error(source);
        assert!(text.contains(message), "{source}: {text}");
        assert_eq!((at_line, at_column), (line, column), "{source}: {text}");
    }
}

#[test]
fn says_position_and_message() {
    let error = Expression::compile("1 +\nfoo").unwrap_err();
    assert!(
        error.to_string().starts_with("2:1: unknown variable `foo`"),
        "{error}"
    );
    assert_eq!(error.offset, 4);
}

#[test]
fn gives_the_standard_form_of_sugar() {
    for (source, standard) in [
        (
            SEED_LENGTH,
            Some("string(size(json(request.body).messages[0].content))"),
        ),
        (
            SEED_CLASS,
            Some(r#"size(json(request.body).messages[0].content) > 100 ? "long" : "short""#),
        ),
        ("1 + (if true then 1 else 2)", Some("1 + (true ? 1 : 2)")),
        ("1 + if true then 1 else 2", Some("1 + (true ? 1 : 2)")),
        (
            "if true then (if false then 1 else 2) else 3",
            Some("true ? (false ? 1 : 2) : 3"),
        ),
        (
            "if true then true ? 1 : 2 else 3",
            Some("true ? (true ? 1 : 2) : 3"),
        ),
        ("len ('a')", Some("size ('a')")),
        ("size('len(x)')", None),
        ("true ? 1 : 2", None),
    ] {
        let expression = compile(source);
        assert_eq!(expression.standard_form().as_deref(), standard, "{source}");
        assert_eq!(expression.source(), source);
        if let Some(standard) = standard {
            let world = World::new(CHAT);
            let same = compile(standard).eval(&world.input());
            assert_eq!(expression.eval(&world.input()), same, "{source}");
            assert_eq!(compile(standard).standard_form(), None);
        }
    }
}

#[test]
fn knows_which_bodies_are_read() {
    let none = Reads::default();
    let request = Reads {
        request_body: true,
        ..none
    };
    let response = Reads {
        response: true,
        ..none
    };
    let response_body = Reads {
        response_body: true,
        response: true,
        ..none
    };
    for (source, reads) in [
        ("request.path", none),
        ("request.headers['body']", none),
        ("has(request.method)", none),
        ("'request.body'", none),
        ("[1].exists(request, request == 1)", none),
        ("request.body", request),
        ("request['body']", request),
        ("request[jwt.sub]", request),
        ("request", request),
        ("toJson(request)", request),
        ("has(request.body)", request),
        ("request.?body", request),
        ("request[?'body']", request),
        ("request.with(r, r.method)", request),
        (SEED_CLASS, request),
        ("json(request.body).with(b, b.x)", request),
        ("default(json(request.body).x, 1)", request),
        ("[1].map(x, request.body)", request),
        ("response.code", response),
        ("response.body", response_body),
        ("json(response.body).x", response_body),
        ("string(response)", response_body),
    ] {
        assert_eq!(compile(source).reads(), reads, "{source}");
    }
    assert!(request.union(response_body).request_body);
}

#[test]
fn spreads_maps_only_at_the_top() {
    for (source, flatten) in [
        ("flatten(llm.params)", Flatten::Entries),
        ("flattenRecursive(jwt)", Flatten::Recursive),
        ("llm.params", Flatten::No),
    ] {
        assert_eq!(compile(source).flatten(), flatten, "{source}");
    }
    let value = eval("flatten(llm.params)").unwrap();
    assert_eq!(
        value.to_json(),
        serde_json::json!({"temperature": 0.5, "seed": 7})
    );
}

#[test]
fn compiles_what_users_write() {
    for source in [
        r#"(jwt.persona == "admin") || (jwt.persona == "academic" && mcp.tool.target == "mcp-airxiv-80")"#,
        r#""{\"hello\": \"" + string(json(request.body).name) + "\"}""#,
        r#"default(metadata.requestedModel, string(json(request.body).model)) != default(metadata.actualModel, string(json(response.body).model)) ? "true" : "false""#,
        r#"json(request.body).with(body, { "model": body.model, "messages": [{"role": "system", "content": "You are assisting user: " + default(request.headers["x-user-id"], "anonymous")}] + body.messages } ).toJson()"#,
        r#"toJson(json(request.body).filterKeys(k, !k.startsWith("x_")).merge({"model": "gpt-4o", "max_tokens": 2048}))"#,
        r#"toJson(json(request.body).merge({"model": default(json(request.body).model, "gpt-4o"), "max_tokens": default(json(request.body).max_tokens, 2048)}))"#,
        r#"llm.completion.map(c, {"role":"assistant", "content": c})"#,
        r#"llm.completion[0]"#,
        r#"uint(llm.cost.total * 1000000)"#,
        r#"request.headers["foo"] == "bar" ? "/post" : request.path"#,
        r#"jwt.rawToken.unredacted()"#,
        r#"string(random())"#,
        "true",
    ] {
        compile(source);
    }
}

#[test]
fn prints_its_source_only() {
    assert_eq!(format!("{:?}", compile("1 + 1")), r#"Expression("1 + 1")"#);
}
