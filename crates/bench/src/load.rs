//! Load: as fast as it goes over a number of connections, or at a fixed rate from a schedule.

use std::collections::VecDeque;
use std::num::NonZeroU64;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::clock;
use crate::mock;
use crate::stats::as_f64;
use crate::target::{Answer, Class, Sender, Target};
use crate::window::{Spent, Window};

/// How long what is under way when a window closes may take to end.
const DRAIN: Duration = Duration::from_secs(20);

/// What came of a window of requests.
pub(crate) struct Load {
    /// Requests whose answer was complete in the window.
    pub(crate) completed: u64,
    /// Nanoseconds from the scheduled instant; with no schedule, from sending.
    pub(crate) latencies: Vec<u64>,
    pub(crate) spent: Spent,
}

/// How many requests, from how many connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    pub(crate) per_second: f64,
    pub(crate) connections: usize,
}

/// Every connection asks again as soon as it is answered.
pub(crate) async fn busy(
    target: &Rc<Target>,
    body: &Bytes,
    connections: usize,
    window: Window,
) -> anyhow::Result<Load> {
    let mut clients = JoinSet::new();
    for first in 0..connections {
        let (target, body) = (Rc::clone(target), body.clone());
        clients.spawn_local(async move {
            let mut latencies = Vec::new();
            let mut sender = target.dial().await?;
            let mut turn = first;
            while clock::now() < window.closes {
                let at = clock::now();
                exchange(&target, &mut sender, turn, body.clone()).await?;
                turn += connections;
                let now = clock::now();
                if window.holds(now) {
                    latencies.push(now - at);
                }
            }
            anyhow::Ok(latencies)
        });
    }
    let spent = window.watch(target.pid).await;
    let mut latencies = Vec::new();
    for client in drained(clients).await? {
        latencies.extend(client?);
    }
    Ok(Load {
        completed: u64::try_from(latencies.len())?,
        latencies,
        spent,
    })
}

/// Requests start by the schedule, whether or not those before are answered.
pub(crate) async fn paced(
    target: &Rc<Target>,
    body: &Bytes,
    rate: Rate,
    window: Window,
) -> anyhow::Result<Load> {
    let ends = scheduled(target, rate, window, |target, mut sender, turn| {
        let body = body.clone();
        async move {
            exchange(&target, &mut sender, turn, body).await?;
            Ok((sender, clock::now()))
        }
    });
    let (ends, spent) = tokio::join!(ends, window.watch(target.pid));
    let ends = ends?;
    let completed = ends.iter().filter(|(_, end)| window.holds(*end)).count();
    let counted = ends.iter().filter(|(at, _)| window.holds(*at));
    Ok(Load {
        completed: u64::try_from(completed)?,
        latencies: counted.map(|(at, end)| end - at).collect(),
        spent,
    })
}

/// Starts `send` at each instant of the schedule over a connection that is free. Gives back the
/// scheduled instants beside what `send` made of them.
pub(crate) async fn scheduled<T, Sending>(
    target: &Rc<Target>,
    rate: Rate,
    window: Window,
    send: impl Fn(Rc<Target>, Sender, usize) -> Sending,
) -> anyhow::Result<Vec<(u64, T)>>
where
    T: 'static,
    Sending: Future<Output = anyhow::Result<(Sender, T)>> + 'static,
{
    // First in, first out, so that all connections and with them all workers take part.
    let mut idle = VecDeque::new();
    for _ in 0..rate.connections {
        idle.push_back(target.dial().await?);
    }
    let mut instants = schedule(rate.per_second, window)?;
    let mut running = JoinSet::new();
    let mut results = Vec::new();
    let mut turn = 0;
    while let Some(at) = instants.recv().await {
        let free = loop {
            while let Some(ended) = running.try_join_next() {
                let (sender, result) = flatten(ended)?;
                idle.push_back(sender);
                results.push(result);
            }
            if let Some(sender) = idle.pop_front() {
                break sender;
            }
            let ended = running.join_next().await.context("no connection is left")?;
            let (sender, result) = flatten(ended)?;
            idle.push_back(sender);
            results.push(result);
        };
        let sending = send(Rc::clone(target), free, turn);
        turn += 1;
        running.spawn_local(async move {
            let (sender, result) = sending.await?;
            anyhow::Ok((sender, (at, result)))
        });
    }
    for ended in drained(running).await? {
        results.push(ended?.1);
    }
    Ok(results)
}

