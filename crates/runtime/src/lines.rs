//! Lines to a file or pipe from threads that must never wait for it.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender, TryRecvError};
use std::time::Duration;

/// Lines that may wait to be written; further ones are dropped and counted.
const CAPACITY: usize = 16_384;
/// How long lines gather after the first of a batch. While the writer sleeps, sending a line costs
/// no wake-up, so a busy proxy pays for a few hundred a second instead of one a request.
const GATHER: Duration = Duration::from_millis(4);
/// Bytes of a batch after which it is written even if more lines wait.
const BATCH: usize = 256 << 10;
/// How long closing waits for a sink that does not take its bytes.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// Writes lines through a bounded queue and one thread of its own. Clones write to the same sink.
/// When the last clone goes, what is queued is written first.
#[derive(Clone)]
pub struct LineWriter(Arc<Inner>);

struct Inner {
    sender: SyncSender<Message>,
    dropped: Arc<AtomicU64>,
    /// Disconnects when the thread has written everything and ended.
    ended: parking_lot::Mutex<Receiver<()>>,
}

enum Message {
    Line(Vec<u8>),
    Close,
}

/// The writing thread.
struct Writer<W> {
    sink: W,
    queue: Receiver<Message>,
    dropped: Arc<AtomicU64>,
    batch: Vec<u8>,
    /// Lines in `batch`.
    lines: u64,
    state: SinkState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SinkState {
    Working,
    Failing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Go,
    End,
}

impl LineWriter {
    /// Writes to standard output.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn stdout() -> io::Result<Self> {
        Self::new(io::stdout())
    }

    /// Writes to `sink`.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn new(sink: impl Write + Send + 'static) -> io::Result<Self> {
        Self::with_capacity(sink, CAPACITY)
    }

    fn with_capacity(sink: impl Write + Send + 'static, capacity: usize) -> io::Result<Self> {
        let (sender, queue) = mpsc::sync_channel(capacity);
        let (alive, ended) = mpsc::sync_channel(1);
        let dropped = Arc::new(AtomicU64::new(0));
        let mut writer = Writer {
            sink,
            queue,
            dropped: dropped.clone(),
            batch: Vec::new(),
            lines: 0,
            state: SinkState::Working,
        };
        std::thread::Builder::new()
            .name("lines".to_owned())
            .spawn(move || {
                writer.run();
                // The queue goes first: a line after the end must find it gone, and be counted.
                drop(writer);
                drop(alive);
            })?;
        Ok(Self(Arc::new(Inner {
            sender,
            dropped,
            ended: parking_lot::Mutex::new(ended),
        })))
    }

    /// Queues a line, which includes its own `\n`. Never waits: when the queue is full, or the
    /// writer closed, the line is dropped and counted.
    pub fn write(&self, line: Vec<u8>) {
        if self.0.sender.try_send(Message::Line(line)).is_err() {
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Lines lost so far: to a full queue or a sink that took no bytes.
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }

    /// Writes what is queued and ends the thread; later lines count as dropped. Waits at most five
    /// seconds for a sink that is stuck.
    pub fn close(self) {
        self.0.close();
    }
}

impl fmt::Debug for LineWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineWriter")
            .field("dropped", &self.dropped())
            .finish_non_exhaustive()
    }
}

impl Inner {
    fn close(&self) {
        let deadline = std::time::Instant::now() + CLOSE_WITHIN;
        // A full queue means a sink that is slow or stuck: give it until the deadline.
        while let Err(mpsc::TrySendError::Full(_)) = self.sender.try_send(Message::Close) {
            if std::time::Instant::now() >= deadline {
                return;
            }
            std::thread::sleep(GATHER);
        }
        let left = deadline.saturating_duration_since(std::time::Instant::now());
        // Nothing is ever sent: the answer is the disconnection.
        let _ = self.ended.lock().recv_timeout(left);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

impl<W: Write> Writer<W> {
    fn run(&mut self) {
        while let Ok(first) = self.queue.recv() {
            let mut flow = self.take(first);
            if flow == Flow::Go {
                std::thread::sleep(GATHER);
                flow = self.drain();
            }
            self.flush();
            if flow == Flow::End {
                return;
            }
        }
    }

    /// Takes whatever is queued, writing each time a batch is full.
    fn drain(&mut self) -> Flow {
        loop {
            match self.queue.try_recv() {
                Ok(message) => {
                    if self.take(message) == Flow::End {
                        return Flow::End;
                    }
                    if self.batch.len() >= BATCH {
                        self.flush();
                    }
                }
                Err(TryRecvError::Empty) => return Flow::Go,
                Err(TryRecvError::Disconnected) => return Flow::End,
            }
        }
    }

    fn take(&mut self, message: Message) -> Flow {
        match message {
            Message::Line(line) => {
                self.batch.extend_from_slice(&line);
                self.lines += 1;
                Flow::Go
            }
            Message::Close => Flow::End,
        }
    }

    fn flush(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let written = self
            .sink
            .write_all(&self.batch)
            .and_then(|()| self.sink.flush());
        match written {
            Ok(()) => self.state = SinkState::Working,
            Err(error) => {
                self.dropped.fetch_add(self.lines, Ordering::Relaxed);
                // Once for each run of failures, not once a batch.
                if self.state == SinkState::Working {
                    tracing::error!(%error, "access log lines are lost: the sink takes no bytes");
                }
                self.state = SinkState::Failing;
            }
        }
        self.lines = 0;
        self.batch.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sink that can be looked at, and held shut.
    #[derive(Clone, Default)]
    struct Sink {
        bytes: Arc<parking_lot::Mutex<Vec<u8>>>,
    }

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.bytes.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Broken;

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn close_writes_everything_in_order() {
        let sink = Sink::default();
        let writer = LineWriter::new(sink.clone()).unwrap();
        let mut expected = Vec::new();
        for i in 0..10_000 {
            let line = format!("line {i}\n").into_bytes();
            expected.extend_from_slice(&line);
            writer.write(line);
        }
        writer.close();
        assert!(*sink.bytes.lock() == expected);
    }

    #[test]
    fn dropping_the_last_clone_writes_what_is_queued() {
        let sink = Sink::default();
        let writer = LineWriter::new(sink.clone()).unwrap();
        let clone = writer.clone();
        drop(writer);
        clone.write(b"kept\n".to_vec());
        drop(clone);
        assert_eq!(*sink.bytes.lock(), b"kept\n");
    }

    #[test]
    fn a_full_queue_drops_and_counts_instead_of_waiting() {
        let sink = Sink::default();
        let held = sink.bytes.lock();
        let writer = LineWriter::with_capacity(sink.clone(), 4).unwrap();
        for _ in 0..100 {
            writer.write(b"x\n".to_vec());
        }
        // The thread can have taken the first line and, after its pause, one full queue.
        assert!(writer.dropped() >= 100 - 4 - 1 - 4, "{}", writer.dropped());
        drop(held);
        let dropped = writer.dropped();
        writer.close();
        assert_eq!(sink.bytes.lock().len() as u64, 2 * (100 - dropped));
    }

    #[test]
    fn lines_that_the_sink_refuses_are_counted() {
        let writer = LineWriter::new(Broken).unwrap();
        let clone = writer.clone();
        writer.write(b"lost\n".to_vec());
        writer.close();
        assert_eq!(clone.dropped(), 1);
        clone.write(b"after the end\n".to_vec());
        assert_eq!(clone.dropped(), 2);
    }
}
