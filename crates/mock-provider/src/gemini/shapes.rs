//! What Google's request bodies may hold, by the names of its JSON; those with underscores are as good.

use super::base64;
use crate::shape::{Field, Record, Shape};

const TEXTS: Shape = Shape::List(&Shape::Text);
const BASE64: Shape = Shape::Pattern(|text| base64(text).is_some(), "TYPE_BYTES");

/// `:generateContent` and `:streamGenerateContent`.
pub(super) static GENERATE: Record = Record(&[
    Field::optional("model", Shape::Text),
    CONTENTS,
    Field::optional("systemInstruction", Shape::Object(&CONTENT)),
    TOOLS,
    Field::optional("toolConfig", Shape::Object(&TOOL_CONFIG)),
    Field::optional("safetySettings", Shape::List(&Shape::Object(&SAFETY))),
    Field::optional("generationConfig", Shape::Object(&GENERATION)),
    Field::optional("cachedContent", Shape::Text),
    Field::optional("labels", Shape::MapOf(&Shape::Text)),
    Field::optional("serviceTier", Shape::Text),
    Field::optional("store", Shape::Flag),
]);

/// `:countTokens`.
pub(super) static COUNT: Record = Record(&[
    Field::optional("model", Shape::Text),
    CONTENTS,
    Field::optional("systemInstruction", Shape::Object(&CONTENT)),
    TOOLS,
    Field::optional("generationConfig", Shape::Object(&GENERATION)),
    Field::optional("generateContentRequest", Shape::Object(&GENERATE)),
]);

/// `:embedContent`, and each request of `:batchEmbedContents`.
pub(super) static EMBED: Record = Record(&[
    Field::optional("model", Shape::Text),
    Field::required("content", Shape::Object(&CONTENT)),
    Field::optional("taskType", Shape::Text),
    Field::optional("title", Shape::Text),
    Field::optional("outputDimensionality", Shape::Integer(1..=3072)),
    Field::optional("embedContentConfig", Shape::Map),
]);

pub(super) static BATCH_EMBED: Record = Record(&[Field::required(
    "requests",
    Shape::List(&Shape::Object(&EMBED)),
)]);

pub(super) static PREDICT: Record = Record(&[
    Field::required(
        "instances",
        Shape::List(&Shape::Object(&Record(&[
            Field::required("content", Shape::Text),
            Field::optional("title", Shape::Text),
            Field::optional("taskType", Shape::Text),
        ]))),
    ),
    Field::optional(
        "parameters",
        Shape::Object(&Record(&[
            Field::optional("outputDimensionality", Shape::Integer(1..=3072)),
            Field::optional("autoTruncate", Shape::Flag),
        ])),
    ),
]);

static ONE_CONTENT: Shape = Shape::Object(&CONTENT);
static ONE_TOOL: Shape = Shape::Object(&TOOL);
const CONTENTS: Field = Field::optional("contents", Shape::List(&ONE_CONTENT));
const TOOLS: Field = Field::optional("tools", Shape::List(&ONE_TOOL));

static CONTENT: Record = Record(&[
    Field::optional("role", Shape::Text),
    Field::optional("parts", Shape::List(&Shape::Object(&PART))),
]);

static PART: Record = Record(&[
    Field::optional("text", Shape::Text),
    Field::optional(
        "inlineData",
        Shape::Object(&Record(&[
            Field::required("mimeType", Shape::Text),
            Field::required("data", BASE64),
            Field::optional("displayName", Shape::Text),
        ])),
    ),
    Field::optional(
        "fileData",
        Shape::Object(&Record(&[
            Field::optional("mimeType", Shape::Text),
            Field::required("fileUri", Shape::Text),
            Field::optional("displayName", Shape::Text),
        ])),
    ),
    Field::optional(
        "functionCall",
        Shape::Object(&Record(&[
            Field::optional("id", Shape::Text),
            Field::required("name", Shape::Text),
            Field::optional("args", Shape::Map),
        ])),
    ),
    Field::optional(
        "functionResponse",
        Shape::Object(&Record(&[
            Field::optional("id", Shape::Text),
            Field::required("name", Shape::Text),
            Field::required("response", Shape::Map),
            Field::optional("parts", Shape::List(&Shape::Map)),
            Field::optional("willContinue", Shape::Flag),
            Field::optional("scheduling", Shape::Text),
        ])),
    ),
    Field::optional("executableCode", Shape::Map),
    Field::optional("codeExecutionResult", Shape::Map),
    Field::optional("thought", Shape::Flag),
    Field::optional("thoughtSignature", BASE64),
    Field::optional("videoMetadata", Shape::Map),
    Field::optional("mediaResolution", Shape::Map),
    Field::optional("partMetadata", Shape::Map),
]);

static TOOL: Record = Record(&[
    Field::optional(
        "functionDeclarations",
        Shape::List(&Shape::Object(&FUNCTION)),
    ),
    Field::optional("googleSearch", Shape::Map),
    Field::optional("googleSearchRetrieval", Shape::Map),
    Field::optional("codeExecution", Shape::Map),
    Field::optional("urlContext", Shape::Map),
    Field::optional("googleMaps", Shape::Map),
    Field::optional("fileSearch", Shape::Map),
    Field::optional("computerUse", Shape::Map),
    Field::optional("enterpriseWebSearch", Shape::Map),
]);

