use http::StatusCode;
use proptest::prelude::*;

use super::*;
use crate::dialect::openai::OpenAi;

/// What a stream is read as.
#[derive(Debug, PartialEq, Eq)]
struct Log {
    /// Class of each event that is forwarded: `e`mpty, `c`ontent, `!` error, `.` done.
    classes: String,
    forwarded: Vec<u8>,
    ending: Ending,
    usage: Usage,
    model: Option<String>,
    finish_reason: Option<String>,
    content_events: u64,
    error: Option<String>,
}

fn read<'a>(
    operation: Operation,
    owner: UsageOwner,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> Log {
    let mut reader = StreamReader::new(&OpenAi::ITSELF, operation, owner);
    let mut pieces = Vec::new();
    for chunk in chunks {
        reader
            .push(Bytes::copy_from_slice(chunk), &mut pieces)
            .unwrap();
    }
    let ending = reader.finish(&mut pieces);
    let mut log = Log {
        classes: String::new(),
        forwarded: Vec::new(),
        ending,
        usage: *reader.usage(),
        model: reader.model().map(String::from),
        finish_reason: reader.finish_reason().map(String::from),
        content_events: reader.content_events(),
        error: None,
    };
    for piece in pieces {
        log.forwarded.extend_from_slice(&piece.raw);
        let class = match &piece.class {
            Class::Empty => 'e',
            Class::Content => 'c',
            Class::Error(error) => {
                log.error = Some(error.message.clone());
                '!'
            }
            Class::Done => '.',
        };
        let text = String::from_utf8(piece.raw.to_vec())
            .unwrap()
            .replace("\r\n", "\n");
        let events = text.trim_end_matches('\n').split("\n\n").count();
        log.classes.extend(std::iter::repeat_n(class, events));
    }
    log
}

struct Case {
    name: &'static str,
    operation: Operation,
    bytes: &'static [u8],
    classes: &'static str,
    ending: Ending,
    /// Input, output, reasoning.
    usage: (Option<u64>, Option<u64>, Option<u64>),
    finish_reason: Option<&'static str>,
    error: Option<&'static str>,
}

macro_rules! case {
    ($name:literal, $operation:ident, $classes:literal, $ending:ident, $usage:expr, $finish:expr, $error:expr) => {
        Case {
            name: $name,
            operation: Operation::$operation,
            bytes: include_bytes!(concat!("../../testdata/openai/stream/", $name, ".sse")),
            classes: $classes,
            ending: Ending::$ending,
            usage: $usage,
            finish_reason: $finish,
            error: $error,
        }
    };
}

const UNKNOWN: (Option<u64>, Option<u64>, Option<u64>) = (None, None, None);
const CHAT: (Option<u64>, Option<u64>, Option<u64>) = (Some(9), Some(3), Some(0));
const RESPONSES: (Option<u64>, Option<u64>, Option<u64>) = (Some(37), Some(11), Some(4));
const TEXT: (Option<u64>, Option<u64>, Option<u64>) = (Some(2), Some(1), None);

