//! A connection: its socket, the bytes in both directions, and the replies that are still due.
//!
//! ```text
//! socket ──▶ input ──▶ requests ──▶ …  ──▶ replies, in order ──▶ output ──▶ socket
//! ```
//!
//! **Invariant:** buffers at most [`MAX_REQUEST`] bytes of input; takes no request while more than
//! [`MAX_OUTPUT`] bytes of output or [`MAX_OPEN`] replies are due.

mod input;
mod output;
mod replies;

use std::io;
use std::net::SocketAddr;

use hopwise_kernel::{Id, Time};
use mio::net::TcpStream;
use std::collections::HashSet;

use self::input::Input;
use self::output::Output;
use self::replies::Replies;
use super::command::{Command, Hello};
use super::users;
use crate::resp::{MAX_REQUEST, Parsed, ProtocolError, Reply, Version};

pub use self::input::commands_in;

/// No request is taken while more bytes of output wait for the client.
pub(crate) const MAX_OUTPUT: usize = 256 << 10;
/// No request is taken while so many replies or keys are in progress.
const MAX_OPEN: usize = 128;
/// The most keys that a connection receives messages of.
pub(crate) const MAX_RECEIVED: usize = 64;

/// A connection.
#[derive(Debug)]
pub(crate) struct Connection {
    /// The socket.
    pub(crate) stream: TcpStream,
    /// The address of the client.
    pub(crate) peer: SocketAddr,
    /// The number of the connection, never used again.
    pub(crate) number: u64,
    /// The name that the client gave it.
    pub(crate) name: Vec<u8>,
    /// The version of the protocol.
    pub(crate) version: Version,
    /// The user.
    pub(crate) user: u32,
    /// The keys whose messages it receives.
    pub(crate) received: Vec<Id>,
    /// A command that waits for one that is in progress.
    pub(crate) held: Option<(&'static str, Command)>,
    /// Whether that command's keys are in use. Nothing else begins until a command ends.
    pub(crate) is_blocked: bool,
    /// The `HELLO` that waits for its password.
    pub(crate) hello: Option<Hello>,
    /// The request whose end everything else waits for.
    pub(crate) barrier: Option<u64>,
    /// Whether the connection is in the queue of those that have something to do.
    pub(crate) is_queued: bool,
    /// Whether there may be bytes to read.
    pub(crate) is_readable: bool,
    /// No more requests are taken, and the connection closes when its output is sent.
    pub(crate) is_closing: bool,
    /// Since when a request is incomplete.
    pub(crate) incomplete_since: Option<Time>,
    /// Since when too much output waits.
    pub(crate) slow_since: Option<Time>,
    /// The bytes of output that its shard has counted.
    pub(crate) counted: usize,
    input: Input,
    output: Output,
    replies: Replies,
    busy: HashSet<Id>,
}

impl Connection {
    /// A connection that was just accepted.
    pub(crate) fn new(stream: TcpStream, peer: SocketAddr, number: u64) -> Connection {
        Connection {
            stream,
            peer,
            number,
            name: Vec::new(),
            version: Version::Two,
            user: users::FIRST,
            received: Vec::new(),
            held: None,
            is_blocked: false,
            hello: None,
            barrier: None,
            is_queued: false,
            is_readable: true,
            is_closing: false,
            incomplete_since: None,
            slow_since: None,
            counted: 0,
            input: Input::default(),
            output: Output::default(),
            replies: Replies::default(),
            busy: HashSet::new(),
        }
    }

    /// Reads what has arrived, as far as there is room in the connection and in `buffer`. Returns how many bytes.
    ///
    /// # Errors
    ///
    /// If the connection is broken.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.input.read(&mut self.stream, buffer) {
            Ok(0) => {
                // The client sends no more. What it has asked is answered.
                self.is_readable = false;
                self.is_closing = true;
                Ok(0)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.is_readable = false;
                Ok(0)
            }
            other => other,
        }
    }

    /// Takes the next request from the input. `None` if there is no whole one.
    ///
    /// # Errors
    ///
    /// If the input is none.
    pub(crate) fn next_request(&mut self) -> Result<Option<Vec<Vec<u8>>>, ProtocolError> {
        match self.input.next()? {
            Parsed::Request(request, _) => Ok(Some(request)),
            Parsed::AtLeast(_) => Ok(None),
        }
    }

    /// Whether there is room to read more.
    pub(crate) fn can_read(&self) -> bool {
        self.is_readable && !self.is_closing && self.input.len() < MAX_REQUEST
    }

    /// Whether a part of a request is there.
    pub(crate) fn has_input(&self) -> bool {
        self.input.len() > 0
    }

    /// Forgets what was read.
    pub(crate) fn drop_input(&mut self) {
        self.input = Input::default();
        self.held = None;
    }

    /// Whether another request may begin.
    pub(crate) fn may_begin(&self) -> bool {
        self.barrier.is_none()
            && !self.is_blocked
            && self.replies.open() < MAX_OPEN
            && self.busy.len() < MAX_OPEN
            && self.output.len() < MAX_OUTPUT
    }

    /// Whether some of these keys are in use by a request in progress.
    pub(crate) fn is_busy(&self, mut keys: impl Iterator<Item = Id>) -> bool {
        !self.busy.is_empty() && keys.any(|key| self.busy.contains(&key))
    }

    /// Marks keys as in use.
    pub(crate) fn occupy(&mut self, keys: impl Iterator<Item = Id>) {
        self.busy.extend(keys);
    }

    /// Begins a request whose reply will be of this version, and returns its number.
    pub(crate) fn begin(&mut self, version: Version) -> u64 {
        self.replies.begin(version)
    }

    /// Ends the request `sequence`, which used `keys`.
    pub(crate) fn end(&mut self, sequence: u64, keys: &[Id], reply: &Reply) {
        keys.iter().for_each(|key| {
            self.busy.remove(key);
        });
        self.barrier.take_if(|barrier| *barrier == sequence);
        self.replies.end(sequence, reply, &mut self.output);
    }

    /// Adds a message that answers no request. Returns whether there was room.
    pub(crate) fn push(&mut self, message: &Reply) -> bool {
        let has_room = self.output.len() < MAX_OUTPUT && !self.is_closing;
        if has_room {
            message.write(self.version, self.output.end());
        }
        has_room
    }

    /// Requests whose replies are due.
    pub(crate) fn open(&self) -> usize {
        self.replies.open()
    }

    /// Bytes that wait for the client.
    pub(crate) fn unsent(&self) -> usize {
        self.output.len()
    }

    /// Sends what the client takes. Returns how many bytes.
    ///
    /// # Errors
    ///
    /// If the connection is broken.
    pub(crate) fn send(&mut self) -> io::Result<usize> {
        self.output.send(&mut self.stream)
    }

    /// Whether all is done, and the connection is to be closed.
    pub(crate) fn is_done(&self) -> bool {
        self.is_closing && self.open() == 0 && self.unsent() == 0
    }
}
