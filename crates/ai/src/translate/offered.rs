//! Servers that say which APIs they have: each request goes by the dialect of the API that it is
//! put to.

use crate::count;
use crate::dialect::{Dialect, of_client};
use crate::format::Format;
use crate::operation::Operation;
use crate::translate::{Exchange, Plan};

/// How such a server is asked.
#[derive(Debug, Clone, Copy)]
pub struct Offered {
    pub dialect: &'static dyn Dialect,
    pub plan: Plan,
    /// Which of its APIs is asked; `None` where the request passes without being looked into, or
    /// is not offered.
    pub by: Option<Operation>,
}

/// How a server that has `offers` is asked for `operation`. What it has not is put into the first
/// of its chat APIs.
pub fn offered(operation: Operation, offers: &[Operation]) -> Offered {
    let wanted = match operation {
        // The older API of servers that have the newer one.
        Operation::Completions => Operation::Chat,
        operation => operation,
    };
    if matches!(operation, Operation::Passthrough | Operation::Models) {
        return Offered {
            dialect: of_client(operation),
            plan: Plan::PassThrough,
            by: None,
        };
    }
    if offers.contains(&wanted) {
        return Offered {
            dialect: of_client(operation),
            plan: Plan::PassThrough,
            by: Some(operation),
        };
    }
    if count::client(operation).is_some() {
        return Offered {
            dialect: of_client(operation),
            plan: Plan::Estimate,
            by: None,
        };
    }
    let spoken = offers
        .iter()
        .find_map(|offer| Some((*offer, Format::of_operation(*offer)?)));
    match (Format::of_operation(operation), spoken) {
        (Some(client), Some((offer, provider))) => Offered {
            dialect: of_client(offer),
            plan: Plan::Translate(Exchange::new(client, provider)),
            by: Some(offer),
        },
        _ => Offered {
            dialect: of_client(operation),
            plan: Plan::Unsupported,
            by: None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(operation: Operation, offers: &[Operation]) -> (Option<Operation>, Plan) {
        let found = offered(operation, offers);
        (found.by, found.plan)
    }

    #[test]
    fn what_is_offered_passes_and_what_is_not_is_translated() {
        use Operation::{
            Chat, CountTokens, Embeddings, GenerateContent, Messages, Models, Rerank, Responses,
        };
        let into = |client, provider| Plan::Translate(Exchange::new(client, provider));
        let (chat, messages) = (Format::OpenAiChat, Format::AnthropicMessages);
        let table = [
            (Chat, &[Chat][..], Some(Chat), Plan::PassThrough),
            (
                Messages,
                &[Chat, Messages],
                Some(Messages),
                Plan::PassThrough,
            ),
            (
                Messages,
                &[Embeddings, Chat],
                Some(Chat),
                into(messages, chat),
            ),
            (
                Chat,
                &[CountTokens, Messages],
                Some(Messages),
                into(chat, messages),
            ),
            (
                GenerateContent,
                &[Responses, Chat],
                Some(Responses),
                into(Format::GeminiContent, Format::OpenAiResponses),
            ),
            (Embeddings, &[Chat], None, Plan::Unsupported),
            (
                Rerank,
                &[Embeddings, Rerank],
                Some(Rerank),
                Plan::PassThrough,
            ),
            (Rerank, &[Embeddings, Chat], None, Plan::Unsupported),
            (CountTokens, &[Messages], None, Plan::Estimate),
            (Chat, &[Embeddings], None, Plan::Unsupported),
            (Models, &[Messages], None, Plan::PassThrough),
            (
                Operation::Completions,
                &[Chat],
                Some(Operation::Completions),
                Plan::PassThrough,
            ),
        ];
        for (operation, offers, by, plan) in table {
            assert_eq!(
                put(operation, offers),
                (by, plan),
                "{operation:?} {offers:?}"
            );
        }
        let dialect = offered(Chat, &[Messages]).dialect;
        assert_eq!(dialect.provider().name, "anthropic");
    }
}
