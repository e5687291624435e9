//! A provider's event stream on its way to a client that speaks another format.

use std::fmt;

use bytes::Bytes;

use crate::chat::{ChatEvent, Finish};
use crate::dialect::{Class, ProviderError};
use crate::envelope::ErrorBody;
use crate::error::Error;
use crate::format::{Asked, EventReader, EventWriter, Format, Frames};
use crate::stream::{Ending, Piece};
use crate::usage::Usage;

/// Most that a writer may keep of an answer, for formats that repeat it at the end.
const HELD: usize = 16 * crate::sse::EVENT_LIMIT;

/// Translates a stream event by event. What is said here of classes, of holding back and of
/// endings is as for [`crate::stream::StreamReader`].
pub struct StreamTranslator {
    /// `None` once the input has ended.
    frames: Option<Box<dyn Frames>>,
    reader: Box<dyn EventReader>,
    writer: Box<dyn EventWriter>,
    events: Vec<ChatEvent>,
    progress: Progress,
    usage: Usage,
    model: Option<String>,
    finish: Option<Finish>,
    /// The tool call whose arguments may come.
    call: Option<u64>,
    content_events: u64,
}

/// How far the stream has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Silent,
    Started,
    Failed,
    Done,
}

impl fmt::Debug for StreamTranslator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamTranslator")
            .field("reader", &self.reader)
            .field("writer", &self.writer)
            .field("progress", &self.progress)
            .finish_non_exhaustive()
    }
}

impl StreamTranslator {
    pub(super) fn new(client: Format, provider: Format, asked: &Asked) -> Self {
        let (client, provider) = (client.codec(), provider.codec());
        Self {
            frames: Some(provider.frames(provider.event_limit())),
            reader: provider.event_reader(&asked.stamp),
            writer: client.event_writer(asked.clone()),
            events: Vec::new(),
            progress: Progress::Silent,
            usage: Usage::default(),
            model: None,
            finish: None,
            call: None,
            content_events: 0,
        }
    }

    /// Reads `chunk` and appends what is to be sent to `out`. An error ends the stream; what was
    /// appended before it is valid.
    pub fn push(&mut self, chunk: Bytes, out: &mut Vec<Piece>) -> Result<(), Error> {
        let Some(frames) = &mut self.frames else {
            return Ok(());
        };
        frames.push(chunk);
        while let Some(frames) = &mut self.frames {
            let Some(event) = frames.next_event()? else {
                break;
            };
            self.reader.read(&event, &mut self.events);
            self.write(out);
            if self.writer.held() > HELD {
                return Err(Error::EventTooLarge { limit: HELD });
            }
        }
        Ok(())
    }

    /// Ends the input. A stream that ends behind the reason why generation finished is complete,
    /// and gets its end mark here.
    pub fn finish(&mut self, out: &mut Vec<Piece>) -> Ending {
        if let Some(event) = self.frames.take().and_then(|frames| frames.finish()) {
            self.reader.read(&event, &mut self.events);
            self.write(out);
        }
        match (self.progress, &self.finish) {
            (Progress::Failed, _) => Ending::Failed,
            (Progress::Done, _) => Ending::Complete,
            (_, Some(_)) => {
                self.events.push(ChatEvent::Done);
                self.write(out);
                Ending::Unmarked
            }
            (_, None) => Ending::Cut,
        }
    }

    /// Whether content, or an end, has come.
    pub fn has_started(&self) -> bool {
        matches!(self.progress, Progress::Started | Progress::Done)
    }

    /// Whether the end mark has come.
    pub fn is_done(&self) -> bool {
        self.progress == Progress::Done
    }

    pub fn usage(&self) -> &Usage {
        &self.usage
    }

    /// The model that answers.
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// In OpenAI's words.
    pub fn finish_reason(&self) -> Option<&str> {
        self.finish.as_ref().map(Finish::word)
    }

    /// Events with content: a lower bound on what was generated when a cut stream has no usage.
    pub fn content_events(&self) -> u64 {
        self.content_events
    }

    /// The event that tells the client that its stream broke. Never an end mark.
    pub fn cut_event(&mut self, error: &ErrorBody<'_>) -> Bytes {
        let mut out = Vec::new();
        self.writer.cut(error, &mut out);
        out.into()
    }

    /// Writes what was read. The events of one frame are one piece.
    fn write(&mut self, out: &mut Vec<Piece>) {
        let mut bytes = Vec::new();
        let mut class = Class::Empty;
        let mut events = std::mem::take(&mut self.events);
        for event in events.drain(..) {
            if matches!(self.progress, Progress::Failed | Progress::Done) {
                // Nothing takes back an end.
                break;
            }
            let event = self.in_order(event);
            self.note(&event);
            class = weightier(class, event.class());
            self.writer.write(event, &mut bytes);
        }
        self.events = events;
        if class == Class::Empty && self.has_started() {
            class = Class::Content;
        }
        let silent = matches!(class, Class::Empty | Class::Content);
        if !bytes.is_empty() || !silent {
            let raw = bytes.into();
            out.push(Piece { raw, class });
        }
    }

    /// No format has calls within calls, and most cannot say them: half of a call's arguments must
    /// not pass for all of them.
    fn in_order(&mut self, event: ChatEvent) -> ChatEvent {
        match &event {
            ChatEvent::CallStarted { call, .. } => self.call = Some(*call),
            ChatEvent::Arguments { call, .. } if self.call != Some(*call) => {
                return ChatEvent::Failed(ProviderError {
                    message: "the provider mixes the arguments of several tool calls".to_owned(),
                    ..ProviderError::default()
                });
            }
            ChatEvent::Text(_)
            | ChatEvent::Refusal(_)
            | ChatEvent::Reasoning(_)
            | ChatEvent::Signature(_)
            | ChatEvent::HiddenReasoning(_) => self.call = None,
            _ => {}
        }
        event
    }

    fn note(&mut self, event: &ChatEvent) {
        match event {
            ChatEvent::Started { model, .. } if !model.is_empty() => {
                self.model.get_or_insert_with(|| model.clone());
            }
            ChatEvent::Usage(usage) => self.usage.update(*usage),
            ChatEvent::Finished(finish) => self.finish = Some(finish.clone()),
            _ => {}
        }
        match event.class() {
            Class::Empty => {}
            Class::Content => {
                self.progress = Progress::Started;
                self.content_events += 1;
            }
            Class::Error(_) => self.progress = Progress::Failed,
            Class::Done => self.progress = Progress::Done,
        }
    }
}

/// Which of two classes a piece with both is of.
fn weightier(one: Class, other: Class) -> Class {
    let weight = |class: &Class| match class {
        Class::Empty => 0,
        Class::Content => 1,
        Class::Done => 2,
        Class::Error(_) => 3,
    };
    if weight(&other) > weight(&one) {
        other
    } else {
        one
    }
}
