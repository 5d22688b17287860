//! Connections that receive the messages to keys.
//!
//! **Invariant:** a connection is here once for each key that it receives messages of.

use std::sync::Arc;

use hopwise_kernel::Id;
use std::collections::HashMap;

use super::{MAX_OUTPUT_OF_ALL, Server};
use crate::resp::Reply;
use crate::serve::figures::Figure;
use crate::serve::shared::Letter;

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Receivers {
    /// The tokens of the connections, and what they call the key.
    by_key: HashMap<Id, Vec<(u64, Vec<u8>)>>,
    count: u64,
    /// Messages to connections that had no room for them.
    lost: u64,
}

impl Receivers {
    pub(super) fn add(&mut self, token: u64, key: Id, name: Vec<u8>) {
        self.by_key.entry(key).or_default().push((token, name));
        self.count += 1;
    }

    pub(super) fn remove(&mut self, token: u64, keys: &[Id]) {
        for key in keys {
            let Some(all) = self.by_key.get_mut(key) else { continue };
            let before = all.len();
            all.retain(|(other, _)| *other != token);
            self.count -= (before - all.len()) as u64;
            if all.is_empty() {
                self.by_key.remove(key);
            }
        }
    }

    /// How many keys connections receive messages of, each counted once per connection.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Messages to connections that had no room for them.
    pub(super) fn lost(&self) -> u64 {
        self.lost
    }
}

impl Server {
    /// Delivers the messages that have arrived at nodes of this shard, here and at the other shards.
    pub(super) fn deliver_messages(&mut self) {
        for (key, message) in std::mem::take(&mut self.arrived) {
            for shard in 0..self.shared.mailboxes.len() {
                if shard == self.index {
                    self.deliver(key, &message);
                } else if self.shared.figures[shard].of(Figure::Receivers) > 0 {
                    let letter = Letter::Message(key, Arc::clone(&message));
                    self.receivers.lost +=
                        u64::from(self.shared.mailboxes[shard].send(letter).is_err());
                }
            }
        }
    }

    /// Delivers a message to the connections of this shard.
    pub(super) fn deliver(&mut self, key: Id, message: &[u8]) {
        let Some(all) = self.receivers.by_key.get(&key) else { return };
        let mut reached = Vec::with_capacity(all.len());
        for (token, name) in all {
            let Some(connection) = self.connections.at_mut(*token) else { continue };
            let parts = [b"hopwise.message".as_slice(), name, message].map(Reply::bulk);
            let has_room = self.output_bytes <= MAX_OUTPUT_OF_ALL;
            if has_room && connection.push(&Reply::Push(parts.into())) {
                reached.push(*token);
            } else {
                self.receivers.lost += 1;
            }
        }
        reached.into_iter().for_each(|token| self.queue(token));
    }
}
