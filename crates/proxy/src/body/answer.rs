//! The body of a response to the client, and the end of its request's record.

use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use agw_ai::dialect::Class;
use agw_ai::envelope::ErrorBody;
use agw_ai::response::ResponseReader;
use agw_ai::stream::Ending;
use agw_ai::translate::AnswerStream;
use agw_ai::usage::Usage;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio::time::{Instant, Sleep};

use super::{BoxError, UpstreamBody};
use crate::connection::Flight;
use crate::telemetry::{Outcome, Reason, Record};
use crate::upstream::{Cut, describe};

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
    /// Why the stream's bytes cannot be read on.
    garbage: Option<String>,
    /// The request that it answers, while it goes out.
    flight: Option<Rc<Flight>>,
}

/// What an AI answer says of itself.
struct Learnt {
    usage: Usage,
    model: Option<String>,
}

enum Source {
    /// Nothing more comes.
    Ended,
    /// It broke off while it was held for a policy.
    Broken(String),
    /// What is left of one that was held for a policy.
    Trailers(HeaderMap),
    Plain(UpstreamBody),
    /// A whole JSON answer of a provider, looked at as it passes.
    Json {
        body: UpstreamBody,
        reader: Box<ResponseReader>,
    },
    /// An event stream of a provider.
    Events {
        body: UpstreamBody,
        reader: Box<AnswerStream>,
    },
}

