//! Anthropic's messages: requests, answers and streams, whatever is in them.

use agw_ai::format::Format;

use super::{Behaviour, Target, Verdict, exchange};

pub(super) const TARGET: Target = Target {
    name: "anthropic",
    dictionary: &[
        "\"messages\":[",
        "\"system\":[{\"type\":\"text\",\"text\":\"x\"}]",
        "{\"role\":\"user\",\"content\":\"x\"}",
        "\"role\":\"assistant\"",
        "{\"type\":\"thinking\",\"thinking\":\"x\",\"signature\":\"s\"}",
        "{\"type\":\"redacted_thinking\",\"data\":\"s\"}",
        "{\"type\":\"tool_use\",\"id\":\"c\",\"name\":\"f\",\"input\":{}}",
        "{\"type\":\"tool_result\",\"tool_use_id\":\"c\",\"content\":\"x\",\"is_error\":true}",
        "{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"x\"}}",
        "{\"type\":\"document\",\"source\":{\"type\":\"content\",\"content\":[]}}",
        "\"cache_control\":{\"type\":\"ephemeral\"}",
        "\"tools\":[{\"name\":\"f\",\"input_schema\":{}}]",
        "\"tool_choice\":{\"type\":\"any\"}",
        "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000}",
        "\"output_config\":{\"effort\":\"low\"}",
        "\"stop_reason\":\"tool_use\"",
        "\"usage\":{\"input_tokens\":1,\"cache_read_input_tokens\":2}",
        "\"type\":\"message_start\",\"message\":{\"id\":\"m\"}",
        "\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"tool_use\"}",
        "\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"x\"}",
        "\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{}\"}",
        "\"type\":\"content_block_stop\",\"index\":0",
        "\"type\":\"message_stop\"",
        "data: {",
        "}\n\n",
        "null",
    ],
    more_seeds: &["crates/ai/tests/golden/anthropic_messages"],
    run,
};

const OTHERS: [Format; 4] = [
    Format::OpenAiChat,
    Format::OpenAiResponses,
    Format::GeminiContent,
    Format::BedrockConverse,
];

fn run(input: &[u8]) -> Verdict {
    let mut told = String::new();
    for other in OTHERS {
        told += &exchange::request(Format::AnthropicMessages, other, "", input)?;
    }
    for client in [Format::OpenAiChat, Format::OpenAiResponses] {
        let call = exchange::call(client, Format::AnthropicMessages);
        told += &exchange::response(&call, input)?;
        told += &exchange::stream(&call, input)?;
    }
    Ok(Behaviour::of(&told))
}
