//! Host names to addresses, with a small bounded cache per worker.

use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

/// How long an answer is used. The system's resolver gives no TTL.
const TTL: Duration = Duration::from_secs(30);
/// Names remembered at most; past that the cache starts afresh.
const MAX_NAMES: usize = 1024;

/// Resolves host names through the system's resolver.
#[derive(Debug, Default)]
pub(crate) struct Resolver {
    known: RefCell<FxHashMap<Arc<str>, Answer>>,
}

/// When a name was asked for, and what it had.
type Answer = (Instant, Arc<[IpAddr]>);

impl Resolver {
    /// The addresses of `host`, at least one.
    pub(crate) async fn resolve(
        &self,
        host: &Arc<str>,
        port: u16,
    ) -> std::io::Result<Vec<SocketAddr>> {
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(ip, port)]);
        }
        let at = |ips: &[IpAddr]| ips.iter().map(|&ip| SocketAddr::new(ip, port)).collect();
        if let Some((since, ips)) = self.known.borrow().get(host)
            && since.elapsed() < TTL
        {
            return Ok(at(ips));
        }
        let answer = tokio::net::lookup_host((&**host, port)).await?;
        let ips: Arc<[IpAddr]> = answer.map(|a| a.ip()).collect();
        if ips.is_empty() {
            return Err(std::io::Error::new(
                std::io::ErrorKind::NotFound,
                "the name has no address",
            ));
        }
        let mut known = self.known.borrow_mut();
        if known.len() >= MAX_NAMES {
            known.clear();
        }
        known.insert(host.clone(), (Instant::now(), ips.clone()));
        Ok(at(&ips))
    }
}
