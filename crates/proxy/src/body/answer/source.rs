//! What an answer is read from, and how it ends.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use agw_ai::Error;
use agw_ai::dialect::Class;
use agw_ai::envelope::ErrorBody;
use agw_ai::response::ResponseReader;
use agw_ai::stream::Ending;
use agw_ai::translate::AnswerStream;
use agw_ai::usage::Counted;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body::{Body, Frame};
use tokio::time::{Instant, Sleep};

use super::{Answer, Learnt};
use crate::body::{BoxError, UpstreamBody};
use crate::telemetry::{Outcome, Reason};
use crate::upstream::{Cut, describe};

pub(super) enum Source {
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
pub(super) struct Bound {
    pub(super) timer: Pin<Box<Sleep>>,
    pub(super) kind: BoundKind,
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
    pub(super) fn is_over(&self) -> bool {
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
    /// Reads on. `None` at the end, which has then been recorded.
    pub(super) fn poll_source(
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
                let broken = self.broken(Reason::UpstreamReset, &error);
                return Poll::Ready(self.queued(broken));
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
                if let Some(error) = self.stopped.take() {
                    drop(self.stop(error));
                    return Some(Ok(frame));
                }
                if self.queue.is_empty() && self.source.is_over() {
                    self.end_early();
                }
                Some(Ok(frame))
            }
            Some(Err(error)) => {
                let broken = self.broken(Reason::UpstreamReset, &describe(&error));
                self.queued(broken)
            }
            None => {
                let broken = self.upstream_ended();
                self.queued(broken)
            }
        }
    }

    /// What goes out next when nothing more is read.
    fn queued(&mut self, broken: Option<BoxError>) -> Option<Result<Frame<Bytes>, BoxError>> {
        match broken {
            Some(error) => Some(Err(error)),
            None => self.queue.pop_front().map(|bytes| Ok(Frame::data(bytes))),
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
                    self.stopped = Some(error);
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

    /// Queues what is left. What comes back ends the connection.
    pub(super) fn upstream_ended(&mut self) -> Option<BoxError> {
        let ended = std::mem::replace(&mut self.source, Source::Ended);
        self.bound = None;
        match ended {
            Source::Json { reader, .. } => {
                let facts = reader.finish();
                self.learn(Learnt {
                    usage: facts.usage,
                    counted: Counted::ByProvider,
                    model: facts.model,
                    verdict: None,
                });
                self.finish(Outcome::ok());
                None
            }
            Source::Events { mut reader, body } => {
                let mut pieces = Vec::new();
                let ending = reader.finish(&mut pieces);
                self.source = Source::Events { reader, body };
                self.queue.extend(pieces.into_iter().map(|piece| piece.raw));
                let ending = match ending {
                    Ok(ending) => ending,
                    Err(error) => return self.stop(error),
                };
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
                None
            }
            Source::Plain(_) | Source::Ended | Source::Broken(_) | Source::Trailers(_) => {
                self.finish(Outcome::ok());
                None
            }
        }
    }

    fn timed_out(&mut self, kind: BoundKind) -> Option<Result<Frame<Bytes>, BoxError>> {
        let broken = match kind {
            BoundKind::Whole => {
                self.broken(Reason::Timeout, "the answer took longer than its bound")
            }
            BoundKind::Idle(idle) => {
                self.broken(Reason::StreamIdle, &format!("nothing came for {idle:?}"))
            }
        };
        self.queued(broken)
    }

    /// What came cannot go on: it makes no sense, or a guard refuses it.
    fn stop(&mut self, error: Error) -> Option<BoxError> {
        match error {
            Error::Refused(refusal) => self.cut(
                Reason::Guardrail,
                &refusal.message,
                refusal.status,
                &refusal.message,
            ),
            other => self.broken(Reason::UpstreamGarbage, &other.to_string()),
        }
    }

    fn broken(&mut self, reason: Reason, error: &str) -> Option<BoxError> {
        let text = format!("the stream was cut: {error}");
        self.cut(reason, error, StatusCode::BAD_GATEWAY, &text)
    }

    /// The upstream broke off, or had to be. An event stream ends in an error event, which its
    /// reader cannot take for a normal end, behind what is queued; any other body ends in an error,
    /// which closes the connection.
    fn cut(
        &mut self,
        reason: Reason,
        error: &str,
        status: StatusCode,
        text: &str,
    ) -> Option<BoxError> {
        self.stream_facts();
        let event = match &mut self.source {
            Source::Events { reader, .. } => {
                let id = self.record.as_ref().map_or("", |r| &r.request_id);
                let body = ErrorBody::new(status, text).code(reason.as_str());
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
        match event {
            Some(event) => {
                self.push(event);
                None
            }
            None => Some(error.to_owned().into()),
        }
    }

    /// Moves what the stream's reader learnt into the record.
    pub(super) fn stream_facts(&mut self) {
        if let Source::Events { reader, .. } = &self.source {
            let model = reader.model().map(str::to_owned);
            let learnt = Learnt {
                usage: *reader.usage(),
                counted: Counted::ByProvider,
                model,
                verdict: reader.verdict(),
            };
            self.learn(learnt);
        }
    }
}