/// As read when the client asked for usage itself.
const CASES: &[Case] = &[
    case!(
        "chat_text",
        Chat,
        "ecccc.",
        Complete,
        CHAT,
        Some("stop"),
        None
    ),
    case!(
        "chat_tool_call",
        Chat,
        "eccc.",
        Complete,
        UNKNOWN,
        Some("tool_calls"),
        None
    ),
    case!(
        "chat_error_first",
        Chat,
        "e!",
        Failed,
        UNKNOWN,
        None,
        Some("The server is overloaded")
    ),
    case!(
        "chat_error_later",
        Chat,
        "ec!.",
        Failed,
        UNKNOWN,
        None,
        Some("The server had an error")
    ),
    case!("chat_cut", Chat, "ec", Cut, UNKNOWN, None, None),
    case!(
        "chat_unmarked",
        Chat,
        "eccc",
        Unmarked,
        CHAT,
        Some("stop"),
        None
    ),
    case!(
        "chat_filtered_prompt",
        Chat,
        "eecc.",
        Complete,
        UNKNOWN,
        Some("stop"),
        None
    ),
    case!(
        "completions",
        Completions,
        "eccc.",
        Complete,
        TEXT,
        Some("length"),
        None
    ),
    case!(
        "responses_text",
        Responses,
        "eeeecc.",
        Complete,
        RESPONSES,
        Some("completed"),
        None
    ),
    case!(
        "responses_tool_call",
        Responses,
        "ecc.",
        Complete,
        RESPONSES,
        Some("completed"),
        None
    ),
    case!(
        "responses_incomplete",
        Responses,
        "eeeec.",
        Complete,
        RESPONSES,
        Some("max_output_tokens"),
        None
    ),
    case!(
        "responses_failed",
        Responses,
        "ee!",
        Failed,
        UNKNOWN,
        Some("failed"),
        Some("The model failed")
    ),
    case!(
        "responses_error",
        Responses,
        "e!",
        Failed,
        UNKNOWN,
        None,
        Some("Slow down")
    ),
    case!(
        "responses_cut",
        Responses,
        "eeeec",
        Cut,
        UNKNOWN,
        None,
        None
    ),
];

#[test]
fn reads_recorded_streams() {
    for case in CASES {
        let log = read(case.operation, UsageOwner::Client, [case.bytes]);
        assert_eq!(log.classes, case.classes, "{}", case.name);
        assert_eq!(log.ending, case.ending, "{}", case.name);
        let usage = (log.usage.input, log.usage.output, log.usage.reasoning);
        assert_eq!(usage, case.usage, "{}", case.name);
        assert_eq!(
            log.finish_reason.as_deref(),
            case.finish_reason,
            "{}",
            case.name
        );
        assert_eq!(log.error.as_deref(), case.error, "{}", case.name);
        assert!(case.bytes.starts_with(&log.forwarded), "{}", case.name);
        let half_event = case.name == "chat_cut";
        assert_eq!(
            log.forwarded.len() == case.bytes.len(),
            !half_event,
            "{}",
            case.name
        );
        assert!(log.model.is_some(), "{}", case.name);
    }
}

