//! Requests as policies want them: members set and computed, models renamed, prompts added, marks
//! for caches set.
//!
//! ```text
//! client's body ─> before(…) ─> the same bytes but for what is asked for, the model, what was not done
//!               ─> translation, where the provider speaks another format
//!               ─> after(…)  ─> marks and final members, in the words of the provider
//! ```
//!
//! Nothing is parsed for a policy that asks for nothing, and no document is built for one that
//! does: changes are spliced into the bytes.

mod cache;
mod fields;
pub(crate) mod outline;
pub(crate) mod patch;
mod prompt;

use std::borrow::Cow;
use std::sync::Arc;

use agw_core::shaping::{Computed, Json, Shaping};
use bytes::Bytes;
use serde_json::Value;

use crate::chat::words;
use crate::error::Error;
use crate::format::Format;
use crate::operation::Operation;
use cache::Marked;
use fields::Wish;

words! {
    /// A part of a policy, by its name in a manifest.
    pub enum Part {
        Defaults = "defaults",
        Overrides = "overrides",
        Transformations = "transformations",
        ModelAliases = "modelAliases",
        Prompt = "prompt",
        PromptCaching = "promptCaching",
        FinalTransformations = "finalTransformations",
        PromptGuard = "promptGuard",
    }
}

/// Computes a member from a body; `None` where the expression has no value.
pub type Evaluate<'e> = dyn FnMut(&Computed, &Bytes) -> Option<Value> + 'e;

/// A request as a policy wants it. What it says never prints.
#[derive(Clone)]
pub struct Shaped {
    pub body: Bytes,
    /// What to ask for, when it is not what the body says or said.
    pub model: Option<Arc<str>>,
    /// Parts of the policy that this request could not be given.
    pub undone: Vec<Part>,
}

/// A client's request, not yet translated.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    pub operation: Operation,
    pub body: &'a Bytes,
    /// The model that the client names in the path, for APIs that have it there.
    pub path_model: Option<&'a str>,
}

/// Sets and computes members, looks up the model's name, and adds the prompt. Errors are of a
/// body that is no JSON object, which is the client's fault.
pub fn before(
    shaping: &Shaping,
    request: Request<'_>,
    evaluate: &mut Evaluate<'_>,
) -> Result<Shaped, Error> {
    let Request {
        operation,
        body,
        path_model,
    } = request;
    let mut shaped = Shaped {
        body: body.clone(),
        model: path_model.map(Into::into),
        undone: Vec::new(),
    };
    if !is_shaped(operation) {
        let aside = operation == Operation::Models || body.is_empty();
        if !aside {
            shaped.undone = asked(shaping);
        }
        return Ok(shaped);
    }
    let mut members = Members::new(Api::of(operation));
    for member in shaping.defaults.iter().flat_map(|all| all.iter()) {
        let value = Wish::Default(member.value.as_str());
        members.wish(&member.field, value, Part::Defaults);
    }
    for member in shaping.overrides.iter().flat_map(|all| all.iter()) {
        members.wish(
            &member.field,
            Wish::Set(member.value.as_str()),
            Part::Overrides,
        );
    }
    members.apply(&mut shaped)?;
    if let Some(computed) = &shaping.transformations {
        compute(
            &mut shaped,
            Api::of(operation),
            computed,
            Part::Transformations,
            evaluate,
        )?;
    }
    if let Some(aliases) = &shaping.aliases {
        let asked = match &shaped.model {
            Some(model) => Some(Cow::Borrowed(&**model)),
            None => model_of(&shaped.body)?.map(Cow::Owned),
        };
        let found = asked.and_then(|model| aliases.resolve(&model).cloned());
        shaped.model = found.or(shaped.model);
    }
    if let Some(prompt) = &shaping.prompt {
        match prompt::apply(&shaped.body, operation, prompt)? {
            Some(body) => shaped.body = body,
            None => shaped.undone.push(Part::Prompt),
        }
    }
    Ok(shaped)
}

/// Marks what a provider may keep, and computes the final members. `format` is that of `body`;
/// `None` when it is no chat.
pub fn after(
    shaping: &Shaping,
    operation: Operation,
    format: Option<Format>,
    model: Option<&str>,
    body: &Bytes,
    evaluate: &mut Evaluate<'_>,
) -> Result<Shaped, Error> {
    let mut shaped = Shaped {
        body: body.clone(),
        model: None,
        undone: Vec::new(),
    };
    if !is_shaped(operation) {
        return Ok(shaped);
    }
    if let (Some(caching), false) = (&shaping.caching, counts(operation)) {
        let marked = match format {
            Some(format) => cache::apply(&shaped.body, format, model, caching)?,
            None => Marked::Unsupported,
        };
        match marked {
            Marked::Body(body) => shaped.body = body,
            Marked::Partly(body) => {
                shaped.body = body;
                shaped.undone.push(Part::PromptCaching);
            }
            Marked::Unsupported => shaped.undone.push(Part::PromptCaching),
        }
    }
    if let Some(computed) = &shaping.final_transformations {
        let mut api = Api::of(format.map_or(operation, Format::operation));
        if format == Some(Format::AnthropicVertex) {
            api.model = ModelPlace::Path;
        }
        compute(
            &mut shaped,
            api,
            computed,
            Part::FinalTransformations,
            evaluate,
        )?;
        if api.model == ModelPlace::Body && computed.iter().any(|member| &*member.field == "model")
        {
            shaped.model = model_of(&shaped.body)?.map(Into::into);
        }
    }
    Ok(shaped)
}

