//! The body of an answer: paced, and cut where a fault says so.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use crate::journal::Entry;

/// How long bytes written before an abort get to leave the process; a reset overtakes what is queued.
const CUT_LINGER: Duration = Duration::from_millis(20);
/// A piece of an answer that is not streamed, when it is paced or cut.
const SLICE: usize = 64;

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Whole,
    /// With an error, upon which the server aborts the connection (h2: the stream).
    Cut,
}

/// What goes out, and how fast.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) frames: Vec<Bytes>,
    /// Wait between two frames.
    pub(crate) gap: Duration,
    pub(crate) ending: Ending,
    /// Length announced, where it is known; more than `frames` hold if the body is cut.
    pub(crate) length: Option<u64>,
}

/// A response body that settles its journal entry.
#[derive(Debug)]
pub(crate) struct AnswerBody {
    frames: std::vec::IntoIter<Bytes>,
    gap: Duration,
    ending: Ending,
    length: Option<u64>,
    pause: Option<Pin<Box<Sleep>>>,
    state: State,
    entry: Option<Entry>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Start,
    /// The wait before the next frame, or the end, is over or under way.
    Paused,
    Sent,
    Done,
}

// === impl Script ===

impl Script {
    /// A body sent at once.
    pub(crate) fn whole(body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let length = Some(body.len() as u64);
        let frames = if body.is_empty() {
            Vec::new()
        } else {
            vec![body]
        };
        Self {
            frames,
            gap: Duration::ZERO,
            ending: Ending::Whole,
            length,
        }
    }

    /// A body in slices, for pacing and cutting.
    pub(crate) fn sliced(body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let frames = (0..body.len())
            .step_by(SLICE)
            .map(|start| body.slice(start..body.len().min(start + SLICE)))
            .collect();
        Self {
            frames,
            gap: Duration::ZERO,
            ending: Ending::Whole,
            length: Some(body.len() as u64),
        }
    }

    /// A stream of events.
    pub(crate) fn events(frames: Vec<Bytes>) -> Self {
        Self {
            frames,
            gap: Duration::ZERO,
            ending: Ending::Whole,
            length: None,
        }
    }

    /// Keeps `count` frames and aborts after them; a body that has no more stays whole.
    pub(crate) fn cut_after(&mut self, count: usize) {
        if count < self.frames.len() || count == 0 {
            self.frames.truncate(count);
            self.ending = Ending::Cut;
        }
    }

    /// Keeps `count` frames and ends cleanly after them.
    pub(crate) fn end_after(&mut self, count: usize) {
        if count < self.frames.len() {
            self.frames.truncate(count);
            self.length = None;
        }
    }
}

// === impl AnswerBody ===

impl AnswerBody {
    /// A body for a journaled request, or for one that is not.
    pub(crate) fn new(script: Script, entry: Option<Entry>) -> Self {
        let mut body = Self {
            frames: script.frames.into_iter(),
            gap: script.gap,
            ending: script.ending,
            length: script.length,
            pause: None,
            state: State::Start,
            entry,
        };
        body.finish_if_over();
        body
    }

    fn finish_if_over(&mut self) {
        // Without an announced length the end is itself something to send.
        if self.ending == Ending::Whole && self.length == Some(0) {
            self.finish();
        }
    }

    fn finish(&mut self) {
        self.state = State::Done;
        if let Some(entry) = self.entry.take() {
            entry.complete();
        }
    }

    /// The wait due before the next step.
    fn due(&self) -> Duration {
        match (self.state, self.frames.len(), self.ending) {
            (State::Start | State::Sent, 0, Ending::Cut) => CUT_LINGER,
            (State::Sent, 1.., _) => self.gap,
            _ => Duration::ZERO,
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = self.get_mut();
        if this.state == State::Done {
            return Poll::Ready(None);
        }
        if let Some(wait) = Some(this.due()).filter(|wait| !wait.is_zero()) {
            this.pause = Some(Box::pin(sleep(wait)));
        }
        this.state = State::Paused;
        if let Some(pause) = &mut this.pause {
            ready!(pause.as_mut().poll(cx));
            this.pause = None;
        }
        if let Some(frame) = this.frames.next() {
            this.state = State::Sent;
            this.length = this
                .length
                .map(|left| left.saturating_sub(frame.len() as u64));
            this.finish_if_over();
            return Poll::Ready(Some(Ok(Frame::data(frame))));
        }
        let ending = this.ending;
        this.finish();
        Poll::Ready(match ending {
            Ending::Whole => None,
            Ending::Cut => Some(Err(io::Error::new(
                io::ErrorKind::ConnectionAborted,
                "a fault cuts the answer here",
            ))),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.state == State::Done
    }

    fn size_hint(&self) -> SizeHint {
        self.length
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    async fn drain(script: Script) -> (Vec<u8>, Option<io::ErrorKind>) {
        let mut body = AnswerBody::new(script, None);
        let mut bytes = Vec::new();
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => bytes.extend_from_slice(&frame.into_data().unwrap()),
                Err(error) => return (bytes, Some(error.kind())),
            }
        }
        (bytes, None)
    }

    #[tokio::test]
    async fn cuts_only_what_is_longer() {
        let body = vec![b'x'; 150];
        for (count, sent, error) in [
            (0, 0, Some(io::ErrorKind::ConnectionAborted)),
            (2, 128, Some(io::ErrorKind::ConnectionAborted)),
            (3, 150, None),
            (9, 150, None),
        ] {
            let mut script = Script::sliced(body.clone());
            script.cut_after(count);
            assert_eq!(script.length, Some(150), "the announced length stays");
            let (bytes, kind) = drain(script).await;
            assert_eq!((bytes.len(), kind), (sent, error), "{count}");
        }
    }

    #[tokio::test]
    async fn ends_cleanly_after_a_count() {
        let mut script = Script::sliced(vec![b'x'; 150]);
        script.end_after(1);
        assert_eq!(script.length, None);
        assert_eq!(drain(script).await, (vec![b'x'; 64], None));
    }

    #[tokio::test]
    async fn is_over_with_its_last_announced_byte() {
        let mut body = AnswerBody::new(Script::whole("abc"), None);
        assert_eq!(body.size_hint().exact(), Some(3));
        body.frame().await.unwrap().unwrap();
        assert!(body.is_end_stream());
        assert!(AnswerBody::new(Script::whole(""), None).is_end_stream());
    }
}
