//! Servers that are asked whether a request may pass.

mod grpc;
mod http;

use std::sync::Arc;
use std::time::Duration;

use ::http::{HeaderMap, HeaderName, HeaderValue, header};
use agw_core::access::{Authorizer, ExternalAuth, HeaderEdit, Location, Permit, Question as Asked};
use agw_core::expr::Input;
use agw_core::guard::FailureMode;
use serde_json::Value;

use super::Exchange;
use crate::access::{Answers, Decision, DecisionKey};
use crate::asking::Asking;
use crate::error::Error;
use crate::live::now_millis;
use crate::telemetry::Unasked;

/// A server that has not answered by then has failed.
const WITHIN: Duration = Duration::from_secs(5);

impl Exchange {
    /// Asks whoever is to be asked about this request, and does to it what they say.
    pub(super) async fn ask_authorizer(&mut self, auth: &ExternalAuth) -> Result<(), Error> {
        let cases = auth.all().iter();
        let reads = auth.read_body() || cases.into_iter().any(|case| case.then.reads_body());
        self.hold_for(reads).await?;
        let chosen = self.with_input(|input| auth.choose(input).cloned());
        let Some(authorizer) = chosen else {
            return Ok(());
        };
        if let Some(most) = authorizer.body {
            self.hold_at_most(most).await?;
        }
        let live = self.live.clone();
        let remembered = self.remembered(&authorizer, live.decisions.of(&authorizer));
        if let Some((answers, key)) = &remembered
            && let Some(decision) = answers.get(*key, now_millis())
        {
            return self.settle_decision(&authorizer, decision);
        }
        let asking = Asking {
            worker: &self.peer.worker,
            snapshot: &live.snapshot,
            within: WITHIN,
        };
        let answered = match &authorizer.question {
            Asked::Grpc { context, metadata } => {
                self.check_by_grpc(&authorizer, context, metadata, &asking)
                    .await
            }
            Asked::Http(http) => self.check_by_http(&authorizer, http, &asking).await,
        };
        match answered {
            Ok(decision) => {
                if let Some((answers, key)) = &remembered {
                    self.remember(&authorizer, answers, *key, &decision);
                }
                self.settle_decision(&authorizer, decision)
            }
            Err(why) => self.settle_failure(&authorizer, why),
        }
    }

    fn with_input<T>(&self, read: impl FnOnce(&Input<'_>) -> T) -> T {
        let metadata = Value::Object(self.metadata.clone());
        read(&self.input(&metadata, None))
    }

    /// Holds a body that may have so many bytes and no more.
    async fn hold_at_most(&mut self, most: u32) -> Result<(), Error> {
        if !self.inbound.has_body() {
            return Ok(());
        }
        let limits = self.peer.worker.limits.clone();
        let limit = usize::try_from(most).unwrap_or(usize::MAX).min(limits.body);
        let held = self.inbound.hold(&limits, limit).await?;
        match held.len() > limit {
            true => Err(Error::BodyTooLarge { limit }),
            false => Ok(()),
        }
    }

    fn remembered<'a>(
        &self,
        authorizer: &Authorizer,
        answers: Option<&'a Arc<Answers>>,
    ) -> Option<(&'a Arc<Answers>, DecisionKey)> {
        let (cache, answers) = (authorizer.cache.as_ref()?, answers?);
        let key = self.with_input(|input| answers.key(cache, input))?;
        Some((answers, key))
    }

    fn remember(
        &self,
        authorizer: &Authorizer,
        answers: &Answers,
        key: DecisionKey,
        decision: &Decision,
    ) {
        let Some(cache) = &authorizer.cache else {
            return;
        };
        let metadata = Value::Object(self.metadata.clone());
        let mut input = self.input(&metadata, None);
        if let Decision::Permit(permit) = decision {
            input.extauthz = permit.told.as_ref();
        }
        match cache.lifetime.of(&input) {
            Ok(lifetime) => answers.keep(key, decision, now_millis(), lifetime),
            Err(error) => self.count_failures("extAuth", &[("cache.ttl".to_owned(), error)]),
        }
    }

    fn settle_decision(
        &mut self,
        authorizer: &Authorizer,
        decision: Decision,
    ) -> Result<(), Error> {
        match decision {
            Decision::Permit(permit) => {
                self.disown(authorizer);
                self.permit(&permit);
                Ok(())
            }
            Decision::Deny(denial) => Err(Error::Denied(denial)),
        }
    }