fn flatten<T>(ended: Result<anyhow::Result<T>, tokio::task::JoinError>) -> anyhow::Result<T> {
    ended?
}

async fn drained<T: 'static>(mut tasks: JoinSet<T>) -> anyhow::Result<Vec<T>> {
    let mut results = Vec::with_capacity(tasks.len());
    let all = async {
        while let Some(ended) = tasks.join_next().await {
            results.push(ended?);
        }
        anyhow::Ok(())
    };
    timeout(DRAIN, all)
        .await
        .context("requests without an answer")??;
    Ok(results)
}

/// The instants at which requests are due, each sent when it has come. A thread of its own keeps
/// them: a timer of the runtime has a granularity of a millisecond.
fn schedule(per_second: f64, window: Window) -> anyhow::Result<mpsc::Receiver<u64>> {
    let (sender, receiver) = mpsc::channel(1024);
    std::thread::Builder::new()
        .name("schedule".to_owned())
        .spawn(move || {
            let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
            for at in instants(per_second, window) {
                std::thread::sleep(Duration::from_nanos(at.saturating_sub(clock::now())));
                // Nobody listens any more when the load has failed.
                if sender.blocking_send(at).is_err() {
                    return;
                }
            }
        })?;
    Ok(receiver)
}

fn instants(per_second: f64, window: Window) -> impl Iterator<Item = u64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "nanoseconds of a few minutes"
    )]
    let instant = move |index: u32| window.starts + (f64::from(index) * 1e9 / per_second) as u64;
    (0..).map(instant).take_while(move |at| *at < window.closes)
}

/// One request and its whole answer, which must be the right one.
pub(crate) async fn exchange(
    target: &Target,
    sender: &mut Sender,
    turn: usize,
    body: Bytes,
) -> anyhow::Result<()> {
    let request = target.request(turn, body, Answer::Whole);
    let whole = async {
        sender.ready().await?;
        let response = sender.send_request(request).await?;
        let status = response.status();
        anyhow::Ok((status, response.into_body().collect().await?.to_bytes()))
    };
    let (status, body) = whole.await.with_context(|| target.name)?;
    if !status.is_success() {
        bail!("{} answers {status}: {}", target.name, shown(&body));
    }
    if !is_right(target.class, &body) {
        bail!(
            "{} answers with another body: {}",
            target.name,
            shown(&body)
        );
    }
    Ok(())
}

/// Proxies pass the answer through byte by byte; those that write it anew keep its text.
fn is_right(class: Class, body: &[u8]) -> bool {
    match class {
        Class::Fast => body == mock::answer().as_bytes(),
        Class::Slow | Class::Translator => {
            let text = mock::text();
            body.windows(text.len())
                .any(|window| window == text.as_bytes())
        }
    }
}

pub(crate) fn shown(body: &[u8]) -> String {
    String::from_utf8_lossy(&body[..body.len().min(300)]).into_owned()
}

impl Load {
    /// CPU microseconds a request.
    pub(crate) fn cpu(&self) -> f64 {
        as_f64(self.spent.cpu) / 1e3 / as_f64(self.completed.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_fills_the_window_at_its_rate() {
        let window = Window {
            starts: 5,
            opens: 10,
            closes: 3_000_000_005,
        };
        let all: Vec<_> = instants(1000.0, window).collect();
        assert_eq!(all.len(), 3000);
        assert_eq!(all[..2], [5, 1_000_005]);
    }

    #[test]
    fn another_body_is_not_right() {
        let answer = mock::answer();
        assert!(is_right(Class::Fast, answer.as_bytes()));
        assert!(!is_right(Class::Fast, format!(" {answer}").as_bytes()));
        assert!(is_right(Class::Slow, format!(" {answer}").as_bytes()));
        assert!(is_right(Class::Translator, format!(" {answer}").as_bytes()));
        assert!(!is_right(Class::Slow, b"{}"));
        assert!(!is_right(Class::Slow, &answer.as_bytes()[..200]));
    }
}
