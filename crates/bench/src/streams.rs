//! Streams at a fixed rate: how much later the first token and each chunk come.

use std::rc::Rc;

use anyhow::{Context, bail};
use bytes::Bytes;
use http_body_util::BodyExt;

use crate::clock;
use crate::events::{Done, Events};
use crate::load::{self, Rate, shown};
use crate::mock::Pace;
use crate::stats::as_f64;
use crate::target::{Answer, Sender, Target};
use crate::window::{Spent, Window};

/// What came of a window of streams.
pub(crate) struct Streams {
    /// Streams that ended in the window.
    pub(crate) completed: u64,
    /// Microseconds to the first token from the scheduled instant, without the provider's wait.
    pub(crate) first: Vec<f64>,
    /// Nanoseconds that chunks took from the provider to the client.
    pub(crate) delays: Vec<u64>,
    pub(crate) spent: Spent,
}

struct Ended {
    at: u64,
    events: Events,
}

pub(crate) async fn paced(
    target: &Rc<Target>,
    body: &Bytes,
    pace: Pace,
    rate: Rate,
    window: Window,
) -> anyhow::Result<Streams> {
    let all = load::scheduled(target, rate, window, |target, sender, turn| {
        let body = body.clone();
        async move {
            let name = target.name;
            follow(&target, sender, turn, body, pace)
                .await
                .context(name)
        }
    });
    let (all, spent) = tokio::join!(all, window.watch(target.pid));
    let all = all?;
    let completed = all
        .iter()
        .filter(|(_, ended)| window.holds(ended.at))
        .count();
    let mut streams = Streams {
        completed: u64::try_from(completed)?,
        first: Vec::new(),
        delays: Vec::new(),
        spent,
    };
    for (at, ended) in all.into_iter().filter(|(at, _)| window.holds(*at)) {
        streams
            .first
            .extend(ended.events.first.map(|first| first.added(at)));
        streams.delays.extend(ended.events.delays);
    }
    Ok(streams)
}

/// One stream to its end, of which no chunk may be missing.
async fn follow(
    target: &Target,
    mut sender: Sender,
    turn: usize,
    body: Bytes,
    pace: Pace,
) -> anyhow::Result<(Sender, Ended)> {
    sender.ready().await?;
    let request = target.request(turn, body, Answer::Stream(pace));
    let response = sender.send_request(request).await?;
    let status = response.status();
    let mut body = response.into_body();
    if !status.is_success() {
        let body = body.collect().await?.to_bytes();
        bail!("answers {status}: {}", shown(&body));
    }
    let mut events = Events::default();
    while let Some(frame) = body.frame().await {
        if let Some(data) = frame?.data_ref() {
            events.take(data, clock::now());
        }
    }
    let chunks = u64::try_from(events.delays.len())?;
    let wanted = target.pace(pace).chunks;
    if chunks != wanted || events.done != Done::Seen {
        bail!("{chunks} of {wanted} chunks came, then: {:?}", events.done);
    }
    let at = clock::now();
    Ok((sender, Ended { at, events }))
}

impl Streams {
    /// CPU microseconds a stream.
    pub(crate) fn cpu(&self) -> f64 {
        as_f64(self.spent.cpu) / 1e3 / as_f64(self.completed.max(1))
    }
}
