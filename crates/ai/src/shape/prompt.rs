//! Turns that a policy puts around a conversation, in the words of each API.
//!
//! What the system says goes where the API has it: into the conversation (chat completions), or
//! into a member of its own.

use agw_core::shaping::{Prompt, Role, Turn};
use bytes::Bytes;

use super::outline::{Object, Part};
use super::patch::{PARAGRAPH, Patch, quote};
use crate::error::Error;
use crate::operation::Operation;

/// Where an API has what the system says.
enum System {
    /// Among the other turns.
    Turn,
    /// In a text.
    Text(&'static str),
    /// In a text, or in blocks.
    Blocks(&'static str),
    /// In the `parts` of an object.
    Parts(&'static [&'static str]),
}

/// How an API writes a conversation.
struct Words {
    turns: &'static str,
    system: System,
    turn: fn(&Turn) -> String,
}

impl Words {
    fn of(operation: Operation) -> Option<Self> {
        let plain = |turn: &Turn| {
            let (role, content) = (turn.role.word(), quote(&turn.content));
            format!(r#"{{"role":"{role}","content":{content}}}"#)
        };
        let parts = |turn: &Turn| {
            let role = match turn.role {
                Role::Assistant => "model",
                _ => "user",
            };
            format!(r#"{{"role":"{role}","parts":[{}]}}"#, part(&turn.content))
        };
        Some(match operation {
            Operation::Chat => Self {
                turns: "messages",
                system: System::Turn,
                turn: plain,
            },
            Operation::Messages | Operation::CountTokens => Self {
                turns: "messages",
                system: System::Blocks("system"),
                turn: plain,
            },
            Operation::Responses => Self {
                turns: "input",
                system: System::Text("instructions"),
                turn: plain,
            },
            Operation::GenerateContent => Self {
                turns: "contents",
                system: System::Parts(&["systemInstruction", "system_instruction"]),
                turn: parts,
            },
            _ => return None,
        })
    }
}

/// What goes in front and behind.
struct Around<T> {
    before: Vec<T>,
    behind: Vec<T>,
}

/// An object and what is to change in it.
struct Draft<'b> {
    object: Object<'b>,
    patch: Patch,
    added: Vec<String>,
}

/// `body` with the prompt, or `None` where its API has no conversation, or it is not written as
/// one: its provider will say so.
pub(super) fn apply(
    body: &Bytes,
    operation: Operation,
    prompt: &Prompt,
) -> Result<Option<Bytes>, Error> {
    let Some(words) = Words::of(operation) else {
        return Ok(None);
    };
    let own = |turn: &Turn| turn.role.instructs() && !matches!(words.system, System::Turn);
    let said = Around::of(prompt, |turn| (!own(turn)).then(|| (words.turn)(turn)));
    let ruled = Around::of(prompt, |turn| own(turn).then(|| turn.content.to_string()));
    let mut draft = Draft {
        object: Object::of_body(body)?,
        patch: Patch::default(),
        added: Vec::new(),
    };
    let mut done = said.is_empty() || draft.turns(words.turns, &said);
    if !ruled.is_empty() {
        done &= match words.system {
            System::Turn => true,
            System::Text(key) => draft.text(key, &ruled),
            System::Blocks(key) => draft.blocks(key, &ruled),
            System::Parts(keys) => draft.parts(keys, &ruled),
        };
    }
    draft.patch.add_members(&draft.object, &draft.added);
    Ok(done.then(|| draft.patch.apply(body)))
}

impl Around<String> {
    fn of(prompt: &Prompt, written: impl Fn(&Turn) -> Option<String>) -> Self {
        Self {
            before: prompt.prepend.iter().filter_map(&written).collect(),
            behind: prompt.append.iter().filter_map(&written).collect(),
        }
    }

    fn is_empty(&self) -> bool {
        self.before.is_empty() && self.behind.is_empty()
    }

    fn each(&self, written: fn(&str) -> String) -> Self {
        let all = |texts: &[String]| texts.iter().map(|text| written(text)).collect();
        Self {
            before: all(&self.before),
            behind: all(&self.behind),
        }
    }

    fn joined(&self, between: &str) -> String {
        [&self.before[..], &self.behind[..]].concat().join(between)
    }
}

impl Draft<'_> {
    /// Writes a member that is not there, or is null.
    fn put(&mut self, key: &str, value: String) {
        let null = self.object.all(key).last();
        match null {
            Some(null) => self.patch.replace(null.place(), value),
            None => self.added.push(format!("{}:{value}", quote(key))),
        }
    }

    /// Around the turns of the conversation; whether it is written as one.
    fn turns(&mut self, key: &str, around: &Around<String>) -> bool {
        let Some(part) = self.object.get(key) else {
            self.put(key, format!("[{}]", around.joined(",")));
            return true;
        };
        if part.quoted().is_some() {
            // One turn of the user, in short.
            let user = format!(r#"{{"role":"user","content":{}}}"#, part.text());
            let all = [&around.before[..], &[user], &around.behind[..]].concat();
            self.patch
                .replace(part.place(), format!("[{}]", all.join(",")));
            return true;
        }
        self.items(part, around)
    }

    fn items(&mut self, part: Part<'_>, around: &Around<String>) -> bool {
        let Some(list) = part.list() else {
            return false;
        };
        self.patch.add_items(&list, &around.before, &around.behind);
        true
    }

    fn text(&mut self, key: &str, around: &Around<String>) -> bool {
        let Some(part) = self.object.get(key) else {
            self.put(key, quote(&around.joined(PARAGRAPH)));
            return true;
        };
        let (before, behind) = (&around.before, &around.behind);
        self.patch.add_paragraphs(part, before, behind)
    }

    fn blocks(&mut self, key: &str, around: &Around<String>) -> bool {
        let blocks = around.each(|content| {
            let text = quote(content);
            format!(r#"{{"type":"text","text":{text}}}"#)
        });
        match self.object.get(key) {
            Some(part) if part.quoted().is_none() => self.items(part, &blocks),
            _ => self.text(key, around),
        }
    }

    /// Around the parts of an object, whose name the API takes in two spellings.
    fn parts(&mut self, keys: &[&str], around: &Around<String>) -> bool {
        let around = around.each(part);
        let all = format!("[{}]", around.joined(","));
        let Some(content) = keys.iter().find_map(|key| self.object.get(key)) else {
            self.put(keys[0], format!(r#"{{"parts":{all}}}"#));
            return true;
        };
        let Some(object) = content.object() else {
            return false;
        };
        if let Some(parts) = object.get("parts") {
            return self.items(parts, &around);
        }
        match object.all("parts").last() {
            Some(null) => self.patch.replace(null.place(), all),
            None => self
                .patch
                .add_members(&object, &[format!(r#""parts":{all}"#)]),
        }
        true
    }
}

fn part(content: &str) -> String {
    format!(r#"{{"text":{}}}"#, quote(content))
}
