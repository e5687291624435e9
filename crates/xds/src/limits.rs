//! How much may travel.

/// Of one message. The largest object that an API server stores is a tenth of it.
pub(crate) const MESSAGE: usize = 16 << 20;

/// Of one resource's body.
pub(crate) const RESOURCE: usize = 8 << 20;

/// From here on an update is continued in another message.
pub(crate) const CHUNK: usize = 1 << 20;

/// Of one Gateway's whole configuration, in a proxy.
pub(crate) const CONFIGURATION: usize = 256 << 20;

/// Of the hashes in a hello: what holds more asks for everything.
pub(crate) const HOLDINGS: usize = 8 << 20;

/// Errors in one acknowledgement, and of one Gateway.
pub(crate) const ERRORS: usize = 100;

/// Characters of one error's message.
pub(crate) const ERROR_MESSAGE: usize = 512;

/// Proxies of one Gateway that are connected to one replica.
pub(crate) const PROXIES: usize = 4096;

/// Gateways and backends that one replica tells another of.
pub(crate) const REPORTED: usize = 100_000;

/// Bytes of a name: that of a pod is shorter.
pub(crate) const NAME: usize = 253;

/// Health reports in one message.
pub(crate) const REPORTS: usize = 4096;

/// `text` with its length and its characters fit for a status message.
pub(crate) fn message(text: &str) -> String {
    let printable = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    printable.take(ERROR_MESSAGE).collect()
}
