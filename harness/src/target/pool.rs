//! All connections of a run: which of them gets a question, when one is given up, and reconnects.
//!
//! A question goes to the connection that the caller names, or to the next one that is open and not silent. A
//! connection that broke tries the next address, after a pause that doubles each time.
//!
//! **Invariant:** every question that was taken ends once: with an answer, or without one at its deadline or
//! when its connection breaks.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use hopwise_kernel::reactor::Clock;
use hopwise_kernel::reactor::alarm::{ALARM, Alarm};
use hopwise_kernel::{Rng, Time};
use mio::{Events, Poll, Token};

use super::address::Address;
use super::connection::{Connection, News, State};
use super::options::Options;
use super::question::{Form, code, is_final};
use crate::workload::values::{Answer, Question};

/// A connection that does not come about within this time is given up. Servers take their time to check
/// the passwords of many clients.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// The pause before the first new attempt, and the longest.
const PAUSE: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// The longest time between two looks at deadlines.
const LOOK: Duration = Duration::from_millis(10);
/// Kinds of errors that are counted apart, and the longest name of one.
const MAX_KINDS: usize = 16;
const MAX_NAME: usize = 24;
/// The longest text of an error in a message.
const MAX_TEXT: usize = 200;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Pool {
    poll: Poll,
    events: Events,
    alarm: Alarm,
    clock: Clock,
    addresses: Vec<Address>,
    connections: Vec<Connection>,
    form: Form,
    deadline: Duration,
    rng: Rng,
    /// Questions that have ended, with their answers.
    ended: Vec<(u64, Option<Answer>)>,
    counts: Counts,
    /// Whether a connection was ever open. Before, each address is tried once, by one connection.
    has_opened: bool,
    /// Orders the writes of the run.
    number: u64,
    /// Why nothing more can be asked.
    refusal: Option<String>,
    /// Why the last attempt to connect failed.
    last_failure: Option<String>,
    /// Room for what one connection learns.
    news: Vec<News>,
    tokens: Vec<u64>,
}

/// What a pool counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    /// Open connections that broke.
    pub(super) broken: u64,
    /// Attempts to connect that failed.
    pub(super) failed: u64,
    /// Errors in replies, by their first words.
    pub(super) errors: BTreeMap<String, u64>,
    /// The first error of each kind.
    pub(super) first_errors: Vec<String>,
}

impl Pool {
    /// A pool of closed connections to the addresses in turn.
    ///
    /// # Errors
    ///
    /// If the operating system refuses.
    pub(super) fn new(
        options: &Options,
        form: Form,
        deadline: Duration,
        clock: Clock,
        rng: Rng,
    ) -> io::Result<Pool> {
        let poll = Poll::new()?;
        let alarm = Alarm::new(&poll)?;
        let addresses = options.addresses.clone();
        let connection = |index| Connection::new(index % addresses.len());
        Ok(Pool {
            poll,
            events: Events::with_capacity(1024),
            alarm,
            clock,
            connections: (0..options.connections).map(connection).collect(),
            addresses,
            form,
            deadline,
            rng,
            ended: Vec::new(),
            counts: Counts::default(),
            has_opened: false,
            number: 0,
            refusal: None,
            last_failure: None,
            news: Vec::new(),
            tokens: Vec::new(),
        })
    }

    /// Open connections.
    pub(super) fn open(&self) -> usize {
        self.connections.iter().filter(|it| it.state == State::Open).count()
    }

    /// Whether each connection is open, or has failed once. If none was open, each address was tried.
    pub(super) fn has_tried_all(&self) -> bool {
        let is_tried = |it: &Connection| match it.state {
            State::Open => true,
            State::Closed(_) => it.attempts > 0,
            _ => it.attempts > 1,
        };
        self.connections[..self.in_use()].iter().all(is_tried)
    }

    /// Connections that may be made.
    fn in_use(&self) -> usize {
        let all = self.connections.len();
        if self.has_opened { all } else { all.min(self.addresses.len()) }
    }

    pub(super) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Why nothing more can be asked.
    pub(super) fn refusal(&self) -> Option<&str> {
        self.refusal.as_deref()
    }

    /// Why the last attempt to connect failed.
    pub(super) fn last_failure(&self) -> Option<&str> {
        self.last_failure.as_deref()
    }

    /// Asks over the connection with this number, or another one. Returns false if there is no room.
    pub(super) fn ask(&mut self, now: Time, first: usize, question: Question, token: u64) -> bool {
        let count = self.connections.len();
        let order = (0..count).map(|step| (first + step) % count);
        let mut usable = order.filter(|&at| self.connections[at].has_room());
        let first = usable.next();
        let is_heard = |at: &usize| !self.connections[*at].is_silent(now);
        let heard = first.into_iter().chain(usable).find(is_heard);
        let Some(at) = heard.or(first) else { return false };
        self.connections[at].ask(&mut self.form, question, token, now);
        true
    }

