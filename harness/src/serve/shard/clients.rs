//! Serving connections: from bytes to commands, and from replies to bytes.
//!
//! Commands of one connection go on at the same time, unless one needs a key that another one uses. Then
//! it waits, and so do those after it.
//!
//! **Invariant:** a request is charged to the user of its connection, and answered once.

use hopwise_kernel::{Address, Time};

use super::nodes::NodeShard;
use super::{MAX_OUTPUT_OF_ALL, Server};
use crate::resp::{Reply, Request};
use crate::serve::command::{Action, Command, Keyed, parse};
use crate::serve::connection::{Connection, MAX_OUTPUT};
use crate::serve::figures::Figure;
use crate::serve::task::{Caller, EffectKind};

/// The most requests of one connection that are handled in one turn.
const REQUESTS_PER_TURN: usize = 64;
/// The most reads from one connection in one turn.
const READS_PER_TURN: usize = 8;

/// What a connection does next.
enum Next {
    /// Handles this request.
    Request(Request),
    /// Handles a command that was held back.
    Held(&'static str, Command),
    /// Waits for its client, or for a command.
    Wait,
    /// Is broken.
    Broken,
}

impl Server {
    /// Serves the connections in the queue.
    pub(super) fn serve_queue(&mut self, shard: &NodeShard, now: Time) {
        for _ in 0..self.queue.len() {
            let Some(token) = self.queue.pop_front() else { return };
            let Some(connection) = self.connections.at_mut(token) else { continue };
            connection.is_queued = false;
            self.serve(shard, token, now);
        }
    }

    /// Handles the requests of a connection, and sends its replies.
    fn serve(&mut self, shard: &NodeShard, token: u64, now: Time) {
        let mut reads = READS_PER_TURN;
        for left in (0..REQUESTS_PER_TURN).rev() {
            match self.next(token, &mut reads) {
                Next::Request(request) => self.handle(token, request, now),
                Next::Held(name, command) => self.dispatch(token, name, command, now),
                Next::Wait => break,
                Next::Broken => return self.close(shard, token),
            }
            if left == 0 {
                self.queue(token);
            }
        }
        self.flush(shard, token, now);
    }

    fn next(&mut self, token: u64, reads: &mut usize) -> Next {
        let can_begin = self.tasks.has_room() && self.unsent.is_empty();
        let is_draining = self.draining_since.is_some();
        let is_output_full = self.output_bytes > MAX_OUTPUT_OF_ALL;
        let Some(connection) = self.connections.at_mut(token) else { return Next::Wait };
        loop {
            let is_behind = is_output_full && connection.unsent() > 0;
            if !connection.may_begin() || is_draining || is_behind {
                return Next::Wait;
            }
            if !can_begin {
                // The server has too much to do; the connection comes back later.
                self.queue(token);
                return Next::Wait;
            }
            if let Some((name, command)) = connection.held.take() {
                return Next::Held(name, command);
            }
            match connection.next_request() {
                Ok(Some(request)) => {
                    connection.incomplete_since = None;
                    if !request.is_empty() {
                        return Next::Request(request);
                    }
                }
                Ok(None) if !connection.can_read() => {
                    if connection.is_closing {
                        // What is there will never be a whole request.
                        connection.drop_input();
                    }
                    return Next::Wait;
                }
                Ok(None) if *reads == 0 => {
                    self.queue(token);
                    return Next::Wait;
                }
                Ok(None) => {
                    *reads -= 1;
                    let Ok(count) = connection.read(&mut self.read_buffer) else {
                        return Next::Broken;
                    };
                    self.shared.users.user(connection.user).account.charge_in(count as u64);
                    self.shared.figures[self.index].add(Figure::BytesIn, count as u64);
                }
                Err(error) => {
                    let sequence = connection.begin(connection.version);
                    connection.end(sequence, &[], &Reply::error(format!("ERR {error}")));
                    connection.drop_input();
                    connection.is_closing = true;
                    return Next::Wait;
                }
            }
        }
    }

    /// Handles a request: checks that it is a command, and that the user may give it.
    fn handle(&mut self, token: u64, request: Request, now: Time) {
        let Some(connection) = self.connections.at_mut(token) else { return };
        let users = self.shared.users.clone();
        users.user(connection.user).account.charge_request();
        self.shared.figures[self.index].add(Figure::Requests, 1);
        let admitted = parse(request, self.shared.now_ms(now)).and_then(|(name, command)| {
            users.admit(connection.user, name, &command, now)?;
            Ok((name, command))
        });
        match admitted {
            Ok((name, command)) => self.dispatch(token, name, command, now),
            Err(reply) => self.answer_now(token, &reply),
        }
    }

