mod corpus;

use proptest::prelude::*;

use super::*;

fn rules(action: Action, builtins: &[Builtin], patterns: &[&str]) -> Rules {
    let patterns = patterns.iter().map(|p| Box::from(*p)).collect();
    Rules::new(action, builtins.to_vec(), patterns).unwrap()
}

fn masked(rules: &Rules, text: &str) -> String {
    rules
        .mask(text, Form::Plain)
        .unwrap()
        .unwrap_or_else(|| text.to_owned())
}

/// What goes on of a text that is cut at `cuts`, with the piece that each part is of.
fn streamed(rules: &Rules, form: Form, text: &str, cuts: &[usize]) -> Result<Vec<Piece>, Found> {
    let mut masker = Masker::new(rules.clone(), form);
    let mut out = Vec::new();
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (text.len() + 1)).collect();
    cuts.retain(|cut| text.is_char_boundary(*cut));
    cuts.extend([0, text.len()]);
    cuts.sort_unstable();
    for (of, pair) in cuts.windows(2).enumerate() {
        masker.push(of as u64, &text[pair[0]..pair[1]], &mut out)?;
    }
    masker.finish(&mut out)?;
    assert_eq!((masker.held(), masker.waiting()), (0, None));
    Ok(out)
}

fn joined(pieces: &[Piece]) -> String {
    pieces.iter().map(|piece| piece.text.as_str()).collect()
}

#[test]
fn a_match_is_masked_by_its_kind_and_one_of_a_pattern_by_a_word() {
    let all = rules(Action::Mask, &Builtin::ALL, &[r"(?i)project \w+"]);
    let text = "Card 4111 1111 1111 1111, SSN 123-45-6789, mail a.b@example.com, \
                call (415) 555-0132, SIN 046 454 286, Project Zeus.";
    assert_eq!(
        masked(&all, text),
        "Card <CREDIT_CARD>, SSN <SSN>, mail <EMAIL_ADDRESS>, call <PHONE_NUMBER>, SIN <CA_SIN>, \
         <masked>."
    );
    assert_eq!(all.mask("nothing to see", Form::Plain), Ok(None));
    let reject = rules(Action::Reject, &[Builtin::Ssn], &[]);
    assert_eq!(reject.mask("it is 123-45-6789", Form::Plain), Err(Found));
    assert_eq!(reject.mask("it is 123-45-678", Form::Plain), Ok(None));
}

#[test]
fn of_matches_that_overlap_the_leftmost_and_longest_counts() {
    let both = rules(Action::Mask, &[], &["b+", "ab", "abbb"]);
    assert_eq!(masked(&both, "xabbbb"), "x<masked><masked>");
    let mail = rules(Action::Mask, &[Builtin::Email], &["bob"]);
    assert_eq!(
        masked(&mail, "bob@example.com bob"),
        "<EMAIL_ADDRESS> <masked>"
    );
}

#[test]
fn a_mask_stands_in_the_piece_where_its_match_began() {
    let cards = rules(Action::Mask, &[Builtin::CreditCard], &[]);
    let text = "Pay 4111 1111 1111 1111 now";
    let pieces = streamed(&cards, Form::Plain, text, &[9, 14]).unwrap();
    let of = |n: u64| -> String {
        let of = pieces.iter().filter(|piece| piece.of == n);
        of.map(|piece| piece.text.as_str()).collect()
    };
    assert_eq!(
        (of(0), of(1), of(2)),
        ("Pay <CREDIT_CARD>".into(), String::new(), " now".into())
    );
}

#[test]
fn only_what_may_become_a_match_is_held() {
    let mut masker = Masker::new(
        rules(
            Action::Mask,
            &[Builtin::CreditCard, Builtin::Ssn, Builtin::CaSin],
            &[r"(?i)(password|token)\s*[:=]\s*\S{4,}"],
        ),
        Form::Plain,
    );
    let mut out = Vec::new();
    masker.push(0, "The weather is fine, ", &mut out).unwrap();
    assert_eq!(joined(&out), "The weather is fine, ");
    masker.push(1, "the number 4111 ", &mut out).unwrap();
    assert_eq!((masker.held(), masker.waiting()), (5, Some(1)));
    masker.push(2, "apples. The tok", &mut out).unwrap();
    assert_eq!((masker.held(), masker.waiting()), (3, Some(2)));
    masker.push(3, "en: abcdefgh", &mut out).unwrap();
    assert_eq!(masker.waiting(), Some(2));
    masker.push(4, " and so on, and on", &mut out).unwrap();
    let all = joined(&out);
    assert!(
        all.ends_with("apples. The <masked> and so on, and on"),
        "{all}"
    );
    assert_eq!(masker.masked(), 1);
}

