//! The listening socket.
//!
//! **Invariant:** a client that cannot be accepted now does not stop those after it for ever.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::time::Duration;

use hopwise_kernel::Time;
use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};

/// Clients that may wait to be accepted. One beyond waits a second before it tries again.
const BACKLOG: i32 = 4096;
/// After a failure, for instance for want of descriptors, no client is accepted for this time.
const RETRY: Duration = Duration::from_millis(100);

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Listener {
    socket: TcpListener,
    /// Whether clients may wait.
    pub(super) is_ready: bool,
    retry_at: Time,
    /// The shard that gets the next connection.
    pub(super) next_shard: usize,
}

impl Listener {
    /// Listens at `address`.
    ///
    /// # Errors
    ///
    /// The error of the operating system if it cannot.
    pub(crate) fn bind(address: SocketAddr) -> io::Result<Listener> {
        let socket = TcpListener::bind(address)?;
        // SAFETY: the descriptor is open. Listening once more changes the length of the queue; if it
        // cannot be changed, a short one works, too.
        unsafe { libc::listen(socket.as_raw_fd(), BACKLOG) };
        Ok(Listener { socket, is_ready: true, retry_at: Time::ZERO, next_shard: 0 })
    }

    /// The address at which it listens.
    ///
    /// # Errors
    ///
    /// The error of the operating system if it does not say.
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.socket, token, Interest::READABLE)
    }

    /// The next client, if one waits.
    pub(super) fn next(&mut self, now: Time) -> Option<(TcpStream, SocketAddr)> {
        if !self.is_ready || now < self.retry_at {
            return None;
        }
        match self.socket.accept() {
            Ok(accepted) => Some(accepted),
            Err(error) => {
                match error.kind() {
                    io::ErrorKind::WouldBlock => self.is_ready = false,
                    // The client has gone, or a signal came.
                    io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted => {}
                    _ => self.retry_at = now + RETRY,
                }
                None
            }
        }
    }

    /// When to look again without being told.
    pub(super) fn next_due(&self, now: Time) -> Time {
        if self.is_ready { self.retry_at.max(now) } else { Time::NEVER }
    }
}
