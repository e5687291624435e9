//! One request and the head of its response.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};

use agw_core::http1::{Garbage, MAX_HEAD, RequestHead, ResponseHead};
use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, Response, StatusCode};
use hyper::ext::ReasonPhrase;
use memchr::memmem;

use super::connection::Fate;
use super::read::{Block, poll_block};
use super::upload::{Stopped, Upload};
use super::uploading::Uploading;
use super::{Connection, Io};
use crate::body::{Outgoing, UpstreamBody};
use crate::error::Error;
use crate::stream::Rewound;
use crate::upstream::send::{Failure, Head};

/// The half that sends.
struct Sending {
    upload: Upload,
    progress: Progress,
}

enum Progress {
    UnderWay,
    Sent,
    /// The upstream takes no more of it. It may have answered all the same.
    Stopped(io::Error),
}

/// The half that receives.
#[derive(Default)]
struct Receiving {
    /// The beginning of a head.
    held: BytesMut,
    /// Room for its fields.
    headers: HeaderMap,
    seen: Seen,
}

/// Whether the upstream has said anything.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Seen {
    #[default]
    Nothing,
    Something,
}

/// The head of a response, and what was read behind it.
struct Received {
    head: ResponseHead,
    headers: HeaderMap,
    ahead: Bytes,
}

/// Why there is no response.
enum Lost {
    Closed,
    Broken(io::Error),
    Garbage(Garbage),
    /// The upstream leaves HTTP/1.1 and nobody wanted it to.
    Unasked,
    /// The request's body broke off.
    Body(String),
}

/// Sends the request while it waits for the head of the response, which may come before the
/// request is out. Interim responses are passed over.
pub(crate) async fn exchange(
    connection: Box<Connection>,
    head: &mut Head,
    body: Outgoing,
) -> Result<Response<UpstreamBody>, Failure> {
    let mut sending = Sending {
        upload: Upload::new(&request(head), body),
        progress: Progress::UnderWay,
    };
    let mut receiving = Receiving::default();
    let received = poll_fn(|cx| {
        let io = &mut *connection.io.borrow_mut();
        sending.poll(cx, io, head)?;
        if !sending.upload.is_under_way() {
            return Poll::Pending;
        }
        receiving.poll(cx, io, head)
    });
    match received.await {
        Ok(received) => respond(connection, head, sending, received),
        Err(lost) => Err(sending.failure(lost, receiving.seen)),
    }
}

fn request(head: &Head) -> RequestHead<'_> {
    RequestHead {
        method: &head.method,
        target: &head.target,
        authority: &head.authority,
        headers: &head.headers,
        upgrade: head.upgrade.as_ref(),
    }
}

/// The response whose head was received, with the connection behind its body.
fn respond(
    mut connection: Box<Connection>,
    asked: &Head,
    sending: Sending,
    received: Received,
) -> Result<Response<UpstreamBody>, Failure> {
    let Received {
        head,
        headers,
        ahead,
    } = received;
    let body = if head.status == StatusCode::SWITCHING_PROTOCOLS {
        let io = match (&asked.upgrade, &sending.progress) {
            (Some(_), Progress::Sent) => connection.into_io(),
            _ => None,
        };
        let io = io.ok_or_else(|| Failure::from(Lost::Unasked))?;
        UpstreamBody::switched(Box::new(Rewound::to(io, ahead.into())))
    } else {
        let length = head.body(&asked.method, &headers);
        let length = length.map_err(|garbage| Failure::from(Lost::Garbage(garbage)))?;
        let fate = match sending.progress {
            Progress::Sent | Progress::UnderWay if head.persists(&headers) => Fate::Persists,
            _ => Fate::Closes,
        };
        connection.begin(length, ahead, fate);
        if let Progress::UnderWay = sending.progress {
            let io = connection.io.clone();
            let uploading = Uploading::spawn(&connection.tasks, io, sending.upload);
            connection.uploading = Some(uploading);
        }
        UpstreamBody::http1(connection)
    };
    let mut response = Response::new(body);
    *response.status_mut() = head.status;
    *response.headers_mut() = headers;
    if let Some(reason) = head.reason
        && let Ok(reason) = ReasonPhrase::try_from(reason)
    {
        response.extensions_mut().insert(reason);
    }
    Ok(response)
}

