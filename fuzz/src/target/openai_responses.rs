//! OpenAI's responses: requests, answers and streams, whatever is in them.

use agw_ai::format::Format;

use super::{Behaviour, Target, Verdict, exchange};

pub(super) const TARGET: Target = Target {
    name: "openai_responses",
    dictionary: &[
        "\"input\":[",
        "\"input\":\"x\"",
        "\"instructions\":\"x\"",
        "{\"role\":\"user\",\"content\":\"x\"}",
        "{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"x\"}]}",
        "{\"type\":\"reasoning\",\"summary\":[{\"text\":\"x\"}],\"encrypted_content\":\"s\"}",
        "{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\",\"arguments\":\"{}\"}",
        "{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":\"x\"}",
        "{\"type\":\"input_image\",\"image_url\":\"data:image/png;base64,AA==\"}",
        "{\"type\":\"input_file\",\"file_url\":\"x\"}",
        "\"text\":{\"format\":{\"type\":\"json_object\"}}",
        "\"reasoning\":{\"effort\":\"low\"}",
        "\"output\":[",
        "\"status\":\"incomplete\"",
        "\"type\":\"response.created\",\"response\":{\"id\":\"r\"}",
        "\"type\":\"response.output_item.added\",\"output_index\":0,\"item\":{\"type\":\"function_call\"}",
        "\"type\":\"response.output_item.done\"",
        "\"type\":\"response.output_text.delta\",\"delta\":\"x\"",
        "\"type\":\"response.function_call_arguments.delta\",\"output_index\":0,\"delta\":\"{}\"",
        "\"type\":\"response.completed\",\"response\":{}",
        "\"type\":\"error\",\"message\":\"x\"",
        "data: {",
        "}\n\n",
        "null",
    ],
    more_seeds: &["crates/ai/tests/golden/openai_responses"],
    run,
};

const OTHERS: [Format; 4] = [
    Format::AnthropicMessages,
    Format::OpenAiChat,
    Format::GeminiContent,
    Format::BedrockConverse,
];

fn run(input: &[u8]) -> Verdict {
    let mut told = String::new();
    for other in OTHERS {
        told += &exchange::request(Format::OpenAiResponses, other, "", input)?;
    }
    for client in [Format::AnthropicMessages, Format::OpenAiChat] {
        let call = exchange::call(client, Format::OpenAiResponses);
        told += &exchange::response(&call, input)?;
        told += &exchange::stream(&call, input)?;
    }
    Ok(Behaviour::of(&told))
}
