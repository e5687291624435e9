//! Rules whose references have conditions: the first that holds takes the request.

use agw_core::expr::{Expression, LlmInput};
use agw_core::snapshot::RulePlan;
use serde_json::Value as Tree;

use super::Exchange;
use crate::error::Error;

impl Exchange {
    /// The choice that takes the request. A condition that has no value does not hold; what no
    /// condition holds for is offered nothing.
    pub(super) async fn conditional(&mut self, plan: &RulePlan) -> Result<usize, Error> {
        if self.inbound.has_body() {
            let limits = self.peer.worker.limits.clone();
            self.inbound.hold(&limits, limits.body).await?;
        }
        let asked: Option<Tree> = match self.inbound.held() {
            Some(body) => serde_json::from_slice(body).ok(),
            None => None,
        };
        let mut failures = Vec::new();
        let mut holds = |(index, when): (usize, &Expression)| {
            let metadata = Tree::Object(self.metadata.clone());
            let mut input = self.input(&metadata, None);
            input.llm_request = asked.as_ref();
            input.llm = Some(LlmInput {
                request_model: self.inbound.model.as_deref(),
                ..LlmInput::default()
            });
            let value = when.eval_bool(&input);
            value.unwrap_or_else(|error| {
                failures.push((format!("target {index}"), error));
                false
            })
        };
        let mut choices = plan.choices.iter().enumerate();
        let chosen = choices.position(|(index, choice)| {
            let when = choice.when.as_ref();
            when.is_none_or(|when| holds((index, when)))
        });
        self.count_failures(&plan.route_label, &failures);
        chosen.ok_or_else(|| {
            self.dialect = self.spoken();
            Error::NoSuchModel(self.inbound.model.clone().unwrap_or_default())
        })
    }
}
