//! A shard's UDP sockets, read and written in batches.
//!
//! **Invariant:** every call is non-blocking; `EINTR` is retried.

use std::fmt;
use std::io;
use std::net::{SocketAddrV4, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};

use crate::base::Address;

/// How nodes share sockets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layout {
    /// All nodes of a shard behind one socket, their messages bundled.
    PerCore,
    /// Each node has a socket, and each message a datagram, as on separate hosts.
    PerNode,
}

/// Datagrams moved by one system call.
pub(crate) const BATCH: usize = 64;
/// The same for reading a per-node socket, which seldom holds more.
const SMALL_BATCH: usize = 8;
/// Asked of the system for each per-core socket, in bytes; it may give less.
const BUFFER_BYTES: i32 = 8 << 20;
/// The same for each per-node socket.
const SMALL_BUFFER_BYTES: i32 = 256 << 10;
/// Descriptors left for everything that is not a node's socket.
const SPARE_DESCRIPTORS: u64 = 64;

/// Why sockets could not be had.
#[derive(Debug)]
pub enum BindError {
    /// Binding failed, for instance because the port is taken: choose another, or port 0.
    Bind(SocketAddrV4, io::Error),
    /// More sockets were asked for than the process may open (RLIMIT_NOFILE).
    TooManySockets {
        /// How many were asked for.
        wanted: u64,
        /// How many descriptors are allowed.
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
            BindError::TooManySockets { wanted, limit } => write!(
                f,
                "udp.sockets = \"per-node\" needs {wanted} sockets, but this process may open only \
                 {limit} descriptors (RLIMIT_NOFILE); raise it with `ulimit -n`, use fewer nodes, \
                 or write \"per-core\""
            ),
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
    /// The sockets by port, ascending.
    by_port: Vec<(u16, u32)>,
}

impl Sockets {
    /// Opens the sockets of a shard of `nodes` nodes, the first at `first`, the others at the ports
    /// that follow; port 0 means any free ones.
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

    /// Checks that `wanted` sockets may be opened in all.
    ///
    /// # Errors
    ///
    /// [`BindError::TooManySockets`].
    pub fn check_limit(wanted: u64) -> Result<(), BindError> {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: `limit` is a valid, writable rlimit.
        let known = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } == 0;
        if known && wanted + SPARE_DESCRIPTORS > limit.rlim_cur {
            return Err(BindError::TooManySockets { wanted, limit: limit.rlim_cur });
        }
        Ok(())
    }

    /// How nodes share them.
    #[must_use]
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Where node `node` of this shard receives messages.
    #[must_use]
    pub fn address_of(&self, node: u32) -> Address {
        match self.layout {
            Layout::PerCore => Address { slot: node as u16, ..self.addresses[0] },
            Layout::PerNode => self.addresses[node as usize],
        }
    }

    /// The socket bound to `address`; the first one if none is.
    pub(crate) fn socket_at(&self, address: Address) -> usize {
        self.by_port
            .binary_search_by_key(&address.port, |&(port, _)| port)
            .map_or(0, |at| self.by_port[at].1 as usize)
    }

    /// The node that a frame for `slot`, arriving at socket `socket`, is for.
    pub(crate) fn node_at(&self, socket: usize, slot: u16) -> u32 {
        match self.layout {
            Layout::PerCore => slot.into(),
            Layout::PerNode if slot == 0 => socket as u32,
            Layout::PerNode => u32::MAX,
        }
    }

    /// Datagrams to read from one socket at a time.
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
    for option in [libc::SO_RCVBUF, libc::SO_SNDBUF] {
        // SAFETY: the descriptor is open, and the value is an int of the length given. The result
        // is not looked at: a smaller buffer than asked for works too.
        unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_SOCKET,
                option,
                (&raw const buffer).cast(),
                size_of::<i32>() as libc::socklen_t,
            );
        }
    }
    let std::net::SocketAddr::V4(bound) = socket.local_addr()? else {
        return Err(io::Error::other("an IPv4 socket has no IPv4 address"));
    };
    Ok((socket, Address::new(bound.ip().octets(), bound.port(), 0)))
}

