use super::*;
use crate::chat::Text;
use crate::dialect::anthropic::Anthropic;
use crate::dialect::openai::OpenAi;
use crate::stream::{Ending, Piece};

fn stamp() -> Stamp {
    Stamp {
        id: "t".to_owned(),
        created: 1,
    }
}

fn to_anthropic(body: &str) -> Result<TranslatedRequest, Error> {
    let exchange = Exchange::new(Format::OpenAiChat, Format::AnthropicMessages);
    exchange.request(body.as_bytes(), "", Some("claude-sonnet-4-5"), stamp())
}

fn json(request: &TranslatedRequest) -> serde_json::Value {
    serde_json::from_slice(&request.body).unwrap()
}

#[test]
fn what_both_speak_passes_through_and_the_rest_is_translated_where_it_can_be() {
    let chat_to_messages = Exchange::new(Format::OpenAiChat, Format::AnthropicMessages);
    let responses_to_messages = Exchange::new(Format::OpenAiResponses, Format::AnthropicMessages);
    let messages_to_chat = Exchange::new(Format::AnthropicMessages, Format::OpenAiChat);
    use Operation::{Chat, Completions, CountTokens, Embeddings, Messages, Models, Responses};
    let table: [(Operation, &dyn Dialect, Plan); 13] = [
        (Chat, &OpenAi::ITSELF, Plan::PassThrough),
        (Responses, &OpenAi::ITSELF, Plan::PassThrough),
        (Embeddings, &OpenAi::ITSELF, Plan::PassThrough),
        (Models, &OpenAi::ITSELF, Plan::PassThrough),
        (Messages, &OpenAi::ITSELF, Plan::Translate(messages_to_chat)),
        (CountTokens, &OpenAi::ITSELF, Plan::Estimate),
        (Chat, &Anthropic, Plan::Translate(chat_to_messages)),
        (
            Responses,
            &Anthropic,
            Plan::Translate(responses_to_messages),
        ),
        (Messages, &Anthropic, Plan::PassThrough),
        (CountTokens, &Anthropic, Plan::PassThrough),
        (Models, &Anthropic, Plan::PassThrough),
        (Embeddings, &Anthropic, Plan::Unsupported),
        (Completions, &Anthropic, Plan::Unsupported),
    ];
    for (operation, dialect, expected) in table {
        assert_eq!(
            plan(operation, dialect, "m"),
            expected,
            "{operation:?} {dialect:?}"
        );
    }
}