static FUNCTION: Record = Record(&[
    Field::required("name", Shape::Text),
    Field::optional("description", Shape::Text),
    Field::optional("behavior", Shape::Text),
    Field::optional("parameters", Shape::Object(&SCHEMA)),
    Field::optional("parametersJsonSchema", Shape::Any),
    Field::optional("response", Shape::Object(&SCHEMA)),
    Field::optional("responseJsonSchema", Shape::Any),
]);

/// Google's own dialect of JSON schema, which knows few of its words.
static SCHEMA: Record = Record(&[
    Field::optional(
        "type",
        Shape::Word(&[
            "TYPE_UNSPECIFIED",
            "STRING",
            "NUMBER",
            "INTEGER",
            "BOOLEAN",
            "ARRAY",
            "OBJECT",
            "NULL",
            "string",
            "number",
            "integer",
            "boolean",
            "array",
            "object",
            "null",
        ]),
    ),
    Field::optional("format", Shape::Text),
    Field::optional("title", Shape::Text),
    Field::optional("description", Shape::Text),
    Field::optional("nullable", Shape::Flag),
    Field::optional("enum", TEXTS),
    Field::optional("default", Shape::Any),
    Field::optional("example", Shape::Any),
    Field::optional("items", Shape::Object(&SCHEMA)),
    Field::optional("minItems", Shape::Any),
    Field::optional("maxItems", Shape::Any),
    Field::optional("properties", Shape::MapOf(&Shape::Object(&SCHEMA))),
    Field::optional("propertyOrdering", TEXTS),
    Field::optional("required", TEXTS),
    Field::optional("minProperties", Shape::Any),
    Field::optional("maxProperties", Shape::Any),
    Field::optional("additionalProperties", Shape::Any),
    Field::optional("minLength", Shape::Any),
    Field::optional("maxLength", Shape::Any),
    Field::optional("pattern", Shape::Text),
    Field::optional("minimum", Shape::Number(f64::MIN..=f64::MAX)),
    Field::optional("maximum", Shape::Number(f64::MIN..=f64::MAX)),
    Field::optional("anyOf", Shape::List(&Shape::Object(&SCHEMA))),
]);

static TOOL_CONFIG: Record = Record(&[
    Field::optional(
        "functionCallingConfig",
        Shape::Object(&Record(&[
            Field::optional(
                "mode",
                Shape::Word(&["MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED"]),
            ),
            Field::optional("allowedFunctionNames", TEXTS),
            Field::optional("streamFunctionCallArguments", Shape::Flag),
        ])),
    ),
    Field::optional("retrievalConfig", Shape::Map),
    Field::optional("includeServerSideToolInvocations", Shape::Flag),
]);

static SAFETY: Record = Record(&[
    Field::required(
        "category",
        Shape::Word(&[
            "HARM_CATEGORY_HARASSMENT",
            "HARM_CATEGORY_HATE_SPEECH",
            "HARM_CATEGORY_SEXUALLY_EXPLICIT",
            "HARM_CATEGORY_DANGEROUS_CONTENT",
            "HARM_CATEGORY_CIVIC_INTEGRITY",
            "HARM_CATEGORY_UNSPECIFIED",
        ]),
    ),
    Field::required(
        "threshold",
        Shape::Word(&[
            "HARM_BLOCK_THRESHOLD_UNSPECIFIED",
            "BLOCK_LOW_AND_ABOVE",
            "BLOCK_MEDIUM_AND_ABOVE",
            "BLOCK_ONLY_HIGH",
            "BLOCK_NONE",
            "OFF",
        ]),
    ),
    Field::optional("method", Shape::Text),
]);

static GENERATION: Record = Record(&[
    Field::optional("temperature", Shape::Number(0.0..=2.0)),
    Field::optional("topP", Shape::Number(0.0..=1.0)),
    Field::optional("topK", Shape::Number(1.0..=f64::MAX)),
    Field::optional("candidateCount", Shape::Integer(1..=8)),
    Field::optional("maxOutputTokens", Shape::Integer(1..=i32::MAX as i64)),
    Field::optional("stopSequences", TEXTS),
    Field::optional("seed", Shape::Integer(i32::MIN as i64..=i32::MAX as i64)),
    Field::optional("presencePenalty", Shape::Number(-2.0..=2.0)),
    Field::optional("frequencyPenalty", Shape::Number(-2.0..=2.0)),
    Field::optional("responseMimeType", Shape::Text),
    Field::optional("responseSchema", Shape::Object(&SCHEMA)),
    Field::optional("responseJsonSchema", Shape::Any),
    Field::optional("responseLogprobs", Shape::Flag),
    Field::optional("logprobs", Shape::Integer(0..=20)),
    Field::optional("responseModalities", TEXTS),
    Field::optional("mediaResolution", Shape::Text),
    Field::optional("speechConfig", Shape::Map),
    Field::optional("imageConfig", Shape::Map),
    Field::optional("audioTimestamp", Shape::Flag),
    Field::optional("enableEnhancedCivicAnswers", Shape::Flag),
    Field::optional(
        "thinkingConfig",
        Shape::Object(&Record(&[
            Field::optional("includeThoughts", Shape::Flag),
            Field::optional("thinkingBudget", Shape::Integer(-1..=65_536)),
            Field::optional(
                "thinkingLevel",
                Shape::Word(&[
                    "THINKING_LEVEL_UNSPECIFIED",
                    "MINIMAL",
                    "LOW",
                    "MEDIUM",
                    "HIGH",
                    "minimal",
                    "low",
                    "medium",
                    "high",
                ]),
            ),
        ])),
    ),
]);
