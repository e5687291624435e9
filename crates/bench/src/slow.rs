//! Thousands of streams at once, each of them slow: what an open one takes of memory, what an event
//! costs, and whether all come to their ends.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::clock;
use crate::events::{Done, Events};
use crate::mock::Pace;
use crate::process;
use crate::stats::as_f64;
use crate::target::{self, Answer, Sender, Target};
use crate::window::{Noise, Window};

/// Between two events of one stream.
const GAP_MS: u64 = 1000;
/// Streams that are opened at the same time.
const BATCH: usize = 50;
/// Within which all have to be open: the window has to close before the first one ends.
const OPEN_WITHIN: Duration = Duration::from_secs(40);
const SETTLE: Duration = Duration::from_millis(1500);

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slow {
    /// Bytes of resident memory of a process that has nothing to do.
    pub(crate) idle: u64,
    /// What each open stream adds, while all of them are.
    pub(crate) per_stream: f64,
    /// CPU microseconds an event.
    pub(crate) per_event: f64,
    pub(crate) noise: Noise,
}

/// A stream that is read on.
struct Open {
    /// Goes with the stream: without it the connection would close.
    _sender: Sender,
    body: Incoming,
    events: Events,
}

/// Looks at a process that was started for this. It is an error if a stream does not complete.
pub(crate) async fn measure(
    target: &Rc<Target>,
    streams: usize,
    length: Duration,
) -> anyhow::Result<Slow> {
    sleep(SETTLE).await;
    let idle = process::resident_below(target.pid);
    let pace = pace(length);
    let seen = Rc::new(Cell::new(0));
    let opening = open(target, streams, pace, &seen);
    let running = timeout(OPEN_WITHIN, opening).await;
    let running = running.with_context(|| format!("{streams} streams take too long to open"))??;
    let window = Window::from_now(Duration::ZERO, length);
    let before = seen.get();
    let spent = window.watch(target.pid).await;
    let events = seen.get() - before;
    let full = process::resident_below(target.pid);
    if running.len() != streams {
        bail!("{} of {streams} streams were open", running.len());
    }
    finished(running, pace).await?;
    let added = as_f64(full.saturating_sub(idle));
    Ok(Slow {
        idle,
        per_stream: added / as_f64(u64::try_from(streams.max(1))?),
        per_event: as_f64(spent.cpu) / 1e3 / as_f64(events.max(1)),
        noise: spent.noise,
    })
}

/// Long enough that none ends before the window closes.
fn pace(length: Duration) -> Pace {
    Pace {
        chunks: OPEN_WITHIN.as_secs() + length.as_secs() + 5,
        first_ms: 0,
        gap_ms: GAP_MS,
    }
}

/// Opens all of them; each is read on from then on, and counts its events in `seen`.
async fn open(
    target: &Rc<Target>,
    streams: usize,
    pace: Pace,
    seen: &Rc<Cell<u64>>,
) -> anyhow::Result<JoinSet<anyhow::Result<u64>>> {
    let body = target::body(1024, Answer::Stream(pace));
    let mut running = JoinSet::new();
    while running.len() < streams {
        let mut opening = JoinSet::new();
        for _ in 0..BATCH.min(streams - running.len()) {
            let (target, body) = (Rc::clone(target), body.clone());
            opening.spawn_local(async move { first_chunk(&target, body, pace).await });
        }
        while let Some(opened) = opening.join_next().await {
            let opened = opened?.context(target.name)?;
            running.spawn_local(follow(opened, Rc::clone(seen)));
        }
    }
    Ok(running)
}

async fn first_chunk(target: &Target, body: Bytes, pace: Pace) -> anyhow::Result<Open> {
    let mut sender = target.dial().await?;
    let request = target.request(0, body, Answer::Stream(pace));
    let response = sender.send_request(request).await?;
    if !response.status().is_success() {
        bail!("answers {}", response.status());
    }
    let mut open = Open {
        _sender: sender,
        body: response.into_body(),
        events: Events::default(),
    };
    while open.events.first.is_none() {
        if !open.read().await? {
            bail!("a stream ended before its first chunk");
        }
    }
    Ok(open)
}

/// Reads a stream to its end and tells how many chunks it had.
async fn follow(mut open: Open, seen: Rc<Cell<u64>>) -> anyhow::Result<u64> {
    let mut known = open.events.delays.len();
    while open.read().await? {
        let now = open.events.delays.len();
        seen.set(seen.get() + u64::try_from(now - known)?);
        known = now;
    }
    if open.events.done != Done::Seen {
        bail!("a stream ended after {known} chunks without its end");
    }
    Ok(u64::try_from(known)?)
}

/// Waits for all ends, of which none may be missing.
async fn finished(mut running: JoinSet<anyhow::Result<u64>>, pace: Pace) -> anyhow::Result<()> {
    let rest = Duration::from_millis(pace.chunks * pace.gap_ms) + OPEN_WITHIN;
    let all = async {
        while let Some(ended) = running.join_next().await {
            let chunks = ended??;
            if chunks != pace.chunks {
                bail!("a stream had {chunks} of {} chunks", pace.chunks);
            }
        }
        Ok(())
    };
    timeout(rest, all).await.context("streams without an end")?
}

impl Open {
    /// Takes in what comes next; false at the end.
    async fn read(&mut self) -> anyhow::Result<bool> {
        let Some(frame) = self.body.frame().await else {
            return Ok(false);
        };
        if let Some(data) = frame?.data_ref() {
            self.events.take(data, clock::now());
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_stream_ends_before_the_window_closes() {
        let length = Duration::from_millis(3500);
        let pace = pace(length);
        let lasts = Duration::from_millis((pace.chunks - 1) * pace.gap_ms);
        assert!(lasts > OPEN_WITHIN + length);
    }
}