/// How long the body may take.
struct Bound {
    timer: Pin<Box<Sleep>>,
    kind: BoundKind,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum BoundKind {
    /// Until its end.
    Whole,
    /// Between two chunks.
    Idle(Duration),
}

impl Source {
    /// Whether the upstream has nothing more to send.
    fn is_over(&self) -> bool {
        match self {
            Self::Ended => true,
            Self::Broken(_) | Self::Trailers(_) => false,
            Self::Plain(body) | Self::Json { body, .. } | Self::Events { body, .. } => {
                body.is_end_stream()
            }
        }
    }
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
            garbage: None,
            flight: None,
        })
    }

    pub(crate) fn whole(bytes: Bytes) -> Box<Self> {
        let mut answer = Self::new(Source::Ended);
        answer.push(bytes);
        answer
    }

    /// A provider's whole answer in other words.
    pub(crate) fn translated(bytes: Bytes, usage: Usage, model: Option<String>) -> Box<Self> {
        let mut answer = Self::whole(bytes);
        answer.learnt = Some(Learnt { usage, model });
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
        if let Some(Ok(last)) = self.upstream_ended()
            && let Ok(bytes) = last.into_data()
        {
            self.push(bytes);
        }
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
                if let Some(ai) = &mut record.ai {
                    ai.usage = learnt.usage;
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

    /// Reads on. `None` at the end, which has then been recorded.
    fn poll_source(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let (body, idle) = match &mut self.source {
            Source::Ended => {
                self.finish(Outcome::ok());
                return Poll::Ready(None);
            }
            Source::Broken(error) => {
                let error = std::mem::take(error);
                return Poll::Ready(self.broken(Reason::UpstreamReset, &error));
            }
            Source::Trailers(trailers) => {
                let trailers = std::mem::take(trailers);
                self.end();
                self.finish(Outcome::ok());
                return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
            }
            Source::Plain(body) | Source::Json { body, .. } | Source::Events { body, .. } => {
                (Pin::new(&mut *body).poll_frame(cx), self.bound.as_mut())
            }
        };
        match body {
            Poll::Ready(frame) => {
                if let Some(Bound {
                    timer,
                    kind: BoundKind::Idle(idle),
                }) = idle
                {
                    timer.as_mut().reset(Instant::now() + *idle);
                }
                Poll::Ready(self.read(frame))
            }
            Poll::Pending => match idle {
                None => Poll::Pending,
                Some(bound) => {
                    std::task::ready!(bound.timer.as_mut().poll(cx));
                    let kind = bound.kind;
                    Poll::Ready(self.timed_out(kind))
                }
            },
        }
    }

    /// One step of the upstream's body: what of it goes on to the client.
    fn read(
        &mut self,
        frame: Option<Result<Frame<Bytes>, Cut>>,
    ) -> Option<Result<Frame<Bytes>, BoxError>> {
        match frame {
            Some(Ok(frame)) => {
                let frame = self.pass(frame);
                if let Some(error) = self.garbage.take() {
                    if let Some(Ok(last)) = self.broken(Reason::UpstreamGarbage, &error)
                        && let Ok(bytes) = last.into_data()
                    {
                        self.push(bytes);
                    }
                    return Some(Ok(frame));
                }
                if self.queue.is_empty() && self.source.is_over() {
                    self.end_early();
                }
                Some(Ok(frame))
            }
            Some(Err(error)) => self.broken(Reason::UpstreamReset, &describe(&error)),
            None => self.upstream_ended(),
        }
    }

    fn pass(&mut self, frame: Frame<Bytes>) -> Frame<Bytes> {
        match (&mut self.source, frame.into_data()) {
            (Source::Json { reader, .. }, Ok(data)) => {
                reader.push(&data);
                Frame::data(data)
            }
            (Source::Events { reader, .. }, Ok(data)) => {
                let mut pieces = Vec::new();
                if let Err(error) = reader.push(data, &mut pieces) {
                    self.garbage = Some(error.to_string());
                }
                let content = pieces.iter().any(|piece| piece.class == Class::Content);
                if let Some(record) = self.record.as_mut().filter(|_| content) {
                    record.first_token();
                }
                // A chunk that only held what is ours gives an empty frame, which hyper skips.
                let mut pieces = pieces.into_iter().map(|piece| piece.raw);
                let first = pieces.next().unwrap_or_default();
                self.queue.extend(pieces);
                Frame::data(first)
            }
            (_, Ok(data)) => Frame::data(data),
            (_, Err(trailers)) => trailers,
        }
    }

    fn upstream_ended(&mut self) -> Option<Result<Frame<Bytes>, BoxError>> {
        let ended = std::mem::replace(&mut self.source, Source::Ended);
        self.bound = None;
        match ended {
            Source::Json { reader, .. } => {
                let facts = reader.finish();
                self.learn(Learnt {
                    usage: facts.usage,
                    model: facts.model,
                });
                self.finish(Outcome::ok());
                None
            }
            Source::Events { mut reader, body } => {
                let mut pieces = Vec::new();
                let ending = reader.finish(&mut pieces);
                self.source = Source::Events { reader, body };
                self.queue.extend(pieces.into_iter().map(|piece| piece.raw));
                let outcome = match ending {
                    Ending::Complete | Ending::Unmarked => Outcome::ok(),
                    Ending::Failed => Outcome::failed(
                        Reason::UpstreamError,
                        "the provider reported an error in its stream",
                    ),
                    Ending::Cut => {
                        let text = "the upstream's stream ended before it was complete";
                        return self.broken(Reason::StreamCut, text);
                    }
                };
                self.stream_facts();
                self.end();
                self.finish(outcome);
                self.queue.pop_front().map(|bytes| Ok(Frame::data(bytes)))
            }
            Source::Plain(_) | Source::Ended | Source::Broken(_) | Source::Trailers(_) => {
                self.finish(Outcome::ok());
                None
            }
        }
    }

    fn timed_out(&mut self, kind: BoundKind) -> Option<Result<Frame<Bytes>, BoxError>> {
        match kind {
            BoundKind::Whole => {
                self.broken(Reason::Timeout, "the answer took longer than its bound")
            }
            BoundKind::Idle(idle) => {
                self.broken(Reason::StreamIdle, &format!("nothing came for {idle:?}"))
            }
        }
    }

    /// The upstream broke off. An event stream ends in an error event, which its reader cannot
    /// take for a normal end; any other body ends in an error, which closes the connection.
    fn broken(&mut self, reason: Reason, error: &str) -> Option<Result<Frame<Bytes>, BoxError>> {
        self.stream_facts();
        let event = match &mut self.source {
            Source::Events { reader, .. } => {
                let id = self.record.as_ref().map_or("", |r| &r.request_id);
                let text = format!("the stream was cut: {error}");
                let body = ErrorBody::new(StatusCode::BAD_GATEWAY, &text).code(reason.as_str());
                Some(reader.cut_event(&body.request_id(id)))
            }
            _ => None,
        };
        let reason = match (&event, reason) {
            (Some(_), Reason::UpstreamReset) => Reason::StreamCut,
            (_, reason) => reason,
        };
        self.end();
        self.finish(Outcome::failed(reason, error));
        Some(match event {
            Some(event) => Ok(Frame::data(event)),
            None => Err(error.to_owned().into()),
        })
    }

    /// Moves what the stream's reader learnt into the record.
    fn stream_facts(&mut self) {
        if let Source::Events { reader, .. } = &self.source {
            let model = reader.model().map(str::to_owned);
            let learnt = Learnt {
                usage: *reader.usage(),
                model,
            };
            self.learn(learnt);
        }
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