/// Whether its body is one that policies change.
fn is_shaped(operation: Operation) -> bool {
    operation.names_model()
        || matches!(
            operation,
            Operation::GenerateContent | Operation::GeminiCountTokens | Operation::Converse
        )
}

/// Whether only tokens are counted: such requests take none of the members that ask for an
/// answer.
fn counts(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::CountTokens | Operation::GeminiCountTokens
    )
}

fn asked(shaping: &Shaping) -> Vec<Part> {
    let Shaping {
        defaults,
        overrides,
        transformations,
        aliases,
        prompt,
        caching,
        final_transformations,
        // Has its own say on what it was not shown.
        guard: _,
    } = shaping;
    let parts = [
        (defaults.is_some(), Part::Defaults),
        (overrides.is_some(), Part::Overrides),
        (transformations.is_some(), Part::Transformations),
        (aliases.is_some(), Part::ModelAliases),
        (prompt.is_some(), Part::Prompt),
        (caching.is_some(), Part::PromptCaching),
        (final_transformations.is_some(), Part::FinalTransformations),
    ];
    let parts = parts.into_iter().filter(|(asked, _)| *asked);
    parts.map(|(_, part)| part).collect()
}

fn model_of(body: &Bytes) -> Result<Option<String>, Error> {
    let object = outline::Object::of_body(body)?;
    let model = object.get("model");
    Ok(model.and_then(|model| serde_json::from_str(model.text()).ok()))
}

/// Computes members of the body as it stands and sets them.
fn compute(
    shaped: &mut Shaped,
    api: Api,
    computed: &[Computed],
    part: Part,
    evaluate: &mut Evaluate<'_>,
) -> Result<(), Error> {
    let values: Vec<_> = computed
        .iter()
        .map(|member| {
            let value = evaluate(member, &shaped.body).filter(|value| !value.is_null());
            (&*member.field, value.as_ref().map(Json::of))
        })
        .collect();
    let mut members = Members::new(api);
    for (field, value) in &values {
        let wish = value
            .as_ref()
            .map_or(Wish::Remove, |v| Wish::Set(v.as_str()));
        members.wish(field, wish, part);
    }
    members.apply(shaped)
}

/// Where an API names the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ModelPlace {
    Body,
    Path,
}

/// What of an API matters to a member.
#[derive(Debug, Clone, Copy)]
struct Api {
    operation: Operation,
    model: ModelPlace,
}

impl Api {
    fn of(operation: Operation) -> Self {
        let model = match operation.names_model() {
            true => ModelPlace::Body,
            false => ModelPlace::Path,
        };
        Self { operation, model }
    }
}

/// Wishes for a request of one API.
struct Members<'w> {
    api: Api,
    wishes: Vec<(&'w str, Wish<'w>)>,
    /// Of an API that has the model in its path.
    model: Option<Wish<'w>>,
    undone: Vec<Part>,
}

impl<'w> Members<'w> {
    fn new(api: Api) -> Self {
        Self {
            api,
            wishes: Vec::new(),
            model: None,
            undone: Vec::new(),
        }
    }

    fn wish(&mut self, field: &'w str, wish: Wish<'w>, part: Part) {
        if field == "model" && self.api.model == ModelPlace::Path {
            match (part, wish) {
                // The path is written by then, and it always names one.
                (Part::FinalTransformations, _) => self.undo(part),
                (_, Wish::Default(_)) => {}
                (_, Wish::Remove) => self.undo(part),
                (_, Wish::Set(_)) => self.model = Some(wish),
            }
        } else if counts(self.api.operation) && field != "model" {
            self.undo(part);
        } else {
            self.wishes.push((field, wish));
        }
    }

    fn undo(&mut self, part: Part) {
        if !self.undone.contains(&part) {
            self.undone.push(part);
        }
    }

    fn apply(self, shaped: &mut Shaped) -> Result<(), Error> {
        shaped.body = fields::apply(&shaped.body, &self.wishes)?;
        if let Some(Wish::Set(value)) = self.model
            && let Ok(model) = serde_json::from_str::<String>(value)
        {
            shaped.model = Some(model.into());
        }
        shaped.undone.extend(self.undone);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
