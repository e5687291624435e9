//! Which function the mock model calls.

use crate::text::{Tool, Turn};

/// What a request says about calling functions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ToolChoice<'a> {
    None,
    #[default]
    Auto,
    Required,
    Named(&'a str),
}

/// The function that the mock model calls. Left to choose, it calls the one that the user names. It answers
/// a tool's result in text, whatever is required of it, so that an agent's loop ends.
pub(crate) fn called<'t>(
    tools: &'t [Tool],
    choice: ToolChoice<'_>,
    turn: &Turn,
) -> Option<&'t Tool> {
    match (choice, turn) {
        (_, Turn::Tool(_)) | (ToolChoice::None, _) => None,
        (ToolChoice::Required, _) => tools.first(),
        (ToolChoice::Named(name), _) => tools.iter().find(|tool| tool.name == name),
        (ToolChoice::Auto, Turn::User(said)) => {
            tools.iter().find(|tool| said.contains(tool.name.as_str()))
        }
        (ToolChoice::Auto, Turn::Nothing) => None,
    }
}
