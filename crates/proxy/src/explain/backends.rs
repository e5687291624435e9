//! Where a request may go, and what is asked there.

use agw_core::backend::{AiProvider, ApiRoute, EndpointBackend};
use agw_core::filter::{self, Filter};
use agw_core::matcher::PathMatch;
use agw_core::route::Destination;
use agw_core::snapshot::{Choice, RulePlan, Target, TargetKind, Way};
use serde::Serialize;

use super::walk::Walk;
use crate::pipeline::preview::{Previewed, preview};

/// A backend reference of the rule.
#[derive(Debug, Serialize)]
pub struct Reference {
    pub to: String,
    #[serde(flatten)]
    pub odds: Odds,
    /// Why nothing can be sent there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// In priority groups; one with a healthy provider serves.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Vec<Asked>>,
}

/// When a reference takes a request.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Odds {
    /// So many requests of a hundred.
    Percent(f64),
    /// When none with a weight can, in this order from 1.
    Standby(usize),
    /// By a condition, and whether this is the first that holds.
    Condition {
        expression: String,
        chosen: bool,
    },
    Never,
}

/// What is asked of one provider or server.
#[derive(Debug, Default, Serialize)]
pub struct Asked {
    /// Name of the entry within its backend; empty for a plain one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// `POST https://api.openai.com:443/v1/chat/completions`
    #[serde(skip_serializing_if = "String::is_empty")]
    pub request: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What is remarkable about it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

pub(super) fn of(walk: &Walk<'_>, plan: &RulePlan, matched: &PathMatch) -> Vec<Reference> {
    let total: u64 = plan.rule.backends.iter().map(|b| u64::from(b.weight)).sum();
    let mut chosen = None;
    let references = plan.choices.iter().zip(&plan.rule.backends).enumerate();
    let references = references.map(|(index, (choice, reference))| {
        let odds = match &choice.when {
            Some(when) => {
                let holds = chosen.is_none() && when.eval_bool(&walk.input()) == Ok(true);
                if holds {
                    chosen = Some(index);
                }
                Odds::Condition {
                    expression: when.source().to_owned(),
                    chosen: holds,
                }
            }
            None if plan.is_conditional() => {
                let holds = chosen.is_none();
                chosen.get_or_insert(index);
                Odds::Condition {
                    expression: "otherwise".to_owned(),
                    chosen: holds,
                }
            }
            None => odds(plan, index, reference.weight, total),
        };
        let (problem, groups) = match &choice.way {
            Way::Invalid(why) => (Some(why.to_string()), Vec::new()),
            Way::Targets(groups) => {
                let asked = |&target: &usize| {
                    asked(walk, plan, choice, &walk.snapshot.targets[target], matched)
                };
                let groups = groups.iter().map(|group| group.iter().map(asked).collect());
                (None, groups.collect())
            }
        };
        Reference {
            to: match &reference.to {
                Destination::Backend(key) => key.to_string(),
                Destination::Invalid(_) => "a backend that cannot be used".to_owned(),
            },
            odds,
            problem,
            groups,
        }
    });
    references.collect()
}

fn odds(plan: &RulePlan, index: usize, weight: u32, total: u64) -> Odds {
    let standby = plan.standbys.iter().position(|&standby| standby == index);
    match (standby, weight) {
        (Some(position), _) => Odds::Standby(position + 1),
        (None, 0) => Odds::Never,
        (None, weight) => {
            #[expect(
                clippy::cast_precision_loss,
                reason = "weights are at most a million each"
            )]
            let percent = 100.0 * f64::from(weight) / total as f64;
            Odds::Percent((percent * 10.0).round() / 10.0)
        }
    }
}

fn asked(
    walk: &Walk<'_>,
    plan: &RulePlan,
    choice: &Choice,
    target: &Target,
    matched: &PathMatch,
) -> Asked {
    match &target.kind {
        TargetKind::Ai { provider, routes } => {
            model(walk, plan, choice, (provider, routes), matched)
        }
        TargetKind::Endpoints(endpoints) => server(walk, choice, endpoints, matched),
    }
}

fn model(
    walk: &Walk<'_>,
    plan: &RulePlan,
    choice: &Choice,
    (provider, routes): (&AiProvider, &[ApiRoute]),
    matched: &PathMatch,
) -> Asked {
    let name = provider.name.to_string();
    let mut request = walk.request.clone();
    let (path, headers) = (&mut request.path, &mut request.headers);
    filter::shape(&choice.filters, matched, path, headers);
    let shaping = provider.policy.shaping.over(&plan.policy.shaping);
    let renamed = choice.model.as_ref();
    match preview(provider, routes, request, &shaping, renamed, &walk.input()) {
        Err(error) => Asked {
            name,
            problem: Some(error.to_string()),
            ..Asked::default()
        },
        Ok(Previewed {
            request,
            model,
            notes,
        }) => Asked {
            name,
            request,
            model,
            notes,
            problem: None,
        },
    }
}

fn server(
    walk: &Walk<'_>,
    choice: &Choice,
    endpoints: &EndpointBackend,
    matched: &PathMatch,
) -> Asked {
    let (mut path, mut host) = (walk.request.path.clone(), walk.request.authority.clone());
    for filter in &choice.filters {
        if let Filter::UrlRewrite(rewrite) = filter {
            if let Some(rewrite) = &rewrite.path {
                path = rewrite.apply(&path, matched).into_owned();
            }
            if let Some(hostname) = &rewrite.hostname {
                host = hostname.to_string();
            }
        }
    }
    let query = walk.request.query.as_ref();
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    let at: Vec<_> = endpoints
        .endpoints
        .iter()
        .take(5)
        .map(|e| format!("{}:{}", e.host, e.port))
        .collect();
    let more = endpoints.endpoints.len().saturating_sub(at.len());
    let problem = at
        .is_empty()
        .then(|| "it has no ready endpoint: 503".to_owned());
    let mut notes = Vec::new();
    if !at.is_empty() {
        let more = match more {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        notes.push(format!("at {}{more}", at.join(", ")));
    }
    Asked {
        name: String::new(),
        request: format!("{} {host}{path}{query}", walk.request.method),
        model: None,
        notes,
        problem,
    }
}