    /// Sends what was asked.
    pub(super) fn flush(&mut self, now: Time) {
        for index in 0..self.connections.len() {
            if let Err(error) = self.connections[index].flush() {
                self.give_up(index, now, &error);
            }
        }
    }

    /// Waits until something arrives or `wake` comes, and handles it. Returns the time.
    ///
    /// # Errors
    ///
    /// If the operating system refuses to wait.
    pub(super) fn turn(&mut self, wake: Time) -> io::Result<Time> {
        let now = self.clock.now();
        let is_unread = self.connections.iter().any(|it| it.is_readable);
        let wait = if is_unread { Duration::ZERO } else { wake.since(now).min(LOOK) };
        let timeout = if wait.is_zero() {
            Some(Duration::ZERO)
        } else {
            self.alarm.set(wait);
            None
        };
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        let now = self.clock.now();
        let mut writable = Vec::new();
        for event in &self.events {
            if event.token() == ALARM {
                self.alarm.clear();
            } else if let Some(connection) = self.connections.get_mut(event.token().0) {
                connection.is_readable |= event.is_readable() || event.is_read_closed();
                if event.is_writable() {
                    writable.push(event.token().0);
                }
            }
        }
        for index in writable {
            let connection = &mut self.connections[index];
            let credentials = self.addresses[connection.address].credentials.as_ref();
            if let Err(error) = connection.on_writable(credentials, now) {
                self.give_up(index, now, &error);
            }
        }
        for index in 0..self.in_use() {
            self.turn_connection(index, now);
        }
        Ok(now)
    }

    /// The questions that have ended since the last call.
    pub(super) fn take_ended(&mut self) -> Vec<(u64, Option<Answer>)> {
        std::mem::take(&mut self.ended)
    }

    fn turn_connection(&mut self, index: usize, now: Time) {
        let connection = &mut self.connections[index];
        match connection.state {
            State::Closed(retry_at) if retry_at <= now => {
                let to = self.addresses[connection.address].at;
                let begun = connection.connect(self.poll.registry(), Token(index), to, now);
                if let Err(error) = begun {
                    self.give_up(index, now, &error);
                }
                return;
            }
            State::Closed(_) => return,
            State::Connecting(since) | State::Greeting(since) if now.since(since) > CONNECT_MAX => {
                return self.give_up(index, now, &io::ErrorKind::TimedOut.into());
            }
            _ => {}
        }
        if connection.is_readable {
            let read = connection.read(now, &mut self.number, &mut self.news);
            self.take_news(index);
            if let Err(error) = read {
                return self.give_up(index, now, &error);
            }
        }
        let connection = &mut self.connections[index];
        let long_ago = now - self.deadline;
        connection.expire(long_ago, &mut self.tokens);
        let is_dead = connection.is_dead(long_ago);
        self.end_unanswered();
        if is_dead {
            self.give_up(index, now, &io::ErrorKind::TimedOut.into());
        }
    }

    fn take_news(&mut self, index: usize) {
        for news in self.news.drain(..) {
            match news {
                News::Open => self.has_opened = true,
                News::Answer(token, answer) => self.ended.push((token, Some(answer))),
                News::Error(text) => {
                    let name = String::from_utf8_lossy(code(&text));
                    let name: String = name.chars().take(MAX_NAME).collect();
                    let is_known = self.counts.errors.contains_key(&name);
                    let name = match is_known || self.counts.errors.len() < MAX_KINDS {
                        true => name,
                        false => "other".to_owned(),
                    };
                    let count = self.counts.errors.entry(name).or_default();
                    *count += 1;
                    if *count > 1 && !is_final(&text) {
                        continue;
                    }
                    let shown = &self.addresses[self.connections[index].address].shown;
                    let first: String =
                        String::from_utf8_lossy(&text).chars().take(MAX_TEXT).collect();
                    let first = format!("--target {shown}: the server says {first:?}");
                    if is_final(&text) {
                        self.refusal = Some(first);
                    } else {
                        self.counts.first_errors.push(first);
                    }
                }
            }
        }
    }

    /// Closes a connection, and has it try the next address.
    fn give_up(&mut self, index: usize, now: Time, why: &io::Error) {
        let connection = &mut self.connections[index];
        let shown = &self.addresses[connection.address].shown;
        self.last_failure = Some(format!("--target {shown}: {why}"));
        match connection.state {
            State::Open => self.counts.broken += 1,
            _ => self.counts.failed += 1,
        }
        connection.address = (connection.address + 1) % self.addresses.len();
        // The first attempt after a connection that was of use is made at once.
        let doublings = connection.attempts.min(6);
        let pause = match connection.attempts {
            0 => Duration::ZERO,
            _ => (PAUSE * (1 << (doublings - 1))).min(PAUSE_MAX),
        };
        let retry_at = now + pause.mul_f64(0.75 + 0.5 * self.rng.unit());
        connection.close(self.poll.registry(), retry_at, &mut self.tokens);
        self.end_unanswered();
    }

    fn end_unanswered(&mut self) {
        self.ended.extend(self.tokens.drain(..).map(|token| (token, None)));
    }
}
