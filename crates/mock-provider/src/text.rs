//! What the mock model says.

use serde_json::{Value, json};

use crate::{
    schema,
    tokens::{Encoding, Extent},
};

/// Characters of the last turn that are repeated.
const ECHO: usize = 240;
/// Tokens that the texts of one answer are padded to at most, all together.
const LONGEST_PAD: usize = 16_384;

/// The turn that the model answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Turn {
    User(String),
    /// The result of a tool call.
    Tool(String),
    #[default]
    Nothing,
}

/// The form of a text answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Format {
    Text,
    JsonObject,
    JsonSchema(Value),
}

/// A function the model may call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tool {
    pub(crate) name: String,
    /// JSON schema of its arguments.
    pub(crate) parameters: Value,
}

/// Everything that decides an answer.
#[derive(Clone, Debug)]
pub(crate) struct Generation<'a> {
    pub(crate) model: &'a str,
    pub(crate) turn: &'a Turn,
    pub(crate) format: &'a Format,
    /// The function to call instead of answering in text.
    pub(crate) call: Option<&'a Tool>,
    pub(crate) stops: &'a [String],
    /// Tokens allowed, reasoning included.
    pub(crate) limit: Option<usize>,
    /// Tokens spent on reasoning before the answer.
    pub(crate) reasoning: usize,
    pub(crate) min_tokens: usize,
    /// How many choices the whole answer has.
    pub(crate) choices: usize,
}

/// One answer, in pieces of a token each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) content: Content,
    pub(crate) pieces: Vec<String>,
    pub(crate) finish: Finish,
    /// Tokens of answer and reasoning.
    pub(crate) tokens: usize,
    /// The reasoning part of `tokens`.
    pub(crate) reasoning: usize,
    /// The stop sequence that ended the answer.
    pub(crate) stop: Option<String>,
}

/// What the pieces are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Text,
    /// Arguments of a call of this function.
    Call {
        name: String,
    },
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finish {
    Stop,
    Length,
    ToolCalls,
}

// === impl Generation ===

impl Generation<'_> {
    /// The `index`-th of the choices asked for.
    pub(crate) fn choice(&self, index: usize) -> Choice {
        let encoding = Encoding::of(self.model);
        let reasoning = self.reasoning.min(self.limit.unwrap_or(usize::MAX));
        let limit = self.limit.map(|limit| limit - reasoning);
        let (content, (text, stop), finish) = match self.call {
            Some(tool) => (
                Content::Call {
                    name: tool.name.clone(),
                },
                (schema::instance(&tool.parameters).to_string(), None),
                Finish::ToolCalls,
            ),
            None => (Content::Text, self.text(index, encoding), Finish::Stop),
        };
        let cut = encoding.pieces(&text, limit);
        let named = match &content {
            Content::Call { name } => encoding.count(name),
            Content::Text => 0,
        };
        Choice {
            content,
            pieces: cut.pieces,
            stop: stop.filter(|_| cut.extent == Extent::Whole),
            finish: if cut.extent == Extent::Whole {
                finish
            } else {
                Finish::Length
            },
            tokens: reasoning + cut.tokens + named,
            reasoning,
        }
    }

    /// What a model that shows its thinking thinks of the turn, in pieces of a token each.
    pub(crate) fn thought(&self) -> Vec<String> {
        let text = format!(
            "The last turn says: {}. I am a mock, so I repeat it.",
            echo(self.turn)
        );
        Encoding::of(self.model).pieces(&text, None).pieces
    }

    /// The text, and the stop sequence that ended it.
    fn text(&self, index: usize, encoding: Encoding) -> (String, Option<String>) {
        let text = match self.format {
            Format::Text => self.prose(index, encoding),
            Format::JsonObject => json!({
                "model": self.model,
                "mock": true,
                "you_said": echo(self.turn),
            })
            .to_string(),
            Format::JsonSchema(schema) => schema::instance(schema).to_string(),
        };
        let end = self
            .stops
            .iter()
            .filter_map(|stop| Some((text.find(stop.as_str())?, stop)))
            .min();
        match end {
            Some((end, stop)) => (text[..end].to_owned(), Some(stop.clone())),
            None => (text, None),
        }
    }

    fn prose(&self, index: usize, encoding: Encoding) -> String {
        let model = self.model;
        let mut text = match self.turn {
            Turn::User(_) => format!("I am {model}, a mock model. You said: {}", echo(self.turn)),
            Turn::Tool(_) => {
                format!(
                    "I am {model}, a mock model. The tool returned: {}",
                    echo(self.turn)
                )
            }
            Turn::Nothing => format!("I am {model}, a mock model. You said nothing."),
        };
        if index > 0 {
            text.push_str(&format!(" (choice {})", index + 1));
        }
        let wanted = self.min_tokens.min(LONGEST_PAD / self.choices.max(1));
        if wanted > 0 {
            // " and on" is two tokens in both encodings.
            let missing = wanted.saturating_sub(encoding.count(&text));
            text.extend(std::iter::repeat_n(" and on", missing.div_ceil(2)));
        }
        text
    }
}

