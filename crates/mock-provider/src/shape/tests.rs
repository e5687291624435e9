use serde_json::json;

use super::*;

static PART: Record = Record(&[
    Field::required("type", Shape::Text),
    Field::required("text", Shape::Text),
]);
static BODY: Record = Record(&[
    Field::required("maxTokens", Shape::Integer(1..=10)),
    Field::optional("heat", Shape::Number(0.0..=1.0)),
    Field::optional(
        "parts",
        Shape::TextOr(&Shape::List(&Shape::Tagged(&[("text", &PART)]))),
    ),
    Field::optional(
        "one",
        Shape::Union(&Record(&[
            Field::optional("a", Shape::Map),
            Field::optional("b", Shape::Flag),
        ])),
    ),
    Field::optional("all", Shape::MapOf(&Shape::Text)),
]);

fn first(body: Value, naming: Naming) -> Option<(String, Problem)> {
    let violation = check(body.as_object().unwrap(), &BODY, naming).err()?;
    let path: Vec<String> = violation
        .path
        .iter()
        .map(|step| match step {
            Step::Field(name) => name.clone(),
            Step::Index(index) => index.to_string(),
            Step::Tag(tag) => format!("<{tag}>"),
        })
        .collect();
    Some((path.join("."), violation.problem))
}

#[test]
fn finds_the_first_violation_and_where_it_is() {
    for (body, path, problem) in [
        (json!({}), "maxTokens", Problem::Missing),
        (json!({"maxTokens": null}), "maxTokens", Problem::Missing),
        (
            json!({"maxTokens": "1"}),
            "maxTokens",
            Problem::Type(Kind::Integer),
        ),
        (
            json!({"maxTokens": 11}),
            "maxTokens",
            Problem::IntegerRange {
                got: 11,
                range: 1..=10,
            },
        ),
        (
            json!({"maxTokens": 1, "heat": 2}),
            "heat",
            Problem::NumberRange {
                got: 2.0,
                range: 0.0..=1.0,
            },
        ),
        (json!({"maxTokens": 1, "x": null}), "x", Problem::Unknown),
        (
            json!({"maxTokens": 1, "parts": ["x"]}),
            "parts.0",
            Problem::Type(Kind::Object),
        ),
        (
            json!({"maxTokens": 1, "parts": [{"type": "text"}]}),
            "parts.0.<text>.text",
            Problem::Missing,
        ),
        (
            json!({"maxTokens": 1, "parts": [{"type": "film"}]}),
            "parts.0",
            Problem::Tag {
                got: Some("film".to_owned()),
                allowed: vec!["text"],
            },
        ),
        (json!({"maxTokens": 1, "one": {}}), "one", Problem::Union(0)),
        (
            json!({"maxTokens": 1, "one": {"b": 1}}),
            "one.b",
            Problem::Type(Kind::Flag),
        ),
        (
            json!({"maxTokens": 1, "one": {"a": {}, "b": true}}),
            "one",
            Problem::Union(2),
        ),
        (
            json!({"maxTokens": 1, "all": {"x": "y", "z": 1}}),
            "all.z",
            Problem::Type(Kind::Text),
        ),
        (json!({"max_tokens": 1}), "max_tokens", Problem::Unknown),
    ] {
        assert_eq!(
            first(body.clone(), Naming::Exact),
            Some((path.to_owned(), problem)),
            "{body}"
        );
    }
}

#[test]
fn accepts_what_fits() {
    let body = json!({"maxTokens": 10.0, "parts": "x", "heat": null});
    assert_eq!(first(body, Naming::Exact), None);
    assert_eq!(first(json!({"max_tokens": 1}), Naming::CamelOrSnake), None);
}
