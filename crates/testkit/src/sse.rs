//! Server-sent events of a whole body.

use serde_json::Value;

/// The `data` of every complete event, in order.
pub fn events(body: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(body).replace("\r\n", "\n");
    let mut events = Vec::new();
    let mut rest = text.as_str();
    // What follows the last empty line was cut and is no event.
    while let Some((event, tail)) = rest.split_once("\n\n") {
        let data: Vec<_> = event
            .lines()
            .filter_map(|line| line.strip_prefix("data:"))
            .map(|data| data.strip_prefix(' ').unwrap_or(data))
            .collect();
        if !data.is_empty() {
            events.push(data.join("\n"));
        }
        rest = tail;
    }
    events
}

/// Every event that is JSON.
pub fn json_events(body: &[u8]) -> Vec<Value> {
    events(body)
        .iter()
        .filter_map(|event| serde_json::from_str(event).ok())
        .collect()
}

/// The text that the chunks of a chat completion add up to.
pub fn content(body: &[u8]) -> String {
    let part = |event: Value| {
        event["choices"][0]["delta"]["content"]
            .as_str()
            .map(str::to_owned)
    };
    json_events(body).into_iter().filter_map(part).collect()
}

/// Whether the stream says that it is complete.
pub fn is_done(body: &[u8]) -> bool {
    events(body).last().is_some_and(|event| event == "[DONE]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_was_cut_is_none() {
        let body = b"data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n: note\n\n\
                     data:{\"choices\":[{\"delta\":{\"content\":\"b\"}}]}\r\n\r\ndata: [DONE]\n";
        assert_eq!(content(body), "ab");
        assert!(!is_done(body));
        assert!(is_done(b"data: [DONE]\n\n"));
    }
}