#[test]
fn what_would_change_the_question_is_refused_by_name() {
    let message = r#""messages":[{"role":"user","content":"x"}]"#;
    let audio = r#""messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}}]}]"#;
    let table = [
        (
            format!(r#"{{{message},"n":2}}"#),
            "n",
            "unsupported_parameter",
        ),
        (
            format!(r#"{{{message},"modalities":["text","audio"]}}"#),
            "modalities",
            "unsupported_parameter",
        ),
        (format!("{{{audio}}}"), "messages", "unsupported_parameter"),
        (
            r#"{"messages":[{"role":"user","content":7}]}"#.to_owned(),
            "messages",
            "invalid_type",
        ),
        (
            r#"{"messages":[{"role":"poet","content":"x"}]}"#.to_owned(),
            "messages",
            "invalid_type",
        ),
        (
            format!(r#"{{{message},"temperature":"hot"}}"#),
            "temperature",
            "invalid_type",
        ),
    ];
    for (body, param, code) in table {
        let error = to_anthropic(&body).unwrap_err();
        assert_eq!(
            (error.param(), error.code()),
            (Some(param), code),
            "{error}"
        );
        assert!(error.to_string().contains(param), "{error}");
        assert!(!error.retryable());
    }
    let error = to_anthropic(r#"{"messages":[{"role":"user","content":7}]}"#).unwrap_err();
    let expected = "`messages[0].content` must be a string or a list of parts";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn broken_bodies_are_told_as_such() {
    let table = [
        ("", Error::Empty),
        ("[]", Error::NotAnObject),
        (r#"{"model":"#, Error::Truncated { at: 9 }),
        ("{\n\"model\": x}", Error::NotJson { at: 11 }),
    ];
    for (body, expected) in table {
        assert_eq!(to_anthropic(body).unwrap_err(), expected, "{body}");
    }
}

#[test]
fn unknown_members_are_reported_once_each_and_never_their_values() {
    let body = r#"{"messages":[
        {"role":"user","content":[{"type":"text","text":"a","new":"secret"},{"type":"text","text":"b","new":1}]},
        {"role":"user","content":"c","weight":1}],"logit_bias":{"1":2},"null":null}"#;
    let request = to_anthropic(body).unwrap();
    let dropped = request.dropped.to_string();
    assert_eq!(
        dropped,
        "messages[].content[].new, messages[].weight, logit_bias"
    );
    assert!(!format!("{request:?}").contains("secret"));
    let many: Vec<_> = (0..100).map(|n| format!(r#""k{n}":1"#)).collect();
    let body = format!(r#"{{"messages":[],{}}}"#, many.join(","));
    let dropped = to_anthropic(&body).unwrap().dropped;
    assert_eq!((dropped.paths().count(), dropped.more()), (32, 68));
}

#[test]
fn a_request_of_instructions_alone_is_asked_as_a_question() {
    let request = to_anthropic(r#"{"messages":[{"role":"system","content":"Go."}]}"#).unwrap();
    let body = json(&request);
    assert_eq!(body["messages"][0]["role"], "user");
    assert_eq!(body["messages"][0]["content"][0]["text"], "Go.");
    assert!(body.get("system").is_none());
}

#[test]
fn thoughts_are_asked_for_only_where_the_api_takes_it() {
    let ask = |rest: &str| {
        let body = format!(
            r#"{{"messages":[{{"role":"user","content":"x"}}],"reasoning_effort":"high",
            "tools":[{{"type":"function","function":{{"name":"f"}}}}]{rest}}}"#
        );
        let request = to_anthropic(&body).unwrap();
        (
            json(&request)["thinking"].clone(),
            request.dropped.to_string(),
        )
    };
    let budget = |n: u64| serde_json::json!({"type": "enabled", "budget_tokens": n});
    assert_eq!(ask(""), (budget(16_384), String::new()));
    assert_eq!(ask(r#","max_tokens":4000"#), (budget(3999), String::new()));
    let none = (serde_json::Value::Null, "reasoning".to_owned());
    assert_eq!(ask(r#","max_tokens":1000"#), none);
    assert_eq!(ask(r#","tool_choice":"required""#), none);
    assert_eq!(
        ask(r#","temperature":0.2"#),
        (budget(16_384), "temperature".to_owned())
    );
}

#[test]
fn a_model_that_called_a_tool_is_shown_its_own_thoughts_or_thinks_no_more() {
    let ask = |thoughts: &str| {
        let body = format!(
            r#"{{"reasoning_effort":"low","messages":[{{"role":"user","content":"x"}},
            {{"role":"assistant","content":null{thoughts},
              "tool_calls":[{{"id":"c","type":"function","function":{{"name":"f","arguments":"{{}}"}}}}]}},
            {{"role":"tool","tool_call_id":"c","content":"y"}}]}}"#
        );
        json(&to_anthropic(&body).unwrap())
    };
    let lost = ask(r#","reasoning_content":"hm""#);
    assert!(lost.get("thinking").is_none());
    let foreign = r#","thinking_blocks":[{"type":"thinking","thinking":"hm","signature":"openai_responses:eA=="}]"#;
    assert!(ask(foreign).get("thinking").is_none());
    let kept = r#","thinking_blocks":[{"type":"thinking","thinking":"hm","signature":"c2ln"}]"#;
    let kept = ask(kept);
    assert_eq!(kept["thinking"]["type"], "enabled");
    assert_eq!(kept["messages"][1]["content"][0]["signature"], "c2ln");
}

#[test]
fn opaque_data_comes_back_to_who_made_it_and_to_nobody_else() {
    use crate::chat::Opaque;
    let made = Opaque {
        origin: Format::AnthropicMessages,
        data: Text::from("a:b=="),
    };
    for format in Format::ALL {
        let text = made.clone().written_in(*format);
        assert_eq!(Opaque::read(text, *format), made);
    }
}

#[test]
fn overload_in_anthropics_own_number_is_one_that_every_client_knows() {
    let exchange = Exchange::new(Format::OpenAiChat, Format::AnthropicMessages);
    let status = StatusCode::from_u16(529).unwrap();
    let body = br#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
    let error = exchange.error(status, None, body, "r");
    assert_eq!(error.status, StatusCode::SERVICE_UNAVAILABLE);
    let expected = r#"{"error":{"message":"Overloaded","type":"service_unavailable_error","param":null,"code":"overloaded_error","request_id":"r"}}"#;
    assert_eq!(error.body, expected);
    let html = exchange.error(StatusCode::BAD_GATEWAY, None, b"<html>", "r");
    assert!(html.body.starts_with(br#"{"error":{"message":"#));
}

#[test]
fn answers_that_are_none_are_the_providers_fault() {
    let call = to_anthropic(r#"{"messages":[]}"#).unwrap().call;
    for body in ["", "<html>", "{}", r#"{"content":7}"#, r#"{"error":{}}"#] {
        let error = call.response(body.as_bytes()).unwrap_err();
        assert_eq!(error, Error::NoAnswer);
        assert!(error.retryable());
    }
}

fn run(exchange: Exchange, body: &str, stream: &str) -> (Ending, String) {
    let request = exchange
        .request(body.as_bytes(), "", None, stamp())
        .unwrap();
    let mut translator = request.call.stream().unwrap();
    let mut pieces: Vec<Piece> = Vec::new();
    translator
        .push(Bytes::copy_from_slice(stream.as_bytes()), &mut pieces)
        .unwrap();
    let ending = translator.finish(&mut pieces);
    let raw: Vec<_> = pieces.iter().flat_map(|piece| piece.raw.to_vec()).collect();
    (ending, String::from_utf8(raw).unwrap())
}

#[test]
fn mixed_arguments_fail_the_stream_instead_of_a_call() {
    let call = |index: u64, id: &str, name: &str, arguments: &str| {
        format!(
            "data: {{\"id\":\"x\",\"model\":\"m\",\"choices\":[{{\"index\":0,\"delta\":{{\"tool_calls\":[{{\"index\":{index},\
             {id}\"function\":{{{name}\"arguments\":\"{arguments}\"}}}}]}}}}]}}\n\n"
        )
    };
    let stream = [
        call(0, "\"id\":\"a\",", "\"name\":\"f\",", "{"),
        call(1, "\"id\":\"b\",", "\"name\":\"g\",", "{"),
        call(0, "", "", "}"),
        "data: [DONE]\n\n".to_owned(),
    ]
    .concat();
    let exchange = Exchange::new(Format::AnthropicMessages, Format::OpenAiChat);
    let (ending, sent) = run(exchange, r#"{"messages":[],"stream":true}"#, &stream);
    assert_eq!(ending, Ending::Failed);
    assert!(sent.contains("event: error"), "{sent}");
    assert!(!sent.contains("message_stop"), "{sent}");
}

#[test]
fn calls_without_indices_or_with_the_same_are_told_apart_by_their_ids() {
    for index in ["", "\"index\":0,"] {
        let call = |id: &str| {
            format!(
                "data: {{\"id\":\"x\",\"model\":\"m\",\"choices\":[{{\"delta\":{{\"tool_calls\":[{{{index}\"id\":\"{id}\",\
                 \"function\":{{\"name\":\"f\",\"arguments\":\"{{}}\"}}}}]}}}}]}}\n\n"
            )
        };
        let end = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
        let stream = [call("a"), call("b"), end.to_owned()].concat();
        let exchange = Exchange::new(Format::AnthropicMessages, Format::OpenAiChat);
        let (ending, sent) = run(exchange, r#"{"messages":[],"stream":true}"#, &stream);
        assert_eq!(ending, Ending::Unmarked);
        assert_eq!(sent.matches("\"type\":\"tool_use\"").count(), 2, "{sent}");
        assert!(sent.contains("\"stop_reason\":\"tool_use\""), "{sent}");
    }
}

#[test]
fn only_clients_that_ask_get_a_usage_chunk() {
    let stream = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"model\":\"c\",\
        \"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n\
        event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":2}}\n\n\
        event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    let exchange = Exchange::new(Format::OpenAiChat, Format::AnthropicMessages);
    let (_, silent) = run(exchange, r#"{"messages":[],"stream":true}"#, stream);
    assert!(!silent.contains("usage"), "{silent}");
    let asked = r#"{"messages":[],"stream":true,"stream_options":{"include_usage":true}}"#;
    let (_, told) = run(exchange, asked, stream);
    assert!(told.contains(r#""usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}"#));
    assert!(told.contains(r#""usage":null"#));
}

#[test]
fn a_stream_that_never_ends_is_bounded_where_it_is_kept() {
    let exchange = Exchange::new(Format::OpenAiResponses, Format::OpenAiChat);
    let request = exchange
        .request(br#"{"input":"x","stream":true}"#, "", None, stamp())
        .unwrap();
    let mut translator = request.call.stream().unwrap();
    let text = "x".repeat(1 << 19);
    let chunk = format!(
        "data: {{\"id\":\"i\",\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n"
    );
    let chunk = Bytes::from(chunk);
    let pushed = (0..40).try_for_each(|_| translator.push(chunk.clone(), &mut Vec::new()));
    assert!(matches!(pushed, Err(Error::EventTooLarge { .. })));
}

#[test]
fn marks_of_caches_go_from_any_client_to_a_provider_that_has_them() {
    for (ttl, expected) in [("", None), (r#","ttl":"1h""#, Some("1h"))] {
        let body = format!(
            r#"{{"messages":[{{"role":"user","content":[{{"type":"text","text":"x","cache_control":{{"type":"ephemeral"{ttl}}}}}]}}]}}"#
        );
        let request = to_anthropic(&body).unwrap();
        let mark = json(&request)["messages"][0]["content"][0]["cache_control"].clone();
        assert_eq!(
            (mark["type"].as_str(), mark["ttl"].as_str()),
            (Some("ephemeral"), expected)
        );
        assert!(request.dropped.is_empty());
    }
}

/// Whatever comes between: half of a call's arguments must not pass for all of them.
#[test]
fn a_call_that_something_comes_between_fails_the_stream() {
    let exchange = Exchange::new(Format::AnthropicMessages, Format::AnthropicMessages);
    let body =
        br#"{"model":"m","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"x"}]}"#;
    let begun = r#"data: {"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#;
    let rest = r#"data: {"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{}"}}"#;
    let between = [
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"c2ln"}}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"c2ln"}}"#,
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"x"}}"#,
    ];
    for event in between {
        let request = exchange.request(body, "", None, stamp()).unwrap();
        let mut stream = request.call.stream().unwrap();
        let mut out = Vec::new();
        let sent = format!("{begun}\n\ndata: {event}\n\n{rest}\n\n");
        stream.push(sent.into(), &mut out).unwrap();
        assert_eq!(stream.finish(&mut out), Ending::Failed, "{event}");
    }
}

#[test]
fn an_error_that_only_its_headers_name_keeps_its_name() {
    let exchange = Exchange::new(Format::OpenAiChat, Format::BedrockConverse);
    let told = |body: &[u8]| {
        let status = StatusCode::BAD_REQUEST;
        let error = exchange.error(status, Some("ValidationException"), body, "r");
        error.error.kind
    };
    let kept = Some("ValidationException".to_owned());
    assert_eq!(told(br#"{"message":"no"}"#), kept);
    let own = told(br#"{"__type":"a.b#ThrottlingException","message":"no"}"#);
    assert_eq!(own.as_deref(), Some("ThrottlingException"));
}
