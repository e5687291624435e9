use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::*;

const WANTS: [Want; 4] = [
    Want {
        key: "model",
        repeat: Repeat::LastWins,
        keep: 64,
    },
    Want {
        key: "usage",
        repeat: Repeat::LastWins,
        keep: 64,
    },
    Want {
        key: "error",
        repeat: Repeat::LastWins,
        keep: 0,
    },
    Want {
        key: "id",
        repeat: Repeat::Reject,
        keep: 8,
    },
];

type Outcome = (Result<(), Error>, Vec<Option<Field>>);

fn scan(chunks: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Outcome {
    let mut scanner = Scanner::new(&WANTS);
    for chunk in chunks {
        if let Err(error) = scanner.push(chunk.as_ref()) {
            assert_eq!(scanner.finish(), Err(error.clone()));
            assert_eq!(
                scanner.push(b"{}"),
                Err(error.clone()),
                "a failed scanner stays failed"
            );
            return (Err(error), scanner.fields);
        }
    }
    (scanner.finish(), scanner.fields)
}

fn found(text: &str, key: &str) -> Field {
    let (result, fields) = scan([text]);
    result.unwrap();
    fields[WANTS.iter().position(|want| want.key == key).unwrap()]
        .clone()
        .unwrap()
}

#[test]
fn finds_members_of_the_top_level_only() {
    let text = r#" { "a" : {"model":1} , "mod\u0065l" : "x" , "b":[{"usage":{}}] } "#;
    let model = found(text, "model");
    assert_eq!(&text[model.key.clone()], r#""mod\u0065l""#);
    assert_eq!(&text[model.span().unwrap()], r#""x""#);
    assert_eq!(
        (model.kind, model.kept()),
        (Kind::String, Some(&br#""x""#[..]))
    );
    assert_eq!(scan([text]).1[1], None);
}

#[test]
fn keys_that_only_look_alike_are_not_found() {
    for key in [
        "mode",
        "modell",
        "Model",
        "mod\\u00e9l",
        "model\\u0000",
        "model\\n",
        "\\ud83dmodel",
    ] {
        let text = format!(r#"{{"{key}":1}}"#);
        assert_eq!(scan([&text]), (Ok(()), vec![None; 4]), "{text}");
    }
    let long = format!(r#"{{"model{}":1}}"#, "x".repeat(100));
    assert_eq!(scan([&long]), (Ok(()), vec![None; 4]));
}

#[test]
fn tells_whether_a_container_holds_anything() {
    let table = [
        ("[]", false),
        ("[ ]", false),
        ("[[]]", true),
        ("[0]", true),
        ("{}", false),
        ("{ }", false),
        (r#"{"":{}}"#, true),
        ("1", false),
        (r#""x""#, false),
    ];
    for (value, filled) in table {
        let text = format!(r#"{{"before":[1],"error":{value},"after":[1]}}"#);
        assert_eq!(found(&text, "error").filled, filled, "{value}");
    }
}

#[test]
fn keeps_values_up_to_the_limit_and_longer_ones_not_at_all() {
    let table = [("[1,2,3]", true), ("[1,2,34]", true), ("[1,2,345]", false)];
    for (value, kept) in table {
        let text = format!(r#"{{"id":{value}}}"#);
        let id = found(&text, "id");
        assert_eq!(id.kept(), kept.then_some(value.as_bytes()), "{value}");
        assert_eq!(&text[id.span().unwrap()], value);
    }
}

#[test]
fn knows_a_value_by_its_first_byte() {
    let mut scanner = Scanner::new(&WANTS);
    scanner.push(br#"{"error":"#).unwrap();
    assert_eq!(scanner.field("error"), None);
    scanner.push(b" {").unwrap();
    let field = scanner.field("error").unwrap();
    assert_eq!(
        (field.kind, field.start, field.span()),
        (Kind::Object, 10, None)
    );
}

#[test]
fn of_a_member_given_twice_the_last_counts_or_it_is_an_error() {
    let model = found(r#"{"model":[1],"model":"b"}"#, "model");
    assert_eq!((model.kept(), model.filled), (Some(&br#""b""#[..]), false));
    assert_eq!(
        scan([r#"{"id":1,"x":{"id":2},"id":3}"#]).0,
        Err(Error::DuplicateKey { key: "id" })
    );
}

#[test]
fn allows_the_maximal_depth_and_no_more() {
    let nested = |depth: usize| {
        format!(
            r#"{{"a":{}{}}}"#,
            "[".repeat(depth - 1),
            "]".repeat(depth - 1)
        )
    };
    assert_eq!(scan([nested(MAX_DEPTH as usize)]).0, Ok(()));
    let limit = Error::TooDeep { limit: MAX_DEPTH };
    assert_eq!(scan([nested(MAX_DEPTH as usize + 1)]).0, Err(limit));
}

/// JSON-like text: mostly valid, with blanks, escapes, odd numbers and now and then a wrong byte.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let string = prop_oneof![
        prop::sample::select(vec![
            "model",
            "usage",
            "error",
            "x",
            "mod\\u0065l",
            "\\u0075sage"
        ])
        .prop_map(String::from),
        "[a-zé😀 ]{0,40}",
        "(\\\\[\"\\\\/bfnrtu]|[0-9a-f]{4}|.){0,6}",
    ]
    .prop_map(|text| format!("\"{text}\""));
    let scalar = prop_oneof![
        prop::sample::select(vec!["true", "false", "null", "tru", "nul l"]).prop_map(String::from),
        "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,2})?",
        "[-+.eE0-9]{1,5}",
        string.clone(),
        string.clone(),
        string.clone(),
    ];
    let blank = "[ \n\r\t]{0,2}";
    let value = (blank, scalar, blank).prop_map(|(before, v, after)| format!("{before}{v}{after}"));
    let value = value.prop_recursive(4, 32, 5, move |inner| {
        let items = prop::collection::vec(inner.clone(), 0..5);
        let members = prop::collection::vec((string.clone(), inner), 0..5);
        prop_oneof![
            items.prop_map(|items| format!("[{}]", items.join(","))),
            members.prop_map(object),
        ]
    });
    let key = prop::sample::select(vec![
        "\"model\"",
        "\"usage\"",
        "\"error\"",
        "\"y\"",
        "\" \"",
    ]);
    let members = prop::collection::vec((key.prop_map(String::from), value), 0..6);
    let broken = prop::option::weighted(0.2, (any::<prop::sample::Index>(), any::<u8>()));
    (members, broken).prop_map(|(members, broken)| {
        let mut text = object(members).into_bytes();
        if let Some((at, byte)) = broken {
            let at = at.index(text.len());
            text[at] = byte;
        }
        text
    })
}

fn object(members: Vec<(String, String)>) -> String {
    let members: Vec<_> = members
        .iter()
        .map(|(key, value)| format!("{key}:{value}"))
        .collect();
    format!("{{{}}}", members.join(","))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn accepts_what_a_document_parser_accepts_and_finds_the_same_values(text in text()) {
        let (result, fields) = scan([&text]);
        prop_assert_eq!(result.is_ok(), serde_json::from_slice::<IgnoredAny>(&text).is_ok());
        let Ok(members) = serde_json::from_slice::<BTreeMap<String, &RawValue>>(&text) else {
            // Keys that are no text: lone surrogates, bytes that are not UTF-8.
            return Ok(());
        };
        for (want, field) in WANTS.iter().zip(fields) {
            let expected = members.get(want.key).map(|raw| raw.get().as_bytes());
            let span = field.as_ref().map(|field| field.span().unwrap());
            prop_assert_eq!(span.map(|span| &text[span]), expected);
            let kept = field.as_ref().and_then(Field::kept);
            prop_assert_eq!(kept, expected.filter(|value| value.len() <= want.keep));
        }
    }

    #[test]
    fn chunks_change_nothing(
        text in text(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let whole = scan([&text]);
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(text.len())).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        // What is held of an incomplete value does not show.
        let shown = |(result, fields): Outcome| {
            let fields = fields.into_iter().map(|field| {
                let kept = field.as_ref().and_then(Field::kept).map(<[u8]>::to_vec);
                (field.map(|field| Field { kept: Vec::new(), ..field }), kept)
            });
            (result, fields.collect::<Vec<_>>())
        };
        let whole = shown(whole);
        let chunks = cuts.windows(2).map(|pair| &text[pair[0]..pair[1]]);
        prop_assert_eq!(&shown(scan(chunks)), &whole);
        prop_assert_eq!(&shown(scan(text.chunks(1))), &whole);
    }
}
