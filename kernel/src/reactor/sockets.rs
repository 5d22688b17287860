//! The UDP sockets of a shard.
//!
//! **Invariant:** all sockets are non-blocking.

use std::fmt;
use std::io;
use std::net::{SocketAddrV4, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};

use crate::base::Address;
use crate::reactor::batch::BATCH;

/// How nodes share sockets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layout {
    /// All nodes of a shard share one socket, and messages are bundled.
    PerCore,
    /// Each node has its own socket, and each message its own datagram, as on separate hosts.
    PerNode,
}

/// Datagrams to read at a time from a per-node socket, which seldom holds more.
const SMALL_BATCH: usize = 8;
/// Requested buffer size of a per-core socket. The operating system may grant less.
const BUFFER_BYTES: i32 = 8 << 20;
/// Requested buffer size of a per-node socket.
const SMALL_BUFFER_BYTES: i32 = 256 << 10;
/// File descriptors reserved for everything but the sockets of nodes.
const SPARE_DESCRIPTORS: u64 = 64;

/// Why sockets could not be opened.
#[derive(Debug)]
pub enum BindError {
    /// Binding failed, for instance because the port is in use: choose another, or port 0.
    Bind(SocketAddrV4, io::Error),
    /// The process may not open this many sockets (RLIMIT_NOFILE).
    TooManySockets {
        /// How nodes share them.
        layout: Layout,
        /// The number of sockets needed.
        wanted: u64,
        /// The number of file descriptors allowed.
        limit: u64,
    },
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BindError::Bind(at, error) => write!(
                f,
                "udp.bind: cannot open a socket at {at}: {error}; choose another port, or port 0 \
                 for any that is free"
            ),
            BindError::TooManySockets { layout, wanted, limit } => {
                let needed = wanted + SPARE_DESCRIPTORS;
                write!(
                    f,
                    "{wanted} sockets and what else is open need {needed} file descriptors, but this \
                     process may open only {limit} (RLIMIT_NOFILE); raise it with `ulimit -n {needed}`"
                )?;
                match layout {
                    Layout::PerCore => f.write_str(" or use fewer threads"),
                    Layout::PerNode => {
                        f.write_str(", use fewer nodes, or write udp.sockets = \"per-core\"")
                    }
                }
            }
        }
    }
}

impl std::error::Error for BindError {}

/// The sockets of one shard.
#[derive(Debug)]
pub struct Sockets {
    layout: Layout,
    sockets: Vec<UdpSocket>,
    addresses: Vec<Address>,
    /// Port and index of each socket, sorted by port.
    by_port: Vec<(u16, u32)>,
}

impl Sockets {
    /// Opens the sockets for a shard of `nodes` nodes, at `first` and the ports that follow. Port 0
    /// means any free ports.
    ///
    /// # Errors
    ///
    /// See [`BindError`].
    pub fn bind(layout: Layout, first: SocketAddrV4, nodes: usize) -> Result<Sockets, BindError> {
        let (count, buffer) = match layout {
            Layout::PerCore => (1, BUFFER_BYTES),
            Layout::PerNode => (nodes, SMALL_BUFFER_BYTES),
        };
        let mut sockets = Vec::with_capacity(count);
        let mut addresses = Vec::with_capacity(count);
        for index in 0..count {
            let port = if first.port() == 0 { 0 } else { first.port() + index as u16 };
            let at = SocketAddrV4::new(*first.ip(), port);
            let (socket, address) = open(at, buffer).map_err(|error| BindError::Bind(at, error))?;
            sockets.push(socket);
            addresses.push(address);
        }
        let mut by_port: Vec<(u16, u32)> =
            addresses.iter().zip(0..).map(|(address, index)| (address.port, index)).collect();
        by_port.sort_unstable();
        Ok(Sockets { layout, sockets, addresses, by_port })
    }