    /// Carries out a command, or holds it back until its keys are free.
    fn dispatch(&mut self, token: u64, name: &'static str, command: Command, now: Time) {
        let Some(connection) = self.connections.at_mut(token) else { return };
        match command {
            Command::Session(session) => self.answer(token, session, now),
            Command::Keyed(keyed) if connection.is_busy(keys(&keyed)) => {
                connection.held = Some((name, Command::Keyed(keyed)));
                // Nothing else begins until a command ends.
                connection.is_blocked = true;
            }
            Command::Keyed(keyed) => self.begin(token, keyed, now),
        }
    }

    fn begin(&mut self, token: u64, mut keyed: Keyed, now: Time) {
        let Some(connection) = self.connections.at_mut(token) else { return };
        let account = &self.shared.users.user(connection.user).account;
        let reserved = keyed.bytes();
        let refused = if let Err(reply) = name_client(&mut keyed, connection) {
            Some(reply)
        } else if reserved > 0 && account.has_quota() && self.ledger.is_full() {
            Some(Reply::error("OOM no more values can be accounted for"))
        } else {
            account.reserve(reserved).err()
        };
        if let Some(reply) = refused {
            return self.answer_now(token, &reply);
        }
        let sequence = connection.begin(connection.version);
        connection.occupy(keys(&keyed));
        let caller = Caller { connection: Some(token), sequence, user: connection.user, reserved };
        self.tasks.begin(now, caller, keyed);
    }

    /// Answers the request that is being handled.
    pub(super) fn answer_now(&mut self, token: u64, reply: &Reply) {
        if let Some(connection) = self.connections.at_mut(token) {
            let sequence = connection.begin(connection.version);
            connection.end(sequence, &[], reply);
        }
    }

    /// Ends tasks: their replies, and what they have changed.
    pub(super) fn finish_tasks(&mut self, now: Time) {
        for finished in self.tasks.take_finished() {
            let Caller { connection, sequence, user, mut reserved } = finished.caller;
            for &effect in &finished.effects {
                let bytes = match effect.kind {
                    EffectKind::Stored(bytes, _) => bytes.min(reserved),
                    _ => 0,
                };
                reserved -= bytes;
                self.account(now, super::Change { user, effect, reserved: bytes });
            }
            // What was reserved and not stored.
            let users = &self.shared.users;
            users.user(user).account.unreserve(reserved);
            match (connection, finished.keys.first()) {
                (Some(token), _) => {
                    if let Some(connection) = self.connections.at_mut(token) {
                        connection.end(sequence, &finished.keys, &finished.reply);
                        connection.is_blocked = false;
                    }
                    self.queue(token);
                }
                (None, Some(&key)) => self.renewed(now, key, &finished.reply),
                (None, None) => {}
            }
        }
    }

    /// Sends what a client takes, and closes a connection that is done.
    fn flush(&mut self, shard: &NodeShard, token: u64, now: Time) {
        let Some(connection) = self.connections.at_mut(token) else { return };
        let is_output_full = self.output_bytes > MAX_OUTPUT_OF_ALL;
        let was_full = !connection.may_begin() || is_output_full;
        let Ok(count) = connection.send() else { return self.close(shard, token) };
        self.output_bytes = self.output_bytes + connection.unsent() - connection.counted;
        connection.counted = connection.unsent();
        self.shared.users.user(connection.user).account.charge_out(count as u64);
        self.shared.figures[self.index].add(Figure::BytesOut, count as u64);
        if connection.is_done() && !connection.has_input() && connection.held.is_none() {
            return self.close(shard, token);
        }
        let is_slow = connection.unsent() >= MAX_OUTPUT;
        connection.slow_since = is_slow.then(|| connection.slow_since.unwrap_or(now));
        let is_incomplete = connection.has_input() && connection.may_begin();
        connection.incomplete_since =
            is_incomplete.then(|| connection.incomplete_since.unwrap_or(now));
        if was_full && connection.may_begin() {
            self.queue(token);
        }
    }
}

fn keys(keyed: &Keyed) -> impl Iterator<Item = hopwise_kernel::Id> {
    keyed.parts.iter().map(|part| part.key)
}

/// Puts the address of the client where a command announces it.
fn name_client(keyed: &mut Keyed, connection: &Connection) -> Result<(), Reply> {
    for part in &mut keyed.parts {
        if let Action::Announce(address) = &mut part.action
            && *address == Address::default()
        {
            let std::net::SocketAddr::V4(peer) = connection.peer else {
                return Err(Reply::error("ERR the client has no IPv4 address: write one"));
            };
            *address = peer.into();
        }
    }
    Ok(())
}