/// A bounded piece of the turn.
fn echo(turn: &Turn) -> String {
    let (Turn::User(said) | Turn::Tool(said)) = turn else {
        return String::new();
    };
    match said.char_indices().nth(ECHO) {
        Some((end, _)) => format!("{}…", &said[..end]),
        None => said.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT: Format = Format::Text;

    fn generation<'a>(turn: &'a Turn, format: &'a Format) -> Generation<'a> {
        Generation {
            model: "gpt-4o",
            turn,
            format,
            call: None,
            stops: &[],
            limit: None,
            reasoning: 0,
            min_tokens: 0,
            choices: 1,
        }
    }

    #[test]
    fn names_the_model_and_repeats_a_bounded_piece() {
        let turn = Turn::User("hi".to_owned());
        let choice = generation(&turn, &FORMAT).choice(0);
        assert_eq!(
            choice.pieces.concat(),
            "I am gpt-4o, a mock model. You said: hi"
        );
        assert_eq!(choice.finish, Finish::Stop);
        let long = Turn::User("ä".repeat(10_000));
        let text = generation(&long, &FORMAT).choice(0).pieces.concat();
        assert_eq!(text.matches('ä').count(), ECHO);
        assert!(text.ends_with('…'));
    }

    #[test]
    fn limits_stop_and_pad() {
        let turn = Turn::User("hi".to_owned());
        let base = generation(&turn, &FORMAT);
        let cut = Generation {
            limit: Some(3),
            ..base.clone()
        }
        .choice(0);
        assert_eq!(
            (cut.pieces.len(), cut.tokens, cut.finish),
            (3, 3, Finish::Length)
        );
        let stops = ["You".to_owned(), ",".to_owned()];
        let stopped = Generation {
            stops: &stops,
            ..base.clone()
        }
        .choice(0);
        assert_eq!(stopped.pieces.concat(), "I am gpt-4o");
        assert_eq!(stopped.stop.as_deref(), Some(","));
        let padded = Generation {
            min_tokens: 100,
            ..base
        }
        .choice(0);
        assert!((100..=101).contains(&padded.tokens), "{}", padded.tokens);
    }

    #[test]
    fn reasoning_is_spent_before_the_answer() {
        let turn = Turn::User("hi".to_owned());
        let thinking = Generation {
            reasoning: 64,
            ..generation(&turn, &FORMAT)
        };
        let whole = thinking.choice(0);
        assert_eq!(
            (whole.reasoning, whole.tokens),
            (64, 64 + whole.pieces.len())
        );
        let starved = Generation {
            limit: Some(10),
            ..thinking
        }
        .choice(0);
        assert_eq!(
            (starved.reasoning, starved.tokens, starved.finish),
            (10, 10, Finish::Length)
        );
        assert!(starved.pieces.is_empty());
    }

    #[test]
    fn writes_json_and_calls() {
        let turn = Turn::User("hi".to_owned());
        let object = generation(&turn, &Format::JsonObject)
            .choice(0)
            .pieces
            .concat();
        let object: Value = serde_json::from_str(&object).unwrap();
        assert_eq!(object["you_said"], "hi");
        let tool = Tool {
            name: "get_weather".to_owned(),
            parameters: json!({"type": "object", "properties": {"city": {"type": "string"}}}),
        };
        let call = Generation {
            call: Some(&tool),
            ..generation(&turn, &FORMAT)
        }
        .choice(0);
        assert_eq!(call.pieces.concat(), r#"{"city":"mock city"}"#);
        assert_eq!(call.finish, Finish::ToolCalls);
        assert_eq!(
            call.content,
            Content::Call {
                name: "get_weather".to_owned()
            }
        );
    }
}
