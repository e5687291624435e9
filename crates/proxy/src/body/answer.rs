//! The body of a response to the client, and the end of its request's record.

mod source;

use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use agw_ai::Error;
use agw_ai::guard::Verdict;
use agw_ai::response::ResponseReader;
use agw_ai::translate::{AnswerStream, TranslatedResponse};
use agw_ai::usage::{Counted, Usage};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio::time::Instant;

use super::{BoxError, UpstreamBody};
use crate::connection::Flight;
use crate::in_flight::InFlight;
use crate::telemetry::{Outcome, Record};
use source::{Bound, Source};

pub(crate) use source::BoundKind;

/// A response body. The request's record is finished when it ends, and reported as cut short by
/// the client when it is dropped before.
pub(crate) struct Answer {
    /// Bytes that go out before anything more is read.
    queue: VecDeque<Bytes>,
    source: Source,
    record: Option<Box<Record>>,
    /// What a reader learnt before a record was there to take it.
    learnt: Option<Learnt>,
    bound: Option<Bound>,
    /// Why the stream's bytes are not read on.
    stopped: Option<Error>,
    /// The request that it answers, while it goes out.
    flight: Option<Rc<Flight>>,
    /// What it is to the target that gives it, while it goes out.
    in_flight: Option<InFlight>,
}

/// What an AI answer says of itself.
struct Learnt {
    usage: Usage,
    counted: Counted,
    model: Option<String>,
    /// What guards made of its stream.
    verdict: Option<Verdict>,
}

impl Answer {
    /// Boxed: a response is handed on many times before it is sent.
    fn new(source: Source) -> Box<Self> {
        Box::new(Self {
            queue: VecDeque::new(),
            source,
            record: None,
            learnt: None,
            bound: None,
            stopped: None,
            flight: None,
            in_flight: None,
        })
    }

    pub(crate) fn whole(bytes: Bytes) -> Box<Self> {
        let mut answer = Self::new(Source::Ended);
        answer.push(bytes);
        answer
    }

    /// A provider's whole answer in other words.
    pub(crate) fn translated(response: TranslatedResponse) -> Box<Self> {
        let mut answer = Self::whole(response.body);
        answer.learnt = Some(Learnt {
            usage: response.usage,
            counted: response.counted,
            model: response.model,
            verdict: None,
        });
        answer
    }

    pub(crate) fn plain(body: UpstreamBody) -> Box<Self> {
        Self::new(Source::Plain(body))
    }

    /// `held` was read from `body` already, and `reader` has seen it.
    pub(crate) fn json(held: Vec<Bytes>, body: UpstreamBody, reader: ResponseReader) -> Box<Self> {
        let mut answer = Self::new(Source::Json {
            body,
            reader: Box::new(reader),
        });
        held.into_iter().for_each(|bytes| answer.push(bytes));
        answer
    }

    /// `held` is what `reader` let through of what was read from `body` already.
    pub(crate) fn events(held: Vec<Bytes>, body: UpstreamBody, reader: AnswerStream) -> Box<Self> {
        let mut answer = Self::new(Source::Events {
            body,
            reader: Box::new(reader),
        });
        held.into_iter().for_each(|bytes| answer.push(bytes));
        answer
    }

    pub(crate) fn bounded(mut self: Box<Self>, until: Instant, kind: BoundKind) -> Box<Self> {
        self.bound = Some(Bound {
            timer: Box::pin(tokio::time::sleep_until(until)),
            kind,
        });
        self
    }

    /// Ties the body to the request that it answers: the connection learns whether it is taken.
    pub(crate) fn carried(mut self: Box<Self>, flight: Rc<Flight>) -> Box<Self> {
        self.flight = Some(flight);
        self
    }

    /// Counts as a request that its target has, until it has gone out or is given up.
    pub(crate) fn loading(mut self: Box<Self>, in_flight: InFlight) -> Box<Self> {
        self.in_flight = Some(in_flight);
        self
    }

