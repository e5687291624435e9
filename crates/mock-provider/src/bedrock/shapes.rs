//! What Converse's request bodies may hold.

use base64::{Engine, prelude::BASE64_STANDARD};

use crate::shape::{Field, Record, Shape};

const NON_EMPTY: Shape = Shape::Pattern(|text| !text.is_empty(), ".+");
const BLOB: Shape = Shape::Pattern(
    |text| !text.is_empty() && BASE64_STANDARD.decode(text).is_ok(),
    "base64",
);
const NAME: Shape = Shape::Pattern(|name| is_word(name, b"_-"), "[a-zA-Z0-9_-]{1,64}");
const TOOL_USE_ID: Shape = Shape::Pattern(|id| is_word(id, b"_.:-"), "[a-zA-Z0-9_.:-]{1,64}");
const EMPTY: Shape = Shape::Object(&Record(&[]));

fn is_word(word: &str, others: &[u8]) -> bool {
    (1..=64).contains(&word.len())
        && word
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || others.contains(&byte))
}

/// `/converse` and `/converse-stream`.
pub(super) static CONVERSE: Record = Record(&[
    MESSAGES,
    SYSTEM,
    TOOL_CONFIG,
    ADDITIONAL,
    Field::optional(
        "inferenceConfig",
        Shape::Object(&Record(&[
            Field::optional("maxTokens", Shape::Integer(1..=i32::MAX as i64)),
            Field::optional("temperature", Shape::Number(0.0..=1.0)),
            Field::optional("topP", Shape::Number(0.0..=1.0)),
            Field::optional("stopSequences", Shape::List(&NON_EMPTY)),
        ])),
    ),
    Field::optional(
        "guardrailConfig",
        Shape::Object(&Record(&[
            Field::optional("guardrailIdentifier", Shape::Text),
            Field::optional("guardrailVersion", Shape::Text),
            Field::optional(
                "trace",
                Shape::Word(&["enabled", "disabled", "enabled_full"]),
            ),
            Field::optional("streamProcessingMode", Shape::Word(&["sync", "async"])),
        ])),
    ),
    Field::optional("promptVariables", Shape::Map),
    Field::optional(
        "additionalModelResponseFieldPaths",
        Shape::List(&Shape::Text),
    ),
    Field::optional("requestMetadata", Shape::MapOf(&Shape::Text)),
    Field::optional(
        "performanceConfig",
        Shape::Object(&Record(&[Field::optional(
            "latency",
            Shape::Word(&["standard", "optimized"]),
        )])),
    ),
    Field::optional(
        "serviceTier",
        Shape::Object(&Record(&[Field::required(
            "type",
            Shape::Word(&["priority", "default", "flex", "reserved"]),
        )])),
    ),
    Field::optional(
        "outputConfig",
        Shape::Object(&Record(&[
            Field::optional("effort", Shape::Text),
            Field::optional(
                "textFormat",
                Shape::Object(&Record(&[
                    Field::required("type", Shape::Word(&["json_schema"])),
                    Field::required(
                        "structure",
                        Shape::Union(&Record(&[Field::optional(
                            "jsonSchema",
                            Shape::Object(&Record(&[
                                Field::required("schema", Shape::Text),
                                Field::optional("name", Shape::Text),
                                Field::optional("description", Shape::Text),
                            ])),
                        )])),
                    ),
                ])),
            ),
        ])),
    ),
]);

/// `/count-tokens`.
pub(super) static COUNT_TOKENS: Record = Record(&[Field::required(
    "input",
    Shape::Union(&Record(&[Field::optional(
        "converse",
        Shape::Object(&Record(&[MESSAGES, SYSTEM, TOOL_CONFIG, ADDITIONAL])),
    )])),
)]);

static ONE_MESSAGE: Shape = Shape::Object(&MESSAGE);
static ONE_SYSTEM: Shape = Shape::Union(&SYSTEM_BLOCK);
static TOOLS: Shape = Shape::Union(&TOOL);
const MESSAGES: Field = Field::optional("messages", Shape::List(&ONE_MESSAGE));
const SYSTEM: Field = Field::optional("system", Shape::List(&ONE_SYSTEM));
const ADDITIONAL: Field = Field::optional("additionalModelRequestFields", Shape::Map);
const TOOL_CONFIG: Field = Field::optional("toolConfig", Shape::Object(&TOOL_CONFIGURATION));

static SYSTEM_BLOCK: Record = Record(&[
    Field::optional("text", NON_EMPTY),
    Field::optional("cachePoint", Shape::Object(&CACHE_POINT)),
    Field::optional("guardContent", Shape::Map),
]);

