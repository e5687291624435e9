//! Listening sockets.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4096;

/// One socket per worker on the same address, between which the kernel spreads connections.
///
/// SO_REUSEPORT would let a second process of the same user share the port without a word, so a
/// plain bind is tried first: it fails when anybody else listens there.
pub(crate) fn bind(address: IpAddr, port: u16, workers: usize) -> io::Result<Vec<TcpListener>> {
    let at = SocketAddr::new(address, port);
    let probe = socket(at)?;
    probe.bind(&at.into())?;
    probe.listen(1)?;
    drop(probe);
    (0..workers)
        .map(|_| {
            let socket = socket(at)?;
            socket.set_reuse_port(true)?;
            socket.bind(&at.into())?;
            socket.listen(BACKLOG)?;
            Ok(socket.into())
        })
        .collect()
}

fn socket(at: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(at), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
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
        let free = TcpListener::bind((address, 0))
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let sockets = bind(address, free, 2).unwrap();
        assert_eq!(sockets.len(), 2);
        let second = bind(address, free, 2).unwrap_err();
        assert_eq!(second.kind(), io::ErrorKind::AddrInUse);
    }
}
