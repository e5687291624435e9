//! Counters in Redis: connections that many requests share, one a worker and server.

mod connection;
mod reply;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use agw_core::backend::Endpoint;
use agw_core::rate_limit::{Count, GlobalLimit, Login};
use rustc_hash::FxHashMap;

use crate::upstream::Connector;
use connection::Connection;
pub(crate) use reply::Reply;

/// Takes what is counted of every counter, or of none: `KEYS` are the counters, and of each `ARGV`
/// has how much, the limit (below nothing for none) and the window in milliseconds. Gives, of each,
/// what is counted now and when the window ends. A window begins with what is counted first in it.
const COUNT: &str = "\
local over = false
local before = {}
for i, key in ipairs(KEYS) do
  local hits, limit = tonumber(ARGV[i * 3 - 2]), tonumber(ARGV[i * 3 - 1])
  local now = tonumber(redis.call('GET', key) or '0')
  before[i] = now
  if limit >= 0 and (now + hits > limit or now >= limit and hits == 0) then over = true end
end
local told = {over and 1 or 0}
for i, key in ipairs(KEYS) do
  if not over and tonumber(ARGV[i * 3 - 2]) > 0 then
    before[i] = redis.call('INCRBY', key, ARGV[i * 3 - 2])
    if redis.call('PTTL', key) < 0 then redis.call('PEXPIRE', key, ARGV[i * 3]) end
  end
  told[#told + 1] = before[i]
  told[#told + 1] = redis.call('PTTL', key)
end
return told";

/// A worker's connections to servers of Redis.
#[derive(Default)]
pub(crate) struct Connections(RefCell<FxHashMap<Rc<Key>, Rc<Connection>>>);

/// What makes two connections the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    endpoint: Endpoint,
    login: Login,
}

/// Servers that a worker is connected to at once; configurations name few.
const MOST: usize = 64;

/// How a request stands to its counters.
#[derive(Debug)]
pub(crate) struct Standing {
    /// Whether nothing was counted, for a limit would be exceeded.
    pub(crate) over: bool,
    /// Of each counter, what is counted and the milliseconds until its window ends.
    pub(crate) counters: Vec<(u64, Option<u64>)>,
}

/// Whether limits hold for what is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holding {
    Enforced,
    /// It has been used: it is only counted.
    Told,
}

impl Connections {
    /// Counts `counts` at a server. The error says why nobody did.
    pub(crate) async fn count(
        &self,
        connector: &Rc<Connector>,
        endpoint: &Endpoint,
        login: &Login,
        (limit, counts, holding): (&GlobalLimit, &[Count], Holding),
        within: Duration,
    ) -> Result<Standing, String> {
        let connection = self.to(endpoint, login);
        let command = command(limit, counts, holding);
        let reply = connection.ask(connector, command, within).await?;
        standing(reply, counts.len()).ok_or_else(|| "its answer makes no sense".to_owned())
    }

    fn to(&self, endpoint: &Endpoint, login: &Login) -> Rc<Connection> {
        let key = Key {
            endpoint: endpoint.clone(),
            login: login.clone(),
        };
        let mut connections = self.0.borrow_mut();
        if let Some(known) = connections.get(&key) {
            return known.clone();
        }
        if connections.len() >= MOST {
            connections.retain(|_, connection| Rc::strong_count(connection) > 1);
        }
        let connection = Rc::new(Connection::new(endpoint.clone(), login.clone()));
        connections.insert(Rc::new(key), connection.clone());
        connection
    }
}

fn command(limit: &GlobalLimit, counts: &[Count], holding: Holding) -> Vec<Vec<u8>> {
    let keys = counts.iter().map(|count| key(limit, count));
    let numbers = counts.iter().flat_map(|count| {
        let most = count.limit.filter(|_| holding == Holding::Enforced);
        let most = most.map_or(-1, |most| i64::from(most.amount));
        let per = count.limit.map_or(1000, |limit| limit.per.millis());
        [count.amount.to_string(), most.to_string(), per.to_string()]
    });
    let mut command = vec![b"EVAL".to_vec(), COUNT.into()];
    command.push(counts.len().to_string().into());
    command.extend(keys);
    command.extend(numbers.map(String::into_bytes));
    command
}

/// A counter's name: lengths stand before texts, so that no two requests can be made to meet.
fn key(limit: &GlobalLimit, count: &Count) -> Vec<u8> {
    let mut key = format!("agw:{}:{}", limit.domain.len(), limit.domain);
    key.push_str(&format!(":{}", count.descriptor));
    if let Some(limit) = count.limit {
        key.push_str(&format!(":{}", limit.per.millis()));
    }
    for (name, value) in &count.entries {
        key.push_str(&format!(":{}={}:{value}", name, value.len()));
    }
    key.into_bytes()
}

fn standing(reply: Reply, counters: usize) -> Option<Standing> {
    let Reply::List(values) = reply else {
        return None;
    };
    let numbers = values.iter().map(|value| match value {
        Reply::Number(number) => Some(*number),
        _ => None,
    });
    let numbers: Vec<_> = numbers.collect::<Option<_>>()?;
    let (over, rest) = numbers.split_first()?;
    let counters: Vec<_> = rest
        .chunks_exact(2)
        .map(|pair| {
            let now = u64::try_from(pair[0]).unwrap_or_default();
            (now, u64::try_from(pair[1]).ok())
        })
        .take(counters)
        .collect();
    (rest.len() == counters.len() * 2).then_some(Standing {
        over: *over == 1,
        counters,
    })
}
