//! Sessions that the gateway begins: a client that shows one again is known by it.
//!
//! What a client gets to hold is a random number and two times, and says nothing of backends. It is
//! not signed: whoever makes one up chooses a number, as whoever chooses a header does.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use serde::Serialize;

use crate::access::cookies;
use crate::header::FieldName;
use crate::sticky::StickyKey;

/// How sessions are kept (`HTTPRouteRule.sessionPersistence`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Persistence {
    pub carrier: Carrier,
    /// A session ends this long after it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub absolute: Option<Duration>,
    /// A session ends when its client stays away for this long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle: Option<Duration>,
}

/// What brings the session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Carrier {
    Cookie {
        name: Arc<str>,
        lifetime: Lifetime,
    },
    /// Clients send back what they were sent under this name.
    Header(FieldName),
}

/// How long a client keeps its cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Lifetime {
    /// As long as its own session.
    Session,
    /// Until the session's end.
    Permanent,
}

/// One client's session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    id: u128,
    /// Seconds since the epoch, as its last value says.
    begun: u64,
    seen: u64,
}

/// A request's session, and whether its client has to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visit {
    pub session: Session,
    pub is_news: bool,
}

/// Whether the client's connection is one that nobody else reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrecy {
    Tls,
    Clear,
}

/// How far the clocks of two proxies may be apart.
const SKEW: u64 = 300;

impl Persistence {
    /// The session of a request with these headers at `now`, in seconds since the epoch. `random`
    /// is for one that is new.
    pub fn visit(&self, headers: &HeaderMap, now: u64, random: [u64; 2]) -> Visit {
        let shown = match &self.carrier {
            Carrier::Cookie { name, .. } => {
                cookies(headers, name).find_map(|value| self.resume(&value, now))
            }
            Carrier::Header(name) => {
                let values = headers.get_all(name.name()).iter();
                let mut values = values.filter_map(|value| value.to_str().ok());
                values.find_map(|value| self.resume(value, now))
            }
        };
        let Some(session) = shown else {
            let [high, low] = random.map(u128::from);
            let session = Session {
                id: (high << 64) | low,
                begun: now,
                seen: now,
            };
            return Visit {
                session,
                is_news: true,
            };
        };
        // A client that comes often is not told each time.
        let idle = self.idle.map(|idle| idle.as_secs() / 10);
        let is_news = idle.is_some_and(|step| now.saturating_sub(session.seen) > step);
        let seen = if is_news { now } else { session.seen };
        Visit {
            session: Session { seen, ..session },
            is_news,
        }
    }

    /// The session that a value stands for, unless it is over.
    fn resume(&self, value: &str, now: u64) -> Option<Session> {
        let mut parts = value.splitn(3, '-');
        let id = parts.next().filter(|id| id.len() == 32)?;
        let mut time = || u64::from_str_radix(parts.next()?, 16).ok();
        let session = Session {
            id: u128::from_str_radix(id, 16).ok()?,
            begun: time()?,
            seen: time()?,
        };
        let is_over = |since: u64, bound: Option<Duration>| {
            bound.is_some_and(|bound| now.saturating_sub(since) >= bound.as_secs().max(1))
        };
        let from_the_future = session.begun.max(session.seen) > now.saturating_add(SKEW);
        let over = is_over(session.begun, self.absolute) || is_over(session.seen, self.idle);
        (!from_the_future && !over).then_some(session)
    }

    /// The header that tells a client of its session.
    pub fn told(
        &self,
        session: Session,
        now: u64,
        secrecy: Secrecy,
    ) -> Option<(FieldName, HeaderValue)> {
        let value = session.value();
        let (name, lifetime) = match &self.carrier {
            Carrier::Header(name) => {
                return Some((name.clone(), HeaderValue::try_from(value).ok()?));
            }
            Carrier::Cookie { name, lifetime } => (name, lifetime),
        };
        let mut cookie = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax");
        if secrecy == Secrecy::Tls {
            cookie.push_str("; Secure");
        }
        if let (Lifetime::Permanent, Some(absolute)) = (lifetime, self.absolute) {
            let end = session.begun.saturating_add(absolute.as_secs());
            cookie.push_str(&format!("; Max-Age={}", end.saturating_sub(now)));
        }
        let name = FieldName::parse("Set-Cookie").ok()?;
        Some((name, HeaderValue::try_from(cookie).ok()?))
    }
}

