use super::*;

#[test]
fn infers_the_operation_from_the_end_of_the_path() {
    use Operation::{
        Chat, Completions, CountTokens, Embeddings, Messages, Models, Rerank, Responses,
    };
    let table: &[(&str, Option<(Operation, &str)>)] = &[
        ("/v1/chat/completions", Some((Chat, "/v1/chat/completions"))),
        (
            "/v1/chat/completions/",
            Some((Chat, "/v1/chat/completions")),
        ),
        (
            "/v1//chat/completions",
            Some((Chat, "/v1/chat/completions")),
        ),
        ("/chat/completions", Some((Chat, "/v1/chat/completions"))),
        (
            "/openai/v1/chat/completions",
            Some((Chat, "/v1/chat/completions")),
        ),
        (
            "/openai/deployments/gpt-4o/chat/completions",
            Some((Chat, "/v1/chat/completions")),
        ),
        (
            "/v1/chat/completions/completions",
            Some((Chat, "/v1/chat/completions")),
        ),
        (
            "/v1/chat/completions/chat/completions",
            Some((Chat, "/v1/chat/completions")),
        ),
        (
            "/v1/chat/completions/v1/chat/completions",
            Some((Chat, "/v1/chat/completions")),
        ),
        (
            "/v1/chat/completions/embeddings",
            Some((Embeddings, "/v1/embeddings")),
        ),
        ("/v1/chat/completions/chatcmpl-1", None),
        ("/v1/chat/completions/chatcmpl-1/messages", None),
        ("/v1/completions", Some((Completions, "/v1/completions"))),
        ("/completions", Some((Completions, "/v1/completions"))),
        (
            "/v1/completions/completions",
            Some((Completions, "/v1/completions")),
        ),
        ("/v1/responses", Some((Responses, "/v1/responses"))),
        ("/v1/responses/resp_1", None),
        ("/v1/responses/resp_1/cancel", None),
        ("/v1/embeddings", Some((Embeddings, "/v1/embeddings"))),
        ("/ai/embeddings", Some((Embeddings, "/v1/embeddings"))),
        ("/v1/embeddings/x", None),
        ("/v1/rerank", Some((Rerank, "/v1/rerank"))),
        ("/cohere/v2/rerank/", Some((Rerank, "/v2/rerank"))),
        ("/rerank", Some((Rerank, "/v1/rerank"))),
        ("/v1/models", Some((Models, "/v1/models"))),
        ("/v1/models/", Some((Models, "/v1/models"))),
        ("/v1/models/gpt-4o", Some((Models, "/v1/models/gpt-4o"))),
        ("/v1/models/gpt-4o/", Some((Models, "/v1/models/gpt-4o"))),
        (
            "/openai/v1/models/meta/llama-3",
            Some((Models, "/v1/models/meta/llama-3")),
        ),
        (
            "/v1/models/ft:gpt-4o:org::id",
            Some((Models, "/v1/models/ft:gpt-4o:org::id")),
        ),
        (
            "/v1beta/models/gemini-2.5-pro:generateContent",
            Some((
                Operation::GenerateContent,
                "/v1beta/models/gemini-2.5-pro:generateContent",
            )),
        ),
        (
            "/gemini/v1/models/m:countTokens",
            Some((Operation::GeminiCountTokens, "/v1beta/models/m:countTokens")),
        ),
        ("/v1/messages", Some((Messages, "/v1/messages"))),
        ("/anthropic/v1/messages", Some((Messages, "/v1/messages"))),
        ("/messages", Some((Messages, "/v1/messages"))),
        ("/v1/threads/thread_1/messages", None),
        ("/v1/messages/batches", None),
        (
            "/v1/messages/count_tokens",
            Some((CountTokens, "/v1/messages/count_tokens")),
        ),
        ("/v1/files", None),
        ("/supermodels", None),
        ("/v1/Chat/Completions", None),
        ("/", None),
        ("", None),
    ];
    for (path, expected) in table {
        let detected = detect(path);
        let found = detected.as_ref().map(|d| (d.operation, d.path.as_ref()));
        assert_eq!(found, *expected, "{path}");
    }
}

#[test]
fn takes_a_body_with_messages_for_chat_unless_the_path_names_an_api() {
    let chat = RequestFacts::read(br#"{"messages":[]}"#).unwrap();
    let other = RequestFacts::read(br#"{"input":"x"}"#).unwrap();
    let table = [
        ("/openai", &chat, Some(Operation::Chat)),
        ("/", &chat, Some(Operation::Chat)),
        ("/openai", &other, None),
        ("/v1/messages", &chat, None),
        ("/proxy/v1/threads", &chat, None),
    ];
    for (path, facts, expected) in table {
        assert_eq!(infer(path, facts).map(|d| d.operation), expected, "{path}");
    }
}