impl Sending {
    /// Goes on sending. Fails when the request cannot be completed.
    fn poll(&mut self, cx: &mut Context<'_>, io: &mut Io, head: &Head) -> Result<(), Lost> {
        let Progress::UnderWay = self.progress else {
            return Ok(());
        };
        let mut sent = Poll::Ready(Ok(()));
        if !self.upload.is_under_way() {
            sent = self.upload.poll_start(cx, io, &request(head));
        }
        if let Poll::Ready(Ok(())) = sent {
            sent = self.upload.poll(cx, io);
        }
        match sent {
            Poll::Pending => {}
            Poll::Ready(Ok(())) => self.progress = Progress::Sent,
            Poll::Ready(Err(Stopped::Connection(error))) => {
                self.progress = Progress::Stopped(error);
            }
            Poll::Ready(Err(Stopped::Body(error))) => return Err(Lost::Body(error)),
        }
        Ok(())
    }

    /// A connection that was closed before the upstream said anything may have been closed before
    /// the request came: the same request may go out again.
    fn failure(self, lost: Lost, seen: Seen) -> Failure {
        let unsent = match (&lost, seen) {
            (Lost::Closed | Lost::Broken(_), Seen::Nothing) => self.upload.recover(),
            _ => None,
        };
        let error = match (lost, self.progress) {
            (Lost::Closed, Progress::Stopped(error)) => Lost::Broken(error).into(),
            (lost, _) => lost.into(),
        };
        Failure { error, unsent }
    }
}

impl Receiving {
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut Io,
        asked: &mut Head,
    ) -> Poll<Result<Received, Lost>> {
        loop {
            let read = poll_block(io, cx, |block| match block {
                Block::End => Err(Lost::Closed),
                block => Ok(Bytes::from(block)),
            });
            let bytes = ready!(read).map_err(Lost::Broken)??;
            if self.seen == Seen::Nothing {
                self.seen = Seen::Something;
                // The request is not sent again any more: its headers leave their room.
                self.headers = std::mem::take(&mut asked.headers);
                self.headers.clear();
            }
            if let Some(received) = self.take(bytes).map_err(Lost::Garbage)? {
                return Poll::Ready(Ok(received));
            }
        }
    }

    fn take(&mut self, bytes: Bytes) -> Result<Option<Received>, Garbage> {
        let mut block = bytes;
        if !self.held.is_empty() {
            let searched = self.held.len().saturating_sub(3);
            self.held.extend_from_slice(&block);
            if self.held.len() < MAX_HEAD && !has_empty_line(&self.held[searched..]) {
                return Ok(None);
            }
            block = self.held.split().freeze();
        }
        while !block.is_empty() {
            let Some(head) = ResponseHead::parse(&block, &mut self.headers)? else {
                break;
            };
            block.advance(head.bytes);
            if head.status.is_informational() && head.status != StatusCode::SWITCHING_PROTOCOLS {
                self.headers.clear();
                continue;
            }
            return Ok(Some(Received {
                head,
                headers: std::mem::take(&mut self.headers),
                ahead: block,
            }));
        }
        self.held = block.into();
        Ok(None)
    }
}

/// Whether a head may end here.
fn has_empty_line(bytes: &[u8]) -> bool {
    memmem::find(bytes, b"\n\r\n").is_some() || memmem::find(bytes, b"\n\n").is_some()
}

impl From<Lost> for Error {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::Closed => Self::Reset("it closed the connection".to_owned()),
            Lost::Broken(error) => Self::Reset(error.to_string()),
            Lost::Garbage(garbage) => Self::Garbage(garbage.to_string()),
            Lost::Unasked => Self::Garbage("it switches to another protocol unasked".to_owned()),
            Lost::Body(error) => Self::ClientBody(error),
        }
    }
}

impl From<Lost> for Failure {
    fn from(lost: Lost) -> Self {
        Self {
            error: lost.into(),
            unsent: None,
        }
    }
}
