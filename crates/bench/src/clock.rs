use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds of the monotonic clock, which is the same in all processes of a machine: the
/// provider writes it into each chunk, the client subtracts.
pub(crate) fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds * 1_000_000_000 + nanos
}
