//! Claims about inputs nobody thought of.

use proptest::prelude::*;

use super::*;

const WORDS: &[&str] = &[
    "if",
    "then",
    "else",
    "len",
    "size",
    "json",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ".",
    ":",
    "?",
    "&&",
    "||",
    "!",
    "==",
    "<",
    "+",
    "-",
    "*",
    "/",
    "%",
    "in",
    "request",
    "request.body",
    "jwt",
    "llm",
    "x",
    "a",
    "1",
    "2u",
    "1.5",
    "0x1f",
    "'s'",
    "\"t\"",
    "b'u'",
    "r'\\d'",
    "true",
    "null",
    "map",
    ".map(x, ",
    ".exists(a, ",
    "has(",
    "default(",
    ".with(a, ",
    ".mapValues(x, ",
    "matches",
    "'''q'''",
    "\\",
    "//",
    "\n",
    "`",
    "é",
    "1e",
    "1e+",
    ".?",
    "[?",
    "{?",
    "@",
    "'\\x",
    "'\\u12'",
    "'\\777'",
    "duration('1s')",
    "timestamp",
    "-9223372036854775808",
    "9223372036854775808",
    "1/0",
    "math.greatest(",
    "base64.encode(",
    "optional.of(",
    "type(",
    "coalesce(",
    ".filterKeys(x, ",
];

/// Expressions of one part.
const LEAVES: &[&str] = &[
    "1",
    "2u",
    "1.5",
    "true",
    "null",
    "'s'",
    "b'u'",
    "'2024-01-01T00:00:00Z'",
    "[]",
    "{}",
    "x",
    "request",
    "request.body",
    "json(request.body)",
    "json(request.body).messages",
    "jwt",
    "request.headers",
    "request.query",
    "llm",
    "llm.params",
    "now()",
    "random()",
    "-1",
    "9223372036854775807",
    "source.address",
    "duration('1h')",
    "request.startTime",
    "int",
];

/// Expressions with one operand, at `_`.
const ONE: &[&str] = &[
    "!(_)",
    "-(_)",
    "(_).a",
    "(_)[0]",
    "size(_)",
    "len(_)",
    "string(_)",
    "int(_)",
    "type(_)",
    "json(_)",
    "toJson(_)",
    "(_).size()",
    "has((_).a)",
    "uint(_)",
    "double(_)",
    "bytes(_)",
    "timestamp(_)",
    "duration(_)",
    "base64.encode(_)",
    "url.decode(_)",
    "(_).trim()",
    "(_).getHours()",
    "(_).getFullYear('Europe/Berlin')",
    "math.abs(_)",
    "(_).join()",
    "(_).reverse()",
    "(_).?a",
    "optional.of(_)",
    "(_).orValue(1)",
    "{'a': _}",
    "[_]",
    "(_).lowerAscii()",
    "max(_)",
    "dyn(_)",
    "(_).value()",
];

/// Expressions with two operands, at `_` and `#`.
const TWO: &[&str] = &[
    "(_) + (#)",
    "(_) - (#)",
    "(_) * (#)",
    "(_) / (#)",
    "(_) % (#)",
    "(_) == (#)",
    "(_) < (#)",
    "(_) in (#)",
    "(_) && (#)",
    "(_) || (#)",
    "(_)[#]",
    "default(_, #)",
    "coalesce(_, #)",
    "(_).with(x, #)",
    "(_).map(x, #)",
    "(_).filter(x, #)",
    "(_).exists(x, #)",
    "(_).all(x, #)",
    "(_).exists_one(x, #)",
    "(_).mapValues(x, #)",
    "(_).filterKeys(x, #)",
    "if _ then # else 1",
    "_ ? # : 2",
    "(_).merge(#)",
    "(_).split(#)",
    "(_).matches(#)",
    "(_).substring(#)",
    "(_).charAt(#)",
    "(_).indexOf(#)",
    "(_).replace(#, 'z')",
];

const SEEDS: [&str; 2] = [SEED_LENGTH, SEED_CLASS];

fn json_value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        any::<u64>().prop_map(serde_json::Value::from),
        any::<i32>().prop_map(|n| serde_json::Value::from(f64::from(n) / 8.0)),
        "\\PC{0,8}|[\"\\\\/\n\t\u{0}-\u{1f}]{0,4}".prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(serde_json::Value::from),
            prop::collection::vec((key(), inner), 0..6)
                .prop_map(|entries| serde_json::Value::Object(entries.into_iter().collect())),
        ]
    })
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof!["[a-c]", "\\PC{0,4}", "[\"\\\\\n]{1,2}"]
}

/// Bodies that are nearly what the seed's expressions expect.
fn chat_like() -> impl Strategy<Value = String> {
    let content = json_value();
    (content, json_value(), 0..200_usize).prop_map(|(content, other, cut)| {
        let body = serde_json::json!({"o": other, "messages": [{"content": content}]});
        let text = body.to_string();
        text.chars()
            .take(text.chars().count().saturating_sub(cut.saturating_sub(100)))
            .collect()
    })
}

