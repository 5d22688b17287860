//! One connection: its socket, its buffers, and the requests whose replies are due.
//!
//! ```text
//!   closed ──▶ connecting ──▶ greeting ──▶ open ──▶ closed …
//! ```
//!
//! Replies come in the order of the requests. A request that had no reply before its deadline has ended; its
//! reply is skipped when it comes.
//!
//! **Invariant:** at most [`MAX_DUE`] replies are due, and [`MAX_UNSENT`] bytes and one request unsent; at most
//! one reply and what one read gets are kept of the input.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use hopwise_kernel::Time;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use super::address::Credentials;
use super::question::{Form, answer};
use crate::resp::{Incoming, incoming, write_request};
use crate::workload::values::{Answer, Question};

/// The most replies that are due.
const MAX_DUE: usize = 1024;
/// No request is added while so many bytes are unsent.
const MAX_UNSENT: usize = 256 << 10;
/// Bytes to read at a time, and how often in one turn.
const CHUNK: usize = 16 << 10;
const READS_PER_TURN: usize = 16;
/// While other connections are open, one that owes a reply for so long is not used.
const SILENT: Duration = Duration::from_secs(1);

/// A connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) state: State,
    /// The number of its address.
    pub(super) address: usize,
    /// Attempts to connect since the last reply to a question.
    pub(super) attempts: u32,
    /// Whether there may be bytes to read.
    pub(super) is_readable: bool,
    stream: Option<TcpStream>,
    input: Vec<u8>,
    output: Vec<u8>,
    sent: usize,
    /// Requests whose replies are due.
    due: VecDeque<Due>,
    /// How many of these have ended; the oldest ones.
    expired: usize,
    heard_at: Time,
}

/// The state of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// Tries again then.
    Closed(Time),
    /// Since then.
    Connecting(Time),
    /// Waits for the replies to its first requests.
    Greeting(Time),
    /// Takes questions.
    Open,
}

#[derive(Clone, Copy, Debug)]
struct Due {
    request: Request,
    at: Time,
}

#[derive(Clone, Copy, Debug)]
enum Request {
    Auth,
    Ping,
    Question(u64, Question),
}

/// What a connection learns.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum News {
    /// It takes questions.
    Open,
    /// A question has its answer.
    Answer(u64, Answer),
    /// The text of an error, which comes before the answer that it makes.
    Error(Vec<u8>),
}

impl Connection {
    /// A connection that has not been tried yet.
    pub(super) fn new(address: usize) -> Connection {
        Connection {
            state: State::Closed(Time::ZERO),
            address,
            attempts: 0,
            is_readable: false,
            stream: None,
            input: Vec::new(),
            output: Vec::new(),
            sent: 0,
            due: VecDeque::new(),
            expired: 0,
            heard_at: Time::ZERO,
        }
    }

    /// Begins to connect.
    ///
    /// # Errors
    ///
    /// The error of the operating system.
    pub(super) fn connect(
        &mut self,
        registry: &Registry,
        token: Token,
        to: SocketAddr,
        now: Time,
    ) -> io::Result<()> {
        self.attempts = self.attempts.saturating_add(1);
        let mut stream = TcpStream::connect(to)?;
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        self.stream = Some(stream);
        self.state = State::Connecting(now);
        Ok(())
    }

    /// Goes on once the socket is writable: sends the first requests if it is connected now.
    ///
    /// # Errors
    ///
    /// If there is no connection.
    pub(super) fn on_writable(
        &mut self,
        credentials: Option<&Credentials>,
        now: Time,
    ) -> io::Result<()> {
        let (State::Connecting(_), Some(stream)) = (self.state, &self.stream) else {
            return Ok(());
        };
        if let Some(error) = stream.take_error()? {
            return Err(error);
        }
        match stream.peer_addr() {
            Err(error) if error.kind() == io::ErrorKind::NotConnected => return Ok(()),
            other => other?,
        };
        // Requests are small and wait for nothing. Without it they are only slower.
        let _ = stream.set_nodelay(true);
        self.state = State::Greeting(now);
        if let Some(Credentials { user, password }) = credentials {
            let words = [&b"AUTH"[..], user.as_deref().unwrap_or_default(), password];
            let words = if user.is_some() { &words[..] } else { &[words[0], words[2]] };
            write_request(words, &mut self.output);
            self.due.push_back(Due { request: Request::Auth, at: now });
        }
        write_request(&[b"PING"], &mut self.output);
        self.due.push_back(Due { request: Request::Ping, at: now });
        Ok(())
    }

    /// Whether it takes another question.
    pub(super) fn has_room(&self) -> bool {
        self.state == State::Open && self.due.len() < MAX_DUE && self.unsent() < MAX_UNSENT
    }