    /// Checks that the process may open `wanted` sockets in this layout.
    ///
    /// # Errors
    ///
    /// [`BindError::TooManySockets`].
    pub fn check_limit(layout: Layout, wanted: u64) -> Result<(), BindError> {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: `limit` is a valid, writable rlimit.
        let known = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } == 0;
        if known && wanted + SPARE_DESCRIPTORS > limit.rlim_cur {
            return Err(BindError::TooManySockets { layout, wanted, limit: limit.rlim_cur });
        }
        Ok(())
    }

    /// How nodes share the sockets.
    #[must_use]
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// The address of node `node` of this shard.
    #[must_use]
    pub fn address_of(&self, node: u32) -> Address {
        match self.layout {
            Layout::PerCore => Address { slot: node as u16, ..self.addresses[0] },
            Layout::PerNode => self.addresses[node as usize],
        }
    }

    /// The address of the socket with this index.
    pub(crate) fn address(&self, socket: usize) -> Address {
        self.addresses[socket]
    }

    /// The index of the socket bound to `address`; 0 if there is none.
    pub(crate) fn socket_at(&self, address: Address) -> usize {
        self.by_port
            .binary_search_by_key(&address.port, |&(port, _)| port)
            .map_or(0, |at| self.by_port[at].1 as usize)
    }

    /// The number of the node at `slot` behind socket `socket`.
    pub(crate) fn node_at(&self, socket: usize, slot: u16) -> u32 {
        match self.layout {
            Layout::PerCore => slot.into(),
            Layout::PerNode if slot == 0 => socket as u32,
            Layout::PerNode => u32::MAX,
        }
    }

    /// The number of datagrams to read from a socket at a time.
    pub(crate) fn batch(&self) -> usize {
        match self.layout {
            Layout::PerCore => BATCH,
            Layout::PerNode => SMALL_BATCH,
        }
    }

    pub(crate) fn descriptors(&self) -> impl Iterator<Item = RawFd> {
        self.sockets.iter().map(AsRawFd::as_raw_fd)
    }

    pub(crate) fn descriptor(&self, socket: usize) -> RawFd {
        self.sockets[socket].as_raw_fd()
    }
}

fn open(at: SocketAddrV4, buffer: i32) -> io::Result<(UdpSocket, Address)> {
    let socket = UdpSocket::bind(at)?;
    socket.set_nonblocking(true)?;
    let options = [(libc::SO_RCVBUF, buffer), (libc::SO_SNDBUF, buffer), (libc::SO_TIMESTAMPNS, 1)];
    for (option, value) in options {
        // SAFETY: the descriptor is open, and the value is an int of the given length. The result
        // is ignored: a smaller buffer works, too, and so do datagrams without a time.
        unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_SOCKET,
                option,
                (&raw const value).cast(),
                size_of::<i32>() as libc::socklen_t,
            );
        }
    }
    let std::net::SocketAddr::V4(bound) = socket.local_addr()? else {
        return Err(io::Error::other("an IPv4 socket has no IPv4 address"));
    };
    Ok((socket, Address::new(bound.ip().octets(), bound.port(), 0)))
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, UdpSocket};
    use std::time::Duration;

    use super::*;
    use crate::reactor::batch::Batch;
    use crate::reactor::clock::Clock;

    #[test]
    fn a_batch_knows_when_its_first_datagram_arrived() {
        let local = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
        let sockets = Sockets::bind(Layout::PerCore, local, 1).expect("a port");
        let to = sockets.address_of(0);
        let sender = UdpSocket::bind(local).expect("a port");
        let mut batch = Batch::new(64);
        assert_eq!(batch.receive(sockets.descriptor(0), BATCH), 0);
        let before = Clock::time_of_day();
        for message in [b"one", b"two"] {
            sender.send_to(message, (Ipv4Addr::LOCALHOST, to.port)).expect("it is sent");
        }
        assert_eq!(batch.receive(sockets.descriptor(0), BATCH), 2);
        let after = Clock::time_of_day();
        let arrived = batch.first_arrived_at().expect("Linux says it");
        // The clocks are the same, but not read to the same nanosecond.
        let slack = Duration::from_millis(1);
        assert!(arrived + slack >= before && arrived <= after + slack, "{arrived:?}");
        assert_eq!(batch.received(1).map(|(_, bytes)| bytes), Some(b"two".as_slice()));
    }
}