/// Expressions that mostly compile.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(LEAVES).prop_map(str::to_owned);
    leaf.prop_recursive(4, 24, 3, |inner| {
        let one = (prop::sample::select(ONE), inner.clone());
        let two = (prop::sample::select(TWO), inner.clone(), inner);
        prop_oneof![
            one.prop_map(|(shape, a)| shape.replacen('_', &a, 1)),
            two.prop_map(|(shape, a, b)| shape.replacen('#', &b, 1).replacen('_', &a, 1)),
        ]
    })
}

fn quoted(key: &str) -> String {
    serde_json::Value::from(key).to_string().replace("\\/", "/")
}

/// Each place in `tree` and the index expression that leads there.
fn places(tree: &serde_json::Value, path: &str, out: &mut Vec<(String, serde_json::Value)>) {
    out.push((path.to_owned(), tree.clone()));
    match tree {
        serde_json::Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                places(item, &format!("{path}[{i}]"), out);
            }
        }
        serde_json::Value::Object(map) => {
            for (key, item) in map {
                places(item, &format!("{path}[{}]", quoted(key)), out);
            }
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn compiling_anything_ends(source in "\\PC{0,60}") {
        let _ = Expression::compile(&source);
    }

    #[test]
    fn compiling_token_soup_ends_and_so_does_evaluating_it(
        words in prop::collection::vec(prop::sample::select(WORDS), 0..24),
        spaced in any::<bool>(),
    ) {
        let source = words.join(if spaced { " " } else { "" });
        match Expression::compile(&source) {
            Ok(expression) => {
                let world = World::new(CHAT);
                let _ = expression.eval(&world.input());
                let _ = expression.eval_header(&world.input());
                let _ = expression.eval(&Input::new());
            }
            Err(error) => {
                prop_assert!(error.offset <= source.len());
                prop_assert!(source.is_char_boundary(error.offset));
                prop_assert!(error.line >= 1 && error.column >= 1);
            }
        }
    }

    #[test]
    fn evaluating_any_expression_ends(source in expression(), body in chat_like()) {
        let source = format!("(1).with(x, {source})");
        if let Ok(expression) = Expression::compile(&source) {
            for body in [body.as_str(), CHAT] {
                let world = World::new(body);
                let _ = expression.eval(&world.input());
                let _ = expression.eval_header(&world.input());
            }
            let _ = expression.eval(&Input::new());
        }
    }

    #[test]
    fn the_seeds_expressions_take_any_body(body in prop::collection::vec(any::<u8>(), 0..200)) {
        for source in SEEDS {
            let world = World::new(body.clone());
            let _ = compile(source).eval_header(&world.input());
        }
    }

    #[test]
    fn the_seeds_expressions_take_any_chat(body in chat_like()) {
        for source in SEEDS {
            let world = World::new(body.clone());
            let input = world.input();
            let header = compile(source).eval_header(&input);
            if let Ok(tree) = serde_json::from_str::<serde_json::Value>(&body)
                && let Some(text) = tree["messages"][0]["content"].as_str()
            {
                let length = text.chars().count();
                let class = if length > 100 { "long" } else { "short" };
                let expected = if source == SEED_CLASS { class.to_owned() } else { length.to_string() };
                prop_assert_eq!(header.unwrap(), expected);
            }
        }
    }

    #[test]
    fn lazy_lookups_agree_with_a_parsed_tree(tree in json_value(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&tree) } else { serde_json::to_string(&tree) };
        let world = World::new(text.unwrap());
        let input = world.input();
        let mut all = Vec::new();
        places(&tree, "json(request.body)", &mut all);
        for (path, expected) in all.into_iter().take(24) {
            let Ok(expression) = Expression::compile(&path) else { continue };
            let value = expression.eval(&input).unwrap();
            prop_assert_eq!(value.to_json(), expected.clone(), "{}", path);
            let text = compile(&format!("toJson({path})")).eval(&input).unwrap();
            let parsed: serde_json::Value = serde_json::from_str(text.as_str().unwrap()).unwrap();
            prop_assert_eq!(&parsed, &expected);
            prop_assert_eq!(compile(&format!("{path} == {path}")).eval_bool(&input), Ok(true));
            let length = match &expected {
                serde_json::Value::Array(items) => items.len(),
                serde_json::Value::Object(map) => map.len(),
                serde_json::Value::String(text) => text.chars().count(),
                _ => continue,
            };
            let size = compile(&format!("size({path})")).eval(&input);
            prop_assert_eq!(size, Ok(Value::Int(i64::try_from(length).unwrap())));
        }
    }

    #[test]
    fn lazy_and_copied_json_agree(tree in json_value()) {
        let world = World::new(tree.to_string());
        let input = world.input();
        let lazy = compile("json(request.body)").eval(&input).unwrap().to_json();
        let copied = compile("json(request.body + '')").eval(&input).unwrap().to_json();
        prop_assert_eq!(lazy, copied);
        let equal = compile("json(request.body + '') == json(request.body)").eval_bool(&input);
        prop_assert_eq!(equal, Ok(true));
    }
}
