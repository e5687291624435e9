use proptest::prelude::*;
use serde_json::json;

use super::*;

const TEXTS: [&str; 8] = [
    "The quick brown fox jumps over the lazy dog.",
    "Kubernetes is a portable, extensible, open source platform for managing containerized \
     workloads and services that facilitate both declarative configuration and automation.",
    "fn main() {\n    let total: u64 = items.iter().map(|item| item.price * 100).sum();\n    \
     println!(\"{total}\");\n}\n",
    "In 2024, revenue was $1,234,567.89, up 12.5% from 2023.",
    "Die Donaudampfschifffahrtsgesellschaft wurde im Jahr 1829 gegründet.",
    "お誕生日おめでとうございます。今日はとても良い天気ですね。",
    "Быстрая коричневая лиса перепрыгивает через ленивую собаку.",
    "{\"name\":\"get_weather\",\"arguments\":{\"city\":\"Berlin\",\"days\":3}}",
];

#[test]
fn texts_come_out_near_what_a_tokenizer_says() {
    let tokenizer = bpe_openai::o200k_base();
    let (mut ours, mut theirs) = (0, 0);
    for words in TEXTS {
        let tokens = tokenizer.count(words) as u64;
        let estimate = text(words);
        let off = estimate.abs_diff(tokens) * 100 / tokens;
        assert!(off <= 35, "{estimate} for {tokens}: {words}");
        (ours, theirs) = (ours + estimate, theirs + tokens);
    }
    assert!(
        ours.abs_diff(theirs) * 100 / theirs <= 15,
        "{ours} {theirs}"
    );
}

#[test]
fn requests_of_all_formats_that_say_the_same_cost_the_same() {
    let words = "What is the weather like in Berlin today, and should I take an umbrella?";
    let messages = json!({
        "model": "m",
        "system": "Be brief.",
        "messages": [{"role": "user", "content": [{"type": "text", "text": words}]}],
    });
    let gemini = json!({
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [{"role": "user", "parts": [{"text": words}]}],
    });
    let wrapped = json!({"generateContentRequest": gemini});
    let expected = 2 * MESSAGE + text("Be brief.") + text(words);
    for body in [messages, gemini, wrapped] {
        assert_eq!(request(&body), expected, "{body}");
    }
}

#[test]
fn pictures_and_tools_count_and_names_do_not() {
    let picture = json!({"messages": [{"role": "user", "content": [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A".repeat(9000)}},
    ]}]});
    assert_eq!(request(&picture), MESSAGE + PICTURE);
    let tools = json!({"tools": [{"name": "f", "input_schema": {"type": "object"}}]});
    assert!(request(&tools) > 4);
    assert_eq!(request(&json!([1])), 0);
    assert_eq!(request(&json!({"messages": []})), 0);
}

proptest! {
    #[test]
    fn an_estimate_grows_with_the_text_and_stays_in_bounds(a in ".{0,64}", b in ".{0,64}") {
        let (one, other, both) = (text(&a), text(&b), text(&format!("{a}{b}")));
        prop_assert!(both <= one + other + 2);
        prop_assert!(one <= a.chars().count() as u64);
        prop_assert!(both + 2 >= one.max(other));
    }
}