impl Session {
    /// By which its requests belong together.
    pub fn key(&self) -> StickyKey {
        StickyKey::of(&self.id.to_be_bytes())
    }

    fn value(&self) -> String {
        let Self { id, begun, seen } = self;
        format!("{id:032x}-{begun:x}-{seen:x}")
    }
}

#[cfg(test)]
mod tests {
    use http::header;

    use super::*;

    fn cookie(absolute: Option<u64>, idle: Option<u64>, lifetime: Lifetime) -> Persistence {
        Persistence {
            carrier: Carrier::Cookie {
                name: "sid".into(),
                lifetime,
            },
            absolute: absolute.map(Duration::from_secs),
            idle: idle.map(Duration::from_secs),
        }
    }

    fn shown(value: &str) -> HeaderMap {
        let cookie = format!("a=1; sid={value}").parse().unwrap();
        HeaderMap::from_iter([(header::COOKIE, cookie)])
    }

    #[test]
    fn a_client_is_known_by_what_it_was_given() {
        let kept = cookie(None, None, Lifetime::Session);
        let first = kept.visit(&HeaderMap::new(), 1_000, [7, 9]);
        assert!(first.is_news);
        let (name, value) = kept.told(first.session, 1_000, Secrecy::Clear).unwrap();
        assert_eq!(name.written(), "Set-Cookie");
        assert_eq!(
            value,
            "sid=00000000000000070000000000000009-3e8-3e8; Path=/; HttpOnly; SameSite=Lax"
        );
        let again = kept.visit(&shown(&first.session.value()), 9_999_999, [1, 1]);
        assert!(!again.is_news);
        assert_eq!(again.session.key(), first.session.key());
    }

    #[test]
    fn what_is_no_session_begins_one() {
        let kept = cookie(Some(60), None, Lifetime::Session);
        let id = "0".repeat(32);
        for value in [
            "",
            "x",
            &id,
            &format!("{id}-1"),
            &format!("{id}-3e8-zz"),
            &format!("{id}-3e8-3e8-1"),
            &format!("{}-3e8-3e8", &id[1..]),
            // Over, and from the future.
            &format!("{id}-3ac-3ac"),
            &format!("{id}-fffff-3e8"),
        ] {
            let visit = kept.visit(&shown(value), 1_000, [3, 4]);
            assert!(visit.is_news, "{value}");
            assert_eq!(visit.session.begun, 1_000, "{value}");
        }
        assert!(
            !kept
                .visit(&shown(&format!("{id}-3ad-3ad")), 1_000, [3, 4])
                .is_news
        );
    }

    #[test]
    fn who_comes_back_in_time_keeps_an_idle_session() {
        let kept = cookie(Some(1_000), Some(100), Lifetime::Permanent);
        let first = kept.visit(&HeaderMap::new(), 0, [1, 2]).session;
        let soon = kept.visit(&shown(&first.value()), 10, [0, 0]);
        assert!(!soon.is_news);
        let later = kept.visit(&shown(&first.value()), 90, [0, 0]);
        assert!(later.is_news);
        assert_eq!((later.session.begun, later.session.seen), (0, 90));
        assert_eq!(later.session.key(), first.key());
        let (_, value) = kept.told(later.session, 90, Secrecy::Tls).unwrap();
        let value = value.to_str().unwrap();
        assert!(value.ends_with("; Secure; Max-Age=910"), "{value}");
        assert!(kept.visit(&shown(&first.value()), 100, [5, 5]).session.id != first.id);
        assert!(
            kept.visit(&shown(&later.session.value()), 1_000, [5, 5])
                .is_news
        );
    }

    #[test]
    fn a_header_brings_a_session_too() {
        let kept = Persistence {
            carrier: Carrier::Header(FieldName::parse("X-Session").unwrap()),
            absolute: None,
            idle: None,
        };
        let first = kept.visit(&HeaderMap::new(), 5, [1, 2]);
        let (name, value) = kept.told(first.session, 5, Secrecy::Tls).unwrap();
        assert_eq!(name.written(), "X-Session");
        let headers = HeaderMap::from_iter([(name.name().clone(), value)]);
        let again = kept.visit(&headers, 6, [0, 0]);
        assert!(!again.is_news);
        assert_eq!(again.session, first.session);
    }
}
