//! Where to listen, bound: with a queue that is long enough for a crowd to arrive at once.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::{TcpListener, TcpSocket, lookup_host};

use crate::config::ListenAddress;

/// Connections that wait to be accepted. With the usual 128 a crowd fills it at once, and a scrape behind it tries again after a second.
const BACKLOG: u32 = 1024;

/// Listens on the first address that can be had; the error is that of the last.
pub async fn listen(address: &ListenAddress) -> io::Result<TcpListener> {
    let addresses = match address {
        // The first takes IPv4 as well; the second is for a host without IPv6.
        ListenAddress::All(port) => {
            vec![SocketAddr::from((Ipv6Addr::UNSPECIFIED, *port)), SocketAddr::from((Ipv4Addr::UNSPECIFIED, *port))]
        }
        ListenAddress::One(address) => lookup_host(address).await?.collect(),
    };
    let mut result = Err(io::ErrorKind::AddrNotAvailable.into());
    for address in addresses {
        result = bind(address);
        if result.is_ok() {
            break;
        }
    }
    result
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Connections of the process before this one do not keep the port from it.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
