//! `thinkingConfig`: how much a model is to think.

use serde_json::{Value, json};

use crate::chat::{Dropped, Effort, Thinking};
use crate::error::Error;
use crate::json::Members;

/// The model decides itself.
const AS_IT_WILL: i64 = -1;

/// A level that is named counts before a budget.
pub(super) fn read(
    mut config: Members<'_>,
    dropped: &mut Dropped,
) -> Result<Option<Thinking>, Error> {
    let path = config.path();
    let level = config.text("thinkingLevel")?;
    let budget = config.integer("thinkingBudget")?;
    config.skip(&["includeThoughts"]);
    config.rest(dropped);
    let level = level.filter(|level| level != "THINKING_LEVEL_UNSPECIFIED");
    if let Some(level) = level {
        return match Effort::of(&level.to_ascii_lowercase()) {
            Some(effort) => Ok(Some(Thinking::Effort(effort))),
            None => Err(path
                .key("thinkingLevel")
                .wrong("minimal, low, medium or high")),
        };
    }
    Ok(match budget {
        None => None,
        Some(AS_IT_WILL) => Some(Thinking::Adaptive),
        Some(0) => Some(Thinking::Off),
        Some(budget) => match u64::try_from(budget) {
            Ok(budget) => Some(Thinking::Budget(budget)),
            Err(_) => {
                return Err(path
                    .key("thinkingBudget")
                    .wrong("a number of tokens, or -1"));
            }
        },
    })
}

/// The config for `model`: up to its second generation it takes budgets, since then levels.
pub(super) fn write(thinking: Option<Thinking>, model: &str, dropped: &mut Dropped) -> Value {
    let Some(thinking) = thinking else {
        return Value::Null;
    };
    let name = model.rsplit('/').next().unwrap_or(model);
    let levels = generation(model).is_some_and(|generation| generation >= 3);
    // It cannot but think.
    let compelled = name.contains("-pro");
    match (thinking, levels) {
        (Thinking::Off, _) if compelled => {
            dropped.name("reasoning");
            match levels {
                true => json!({"thinkingLevel": "LOW"}),
                false => json!({"thinkingBudget": 128}),
            }
        }
        (Thinking::Off, true) => json!({"thinkingLevel": "MINIMAL"}),
        (Thinking::Off, false) => json!({"thinkingBudget": 0}),
        (Thinking::Budget(budget), _) => {
            json!({"thinkingBudget": budget, "includeThoughts": true})
        }
        (Thinking::Adaptive, true) => json!({"includeThoughts": true}),
        (Thinking::Adaptive, false) => {
            json!({"thinkingBudget": AS_IT_WILL, "includeThoughts": true})
        }
        (Thinking::Effort(effort), true) => {
            let level = level(effort, compelled).word().to_ascii_uppercase();
            json!({"thinkingLevel": level, "includeThoughts": true})
        }
        (Thinking::Effort(effort), false) => {
            json!({"thinkingBudget": budget(effort), "includeThoughts": true})
        }
    }
}

/// Such as 2 for `gemini-2.5-pro`; `None` for names of other makes.
pub(super) fn generation(model: &str) -> Option<u32> {
    let (_, version) = model.rsplit_once("gemini-")?;
    let end = version
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(version.len());
    version[..end].parse().ok()
}

fn level(effort: Effort, compelled: bool) -> Effort {
    match effort {
        Effort::Minimal if compelled => Effort::Low,
        Effort::Minimal | Effort::Low | Effort::Medium => effort,
        Effort::High | Effort::ExtraHigh | Effort::Max => Effort::High,
    }
}

/// What Google's own server of OpenAI's API takes them for.
fn budget(effort: Effort) -> u64 {
    match effort {
        Effort::Minimal | Effort::Low => 1024,
        Effort::Medium => 8192,
        Effort::High | Effort::ExtraHigh | Effort::Max => 24_576,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_generation_is_told_in_its_own_words() {
        let effort = |effort| Some(Thinking::Effort(effort));
        let table = [
            (
                "gemini-2.5-flash",
                Some(Thinking::Off),
                json!({"thinkingBudget": 0}),
            ),
            (
                "gemini-2.5-pro",
                Some(Thinking::Off),
                json!({"thinkingBudget": 128}),
            ),
            (
                "gemini-3.1-pro-preview",
                Some(Thinking::Off),
                json!({"thinkingLevel": "LOW"}),
            ),
            (
                "gemini-3-flash",
                Some(Thinking::Off),
                json!({"thinkingLevel": "MINIMAL"}),
            ),
            (
                "gemini-2.5-flash",
                effort(Effort::High),
                json!({"thinkingBudget": 24_576, "includeThoughts": true}),
            ),
            (
                "models/gemini-3-flash",
                effort(Effort::Max),
                json!({"thinkingLevel": "HIGH", "includeThoughts": true}),
            ),
            (
                "gemini-3-pro",
                effort(Effort::Minimal),
                json!({"thinkingLevel": "LOW", "includeThoughts": true}),
            ),
            (
                "gemini-flash-latest",
                Some(Thinking::Adaptive),
                json!({"thinkingBudget": -1, "includeThoughts": true}),
            ),
            ("gemini-3-flash", None, Value::Null),
        ];
        for (model, thinking, expected) in table {
            let written = write(thinking, model, &mut Dropped::default());
            assert_eq!(written, expected, "{model} {thinking:?}");
        }
    }
}
