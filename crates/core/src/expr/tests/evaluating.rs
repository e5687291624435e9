//! What expressions evaluate to.

use super::*;

/// Each expression is true of [`CHAT`].
const TRUE: &[&str] = &[
    // The request
    r#"request.method == "POST""#,
    r#"request.path == "/v1/chat" && request.path.startsWith("/v1")"#,
    r#"request.pathAndQuery == "/v1/chat?foo=bar&beta=true&foo=2&q=a%20b+c""#,
    r#"request.uri.contains("foo=bar") && request.uri == request.url"#,
    r#"request.scheme + "://" + request.host + request.path == "https://api.example.com/v1/chat""#,
    r#"request.version == "HTTP/1.1""#,
    r#"request.query.foo == "bar" && request.query["q"] == "a b c" && !has(request.query.zzz)"#,
    r#"request.headers["X-Environment"] == "development""#,
    r#"request.headers["x-many"] == "a, b""#,
    r#""x-environment" in request.headers && !("x-other" in request.headers)"#,
    r#"has(request.headers.nope) ? false : true"#,
    r#"request.headers.exists(h, h == "x-many")"#,
    r#"type(request.headers["x-raw"]) == bytes"#,
    r#"request.startTime == timestamp("2023-11-14T22:13:20.250Z")"#,
    r#"now() - request.startTime < duration("1s")"#,
    r#"request["method"] == "POST""#,
    // JSON bodies
    r#"json(request.body).model == "gpt-4o""#,
    r#"json(request.body)["model"] == "gpt-4o""#,
    r#"json(request.body).temperature == 0.5 && json(request.body).n == 1"#,
    r#"json(request.body).big == 18446744073709551615u"#,
    r#"json(request.body).messages[0].content == "héllo wörld""#,
    r#"size(json(request.body).messages) == 2 && json(request.body).messages.size() == 2"#,
    r#"json(request.body).nested.x.y[2] == 3"#,
    r#"json(request.body)['esc"aped'] == 'q"\n'"#,
    r#"json(request.body).nothing == null"#,
    r#"json(request.body).stream"#,
    r#"has(json(request.body).model) && !has(json(request.body).nope)"#,
    r#"json(request.body).messages.exists(m, m.role == "user")"#,
    r#"json(request.body).messages.all(m, has(m.content))"#,
    r#"json(request.body).messages.map(m, m.role) == ["user", "user"]"#,
    r#"["a", "b"] == json(request.body).tags && json(request.body).tags == ["a", "b"]"#,
    r#"json(request.body).nested == {"x": {"y": [1, 2, 3]}}"#,
    r#"{"x": {"y": [1, 2, 3]}} == json(request.body).nested"#,
    r#"{"x": 1} != json(request.body).nested && json(request.body).tags != ["a"]"#,
    r#""a" in json(request.body).tags && !("c" in json(request.body).tags)"#,
    r#""x" in json(request.body).nested && "model" in json(request.body)"#,
    r#"json(request.body).tags + ["c"] == ["a", "b", "c"]"#,
    r#"["c"] + json(request.body).tags == ["c", "a", "b"]"#,
    r#"json(request.body).nested.x.y.filter(i, i > 1).map(i, i * 2) == [4, 6]"#,
    r#"json(request.body).nested.x.y.exists_one(i, i == 2)"#,
    r#"json(request.body).?model.orValue("x") == "gpt-4o""#,
    r#"json(request.body).?zzz.orValue("x") == "x""#,
    r#"json('{"a": [1, {"b": "c"}]}').a[1].b == "c""#,
    r#"json(string(base64.decode("eyJhIjoxfQ=="))).a == 1"#,
    r#"json(" 7 ") == 7 && json("-1.5e1") == -15.0 && json("true") && json("null") == null"#,
    // Sugar
    r#"len("äöü") == 3 && size("äöü") == 3"#,
    r#"len(json(request.body).messages[0].content) == 11"#,
    r#"len(json(request.body).messages[1].content) == 5"#,
    r#"size(json(request.body).messages[1].content) == 3"#,
    r#"len(json(request.body).messages) == 2 && len([]) == 0 && len({"a": 1}) == 1"#,
    r#"len([{"type": "text", "text": "abc"}, {"type": "image_url"}]) == 3"#,
    r#"len([{"text": "abc"}]) == 1 && len(b"abc") == 3"#,
    r#"(if true then 1 else 2) == 1 && (if false then 1 else 2) == 2"#,
    r#"if 1 > 2 then false else if 2 > 1 then true else false"#,
    r#"(if (if true then false else true) then 1 else (if true then 2 else 3)) == 2"#,
    r#"[if true then 1 else 2, 3] == [1, 3]"#,
    r#"{"a": if false then 1 else 2}["a"] == 2"#,
    r#"(true ? if false then 1 else 2 : 3) == 2"#,
    r#""if x then y else z".startsWith("if")"#,
    r#"[1, 2].map(then, then + 1) == [2, 3]"#,
    // Roots
    r#"response.code == 404 && response.code >= 400"#,
    r#"json(response.body).model == "gpt-4o-2024""#,
    r#"source.address == "10.0.0.7" && source.port == 4711"#,
    r#"llm.requestModel == "gpt-4o" && llm.inputTokens + 1 == 13 && !llm.streaming"#,
    r#"llm.timeToFirstToken == duration("1.5s") && llm.params.seed == 7"#,
    r#"default(llm.outputTokens, 0) == 0"#,
    r#"jwt.sub == "alice" && jwt["n"] == 3"#,
    r#""AI-Users" in jwt.groups"#,
    r#"has(jwt.groups) && jwt.groups.exists(group, group == "users")"#,
    r#"!has(apiKey.user_id) && !has(mcp.tool.name)"#,
    r#"default(apiKey.user_id, "") == """#,
    r#"default(jwt.org, default(request.headers["x-org"], "public-tier")) == "public-tier""#,
    // Functions
    r#"default(json(request.body).nope, "x") == "x" && default(json("nope"), 1) == 1"#,
    r#"default(json(request.body).user_id, default(fail(), 3)) == 3"#,
    r#"coalesce(json(request.body).priority, null, "standard") == "standard""#,
    r#"coalesce(null, null) == null"#,
    r#"json(request.body).with(body, body.model == "gpt-4o" ? string(body.n) : "other") == "1""#,
    r#"5.with(a, a + a).with(b, b * b) == 100"#,
    r#"request.path.with(p, p.regexReplace("/v[0-9]+", "/id")) == "/id/chat""#,
    r#""a1b22".regexReplace("([a-z])[0-9]+", "$1") == "ab""#,
    r#"string(base64.decode(request.headers["x-b64"])) == "hi""#,
    r#"base64.encode("hi") == "aGk=" && base64Encode(b"hi") == "aGk=" && base64Decode("aGk") == b"hi""#,
    r#"url.encode("a b/ü") == "a%20b%2F%C3%BC" && url.decode("a%20b%2F%C3%BC") == "a b/ü""#,
    r#"toJson({"b": 1, "a": [true, null, "x\"", 1.5]}) == '{"a":[true,null,"x\\"",1.5],"b":1}'"#,
    r#"json(request.body).nested.toJson() == '{"x":{"y":[1,2,3]}}'"#,
    r#"toJson([json(request.body).nested]) == '[{"x":{"y":[1,2,3]}}]'"#,
    r#"{"a": 1}.merge({"b": 2, "a": 3}) == {"a": 3, "b": 2}"#,
    r#"json(request.body).nested.merge({"z": 1}).z == 1"#,
    r#"json(request.body).filterKeys(k, k.startsWith("te")) == {"temperature": 0.5}"#,
    r#"{"a": 1, "b": 2}.mapValues(v, v * 10) == {"a": 10, "b": 20}"#,
    r#"llm.params.mapValues(v, v > 1) == {"temperature": false, "seed": true}"#,
    r#""openai/gpt".stripPrefix("openai/") == "gpt" && "a.b".stripSuffix(".b") == "a""#,
    r#"min(3, 10) == 3 && max([1, 5, 2]) == 5 && max(1, 2, 3) == 3"#,
    r#""abc".matches("^a.c$") && !matches("abc", "d") && "abc".matches("a" + ".c")"#,
    r#""a,b".split(",").join("-") == "a-b" && "aXa".replace("a", "b") == "bXb""#,
    r#""aaa".replace("a", "b", 2) == "bba" && "Ab".lowerAscii() + "x".upperAscii() == "abX""#,
    r#""%s is %d".format(["a", 1]) == "a is 1" && "abc".substring(1) == "bc""#,
    r#"math.greatest(1, 2, 3) == 3 && math.abs(-2) == 2"#,
    r#"random() >= 0.0 && random() < 1.0 && random() != random()"#,
    r#"uuid().matches("^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")"#,
    r#"unvalidatedJwtPayload("e30.eyJzdWIiOiJib2IifQ.x").sub == "bob""#,
    r#""tok".unredacted() == "tok""#,
    r#"int("7") == 7 && double("1.5") == 1.5 && uint(3) == 3u && string(1.5) == "1.5""#,
    r#"{"Qwen": "q", "gpt-4o": "g"}[string(json(request.body).model)] == "g""#,
];