#[test]
fn a_document_stays_one() {
    let all = rules(Action::Mask, &Builtin::ALL, &[]);
    let masked = |text: &str| all.mask(text, Form::Document).unwrap();
    for (text, want) in [
        (
            r#"{"card":4111111111111111,"n":1}"#,
            r#"{"card":"<CREDIT_CARD>","n":1}"#,
        ),
        (
            r#"{"card":"4111111111111111"}"#,
            r#"{"card":"<CREDIT_CARD>"}"#,
        ),
        (r#"{"t":"SSN:\n123-45-6789\n"}"#, r#"{"t":"SSN:\n<SSN>\n"}"#),
        (r#"{"t":"\"123-45-6789\""}"#, r#"{"t":"\"<SSN>\""}"#),
    ] {
        assert_eq!(masked(text).as_deref(), Some(want));
        assert!(serde_json::from_str::<serde_json::Value>(want).is_ok());
    }
    assert_eq!(masked(r#"{"t":"a\nb"}"#), None);
}

#[test]
fn what_is_held_has_a_bound() {
    let mut masker = Masker::new(rules(Action::Mask, &[], &["(?s)BEGIN.*END"]), Form::Plain);
    let mut out = Vec::new();
    masker.push(0, "BEGIN", &mut out).unwrap();
    for n in 1..200 {
        masker.push(n, &"x".repeat(100), &mut out).unwrap();
        assert!(masker.held() <= WINDOW);
        assert!(masker.text.len() <= 3 * WINDOW);
    }
    assert_eq!(joined(&out).len() + masker.held(), 5 + 19_900);
    // A match that grew too long is masked as far as it is still held.
    let mut masker = Masker::new(rules(Action::Mask, &[], &["k[a-z]{4,}"]), Form::Plain);
    let mut out = Vec::new();
    for n in 0..100 {
        masker.push(n, &"k".repeat(100), &mut out).unwrap();
    }
    masker.finish(&mut out).unwrap();
    assert!(
        joined(&out).chars().all(|c| "<masked>".contains(c)),
        "{}",
        joined(&out)
    );
}

#[test]
fn a_pattern_that_cannot_be_used_says_why() {
    let bad = |pattern: &str| {
        let made = Rules::new(Action::Mask, vec![], vec!["ok".into(), pattern.into()]);
        let (index, why) = made.unwrap_err();
        assert_eq!(index, 1);
        why
    };
    assert!(matches!(bad("a(b"), BadPattern::Syntax { at: 2, .. }));
    assert!(matches!(bad(r"é\q"), BadPattern::Syntax { at: 2, .. }));
    assert_eq!(bad(r"(\w{1000}){1000}"), BadPattern::TooLarge);
    assert_eq!(bad("x*"), BadPattern::MatchesNothing);
    assert_eq!(bad("^"), BadPattern::MatchesNothing);
}

#[test]
fn equal_is_what_is_written_the_same() {
    let a = rules(Action::Mask, &[Builtin::Ssn], &["x"]);
    assert_eq!(a, rules(Action::Mask, &[Builtin::Ssn], &["x"]));
    assert_ne!(a, rules(Action::Reject, &[Builtin::Ssn], &["x"]));
    assert_ne!(a, rules(Action::Mask, &[], &["x"]));
    assert_ne!(a, rules(Action::Mask, &[Builtin::Ssn], &["y"]));
}

#[test]
fn scopes_are_a_set() {
    let some: Scopes = [Scope::ToolInput, Scope::Messages].into_iter().collect();
    assert!(some.has(Scope::Messages) && !some.has(Scope::SystemPrompt));
    assert_eq!(format!("{some:?}"), "[Messages, ToolInput]");
    assert_eq!(Scope::ALL.into_iter().collect::<Scopes>(), Scopes::ALL);
}

/// Texts in which matches, near misses and what only looks so at first stand close together.
fn texts() -> impl Strategy<Value = String> {
    let bits = prop::sample::select(vec![
        "4111 1111 1111 1111",
        "4111111111111111",
        "4111-1111-1111-1112",
        "378282246310005",
        "123-45-6789",
        "123-45-67890",
        "ssn 123456789",
        "078 05 1120",
        "a.b@example.com",
        "x@y",
        "bob@example.co.uk.",
        "@",
        "...",
        "(415) 555-0132",
        "+44 20 7946 0958",
        "call 4155550132",
        "046 454 286",
        "sin 046454286",
        "1",
        "22",
        "-",
        " ",
        "  ",
        ".",
        "\n",
        "sk-",
        "abcdefghij",
        "AKIAIOSFODNN7EXAMPLE",
        "é",
        "日本",
        "🦀",
        "word ",
        "foo",
        "bar",
        "password: ",
        "hunter22",
        "BEGIN",
        "END",
        "\\n",
    ]);
    prop::collection::vec(bits, 0..14).prop_map(|bits| bits.concat())
}

fn sets() -> [Rules; 4] {
    let patterns = [
        r"\bAKIA[0-9A-Z]{16}\b",
        r"\bsk-[a-zA-Z0-9_-]{4,}\b",
        r"(?i)(password|token)\s*[:=]\s*\S+",
        r"foo(?:bar)?$",
        r"(?m)^END",
        r"(?s)BEGIN.{0,40}END",
        r"\bbar\b",
        "é+",
    ];
    [
        rules(Action::Mask, &Builtin::ALL, &[]),
        rules(Action::Mask, &[], &patterns),
        rules(Action::Mask, &Builtin::ALL, &patterns),
        rules(Action::Reject, &Builtin::ALL, &patterns),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn however_a_text_is_cut_the_same_goes_on(
        text in texts(), cuts in prop::collection::vec(0..400_usize, 0..40),
    ) {
        for rules in sets() {
            let every: Vec<_> = (0..text.len()).collect();
            for (form, cuts) in [
                (Form::Plain, &cuts), (Form::Plain, &every),
                (Form::Document, &cuts), (Form::Document, &every),
            ] {
                let whole = rules.mask(&text, form);
                let whole = whole.map(|masked| masked.unwrap_or_else(|| text.clone()));
                let pieces = streamed(&rules, form, &text, cuts);
                prop_assert_eq!(pieces.map(|pieces| joined(&pieces)), whole);
            }
        }
    }
}
