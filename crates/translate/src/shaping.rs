//! What policies make of the requests that go to models.

mod guard;

use std::sync::Arc;

use agw_api::ai_policy::{
    AiPolicies, FieldTransformation, FieldValue, Message, PromptCaching as CachingSpec,
    PromptEnrichment,
};
use agw_core::shaping::{
    Aliases, CachePlace, Computed, Json, Member, ModelPattern, Prompt, PromptCaching, Role,
    Shaping, Turn,
};

use crate::expression::{self, Rejected, collect};
use crate::finding::Code;
use crate::report::{Report, Subject};
use crate::state::ClusterState;

/// One object's settings of requests to models, and where they stand.
pub(crate) struct Source<'a, 'r> {
    pub(crate) subject: Subject<'a>,
    /// Path of `ai`.
    pub(crate) field: String,
    /// Where references lead.
    pub(crate) state: &'a ClusterState,
    pub(crate) report: &'r mut Report,
}

/// Compiles what is said beside `ai.routes`.
pub(crate) fn shaping(spec: &AiPolicies, mut source: Source<'_, '_>) -> Result<Shaping, Rejected> {
    let defaults = source.members(&spec.defaults, "defaults");
    let overrides = source.members(&spec.overrides, "overrides");
    let transformations = source.computed(&spec.transformations, "transformations");
    let last = source.computed(&spec.final_transformations, "finalTransformations");
    let aliases = source.aliases(spec);
    let prompt = spec.prompt.as_ref().map(|prompt| source.prompt(prompt));
    let caching = spec.prompt_caching.as_ref();
    let caching = caching.and_then(|caching| source.caching(caching));
    let guard = spec.prompt_guard.as_ref();
    let guard = guard.map(|guard| source.guard(guard)).transpose();
    Ok(Shaping {
        defaults: defaults?,
        overrides: overrides?,
        transformations: transformations?,
        aliases: aliases?,
        prompt: prompt.transpose()?.flatten(),
        caching,
        final_transformations: last?,
        guard: guard?,
    })
}

/// A list, or nothing where it is empty.
type Filled<T> = Result<Option<Arc<[T]>>, Rejected>;

fn filled<T>(items: Result<Vec<T>, Rejected>) -> Filled<T> {
    Ok(Some(items?)
        .filter(|items| !items.is_empty())
        .map(Into::into))
}

impl Source<'_, '_> {
    pub(super) fn refuse(&mut self, at: &str, message: String, remedy: &str) -> Rejected {
        let field = format!("{}.{at}", self.field);
        self.report
            .add(self.subject, Code::InvalidValue, &field, message, remedy);
        Rejected
    }

    fn without_effect(&mut self, at: &str, message: &str, remedy: &str) {
        let field = format!("{}.{at}", self.field);
        self.report
            .add(self.subject, Code::NoEffect, &field, message, remedy);
    }

    fn members(&mut self, list: &[FieldValue], part: &str) -> Filled<Member> {
        let names: Vec<_> = list.iter().map(|member| member.field.as_str()).collect();
        filled(collect(list.iter().enumerate().map(|(index, member)| {
            self.name(&names, index, part)?;
            if member.field == "model" && !member.value.is_string() {
                let at = format!("{part}[{index}].value");
                let message = "a model is named by a text".to_owned();
                return Err(self.refuse(&at, message, "write the model's name"));
            }
            Ok(Member {
                field: member.field.as_str().into(),
                value: Json::of(&member.value),
            })
        })))
    }

    fn computed(&mut self, list: &[FieldTransformation], part: &str) -> Filled<Computed> {
        let names: Vec<_> = list.iter().map(|member| member.field.as_str()).collect();
        filled(collect(list.iter().enumerate().map(|(index, member)| {
            self.name(&names, index, part)?;
            let at = format!("{}.{part}[{index}].expression", self.field);
            let value = expression::compile(&member.expression, self.subject, &at, self.report)?;
            Ok(Computed {
                field: member.field.as_str().into(),
                value,
            })
        })))
    }

    /// A member stands once in a list, under a name.
    fn name(&mut self, names: &[&str], index: usize, part: &str) -> Result<(), Rejected> {
        let (name, at) = (names[index], format!("{part}[{index}].field"));
        if name.is_empty() {
            return Err(self.refuse(&at, "the member has no name".to_owned(), "name it"));
        }
        if names[..index].contains(&name) {
            let message = format!("`{name}` stands twice in `{part}`");
            return Err(self.refuse(&at, message, "keep one of the two"));
        }
        Ok(())
    }

    fn aliases(&mut self, spec: &AiPolicies) -> Result<Option<Arc<Aliases>>, Rejected> {
        let all = collect(spec.model_aliases.iter().map(|(name, model)| {
            let at = format!("modelAliases.{name}");
            if name.is_empty() || model.is_empty() {
                let message = "an alias has a name and a model".to_owned();
                return Err(self.refuse(&at, message, "write both"));
            }
            if model.contains('*') {
                let message = format!("`{model}` is not the name of a model");
                let remedy = "`*` stands for any text in an alias, and for nothing in its model";
                return Err(self.refuse(&at, message, remedy));
            }
            Ok((ModelPattern::new(name), Arc::from(model.as_str())))
        }))?;
        Ok((!all.is_empty()).then(|| Arc::new(Aliases::new(all))))
    }

    fn prompt(&mut self, spec: &PromptEnrichment) -> Result<Option<Arc<Prompt>>, Rejected> {
        let prepend = self.turns(&spec.prepend, "prepend");
        let append = self.turns(&spec.append, "append");
        let (prepend, append) = (prepend?, append?);
        if prepend.is_empty() && append.is_empty() {
            let message = "the prompt says nothing";
            self.without_effect("prompt", message, "write `prepend` or `append`");
            return Ok(None);
        }
        Ok(Some(Arc::new(Prompt { prepend, append })))
    }

    fn turns(&mut self, list: &[Message], part: &str) -> Result<Vec<Turn>, Rejected> {
        collect(list.iter().enumerate().map(|(index, message)| {
            let role = Role::of(&message.role.to_ascii_lowercase());
            let Some(role) = role else {
                let at = format!("prompt.{part}[{index}].role");
                let text = format!("`{}` is no role", message.role);
                let remedy = "write `system`, `developer`, `user` or `assistant`";
                return Err(self.refuse(&at, text, remedy));
            };
            Ok(Turn {
                role,
                content: message.content.as_str().into(),
            })
        }))
    }

    fn caching(&mut self, spec: &CachingSpec) -> Option<Arc<PromptCaching>> {
        let places = [
            (spec.cache_system, CachePlace::System),
            (spec.cache_tools, CachePlace::Tools),
            (spec.cache_messages, CachePlace::Messages),
        ];
        let places = places.into_iter().filter(|(wanted, _)| *wanted);
        let places: Vec<_> = places.map(|(_, place)| place).collect();
        if places.is_empty() {
            let message = "nothing is to be kept";
            self.without_effect("promptCaching", message, "set one of its fields to `true`");
        }
        Some(Arc::new(PromptCaching {
            places,
            min_tokens: spec.min_tokens,
            message_offset: spec.cache_message_offset,
        }))
    }
}
