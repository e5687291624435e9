//! A server that answers every connection with the same bytes, right or wrong.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::loopback;

/// Serves until it is dropped, one connection at a time.
pub struct RawServer {
    address: SocketAddr,
    end: Arc<AtomicBool>,
    connections: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl RawServer {
    /// Reads until the request head's end, writes `bytes`, and closes.
    ///
    /// # Errors
    /// When there is no address to listen on.
    pub fn answering(bytes: &'static [u8]) -> std::io::Result<Self> {
        let listener = TcpListener::bind((loopback::own(), 0))?;
        let address = listener.local_addr()?;
        let end = Arc::new(AtomicBool::new(false));
        let connections = Arc::new(AtomicUsize::new(0));
        let (ended, count) = (end.clone(), connections.clone());
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::Acquire) {
                    return;
                }
                count.fetch_add(1, Ordering::Relaxed);
                // A client that breaks off is part of some tests.
                let _ = stream.and_then(|stream| answer(stream, bytes));
            }
        });
        Ok(Self {
            address,
            end,
            connections,
            thread: Some(thread),
        })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

impl Drop for RawServer {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Release);
        // Wakes the thread.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn answer(mut stream: TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
    while !head.windows(4).any(|w| w == b"\r\n\r\n") {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        head.extend_from_slice(&buffer[..count]);
    }
    stream.write_all(bytes)?;
    stream.shutdown(std::net::Shutdown::Write)?;
    // What is left of the request is read, so that closing does not reset the answer away.
    while stream.read(&mut buffer)? > 0 {}
    Ok(())
}