    /// What becomes of a request that nobody could be asked about.
    fn settle_failure(&mut self, authorizer: &Authorizer, why: String) -> Result<(), Error> {
        let server = &*authorizer.server.authority;
        match authorizer.failure_mode {
            FailureMode::FailClosed => Err(Error::NoDecision(format!("{server}: {why}"))),
            FailureMode::FailOpen => {
                // The access log says it of every such request.
                tracing::debug!(
                    server,
                    why,
                    "nobody could be asked whether it may pass: it may"
                );
                self.record.failed_open.push(Unasked::ExtAuth);
                self.disown(authorizer);
                Ok(())
            }
        }
    }

    /// Takes off what only the server may say.
    fn disown(&mut self, authorizer: &Authorizer) {
        if let Asked::Http(http) = &authorizer.question {
            for name in &http.taken {
                self.inbound.headers.remove(name);
            }
        }
    }

    fn permit(&mut self, permit: &Permit) {
        for edit in &permit.request {
            let name = edit.name();
            if !matches!(edit, HeaderEdit::Append(..) | HeaderEdit::Add(..)) {
                // What stands there now is for the upstream.
                let stands =
                    |l: &Location| matches!(l, Location::Header { name: n, .. } if n == name);
                self.used.retain(|location| !stands(location));
            }
            unname(&mut self.inbound.headers, name);
            edit.apply(&mut self.inbound.headers);
        }
        self.response_edits.extend(permit.response.iter().cloned());
        if !permit.query_removed.is_empty() || !permit.query_set.is_empty() {
            let query = self.inbound.query.as_deref().unwrap_or_default();
            self.inbound.query = edited_query(query, permit);
        }
        if permit.told.is_some() {
            self.identity.external.clone_from(&permit.told);
        }
    }
}

/// Lets `Connection` not name a header that the request is given: it would be taken off again.
pub(super) fn unname(headers: &mut HeaderMap, name: &HeaderName) {
    let Some(named) = headers
        .get(header::CONNECTION)
        .and_then(|v| v.to_str().ok())
    else {
        return;
    };
    let is_it = |option: &&str| option.trim().eq_ignore_ascii_case(name.as_str());
    if !named.split(',').any(|option| is_it(&option)) {
        return;
    }
    let others: Vec<_> = named.split(',').filter(|option| !is_it(option)).collect();
    match HeaderValue::try_from(others.join(",")) {
        Ok(others) => drop(headers.insert(header::CONNECTION, others)),
        Err(_) => drop(headers.remove(header::CONNECTION)),
    }
}

fn edited_query(query: &str, permit: &Permit) -> Option<String> {
    let gone = |pair: &&str| {
        let (name, _) = form_urlencoded::parse(pair.as_bytes()).next()?;
        let set = permit.query_set.iter().map(|(name, _)| name);
        set.chain(&permit.query_removed)
            .find(|gone| **gone == *name)
    };
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let mut pairs: Vec<_> = pairs
        .filter(|pair| gone(pair).is_none())
        .map(str::to_owned)
        .collect();
    for (name, value) in &permit.query_set {
        let mut pair = form_urlencoded::Serializer::new(String::new());
        pairs.push(pair.append_pair(name, value).finish());
    }
    (!pairs.is_empty()).then(|| pairs.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_cannot_have_a_header_taken_off_that_it_is_given() {
        let mut headers = HeaderMap::new();
        headers.insert("connection", "close, X-User , te".parse().unwrap());
        unname(&mut headers, &HeaderName::from_static("x-user"));
        assert_eq!(headers["connection"], "close, te");
        unname(&mut headers, &HeaderName::from_static("x-other"));
        assert_eq!(headers["connection"], "close, te");
    }

    #[test]
    fn queries_are_edited_by_decoded_names() {
        let permit = Permit {
            query_removed: vec!["key".to_owned()],
            query_set: vec![("user".to_owned(), "a b&c".to_owned())],
            ..Permit::default()
        };
        let edited = |query| edited_query(query, &permit);
        assert_eq!(
            edited("%6bey=1&a=2&user=x").as_deref(),
            Some("a=2&user=a+b%26c")
        );
        let removed = Permit {
            query_set: vec![],
            ..permit.clone()
        };
        assert_eq!(edited_query("key=1", &removed), None);
    }
}
