//! Accepting clients, and closing connections.
//!
//! **Invariant:** [`Shared::connections`](super::super::shared::Shared) counts each open connection once.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use hopwise_kernel::Time;
use mio::net::TcpStream;
use mio::{Interest, Token};

use super::nodes::NodeShard;
use super::{FIRST_CONNECTION, MAX_CONNECTIONS, Server};
use crate::serve::connection::Connection;
use crate::serve::shared::Letter;

/// The most clients that are accepted in one turn.
const ACCEPTS_PER_TURN: usize = 256;
/// Time between two looks through all connections.
const SWEEP: Duration = Duration::from_secs(1);
/// A request must be complete after this time.
const REQUEST_TIME: Duration = Duration::from_secs(30);
/// A client that does not take its replies for this time is disconnected.
const SLOW_TIME: Duration = Duration::from_secs(10);

impl Server {
    /// Accepts clients that wait. Returns when to do so again without being told.
    pub(super) fn accept(&mut self, shard: &NodeShard, now: Time) -> Time {
        for _ in 0..ACCEPTS_PER_TURN {
            let Some(listener) = &mut self.listener else { return Time::NEVER };
            let Some((stream, peer)) = listener.next(now) else { break };
            if self.shared.connections.load(Relaxed) >= self.shared.max_connections {
                turn_away(stream);
                continue;
            }
            self.shared.connections.fetch_add(1, Relaxed);
            let to = listener.next_shard;
            listener.next_shard = (to + 1) % self.shared.mailboxes.len();
            if to == self.index {
                self.admit(shard, stream, peer);
            } else if let Err(letter) =
                self.shared.mailboxes[to].send(Letter::Connection(stream, peer))
            {
                self.shared.connections.fetch_sub(1, Relaxed);
                if let Letter::Connection(stream, _) = letter {
                    turn_away(stream);
                }
            }
        }
        self.listener.as_ref().map_or(Time::NEVER, |listener| listener.next_due(now))
    }

    /// Takes over a connection that is already counted.
    pub(super) fn admit(&mut self, shard: &NodeShard, stream: TcpStream, peer: SocketAddr) {
        // Replies are small and wait for nothing. Without it they are only slower.
        let _ = stream.set_nodelay(true);
        let number = self.next_number;
        self.next_number += self.shared.mailboxes.len() as u64;
        if self.connections.len() >= MAX_CONNECTIONS || self.draining_since.is_some() {
            self.shared.connections.fetch_sub(1, Relaxed);
            return;
        }
        let token = self.connections.insert(Connection::new(stream, peer, number));
        let Some(connection) = self.connections.at_mut(token) else { return };
        let interest = Interest::READABLE | Interest::WRITABLE;
        let at = Token(FIRST_CONNECTION + token as u32 as usize);
        if shard.registry().register(&mut connection.stream, at, interest).is_err() {
            return self.close(shard, token);
        }
        self.queue(token);
    }

    /// Closes a connection at once.
    pub(super) fn close(&mut self, shard: &NodeShard, token: u64) {
        let Some(mut connection) = self.connections.remove(token) else { return };
        self.output_bytes -= connection.counted;
        // A socket that was never registered closes all the same.
        let _ = shard.registry().deregister(&mut connection.stream);
        self.receivers.remove(token, &connection.received);
        self.shared.connections.fetch_sub(1, Relaxed);
    }

    /// Once a second, closes connections of clients that neither finish their request nor take their
    /// replies.
    pub(super) fn sweep(&mut self, shard: &NodeShard, now: Time) {
        if now < self.sweep_at {
            return;
        }
        self.sweep_at = now + SWEEP;
        let is_over = |since: Option<Time>, most| since.is_some_and(|at| now.since(at) >= most);
        let over = self.connections.iter().filter(|(_, connection)| {
            is_over(connection.incomplete_since, REQUEST_TIME)
                || is_over(connection.slow_since, SLOW_TIME)
        });
        let tokens: Vec<u64> = over.map(|(token, _)| token).collect();
        tokens.into_iter().for_each(|token| self.close(shard, token));
    }
}

/// Says that there are too many clients. One that does not listen is not told.
fn turn_away(mut stream: TcpStream) {
    let _ = stream.write(b"-ERR max number of clients reached\r\n");
}
