//! What Anthropic's request bodies may hold.

use base64::{Engine, prelude::BASE64_STANDARD};

use crate::shape::{Field, Record, Shape};

static TEXT_LIST: Shape = Shape::List(&Shape::Tagged(&[("text", &TEXT)]));
const TEXTS: Shape = Shape::TextOr(&TEXT_LIST);
static CACHES: [(&str, &Record); 1] = [("ephemeral", &EPHEMERAL)];
const CACHE: Field = Field::optional("cache_control", Shape::Tagged(&CACHES));
const TYPE: Field = Field::required("type", Shape::Text);
const CITATIONS: Field = Field::optional("citations", Shape::Any);
const CALLER: Field = Field::optional("caller", Shape::Map);
const BASE64: Shape = Shape::Pattern(|text| BASE64_STANDARD.decode(text).is_ok(), "base64");

/// `POST /v1/messages`.
pub(super) static MESSAGES: Record = Record(&[
    MODEL,
    MAX_TOKENS,
    TURNS,
    SYSTEM,
    CACHE,
    METADATA,
    OUTPUT,
    SERVICE_TIER,
    STOPS,
    STREAM,
    TEMPERATURE,
    THINKING,
    TOOL_CHOICE,
    TOOLS,
    TOP_K,
    TOP_P,
]);

/// The same on Vertex AI, where the path names the model.
pub(super) static VERTEX_MESSAGES: Record = Record(&[
    Field::required(
        "anthropic_version",
        Shape::Word(&["vertex-2023-10-16", "2026-10-21"]),
    ),
    MAX_TOKENS,
    TURNS,
    SYSTEM,
    CACHE,
    METADATA,
    OUTPUT,
    STOPS,
    STREAM,
    TEMPERATURE,
    THINKING,
    TOOL_CHOICE,
    TOOLS,
    TOP_K,
    TOP_P,
]);

/// `POST /v1/messages/count_tokens`.
pub(super) static COUNT_TOKENS: Record = Record(&[
    MODEL,
    TURNS,
    SYSTEM,
    CACHE,
    OUTPUT,
    THINKING,
    TOOL_CHOICE,
    TOOLS,
    Field::optional("anthropic_version", Shape::Text),
]);

/// A tool of the caller's own.
pub(super) static CUSTOM_TOOL: Record = Record(&[
    Field::optional("type", Shape::Word(&["custom"])),
    Field::required("name", TOOL_NAME),
    Field::optional("description", Shape::Text),
    Field::required("input_schema", Shape::Map),
    Field::optional("strict", Shape::Flag),
    Field::optional("defer_loading", Shape::Flag),
    Field::optional("eager_input_streaming", Shape::Flag),
    Field::optional("input_examples", Shape::List(&Shape::Map)),
    Field::optional("allowed_callers", Shape::List(&Shape::Text)),
    CACHE,
]);

const TOOL_NAME: Shape = Shape::Pattern(is_tool_name, "^[a-zA-Z0-9_-]{1,128}$");

