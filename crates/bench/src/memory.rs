//! Resident memory of a fresh process, and what open streams on which nothing happens add to it.

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::clock;
use crate::events::Events;
use crate::mock::Pace;
use crate::process;
use crate::stats::as_f64;
use crate::target::{self, Answer, Sender, Target};

/// One chunk at once, the next a good while later.
const IDLE: Pace = Pace {
    chunks: 2,
    first_ms: 0,
    gap_ms: 120_000,
};
/// Streams that are opened at the same time.
const BATCH: usize = 50;
/// Until what a process does after a start or a burst is over.
const SETTLE: Duration = Duration::from_millis(1500);
const OPEN_WITHIN: Duration = Duration::from_secs(30);

/// Bytes of resident memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    /// Of a process that has answered a request and has nothing to do.
    pub(crate) idle: u64,
    /// What each open stream adds.
    pub(crate) per_stream: f64,
}

/// Looks at a process that was started for this.
pub(crate) async fn measure(target: &Rc<Target>, streams: usize) -> anyhow::Result<Memory> {
    sleep(SETTLE).await;
    let idle = process::resident_below(target.pid);
    let body = target::body(1024, Answer::Stream(IDLE));
    let mut open = Vec::with_capacity(streams);
    while open.len() < streams {
        let mut opening = JoinSet::new();
        for _ in 0..BATCH.min(streams - open.len()) {
            let (target, body) = (Rc::clone(target), body.clone());
            opening.spawn_local(async move { first_chunk(&target, body).await });
        }
        while let Some(opened) = opening.join_next().await {
            open.push(opened?.context(target.name)?);
        }
    }
    sleep(SETTLE).await;
    let full = process::resident_below(target.pid);
    let added = as_f64(full.saturating_sub(idle));
    Ok(Memory {
        idle,
        per_stream: added / as_f64(u64::try_from(open.len().max(1))?),
    })
}

/// A stream whose first chunk has come, and what keeps it open.
async fn first_chunk(target: &Target, body: Bytes) -> anyhow::Result<(Sender, Incoming)> {
    let opening = async {
        let mut sender = target.dial().await?;
        let request = target.request(0, body, Answer::Stream(IDLE));
        let response = sender.send_request(request).await?;
        if !response.status().is_success() {
            bail!("answers {}", response.status());
        }
        let mut events = Events::default();
        let mut body = response.into_body();
        while events.first.is_none() {
            let frame = body
                .frame()
                .await
                .context("a stream ended before its first chunk")??;
            if let Some(data) = frame.data_ref() {
                events.take(data, clock::now());
            }
        }
        Ok((sender, body))
    };
    timeout(OPEN_WITHIN, opening)
        .await
        .context("no first chunk")?
}
