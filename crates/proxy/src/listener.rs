//! Listening sockets.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};

use agw_core::listener::Transport;
use agw_core::snapshot::{Bind, Snapshot};
use socket2::{Domain, Protocol, Socket, Type};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4096;

/// What is listened on. The same number may be a port for streams and another for datagrams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Port {
    pub(crate) number: u16,
    flow: Flow,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Flow {
    Streams,
    Datagrams,
}

/// A socket that is listened on.
#[derive(Debug)]
pub(crate) enum Listening {
    Streams(TcpListener),
    Datagrams(UdpSocket),
}

impl Port {
    pub(crate) fn of(bind: &Bind) -> Self {
        Self {
            number: bind.port,
            flow: match bind.transport {
                Transport::Udp => Flow::Datagrams,
                Transport::Http | Transport::Tls | Transport::Tcp => Flow::Streams,
            },
        }
    }

    /// The listeners that share it.
    pub(crate) fn bind(self, snapshot: &Snapshot) -> Option<&Bind> {
        match self.flow {
            Flow::Streams => snapshot.bind(self.number),
            Flow::Datagrams => snapshot.datagram_bind(self.number),
        }
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.flow {
            Flow::Streams => write!(f, "{}", self.number),
            Flow::Datagrams => write!(f, "{}/udp", self.number),
        }
    }
}

/// One socket per worker on the same address, between which the kernel spreads connections, and
/// datagrams by their clients.
///
/// SO_REUSEPORT would let a second process of the same user share the port without a word, so a
/// plain bind is tried first: it fails when anybody else listens there.
pub(crate) fn bind(address: IpAddr, port: Port, workers: usize) -> io::Result<Vec<Listening>> {
    let at = SocketAddr::new(address, port.number);
    let probe = socket(at, port.flow)?;
    probe.bind(&at.into())?;
    if port.flow == Flow::Streams {
        probe.listen(1)?;
    }
    drop(probe);
    (0..workers)
        .map(|_| {
            let socket = socket(at, port.flow)?;
            socket.set_reuse_port(true)?;
            socket.bind(&at.into())?;
            Ok(match port.flow {
                Flow::Datagrams => Listening::Datagrams(socket.into()),
                Flow::Streams => {
                    socket.listen(BACKLOG)?;
                    Listening::Streams(socket.into())
                }
            })
        })
        .collect()
}

fn socket(at: SocketAddr, flow: Flow) -> io::Result<Socket> {
    let (kind, protocol) = match flow {
        Flow::Streams => (Type::STREAM, Protocol::TCP),
        Flow::Datagrams => (Type::DGRAM, Protocol::UDP),
    };
    let socket = Socket::new(Domain::for_address(at), kind, Some(protocol))?;
    if flow == Flow::Streams {
        // Of a port for datagrams it would let others have a share.
        socket.set_reuse_address(true)?;
    }
    socket.set_nonblocking(true)?;
    if at.is_ipv6() {
        // `::` takes IPv4 clients too.
        socket.set_only_v6(false)?;
    }
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_a_port_between_its_workers_and_with_nobody_else() {
        let address = IpAddr::from([127, 0, 0, 1]);
        let free = TcpListener::bind((address, 0)).unwrap();
        let number = free.local_addr().unwrap().port();
        drop(free);
        // Both at once: a number is one port for streams and another for datagrams.
        let mut held = Vec::new();
        for flow in [Flow::Streams, Flow::Datagrams] {
            let port = Port { number, flow };
            held.push(bind(address, port, 2).unwrap());
            let second = bind(address, port, 2).unwrap_err();
            assert_eq!(second.kind(), io::ErrorKind::AddrInUse, "{port}");
        }
        assert!(held.iter().all(|sockets| sockets.len() == 2));
    }
}
