use super::scan::value_end;

#[test]
fn passes_over_exactly_one_value() {
    for text in [
        "1",
        "-0",
        "10.25e-3",
        "true",
        "false",
        "null",
        r#""""#,
        r#""a\"b""#,
        "[]",
        "{}",
        "[ ]",
        "[1,2]",
        r#"{"a":[{"b":null},"]"],"c":{}}"#,
        r#"[ { "a" : 1 } , [ [ ] ] ]"#,
    ] {
        for tail in ["", " ", ",", "]", "}"] {
            let text_with_tail = format!("{text}{tail}");
            assert_eq!(
                value_end(text_with_tail.as_bytes(), 0),
                Ok(text.len()),
                "{text_with_tail}"
            );
        }
    }
}

#[test]
fn refuses_what_has_no_structure() {
    for text in [
        "",
        " ",
        "-",
        "01",
        "1.",
        "1e",
        "+1",
        ".5",
        "tru",
        "nul",
        "NaN",
        r#"""#,
        r#""\"#,
        "[",
        "]",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{",
        r#"{"a"}"#,
        r#"{"a":}"#,
        r#"{"a":1,}"#,
        r#"{a:1}"#,
        r#"{"a":1"#,
        r#"{"a":1]"#,
        "[1}",
        r#"{1:1}"#,
    ] {
        let end = value_end(text.as_bytes(), 0);
        // A number may end early: what follows it then fits nothing.
        assert!(
            end.is_err() || end.is_ok_and(|end| end < text.len()),
            "{text}: {end:?}"
        );
    }
}

#[test]
fn passes_over_bounded_nesting() {
    let nested = |n: usize| format!("{}1{}", "[".repeat(n), "]".repeat(n));
    assert!(value_end(nested(128).as_bytes(), 0).is_ok());
    assert!(value_end(nested(129).as_bytes(), 0).is_err());
    assert!(value_end("[".repeat(1_000_000).as_bytes(), 0).is_err());
}
