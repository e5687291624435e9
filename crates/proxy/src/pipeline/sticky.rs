//! Which requests belong together, and what their clients are told of it.

use std::sync::Arc;
use std::time::SystemTime;

use agw_core::expr::{Expression, Input, LlmInput};
use agw_core::filter::RedirectScheme;
use agw_core::session::{Persistence, Secrecy, Visit};
use agw_core::sticky::{Sticky, StickyKey};
use http::{HeaderMap, header};
use serde_json::Value;

use super::Exchange;

/// A request's sessions. Most have none.
pub(super) type Visits = Vec<(Arc<Persistence>, Visit)>;

impl Exchange {
    /// What the request has in common with others; nothing where it shows nothing.
    pub(super) fn sticky_key(&mut self, sticky: &Sticky) -> Option<StickyKey> {
        match sticky {
            Sticky::Header(name) => {
                let value = self.inbound.headers.get(name.name())?;
                let value = value.as_bytes();
                (!value.is_empty()).then(|| StickyKey::of(value))
            }
            Sticky::Session(persistence) => Some(self.session_key(persistence)),
            Sticky::Expression(expression) => self.computed_key(expression),
        }
    }

    /// The request's session, which begins with it where it shows none.
    pub(super) fn session_key(&mut self, persistence: &Arc<Persistence>) -> StickyKey {
        let known = self.visits.iter().find(|(known, _)| known == persistence);
        if let Some((_, visit)) = known {
            return visit.session.key();
        }
        let random = [self.peer.worker.random(), self.peer.worker.random()];
        let visit = persistence.visit(&self.inbound.headers, self.now(), random);
        self.visits.push((persistence.clone(), visit));
        visit.session.key()
    }

    /// Tells the client of sessions that it does not know.
    pub(super) fn tell_sessions(&mut self, headers: &mut HeaderMap) {
        let secrecy = match self.peer.scheme {
            RedirectScheme::Https => Secrecy::Tls,
            RedirectScheme::Http => Secrecy::Clear,
        };
        let now = self.now();
        for (persistence, visit) in std::mem::take(&mut self.visits) {
            let told = visit
                .is_news
                .then(|| persistence.told(visit.session, now, secrecy));
            match told.flatten() {
                Some((name, value)) if *name.name() == header::SET_COOKIE => {
                    headers.append(header::SET_COOKIE, value);
                }
                Some((name, value)) => drop(headers.insert(name.name().clone(), value)),
                None => {}
            }
        }
    }

    fn computed_key(&self, expression: &Expression) -> Option<StickyKey> {
        let value = self.with_question(|input| expression.eval(input));
        let value = match value {
            Ok(value) => value,
            Err(error) => {
                self.count_failures("load_balancing", &[("sticky".to_owned(), error)]);
                return None;
            }
        };
        match value.to_json() {
            Value::Null => None,
            Value::String(text) if text.is_empty() => None,
            Value::String(text) => Some(StickyKey::of(text.as_bytes())),
            other => Some(StickyKey::of(other.to_string().as_bytes())),
        }
    }

    /// Shows the request to an expression, with the question to a model that it has.
    pub(super) fn with_question<T>(&self, show: impl FnOnce(&Input<'_>) -> T) -> T {
        let body = self.inbound.held();
        let asked: Option<Value> = body.and_then(|body| serde_json::from_slice(body).ok());
        let metadata = Value::Object(self.metadata.clone());
        let mut input = self.input(&metadata, None);
        input.llm_request = asked.as_ref();
        input.llm = Some(LlmInput {
            request_model: self.inbound.model.as_deref(),
            ..LlmInput::default()
        });
        show(&input)
    }

    fn now(&self) -> u64 {
        let at: SystemTime = self.record.at.into();
        let since = at.duration_since(SystemTime::UNIX_EPOCH);
        since.map_or(0, |since| since.as_secs())
    }
}