    /// Whether it is an event stream, which no request timeout cuts.
    pub(crate) fn is_stream(&self) -> bool {
        matches!(self.source, Source::Events { .. })
    }

    /// Puts `bytes` before what is still to be read.
    pub(crate) fn push(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.queue.push_back(bytes);
        }
    }

    /// Ties the record's end to the body's.
    pub(crate) fn recorded(mut self: Box<Self>, record: Box<Record>) -> Box<Self> {
        self.record = Some(record);
        if let Some(learnt) = self.learnt.take() {
            self.learn(learnt);
        }
        // A body without bytes is never asked for any.
        if self.queue.is_empty() && self.source.is_over() {
            self.end_early();
        }
        self
    }

    /// Ends the record together with the last bytes; an error event still follows them.
    fn end_early(&mut self) {
        drop(self.upstream_ended());
    }

    /// The whole body, when it ends well within `limit` bytes, and an answer that still sends it.
    pub(crate) async fn hold(mut self: Box<Self>, limit: usize) -> (Option<Bytes>, Box<Self>) {
        let mut pieces = Vec::new();
        let mut length = 0;
        let mut last = None;
        let broken = loop {
            match self.frame().await {
                None => break None,
                Some(Err(error)) => break Some(error.to_string()),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        length += data.len();
                        pieces.push(data);
                    }
                    Err(frame) => last = frame.into_trailers().ok(),
                },
            }
            if length > limit {
                pieces
                    .into_iter()
                    .rev()
                    .for_each(|piece| self.queue.push_front(piece));
                return (None, self);
            }
        };
        if let Some(error) = broken {
            self.queue.extend(pieces);
            self.source = Source::Broken(error);
            return (None, self);
        }
        if let Some(trailers) = last {
            self.source = Source::Trailers(trailers);
        }
        let whole = Bytes::from(pieces.concat());
        self.push(whole.clone());
        (Some(whole), self)
    }

    /// The same answer with another body; what the old one said of itself is kept.
    pub(crate) fn replaced(mut self: Box<Self>, bytes: Bytes) -> Box<Self> {
        self.stream_facts();
        let mut new = Self::whole(bytes);
        new.learnt = self.learnt.take();
        if let Source::Trailers(trailers) = &mut self.source {
            new.source = Source::Trailers(std::mem::take(trailers));
        }
        new
    }

    fn learn(&mut self, learnt: Learnt) {
        match &mut self.record {
            None => self.learnt = Some(learnt),
            Some(record) => {
                record.streamed = learnt.verdict.or(record.streamed);
                if let Some(ai) = &mut record.ai {
                    ai.usage = learnt.usage;
                    ai.counted = learnt.counted;
                    ai.response_model = learnt.model;
                }
            }
        }
    }

    fn finish(&mut self, outcome: Outcome) {
        if let Some(record) = self.record.take() {
            record.finish(outcome);
        }
    }

    fn end(&mut self) {
        self.source = Source::Ended;
        self.bound = None;
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(bytes) = self.queue.pop_front() {
            // hyper does not ask again once a body of known length is out.
            if self.queue.is_empty() && self.source.is_over() {
                self.end_early();
            }
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        self.poll_source(cx)
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(flight) = &self.flight {
            flight.taken();
        }
        let polled = self.poll_next(cx);
        if let (Some(flight), Poll::Ready(Some(_))) = (&self.flight, &polled) {
            flight.offer();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.queue.is_empty() && matches!(self.source, Source::Ended) && self.record.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let queued = self.queue.iter().map(|b| b.len() as u64).sum::<u64>();
        let exact = match &self.source {
            Source::Ended => Some(0),
            Source::Broken(_) | Source::Trailers(_) => None,
            Source::Plain(body) | Source::Json { body, .. } => body.size_hint().exact(),
            Source::Events { .. } => None,
        };
        match exact {
            Some(rest) => SizeHint::with_exact(queued + rest),
            None => SizeHint::default(),
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        // What was learnt before the client left is still worth its line.
        self.stream_facts();
    }
}
