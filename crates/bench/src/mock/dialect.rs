//! The formats in which the provider answers: each as its vendor writes it, from constants.

mod frame;

use std::fmt::Write;
use std::sync::LazyLock;

use bytes::Bytes;

/// Length of the text in an answer that is not streamed.
const ANSWER: usize = 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    OpenAi,
    Anthropic,
    Gemini,
    Bedrock,
}

/// Whether a request asks for a stream, as far as its path tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Whole,
    Stream,
    /// The body says it.
    InBody,
}

/// The text of an answer that is not streamed.
pub(crate) fn text() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| "x".repeat(ANSWER));
    &TEXT
}

impl Dialect {
    pub(crate) fn of(path: &str) -> (Self, Asked) {
        if path.ends_with("/messages") {
            (Self::Anthropic, Asked::InBody)
        } else if path.ends_with(":streamGenerateContent") {
            (Self::Gemini, Asked::Stream)
        } else if path.ends_with(":generateContent") {
            (Self::Gemini, Asked::Whole)
        } else if path.ends_with("/converse-stream") {
            (Self::Bedrock, Asked::Stream)
        } else if path.ends_with("/converse") {
            (Self::Bedrock, Asked::Whole)
        } else {
            (Self::OpenAi, Asked::InBody)
        }
    }

    /// Of a stream.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Bedrock => "application/vnd.amazon.eventstream",
            _ => "text/event-stream",
        }
    }

    /// An answer that is not streamed.
    pub(crate) fn answer(self) -> &'static str {
        static ANSWERS: LazyLock<[String; 4]> = LazyLock::new(|| {
            let text = text();
            [
                format!(
                    r#"{{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"mock","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":10,"completion_tokens":20,"total_tokens":30}}}}"#
                ),
                format!(
                    r#"{{"id":"msg_1","type":"message","role":"assistant","model":"mock","content":[{{"type":"text","text":"{text}"}}],"stop_reason":"end_turn","stop_sequence":null,"usage":{{"input_tokens":10,"output_tokens":20}}}}"#
                ),
                format!(
                    r#"{{"candidates":[{{"content":{{"role":"model","parts":[{{"text":"{text}"}}]}},"finishReason":"STOP","index":0}}],"usageMetadata":{{"promptTokenCount":10,"candidatesTokenCount":20,"totalTokenCount":30}},"modelVersion":"mock"}}"#
                ),
                format!(
                    r#"{{"output":{{"message":{{"role":"assistant","content":[{{"text":"{text}"}}]}}}},"stopReason":"end_turn","usage":{{"inputTokens":10,"outputTokens":20,"totalTokens":30}},"metrics":{{"latencyMs":1}}}}"#
                ),
            ]
        });
        let [openai, anthropic, gemini, bedrock] = &*ANSWERS;
        match self {
            Self::OpenAi => openai,
            Self::Anthropic => anthropic,
            Self::Gemini => gemini,
            Self::Bedrock => bedrock,
        }
    }

    /// What comes before the first chunk.
    pub(crate) fn opening(self) -> Bytes {
        match self {
            Self::OpenAi | Self::Gemini => Bytes::new(),
            Self::Anthropic => Bytes::from_static(
                b"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"mock\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":10,\"output_tokens\":1}}}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
            ),
            Self::Bedrock => frame::event("messageStart", r#"{"role":"assistant"}"#).into(),
        }
    }

    /// Each chunk tells when it was made (`t=`) and how long after the request's arrival (`w=`):
    /// what the client sees beyond that, the way there and back has cost.
    pub(crate) fn chunk(self, made: u64, waited: u64) -> Bytes {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = match self {
            Self::OpenAi => write!(
                text,
                "data: {{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"mock\",\"choices\":[{{\"index\":0,\"delta\":{{\"role\":\"assistant\",\"content\":\"t={made} w={waited} \"}},\"finish_reason\":null}}]}}\n\n"
            ),
            Self::Anthropic => write!(
                text,
                "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{{\"type\":\"text_delta\",\"text\":\"t={made} w={waited} \"}}}}\n\n"
            ),
            Self::Gemini => write!(
                text,
                "data: {{\"candidates\":[{{\"content\":{{\"role\":\"model\",\"parts\":[{{\"text\":\"t={made} w={waited} \"}}]}},\"index\":0}}],\"modelVersion\":\"mock\"}}\n\n"
            ),
            Self::Bedrock => write!(
                text,
                r#"{{"contentBlockIndex":0,"delta":{{"text":"t={made} w={waited} "}}}}"#
            ),
        };
        match self {
            Self::Bedrock => frame::event("contentBlockDelta", &text).into(),
            _ => text.into(),
        }
    }

    /// What comes after the last chunk.
    pub(crate) fn ending(self) -> Vec<Bytes> {
        const OPENAI: [&str; 2] = [
            "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"mock\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":20,\"total_tokens\":30}}\n\n",
            "data: [DONE]\n\n",
        ];
        const ANTHROPIC: [&str; 3] = [
            "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
            "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":20}}\n\n",
            "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        ];
        const GEMINI: [&str; 1] = [
            "data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"\"}]},\"finishReason\":\"STOP\",\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":10,\"candidatesTokenCount\":20,\"totalTokenCount\":30},\"modelVersion\":\"mock\"}\n\n",
        ];
        const BEDROCK: [(&str, &str); 3] = [
            ("contentBlockStop", r#"{"contentBlockIndex":0}"#),
            ("messageStop", r#"{"stopReason":"end_turn"}"#),
            (
                "metadata",
                r#"{"usage":{"inputTokens":10,"outputTokens":20,"totalTokens":30},"metrics":{"latencyMs":1}}"#,
            ),
        ];
        let fixed = |events: &'static [&'static str]| {
            let events = events.iter();
            events
                .map(|event| Bytes::from_static(event.as_bytes()))
                .collect()
        };
        match self {
            Self::OpenAi => fixed(&OPENAI),
            Self::Anthropic => fixed(&ANTHROPIC),
            Self::Gemini => fixed(&GEMINI),
            Self::Bedrock => BEDROCK
                .iter()
                .map(|(name, payload)| frame::event(name, payload).into())
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Dialect; 4] = [
        Dialect::OpenAi,
        Dialect::Anthropic,
        Dialect::Gemini,
        Dialect::Bedrock,
    ];

    #[test]
    fn a_path_tells_the_format() {
        for (path, want) in [
            ("/v1/chat/completions", (Dialect::OpenAi, Asked::InBody)),
            ("/v1/messages", (Dialect::Anthropic, Asked::InBody)),
            (
                "/v1beta/models/g:generateContent",
                (Dialect::Gemini, Asked::Whole),
            ),
            (
                "/v1beta/models/g:streamGenerateContent",
                (Dialect::Gemini, Asked::Stream),
            ),
            ("/model/m/converse", (Dialect::Bedrock, Asked::Whole)),
            (
                "/model/m/converse-stream",
                (Dialect::Bedrock, Asked::Stream),
            ),
        ] {
            assert_eq!(Dialect::of(path), want, "{path}");
        }
    }

    #[test]
    fn every_chunk_carries_its_stamp_and_every_answer_the_text() {
        for dialect in ALL {
            let chunk = dialect.chunk(1000, 250);
            let shown = String::from_utf8_lossy(&chunk);
            assert!(shown.contains("t=1000 w=250 "), "{dialect:?}: {shown}");
            assert!(dialect.answer().contains(text()), "{dialect:?}");
            assert!(!dialect.ending().is_empty());
        }
    }
}