static CACHE_POINT: Record = Record(&[
    Field::required("type", Shape::Word(&["default"])),
    Field::optional("ttl", Shape::Word(&["5m", "1h"])),
]);

static TOOL_CONFIGURATION: Record = Record(&[
    Field::required("tools", Shape::List(&TOOLS)),
    Field::optional(
        "toolChoice",
        Shape::Union(&Record(&[
            Field::optional("auto", EMPTY),
            Field::optional("any", EMPTY),
            Field::optional(
                "tool",
                Shape::Object(&Record(&[Field::required("name", NAME)])),
            ),
        ])),
    ),
]);

static TOOL: Record = Record(&[
    Field::optional(
        "toolSpec",
        Shape::Object(&Record(&[
            Field::required("name", NAME),
            Field::optional("description", NON_EMPTY),
            Field::required(
                "inputSchema",
                Shape::Union(&Record(&[Field::optional("json", Shape::Map)])),
            ),
            Field::optional("strict", Shape::Flag),
        ])),
    ),
    Field::optional(
        "systemTool",
        Shape::Object(&Record(&[Field::required("name", NAME)])),
    ),
    Field::optional("cachePoint", Shape::Object(&CACHE_POINT)),
]);

static MESSAGE: Record = Record(&[
    Field::required("role", Shape::Word(&["user", "assistant"])),
    Field::required("content", Shape::List(&Shape::Union(&BLOCK))),
]);

static BLOCK: Record = Record(&[
    Field::optional("text", Shape::Text),
    Field::optional("image", Shape::Object(&IMAGE)),
    Field::optional("document", Shape::Object(&DOCUMENT)),
    Field::optional("video", Shape::Map),
    Field::optional("audio", Shape::Map),
    Field::optional(
        "toolUse",
        Shape::Object(&Record(&[
            Field::required("toolUseId", TOOL_USE_ID),
            Field::required("name", NAME),
            Field::required("input", Shape::Map),
        ])),
    ),
    Field::optional(
        "toolResult",
        Shape::Object(&Record(&[
            Field::required("toolUseId", TOOL_USE_ID),
            Field::required("content", Shape::List(&Shape::Union(&RESULT_BLOCK))),
            Field::optional("status", Shape::Word(&["success", "error"])),
        ])),
    ),
    Field::optional("guardContent", Shape::Map),
    Field::optional("cachePoint", Shape::Object(&CACHE_POINT)),
    Field::optional(
        "reasoningContent",
        Shape::Union(&Record(&[
            Field::optional(
                "reasoningText",
                Shape::Object(&Record(&[
                    Field::required("text", Shape::Text),
                    Field::optional("signature", Shape::Text),
                ])),
            ),
            Field::optional("redactedContent", BLOB),
        ])),
    ),
    Field::optional("citationsContent", Shape::Map),
    Field::optional("searchResult", Shape::Map),
]);

static RESULT_BLOCK: Record = Record(&[
    Field::optional("text", Shape::Text),
    Field::optional("json", Shape::Any),
    Field::optional("image", Shape::Object(&IMAGE)),
    Field::optional("document", Shape::Object(&DOCUMENT)),
    Field::optional("video", Shape::Map),
    Field::optional("searchResult", Shape::Map),
]);

static IMAGE: Record = Record(&[
    Field::required("format", Shape::Word(&["png", "jpeg", "gif", "webp"])),
    Field::required("source", Shape::Union(&MEDIUM)),
]);

static MEDIUM: Record = Record(&[
    Field::optional("bytes", BLOB),
    Field::optional("s3Location", Shape::Map),
]);

static DOCUMENT: Record = Record(&[
    Field::optional(
        "format",
        Shape::Word(&[
            "pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md",
        ]),
    ),
    Field::required(
        "name",
        Shape::Pattern(is_document_name, "[a-zA-Z0-9 ()\\[\\]-]{1,200}"),
    ),
    Field::required(
        "source",
        Shape::Union(&Record(&[
            Field::optional("bytes", BLOB),
            Field::optional("s3Location", Shape::Map),
            Field::optional("text", Shape::Text),
            Field::optional("content", Shape::List(&Shape::Map)),
        ])),
    ),
    Field::optional("context", Shape::Text),
    Field::optional("citations", Shape::Map),
]);

/// Letters, digits, single spaces, hyphens, parentheses and brackets.
fn is_document_name(name: &str) -> bool {
    (1..=200).contains(&name.len())
        && !name.contains("  ")
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b" -()[]".contains(&byte))
}