    /// Whether it owes a reply for too long.
    pub(super) fn is_silent(&self, now: Time) -> bool {
        self.expired > 0
            || self.due.front().is_some_and(|due| now.since(due.at.max(self.heard_at)) > SILENT)
    }

    /// Adds a question.
    pub(super) fn ask(&mut self, form: &mut Form, question: Question, token: u64, now: Time) {
        form.write(&question, &mut self.output);
        self.due.push_back(Due { request: Request::Question(token, question), at: now });
    }

    fn unsent(&self) -> usize {
        self.output.len() - self.sent
    }

    /// Sends what the server takes.
    ///
    /// # Errors
    ///
    /// If the connection is broken.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        let (Some(stream), State::Greeting(_) | State::Open) = (&mut self.stream, self.state)
        else {
            return Ok(());
        };
        while self.sent < self.output.len() {
            match stream.write(&self.output[self.sent..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.output.drain(..self.sent);
                    self.sent = 0;
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        self.output.clear();
        self.sent = 0;
        Ok(())
    }

    /// Reads what has arrived, and adds what it says to `news`. `number` orders the writes of the run.
    ///
    /// # Errors
    ///
    /// If the connection is broken, or the server does not speak the protocol.
    pub(super) fn read(
        &mut self,
        now: Time,
        number: &mut u64,
        news: &mut Vec<News>,
    ) -> io::Result<()> {
        for _ in 0..READS_PER_TURN {
            let Some(stream) = &mut self.stream else { return Ok(()) };
            let start = self.input.len();
            self.input.resize(start + CHUNK, 0);
            let read = stream.read(&mut self.input[start..]);
            self.input.truncate(start + read.as_ref().copied().unwrap_or(0));
            match read {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.is_readable = false;
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
            self.heard_at = now;
            self.parse(number, news)?;
        }
        Ok(())
    }

    fn parse(&mut self, number: &mut u64, news: &mut Vec<News>) -> io::Result<()> {
        let wrong = || io::Error::new(io::ErrorKind::InvalidData, "its reply is not one of Redis");
        let mut at = 0;
        while let Some((reply, length)) = incoming(&self.input[at..]).map_err(|_| wrong())? {
            let due = self.due.pop_front().ok_or_else(wrong)?;
            if self.expired > 0 {
                self.expired -= 1;
            } else {
                take(due.request, reply, number, news);
                match due.request {
                    Request::Auth if matches!(reply, Incoming::Error(_)) => {
                        // Perhaps too many clients say who they are at a time.
                        let why = "the server does not accept the name and the password now";
                        return Err(io::Error::other(why));
                    }
                    Request::Auth => {}
                    Request::Ping => self.state = State::Open,
                    Request::Question(..) => self.attempts = 0,
                }
            }
            at += length;
        }
        self.input.drain(..at);
        Ok(())
    }

    /// Ends the questions that were asked before `t`, and returns their tokens.
    pub(super) fn expire(&mut self, t: Time, tokens: &mut Vec<u64>) {
        while let Some(Due { request, .. }) = self.due.get(self.expired).filter(|due| due.at <= t) {
            tokens.extend(request.token());
            self.expired += 1;
        }
    }

    /// Whether questions have expired and nothing was heard since `t`.
    pub(super) fn is_dead(&self, t: Time) -> bool {
        self.expired > 0 && self.heard_at <= t
    }

    /// Closes it until `retry_at`. Returns the tokens of the questions that have no answer.
    pub(super) fn close(&mut self, registry: &Registry, retry_at: Time, tokens: &mut Vec<u64>) {
        if let Some(mut stream) = self.stream.take() {
            // A socket that was never registered closes all the same.
            let _ = registry.deregister(&mut stream);
        }
        tokens.extend(self.due.iter().skip(self.expired).filter_map(|due| due.request.token()));
        let (address, attempts) = (self.address, self.attempts);
        let state = State::Closed(retry_at);
        *self = Connection { state, attempts, ..Connection::new(address) };
    }
}

impl Request {
    fn token(self) -> Option<u64> {
        match self {
            Request::Question(token, _) => Some(token),
            Request::Auth | Request::Ping => None,
        }
    }
}

fn take(request: Request, reply: Incoming<'_>, number: &mut u64, news: &mut Vec<News>) {
    if let Incoming::Error(text) = reply {
        news.push(News::Error(text.to_vec()));
    }
    match request {
        Request::Auth => {}
        Request::Ping => news.push(News::Open),
        Request::Question(token, question) => {
            *number += 1;
            news.push(News::Answer(token, answer(&question, reply, *number)));
        }
    }
}
