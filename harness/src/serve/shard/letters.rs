//! Letters from other threads, and the renewal of values.
//!
//! **Invariant:** at most [`LETTERS_PER_TURN`] letters and [`RENEWALS_PER_TURN`] renewals per turn.

use hopwise_kernel::{Id, Time};

use super::Server;
use super::nodes::NodeShard;
use crate::resp::Reply;
use crate::serve::command::Keyed;
use crate::serve::ledger::Renewal;
use crate::serve::shared::Letter;
use crate::serve::task::Caller;
use crate::serve::users;

const LETTERS_PER_TURN: usize = 1024;
const RENEWALS_PER_TURN: usize = 16;

impl Server {
    pub(super) fn take_letters(&mut self, shard: &mut NodeShard, now: Time) {
        for _ in 0..LETTERS_PER_TURN {
            let Some(letter) = self.shared.mailboxes[self.index].take() else { return };
            match letter {
                Letter::Connection(stream, peer) => self.admit(shard, stream, peer),
                Letter::Verdict(token, user) => self.on_verdict(token, user),
                Letter::Crash(order) => self.on_crash_order(shard, order, now),
                Letter::Crashed(order, count) => self.on_crashed(order, count),
                Letter::Changed(change) => self.ledger.apply(now, change, &self.shared.users),
                Letter::Message(key, message) => self.deliver(key, &message),
            }
        }
        // The rest waits for the next turn, which comes at once.
        self.shared.mailboxes[self.index].wake();
    }

    /// Renews values whose half life has passed.
    pub(super) fn renew(&mut self, now: Time) {
        for _ in 0..RENEWALS_PER_TURN {
            if !self.tasks.has_room() || self.draining_since.is_some() {
                return;
            }
            let Some(key) = self.ledger.take_due(now, &self.shared.users) else { return };
            let caller = Caller { connection: None, sequence: 0, user: users::FIRST, reserved: 0 };
            self.tasks.begin(now, caller, Keyed::renew(key));
        }
    }

    pub(super) fn renewed(&mut self, now: Time, key: Id, reply: &Reply) {
        let end = match reply {
            Reply::Integer(1) => Renewal::Done,
            Reply::Integer(_) => Renewal::Unneeded,
            _ => Renewal::Failed,
        };
        self.ledger.renewed(now, key, end, &self.shared.users);
    }
}