#[test]
fn agrees_with_the_language() {
    let world = World::new(CHAT);
    let input = world.input();
    for source in TRUE {
        assert_eq!(compile(source).eval_bool(&input), Ok(true), "{source}");
    }
}

#[test]
fn computes_the_seeds_headers() {
    let long = "ü".repeat(101);
    for (content, length, class) in [("hi", "2", "short"), (long.as_str(), "101", "long")] {
        let body =
            format!(r#"{{"model":"m","messages":[{{"role":"user","content":"{content}"}}]}}"#);
        let world = World::new(body);
        let input = world.input();
        assert_eq!(compile(SEED_LENGTH).eval_header(&input).unwrap(), length);
        assert_eq!(compile(SEED_CLASS).eval_header(&input).unwrap(), class);
    }
}

#[test]
fn has_no_value_for_bodies_of_another_shape() {
    use EvalError::{Absent, NotJson};
    let absent = |name: &str| Absent(name.to_owned());
    for (body, error) in [
        ("", NotJson("request.body")),
        ("plain", NotJson("request.body")),
        ("\u{0}", NotJson("request.body")),
        ("{}", absent("`messages`")),
        (r#"{"messages":[]}"#, absent("the list element")),
        (r#"{"messages":[{}]}"#, absent("`content`")),
    ] {
        assert_eq!(eval_on(SEED_LENGTH, body), Err(error), "{body}");
    }
    for body in [
        "[]",
        "1",
        "null",
        r#"{"messages":1}"#,
        r#"{"messages":[{"content":7}]}"#,
        "{",
        "[",
    ] {
        assert!(eval_on(SEED_LENGTH, body).is_err(), "{body}");
    }
    assert_eq!(
        compile(SEED_LENGTH).eval(&World::new(b"\xff\xff".as_slice()).input()),
        Err(NotJson("request.body"))
    );
}

#[test]
fn absent_parts_are_errors_and_not_panics() {
    let empty = Input::new();
    for source in [
        "request.method",
        "request.body",
        "json(request.body)",
        "response.code",
        "source.address",
        "llm.provider",
        "jwt.sub",
        "apiKey.x",
        "mcp.tool.name",
        "now()",
        "random()",
        "uuid()",
        "jwt",
        "request.headers['x']",
        "json(response.body).model",
    ] {
        let error = compile(source).eval(&empty);
        assert!(
            matches!(error, Err(EvalError::Absent(_))),
            "{source}: {error:?}"
        );
        let fallback = format!("default({source}, 'fallback')");
        assert_eq!(
            compile(&fallback).eval(&empty),
            Ok(string("fallback")),
            "{source}"
        );
    }
    for source in [
        "has(request.method)",
        "has(jwt.groups)",
        "has(mcp.tool.name)",
    ] {
        assert_eq!(compile(source).eval_bool(&empty), Ok(false), "{source}");
    }
}

#[test]
fn prints_values_as_headers() {
    let world = World::new(CHAT);
    let input = world.input();
    for (source, printed) in [
        ("'text'", "text"),
        ("12", "12"),
        ("12u", "12"),
        ("1.5", "1.5"),
        ("true", "true"),
        ("b'raw'", "raw"),
        ("'é'", "é"),
        ("[1, 'a']", r#"[1,"a"]"#),
        ("{'b': 1, 'a': 2}", r#"{"a":2,"b":1}"#),
        ("jwt.groups", r#"["users","AI-Users"]"#),
        ("json(request.body).tags", r#"["a","b"]"#),
        ("duration('90s')", "90s"),
        ("request.startTime", "2023-11-14T22:13:20.25Z"),
        ("type(1)", "int"),
        ("optional.of('x')", "x"),
    ] {
        let header = compile(source).eval_header(&input);
        let bytes = header.as_ref().map(HeaderValue::as_bytes);
        assert_eq!(bytes, Ok(printed.as_bytes()), "{source}");
    }
    for source in [
        "null",
        "'a\\nb'",
        "b'\\x00'",
        "optional.none()",
        "json(request.body).nothing",
    ] {
        assert!(compile(source).eval_header(&input).is_err(), "{source}");
    }
}

#[test]
fn only_booleans_decide() {
    let world = World::new(CHAT);
    for source in ["1", "'true'", "null", "[true]"] {
        let decided = compile(source).eval_bool(&world.input());
        assert!(
            matches!(decided, Err(EvalError::Unusable { .. })),
            "{source}: {decided:?}"
        );
    }
}

#[test]
fn keeps_the_order_of_json_and_sorts_what_it_built() {
    let keys = |value: Value| match value {
        Value::Map(entries) => entries.into_iter().map(|(key, _)| key).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        keys(eval_on("json(request.body)", r#"{"z":1,"a":2}"#).unwrap()),
        ["z", "a"]
    );
    assert_eq!(keys(eval("{'z': 1, 'a': 2}").unwrap()), ["a", "z"]);
}

#[test]
fn takes_the_first_of_duplicate_keys() {
    let body = r#"{"a":1,"a":2,"b":3}"#;
    assert_eq!(eval_on("json(request.body).a", body), Ok(Value::Int(1)));
    assert_eq!(eval_on("size(json(request.body))", body), Ok(Value::Int(2)));
    let map = vec![
        ("a".to_owned(), Value::Int(1)),
        ("b".to_owned(), Value::Int(3)),
    ];
    assert_eq!(eval_on("json(request.body)", body), Ok(Value::Map(map)));
}

#[test]
fn a_lookup_reads_no_further_than_it_needs() {
    assert_eq!(
        eval_on("json(request.body).a", r#"{"a":1,"b":"#),
        Ok(Value::Int(1))
    );
    assert!(eval_on("json(request.body).c", r#"{"a":1,"b":"#).is_err());
}

#[test]
fn parses_only_for_expressions_that_look() {
    let world = World::new(CHAT);
    let input = world.input();
    compile(r#"request.headers["x-environment"] == "development""#)
        .eval_bool(&input)
        .unwrap();
    assert!(input.parsed.request.get().is_none());
    compile(SEED_CLASS).eval(&input).unwrap();
    let first: *const () = std::ptr::from_ref(&**input.request_json().unwrap()).cast();
    compile(SEED_LENGTH).eval(&input).unwrap();
    let second: *const () = std::ptr::from_ref(&**input.request_json().unwrap()).cast();
    assert_eq!(first, second);
}

#[test]
fn errors_say_what_failed() {
    for (source, error) in [
        ("json(request.body).nope", "`nope` is absent"),
        ("apiKey.x", "apiKey is absent"),
        ("json('{')", "the argument of json() is not JSON"),
        ("base64.decode('?')", "base64.decode() failed: not base64"),
        ("max([])", "max() failed: nothing to compare"),
        (
            "1 / (json(request.body).n - 1)",
            "arithmetic overflow or division by zero",
        ),
        ("fail('no')", "the expression failed on purpose"),
    ] {
        let failed = eval(source).map_err(|error| error.to_string());
        assert_eq!(failed, Err(error.to_owned()), "{source}");
    }
}

#[test]
fn draws_anew_each_time() {
    let world = World::new(CHAT);
    let input = world.input();
    let uuid = compile("uuid()");
    assert_ne!(uuid.eval(&input), uuid.eval(&input));
    assert_eq!(uuid.eval(&world.input()), uuid.eval(&world.input()));
}

#[test]
fn errors_repeat_no_request_data() {
    let secret = r#"{"key":"s3cret","messages":"s3cret","n":1}"#;
    for source in [
        "{'a': 1}[json(request.body).key]",
        "int(json(request.body).key)",
        "json(request.body).key + 1",
        "json(request.body).key < 1",
        "json(request.body).key - 1",
        "-json(request.body)",
        "json(request.body).messages[0]",
        "json(request.body).key.x",
        "duration(json(request.body).key)",
        "'abc'.matches(json(request.body).key + '(')",
        "json(json(request.body).key)",
        "base64.decode('?' + json(request.body).key)",
        "[1, 2].map(x, x + json(request.body).key)",
        "{json(request.body).key: 1, 's3c' + 'ret': 2}",
    ] {
        let error = eval_on(source, secret).expect_err(source);
        let text = format!("{error} {error:?}");
        assert!(!text.contains("s3cret"), "{source}: {text}");
    }
}