fn is_tool_name(name: &str) -> bool {
    (1..=128).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

const MODEL: Field = Field::required("model", Shape::Text);
const MAX_TOKENS: Field = Field::required("max_tokens", Shape::Integer(1..=i64::MAX));
static ONE_TURN: Shape = Shape::Object(&TURN);
const TURNS: Field = Field::required("messages", Shape::List(&ONE_TURN));
const SYSTEM: Field = Field::optional("system", TEXTS);
const METADATA: Field = Field::optional(
    "metadata",
    Shape::Object(&Record(&[Field::optional("user_id", Shape::Text)])),
);
const OUTPUT: Field = Field::optional("output_config", Shape::Object(&OUTPUT_CONFIG));
const SERVICE_TIER: Field =
    Field::optional("service_tier", Shape::Word(&["auto", "standard_only"]));
const STOPS: Field = Field::optional("stop_sequences", Shape::List(&Shape::Text));
const STREAM: Field = Field::optional("stream", Shape::Flag);
const TEMPERATURE: Field = Field::optional("temperature", Shape::Number(0.0..=1.0));
const TOP_P: Field = Field::optional("top_p", Shape::Number(0.0..=1.0));
const TOP_K: Field = Field::optional("top_k", Shape::Integer(0..=i64::MAX));
const TOOLS: Field = Field::optional("tools", Shape::List(&Shape::Map));

const THINKING: Field = Field::optional(
    "thinking",
    Shape::Tagged(&[
        (
            "enabled",
            &Record(&[
                TYPE,
                Field::required("budget_tokens", Shape::Integer(1024..=i64::MAX)),
                DISPLAY,
            ]),
        ),
        ("adaptive", &Record(&[TYPE, DISPLAY])),
        ("disabled", &Record(&[TYPE])),
    ]),
);
const DISPLAY: Field = Field::optional("display", Shape::Word(&["summarized", "omitted"]));

const TOOL_CHOICE: Field = Field::optional(
    "tool_choice",
    Shape::Tagged(&[
        ("auto", &Record(&[TYPE, PARALLEL])),
        ("any", &Record(&[TYPE, PARALLEL])),
        (
            "tool",
            &Record(&[TYPE, PARALLEL, Field::required("name", Shape::Text)]),
        ),
        ("none", &Record(&[TYPE])),
    ]),
);
const PARALLEL: Field = Field::optional("disable_parallel_tool_use", Shape::Flag);

static OUTPUT_CONFIG: Record = Record(&[
    Field::optional(
        "effort",
        Shape::Word(&["low", "medium", "high", "xhigh", "max"]),
    ),
    Field::optional(
        "format",
        Shape::Tagged(&[(
            "json_schema",
            &Record(&[TYPE, Field::required("schema", Shape::Map)]),
        )]),
    ),
]);

static EPHEMERAL: Record = Record(&[TYPE, Field::optional("ttl", Shape::Word(&["5m", "1h"]))]);

static TURN: Record = Record(&[
    Field::required("role", Shape::Text),
    Field::required(
        "content",
        Shape::TextOr(&Shape::List(&Shape::Tagged(&[
            ("text", &TEXT),
            ("image", &IMAGE),
            ("document", &DOCUMENT),
            ("search_result", &SEARCH_RESULT),
            ("tool_use", &TOOL_USE),
            ("tool_result", &TOOL_RESULT),
            ("thinking", &THOUGHT),
            ("redacted_thinking", &REDACTED),
        ]))),
    ),
]);

static TEXT: Record = Record(&[TYPE, Field::required("text", Shape::Text), CITATIONS, CACHE]);

static IMAGE: Record = Record(&[
    TYPE,
    Field::required(
        "source",
        Shape::Tagged(&[
            (
                "base64",
                &Record(&[
                    TYPE,
                    Field::required("data", BASE64),
                    Field::required(
                        "media_type",
                        Shape::Word(&["image/jpeg", "image/png", "image/gif", "image/webp"]),
                    ),
                ]),
            ),
            ("url", &URL),
            ("file", &FILE),
        ]),
    ),
    CACHE,
]);

static URL: Record = Record(&[TYPE, Field::required("url", Shape::Text)]);
static FILE: Record = Record(&[TYPE, Field::required("file_id", Shape::Text)]);

static DOCUMENT: Record = Record(&[
    TYPE,
    Field::required(
        "source",
        Shape::Tagged(&[
            (
                "base64",
                &Record(&[
                    TYPE,
                    Field::required("data", BASE64),
                    Field::required("media_type", Shape::Word(&["application/pdf"])),
                ]),
            ),
            (
                "text",
                &Record(&[
                    TYPE,
                    Field::required("data", Shape::Text),
                    Field::required("media_type", Shape::Word(&["text/plain"])),
                ]),
            ),
            (
                "content",
                &Record(&[
                    TYPE,
                    Field::required(
                        "content",
                        Shape::TextOr(&Shape::List(&Shape::Tagged(&[
                            ("text", &TEXT),
                            ("image", &IMAGE),
                        ]))),
                    ),
                ]),
            ),
            ("url", &URL),
            ("file", &FILE),
        ]),
    ),
    Field::optional("context", Shape::Text),
    Field::optional("title", Shape::Text),
    CITATIONS,
    CACHE,
]);

static SEARCH_RESULT: Record = Record(&[
    TYPE,
    Field::required("content", Shape::List(&Shape::Tagged(&[("text", &TEXT)]))),
    Field::required("source", Shape::Text),
    Field::required("title", Shape::Text),
    CITATIONS,
    CACHE,
]);

static TOOL_USE: Record = Record(&[
    TYPE,
    Field::required("id", Shape::Pattern(is_tool_use_id, "^[a-zA-Z0-9_-]+$")),
    Field::required("name", TOOL_NAME),
    Field::required("input", Shape::Map),
    CALLER,
    CACHE,
]);

fn is_tool_use_id(id: &str) -> bool {
    !id.is_empty()
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

static TOOL_RESULT: Record = Record(&[
    TYPE,
    Field::required(
        "tool_use_id",
        Shape::Pattern(is_tool_use_id, "^[a-zA-Z0-9_-]+$"),
    ),
    Field::optional(
        "content",
        Shape::TextOr(&Shape::List(&Shape::Tagged(&[
            ("text", &TEXT),
            ("image", &IMAGE),
            ("document", &DOCUMENT),
            ("search_result", &SEARCH_RESULT),
        ]))),
    ),
    Field::optional("is_error", Shape::Flag),
    CACHE,
]);

static THOUGHT: Record = Record(&[
    TYPE,
    Field::required("thinking", Shape::Text),
    Field::required("signature", Shape::Text),
]);

static REDACTED: Record = Record(&[TYPE, Field::required("data", Shape::Text)]);
