//! Gemini's requests, answers and streams, whatever is in them.

use agw_ai::format::Format;

use super::{Behaviour, Target, Verdict, exchange};

pub(super) const TARGET: Target = Target {
    name: "gemini",
    dictionary: &[
        "\"contents\":",
        "\"parts\":[",
        "\"role\":\"model\"",
        "\"text\":\"x\"",
        "\"thought\":true",
        "\"thoughtSignature\":\"YTpi\"",
        "\"functionCall\":{\"name\":\"f\",\"args\":{}}",
        "\"functionResponse\":{\"name\":\"f\",\"response\":{}}",
        "\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"\"}",
        "\"file_data\":{\"file_uri\":\"gs://x\"}",
        "\"tools\":[{\"functionDeclarations\":[",
        "\"generation_config\":{",
        "\"thinkingConfig\":{\"thinkingBudget\":-1}",
        "\"responseSchema\":{\"type\":\"OBJECT\"}",
        "\"candidates\":[{\"content\":{\"parts\":[",
        "\"finishReason\":\"STOP\"",
        "\"usageMetadata\":{\"promptTokenCount\":1}",
        "data: {",
        "\n\n",
        "null",
    ],
    more_seeds: &[],
    run,
};

const PATH: &str = "/v1beta/models/m:streamGenerateContent";

fn run(input: &[u8]) -> Verdict {
    let mut told = String::new();
    for other in [
        Format::OpenAiChat,
        Format::AnthropicMessages,
        Format::BedrockConverse,
    ] {
        told += &exchange::request(Format::GeminiContent, other, PATH, input)?;
    }
    for client in [Format::OpenAiChat, Format::AnthropicMessages] {
        let call = exchange::call(client, Format::GeminiContent);
        told += &exchange::response(&call, input)?;
        told += &exchange::stream(&call, input)?;
    }
    // The other way round, streams of others are written in Gemini's form.
    let call = exchange::call(Format::GeminiContent, Format::OpenAiChat);
    told += &exchange::stream(&call, input)?;
    Ok(Behaviour::of(&told))
}