/// Room for one batch of datagrams in either direction.
pub(crate) struct Batch {
    length: usize,
    bytes: Box<[u8]>,
    names: Box<[libc::sockaddr_in; BATCH]>,
    pieces: Box<[libc::iovec; BATCH]>,
    headers: Box<[libc::mmsghdr; BATCH]>,
}

// SAFETY: the raw pointers in `pieces` and `headers` lead only into the boxes beside them, and are
// set anew before each system call.
unsafe impl Send for Batch {}

impl Batch {
    /// Room for datagrams of up to `length` bytes.
    pub(crate) fn new(length: usize) -> Batch {
        // SAFETY: all three are plain C structs for which zero bytes are a valid value.
        let (names, pieces, headers) = unsafe { std::mem::zeroed() };
        Batch {
            length,
            bytes: vec![0; length * BATCH].into_boxed_slice(),
            names: Box::new(names),
            pieces: Box::new(pieces),
            headers: Box::new(headers),
        }
    }

    /// The room of datagram `index`.
    #[inline]
    pub(crate) fn buffer(&mut self, index: usize) -> &mut [u8] {
        &mut self.bytes[index * self.length..(index + 1) * self.length]
    }

    /// Reads up to `most` datagrams, at most [`BATCH`]; 0 if none is there.
    pub(crate) fn receive(&mut self, socket: RawFd, most: usize) -> usize {
        let most = most.min(BATCH);
        for index in 0..most {
            self.point(index, self.length);
        }
        loop {
            // SAFETY: the first `most` headers' pointers have just been set by `point` to
            // `names` and `bytes`, which outlive the call.
            let count = unsafe {
                libc::recvmmsg(
                    socket,
                    self.headers.as_mut_ptr(),
                    most as libc::c_uint,
                    libc::MSG_DONTWAIT,
                    std::ptr::null_mut(),
                )
            };
            if count >= 0 {
                return count as usize;
            }
            if io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
                return 0;
            }
        }
    }

    /// The datagram at `index` of those received, and where it came from; nothing if it was longer
    /// than there is room.
    #[inline]
    pub(crate) fn received(&self, index: usize) -> Option<(Address, &[u8])> {
        let header = &self.headers[index];
        if header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0 {
            return None;
        }
        let name = &self.names[index];
        let from = Address {
            ip: u32::from_be(name.sin_addr.s_addr),
            port: u16::from_be(name.sin_port),
            slot: 0,
        };
        let start = index * self.length;
        Some((from, &self.bytes[start..start + header.msg_len as usize]))
    }

    /// Sends datagrams `from .. to`; `envelope` gives each one's destination and length. Returns
    /// how many the system took.
    pub(crate) fn send(
        &mut self,
        socket: RawFd,
        from: usize,
        to: usize,
        envelope: impl Fn(usize) -> (Address, usize),
    ) -> usize {
        for index in from..to {
            let (address, length) = envelope(index);
            self.names[index] = libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: address.port.to_be(),
                sin_addr: libc::in_addr { s_addr: address.ip.to_be() },
                sin_zero: [0; 8],
            };
            self.point(index, length);
        }
        let mut sent = from;
        while sent < to {
            // SAFETY: headers `sent .. to` have just been set to valid memory by `point`.
            let count = unsafe {
                libc::sendmmsg(
                    socket,
                    self.headers.as_mut_ptr().add(sent),
                    (to - sent) as libc::c_uint,
                    libc::MSG_DONTWAIT,
                )
            };
            if count > 0 {
                sent += count as usize;
            } else if io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
                break;
            }
        }
        sent - from
    }

    #[inline]
    fn point(&mut self, index: usize, length: usize) {
        self.pieces[index] = libc::iovec {
            iov_base: (&raw mut self.bytes[index * self.length]).cast(),
            iov_len: length,
        };
        let header = &mut self.headers[index].msg_hdr;
        header.msg_name = (&raw mut self.names[index]).cast();
        header.msg_namelen = size_of::<libc::sockaddr_in>() as libc::socklen_t;
        header.msg_iov = &raw mut self.pieces[index];
        header.msg_iovlen = 1;
        header.msg_flags = 0;
    }
}

/// Lengths and pointers only; the bytes are many.
impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("length", &self.length).finish_non_exhaustive()
    }
}
