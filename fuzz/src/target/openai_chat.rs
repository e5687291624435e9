//! OpenAI's chat completions: requests, answers and streams, whatever is in them.

use agw_ai::format::Format;

use super::{Behaviour, Target, Verdict, exchange};

pub(super) const TARGET: Target = Target {
    name: "openai_chat",
    dictionary: &[
        "\"messages\":[",
        "{\"role\":\"user\",\"content\":\"x\"}",
        "\"role\":\"assistant\"",
        "\"role\":\"tool\",\"tool_call_id\":\"c\"",
        "\"content\":[{\"type\":\"text\",\"text\":\"x\"}]",
        "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,AA==\"}}",
        "\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]",
        "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]",
        "\"tool_choice\":\"required\"",
        "\"reasoning_effort\":\"high\"",
        "\"reasoning_content\":\"x\"",
        "\"thinking_blocks\":[{\"type\":\"thinking\",\"thinking\":\"x\",\"signature\":\"s\"}]",
        "\"response_format\":{\"type\":\"json_object\"}",
        "\"stop\":[\"x\"]",
        "\"choices\":[{\"delta\":{\"content\":\"x\"}}]",
        "\"choices\":[{\"message\":{\"content\":\"x\"}}]",
        "\"finish_reason\":\"tool_calls\"",
        "\"usage\":{\"prompt_tokens\":1}",
        "\"error\":{\"message\":\"x\"}",
        "data: {",
        "data: [DONE]\n\n",
        "\n\n",
        "null",
        "\\ud83c",
    ],
    more_seeds: &["crates/ai/tests/golden/openai_chat"],
    run,
};

const OTHERS: [Format; 4] = [
    Format::AnthropicMessages,
    Format::OpenAiResponses,
    Format::GeminiContent,
    Format::BedrockConverse,
];

fn run(input: &[u8]) -> Verdict {
    let mut told = String::new();
    for other in OTHERS {
        told += &exchange::request(Format::OpenAiChat, other, "", input)?;
    }
    for client in [Format::AnthropicMessages, Format::OpenAiResponses] {
        let call = exchange::call(client, Format::OpenAiChat);
        told += &exchange::response(&call, input)?;
        told += &exchange::stream(&call, input)?;
    }
    Ok(Behaviour::of(&told))
}
