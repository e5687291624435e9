//! Nothing an author or a client writes costs more than it may.

use super::*;
use crate::expr::Limit;

fn refuses(source: &str, message: &str) {
    let error = Expression::compile(source).expect_err("too much");
    assert!(error.message.contains(message), "{}", error.message);
}

#[test]
fn refuses_deep_nesting_without_recursing() {
    let deep = 10_000;
    for (open, middle, close) in [
        ("(", "1", ")"),
        ("[", "1", "]"),
        ("{1:", "1", "}"),
        ("size(", "1", ")"),
        ("!", "true", ""),
        ("-", "1", ""),
        ("1+", "1", ""),
        ("true?1:", "1", ""),
        ("a.", "b", ""),
        ("a[", "0", "]"),
        ("if true then 1 else ", "1", ""),
        ("if ", "true", " then 1 else 1"),
        ("(", "", ""),
    ] {
        for count in [100, 500, deep] {
            let source = format!("{}{middle}{}", open.repeat(count), close.repeat(count));
            let error = Expression::compile(&source).expect_err(open);
            let text = &error.message;
            assert!(
                text.contains("deeply") || text.contains("longer"),
                "{open}: {text}"
            );
        }
    }
}

#[test]
fn evaluates_at_the_deepest_nesting() {
    let mut compiled = 0;
    for count in 1..100 {
        eprintln!("c {count}");
        for source in [
            format!("{}1{}", "(".repeat(count), ")".repeat(count)),
            format!("{}1", "1+".repeat(count)),
            format!("{}1{}", "[".repeat(count), "]".repeat(count)),
            format!("{}1", "false?1:".repeat(count)),
            format!("{}jwt.a{}", "default(".repeat(count), ",1)".repeat(count)),
            format!("{}1{}", "default(jwt.a,".repeat(count), ")".repeat(count)),
            format!("1{}", ".with(a,a)".repeat(count)),
            format!("{}true", "true && ".repeat(count)),
        ] {
            eprintln!("{}", &source[..10.min(source.len())]);
            if let Ok(expression) = Expression::compile(&source) {
                compiled += 1;
                eprintln!("ok");
                let _ = expression.eval(&World::new(CHAT).input());
            }
        }
    }
    assert!(compiled > 200, "{compiled}");
}

#[test]
fn takes_wide_expressions() {
    for part in [
        "default(jwt.a, 1)",
        "coalesce(jwt.a, jwt.b, 1)",
        "[1].map(x, x)",
        "{'a': 1}.mapValues(v, v)",
        "1.with(a, a)",
        "(if true then 1 else 2)",
        "request.path.startsWith('/v1')",
        "'a'.matches('b')",
    ] {
        compile(&format!("[{}]", vec![part; 100].join(", ")));
        compile(&vec![format!("{part} == 1"); 100].join(" && "));
    }
}

#[test]
fn refuses_large_expressions() {
    refuses(&format!("'{}'", "x".repeat(17_000)), "longer than");
    refuses(&vec!["1"; 5_000].join("||"), "too large");
    refuses(&format!("[{}]", vec!["1"; 5_000].join(",")), "too large");
}

#[test]
fn refuses_nested_comprehensions() {
    let nested = |n: usize| format!("{}true{}", "[1].all(x, ".repeat(n), ")".repeat(n));
    compile(&nested(3));
    refuses(&nested(4), "nested comprehensions");
    compile("[1].map(x, x).map(x, x).map(x, x).map(x, x).exists(x, x == 1)");
}

#[test]
fn refuses_values_that_multiply() {
    compile(&format!("'ab'{}", ".with(a, a + a)".repeat(4)));
    refuses(
        &format!("'ab'{}", ".with(a, a + a + a + a)".repeat(9)),
        "multiplies",
    );
    refuses(
        &format!("'ab'{}", ".with(a, [a, a, a, a, a])".repeat(9)),
        "multiplies",
    );
}

#[test]
fn refuses_huge_regular_expressions() {
    refuses("'a'.matches('((a{100}){100}){100}')", "regular expression");
}

#[test]
fn stops_after_too_many_steps() {
    let body = format!("[{}1]", "1,".repeat(999));
    let squared = "json(request.body).map(x, json(request.body).filter(y, x == y))";
    let steps = Err(EvalError::Limit(Limit::Steps));
    for source in [
        squared.to_owned(),
        format!("default({squared}, 1)"),
        "json(request.body).all(x, json(request.body).all(y, true))".to_owned(),
        "json(request.body).exists(x, json(request.body).exists(y, false))".to_owned(),
        "json(request.body).exists_one(x, json(request.body).exists_one(y, false))".to_owned(),
        "json(request.body).map(x, {'a': 1}.mapValues(v, json(request.body).map(z, z)))".to_owned(),
    ] {
        assert_eq!(eval_on(&source, &body), steps, "{source}");
    }
}

#[test]
fn walks_no_long_lists() {
    let long = format!("[{}1]", "1,".repeat(10_000));
    let entries = Err(EvalError::Limit(Limit::Entries));
    for source in [
        "json(request.body).map(x, x)",
        "size(json(request.body))",
        "len(json(request.body))",
    ] {
        assert_eq!(eval_on(source, &long), entries, "{source}");
    }
    assert_eq!(
        eval_on("json(request.body)[10000]", &long),
        Ok(Value::Int(1))
    );
    let longest = format!("[{}1]", "1,".repeat(9_999));
    assert_eq!(
        eval_on("size(json(request.body))", &longest),
        Ok(Value::Int(10_000))
    );
}

#[test]
fn builds_no_long_texts() {
    let body = "a".repeat(10_000);
    let length = Err(EvalError::Limit(Limit::Length));
    for source in [
        "request.body.replace('', request.body)",
        "request.body.regexReplace('a', request.body)",
        "request.body.split('').join(request.body)",
    ] {
        let text = eval_on(source, &body);
        assert!(text == length, "{source}");
    }
}

#[test]
fn walks_no_deep_json() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        let nested = |n: usize| format!("{}1{}", open.repeat(n), close.repeat(n));
        assert!(eval_on("json(request.body)", &nested(100)).is_ok());
        for n in [200, 100_000] {
            for source in [
                "json(request.body)",
                "toJson(json(request.body))",
                "json(request.body + '')",
                "json(request.body) == json(request.body)",
            ] {
                let _ = eval_on(source, &nested(n));
            }
            assert!(
                eval_on("json(request.body)", &nested(n)).is_err(),
                "{open} {n}"
            );
        }
    }
}
