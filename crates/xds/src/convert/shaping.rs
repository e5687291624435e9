//! What requests to models become.

use std::sync::Arc;

use agw_core::guard::PromptGuard;
use agw_core::shaping::{
    Aliases, Computed, Json, Member, ModelPattern, Prompt, PromptCaching, Shaping, Turn,
};

use super::common::{each, enumeration, expression, list, optional};
use super::invalid::{At, Invalid};
use crate::proto;

/// A policy that asks for nothing does not travel.
pub(super) fn said(shaping: &Shaping) -> Option<proto::Shaping> {
    (!shaping.is_empty()).then(|| shaping.into())
}

impl From<&Shaping> for proto::Shaping {
    fn from(shaping: &Shaping) -> Self {
        let Shaping {
            defaults,
            overrides,
            transformations,
            aliases,
            prompt,
            caching,
            final_transformations,
            guard,
        } = shaping;
        let aliases = aliases.iter().flat_map(|aliases| aliases.iter());
        Self {
            defaults: messages(defaults.as_deref()),
            overrides: messages(overrides.as_deref()),
            transformations: messages(transformations.as_deref()),
            final_transformations: messages(final_transformations.as_deref()),
            aliases: aliases
                .map(|(pattern, model)| proto::ModelAlias {
                    pattern: pattern.to_string(),
                    model: model.to_string(),
                })
                .collect(),
            prompt: prompt.as_deref().map(Into::into),
            caching: caching.as_deref().map(Into::into),
            guard: guard.as_deref().map(Into::into),
        }
    }
}

fn messages<'a, T, M: From<&'a T>>(items: Option<&'a [T]>) -> Vec<M> {
    items.into_iter().flatten().map(M::from).collect()
}

fn filled<T>(items: Vec<T>) -> Option<Arc<[T]>> {
    (!items.is_empty()).then(|| items.into())
}

impl TryFrom<proto::Shaping> for Shaping {
    type Error = Invalid;

    fn try_from(message: proto::Shaping) -> Result<Self, Invalid> {
        let proto::Shaping {
            defaults,
            overrides,
            transformations,
            final_transformations,
            aliases,
            prompt,
            caching,
            guard,
        } = message;
        let aliases = aliases
            .into_iter()
            .map(|proto::ModelAlias { pattern, model }| {
                (ModelPattern::new(&pattern), Arc::from(model))
            });
        let aliases = (aliases.len() > 0).then(|| Arc::new(Aliases::new(aliases)));
        Ok(Self {
            defaults: filled(list(defaults, "defaults")?),
            overrides: filled(list(overrides, "overrides")?),
            transformations: filled(list(transformations, "transformations")?),
            aliases,
            prompt: optional::<_, Prompt>(prompt, "prompt")?.map(Arc::new),
            caching: optional::<_, PromptCaching>(caching, "caching")?.map(Arc::new),
            final_transformations: filled(list(final_transformations, "final_transformations")?),
            guard: optional::<_, PromptGuard>(guard, "guard")?.map(Arc::new),
        })
    }
}

impl From<&Member> for proto::Member {
    fn from(Member { field, value }: &Member) -> Self {
        Self {
            field: field.to_string(),
            value: value.as_str().to_owned(),
        }
    }
}

impl TryFrom<proto::Member> for Member {
    type Error = Invalid;

    fn try_from(proto::Member { field, value }: proto::Member) -> Result<Self, Invalid> {
        let value = Json::parse(&value).ok_or_else(|| Invalid::new("is not JSON"));
        Ok(Self {
            field: field.into(),
            value: value.at("value")?,
        })
    }
}

impl From<&Computed> for proto::NamedExpression {
    fn from(Computed { field, value }: &Computed) -> Self {
        Self {
            name: field.to_string(),
            expression: value.source().to_owned(),
        }
    }
}

impl TryFrom<proto::NamedExpression> for Computed {
    type Error = Invalid;

    fn try_from(message: proto::NamedExpression) -> Result<Self, Invalid> {
        let proto::NamedExpression {
            name,
            expression: source,
        } = message;
        Ok(Self {
            field: name.into(),
            value: expression(&source).at("expression")?,
        })
    }
}

impl From<&Prompt> for proto::Prompt {
    fn from(Prompt { prepend, append }: &Prompt) -> Self {
        Self {
            prepend: messages(Some(prepend)),
            append: messages(Some(append)),
        }
    }
}

impl TryFrom<proto::Prompt> for Prompt {
    type Error = Invalid;

    fn try_from(proto::Prompt { prepend, append }: proto::Prompt) -> Result<Self, Invalid> {
        Ok(Self {
            prepend: list(prepend, "prepend")?,
            append: list(append, "append")?,
        })
    }
}

impl From<&Turn> for proto::Turn {
    fn from(Turn { role, content }: &Turn) -> Self {
        Self {
            role: proto::Role::from(*role).into(),
            content: content.to_string(),
        }
    }
}

impl TryFrom<proto::Turn> for Turn {
    type Error = Invalid;

    fn try_from(proto::Turn { role, content }: proto::Turn) -> Result<Self, Invalid> {
        Ok(Self {
            role: enumeration::<proto::Role, _>(role, "role")?,
            content: content.into(),
        })
    }
}

impl From<&PromptCaching> for proto::PromptCaching {
    fn from(caching: &PromptCaching) -> Self {
        let PromptCaching {
            places,
            min_tokens,
            message_offset,
        } = caching;
        let places = places.iter();
        Self {
            places: places
                .map(|place| proto::CachePlace::from(*place).into())
                .collect(),
            min_tokens: *min_tokens,
            message_offset: *message_offset,
        }
    }
}

impl TryFrom<proto::PromptCaching> for PromptCaching {
    type Error = Invalid;

    fn try_from(message: proto::PromptCaching) -> Result<Self, Invalid> {
        let proto::PromptCaching {
            places,
            min_tokens,
            message_offset,
        } = message;
        Ok(Self {
            places: each(places, "places", |place| {
                enumeration::<proto::CachePlace, _>(place, "place")
            })?,
            min_tokens,
            message_offset,
        })
    }
}