#[test]
fn takes_out_the_usage_chunk_that_only_the_gateway_asked_for_and_nothing_else() {
    for case in CASES {
        let log = read(case.operation, UsageOwner::Gateway, [case.bytes]);
        let client = read(case.operation, UsageOwner::Client, [case.bytes]);
        let text = String::from_utf8(client.forwarded).unwrap();
        let kept: String = text
            .split_inclusive("\n\n")
            .filter(|e| !e.contains(r#""choices":[],"usage""#))
            .collect();
        assert_eq!(
            String::from_utf8(log.forwarded).unwrap(),
            kept,
            "{}",
            case.name
        );
        assert_eq!(log.usage, client.usage, "{}", case.name);
        let dropped = matches!(case.name, "chat_text" | "completions");
        assert_eq!(kept.len() < text.len(), dropped, "{}", case.name);
    }
}

#[test]
fn neighbours_of_one_class_come_as_one_slice_of_the_chunk() {
    let chunk = Bytes::from_static(CASES[0].bytes);
    let mut reader = StreamReader::new(&OpenAi::ITSELF, Operation::Chat, UsageOwner::Gateway);
    let mut pieces = Vec::new();
    reader.push(chunk.clone(), &mut pieces).unwrap();
    let classes: Vec<_> = pieces.iter().map(|piece| piece.class.clone()).collect();
    assert_eq!(classes, [Class::Empty, Class::Content, Class::Done]);
    assert_eq!(pieces[0].raw.as_ptr(), chunk.as_ptr());
    assert_eq!(
        pieces[1].raw.as_ptr(),
        chunk[pieces[0].raw.len()..].as_ptr()
    );
}

#[test]
fn what_a_model_wrote_never_prints() {
    let mut reader = StreamReader::new(&OpenAi::ITSELF, Operation::Chat, UsageOwner::Client);
    let mut pieces = Vec::new();
    let stream = b"data: {\"choices\":[{\"text\":\"secret\"}]}\n\ndata: {\"secret";
    reader
        .push(Bytes::from_static(stream), &mut pieces)
        .unwrap();
    let mut splitter = Splitter::default();
    splitter.push(Bytes::from_static(stream));
    let event = splitter.next_event().unwrap();
    assert!(!format!("{reader:?} {pieces:?} {splitter:?} {event:?}").contains("secret"));
}

#[test]
fn a_comment_after_the_start_is_not_held_and_not_counted() {
    let stream: &[u8] = b"data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n: ping\n\n";
    let log = read(Operation::Chat, UsageOwner::Client, [stream]);
    assert_eq!((log.classes.as_str(), log.content_events), ("cc", 1));
}

#[test]
fn what_is_no_chunk_is_no_content_before_the_start_and_passes_after_it() {
    let stream: &[u8] =
        b"data: oops\n\ndata: {\"choices\":[{\"text\":\"a\"}]}\n\ndata: {\"usage\":oops}\n\n";
    let log = read(Operation::Chat, UsageOwner::Gateway, [stream]);
    assert_eq!(log.classes, "ecc");
    assert_eq!(log.forwarded, stream);
}

#[test]
fn an_event_over_the_limit_ends_the_stream_behind_what_came_before() {
    let mut reader = StreamReader::new(&OpenAi::ITSELF, Operation::Chat, UsageOwner::Client);
    let mut pieces = Vec::new();
    let chunk = [
        &b": ping\n\ndata: "[..],
        &vec![b'x'; crate::sse::EVENT_LIMIT],
    ]
    .concat();
    let error = reader.push(Bytes::from(chunk), &mut pieces).unwrap_err();
    assert_eq!(
        error,
        Error::EventTooLarge {
            limit: crate::sse::EVENT_LIMIT
        }
    );
    assert!(error.retryable());
    assert_eq!(pieces[0].raw, ": ping\n\n");
}

#[test]
fn a_broken_stream_ends_in_an_error_event_of_its_dialect() {
    let error = ErrorBody::new(StatusCode::BAD_GATEWAY, "the \"stream\" broke").code("stream_cut");
    let mut pieces = Vec::new();
    let reader = StreamReader::new(&OpenAi::ITSELF, Operation::Chat, UsageOwner::Client);
    assert_eq!(
        reader.cut_event(&error),
        concat!(
            r#"data: {"error":{"message":"the \"stream\" broke","type":"server_error","#,
            r#""param":null,"code":"stream_cut"}}"#,
            "\n\n"
        )
    );
    let mut reader = StreamReader::new(&OpenAi::ITSELF, Operation::Responses, UsageOwner::Client);
    reader
        .push(Bytes::from_static(CASES.last().unwrap().bytes), &mut pieces)
        .unwrap();
    assert_eq!(
        reader.cut_event(&error),
        concat!(
            "event: error\n",
            r#"data: {"type":"error","message":"the \"stream\" broke","code":"stream_cut","#,
            r#""param":null,"sequence_number":5,"error":{"message":"the \"stream\" broke","#,
            r#""type":"server_error","param":null,"code":"stream_cut"}}"#,
            "\n\n"
        )
    );
    // Read back, both are errors and no end.
    for operation in [Operation::Chat, Operation::Responses] {
        let cut =
            StreamReader::new(&OpenAi::ITSELF, operation, UsageOwner::Client).cut_event(&error);
        let log = read(operation, UsageOwner::Client, [&*cut]);
        assert_eq!((log.classes.as_str(), log.ending), ("!", Ending::Failed));
    }
}

proptest! {
    #[test]
    fn chunks_change_nothing(
        case in 0..CASES.len(),
        size in 1usize..400,
        owner in prop::sample::select(vec![UsageOwner::Client, UsageOwner::Gateway]),
    ) {
        let Case { operation, bytes, .. } = CASES[case];
        let whole = read(operation, owner, [bytes]);
        prop_assert_eq!(read(operation, owner, bytes.chunks(size)), whole);
    }
}
