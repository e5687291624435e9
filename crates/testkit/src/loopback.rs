//! Loopback addresses that nobody else uses.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU8, Ordering};

/// An address of 127/8 that no other test of this process has, nor, the process id being part of
/// it, one of another. Good for 250 a process.
pub fn own() -> IpAddr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let process = std::process::id();
    let part = |shift: u32| u8::try_from(1 + (process >> shift) % 250).unwrap_or(1);
    let host = 1 + NEXT.fetch_add(1, Ordering::Relaxed) % 250;
    IpAddr::V4(Ipv4Addr::new(127, part(8), part(0), host))
}
