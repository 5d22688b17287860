//! The values that clients have stored through this server: whose they are, how long they are, and which
//! must be renewed.
//!
//! A value that was set without an expiry is stored for the default lifetime of the store, and renewed
//! after half of it. Each shard keeps the keys of a part of the key space, whichever shard wrote them.
//! Of a key beyond [`MAX_KEYS`], nothing is known: the value expires after the default lifetime, and its
//! bytes count for no user.
//!
//! **Invariant:** a user is charged for each value once, and no longer than it can live.

use std::collections::BTreeSet;
use std::time::Duration;

use hopwise_kernel::store::Version;
use hopwise_kernel::{Id, Time};
use std::collections::HashMap;

use super::task::{Effect, EffectKind, Life};
use super::users::Users;

/// The most keys of a shard.
pub(crate) const MAX_KEYS: usize = 131_072;
/// A renewal that has failed is tried again after this time.
const RETRY: Duration = Duration::from_secs(60);

/// A change of a value by a user.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    /// The user.
    pub(crate) user: u32,
    /// What has changed.
    pub(crate) effect: Effect,
    /// Bytes that the user had reserved for it. They are given back once the value is charged.
    pub(crate) reserved: u64,
}

/// The keys of one part of the key space.
#[derive(Debug)]
pub(crate) struct Ledger {
    entries: HashMap<Id, Entry>,
    /// The keys by the time of what is due: a renewal, or the end of the value.
    due: BTreeSet<(Time, Id)>,
    /// The default lifetime of the store.
    lifetime: Duration,
    /// Keys that were written beyond the bound.
    beyond: u64,
}

#[derive(Debug)]
struct Entry {
    version: Version,
    user: u32,
    bytes: u64,
    due: Time,
    is_kept: bool,
}

/// How a renewal ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Renewal {
    /// It was renewed.
    Done,
    /// There is no value any more, or it expires.
    Unneeded,
    /// It could not be renewed now.
    Failed,
}

impl Ledger {
    /// An empty ledger, for a store with this default lifetime.
    pub(crate) fn new(lifetime: Duration) -> Ledger {
        Ledger { entries: HashMap::new(), due: BTreeSet::new(), lifetime, beyond: 0 }
    }

    /// How many keys there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no room for another key.
    pub(crate) fn is_full(&self) -> bool {
        self.entries.len() >= MAX_KEYS
    }

    /// How many keys were written beyond the bound.
    pub(crate) fn beyond(&self) -> u64 {
        self.beyond
    }

    /// When something is due next.
    pub(crate) fn next_due(&self) -> Time {
        self.due.first().map_or(Time::NEVER, |&(at, _)| at)
    }

    /// Takes note of a change. One that is older than the last is ignored.
    pub(crate) fn apply(&mut self, now: Time, change: Change, users: &Users) {
        self.charge(now, change, users);
        users.user(change.user).account.unreserve(change.reserved);
    }

    fn charge(&mut self, now: Time, change: Change, users: &Users) {
        let Change { user, effect: Effect { key, version, kind }, .. } = change;
        let old = self.entries.get(&key);
        if old.is_some_and(|old| old.version > version) {
            return;
        }
        let (owner, bytes, life) = match (kind, old) {
            (EffectKind::Deleted, _) => return self.forget(key, users),
            (EffectKind::Stored(bytes, life), _) => (user, bytes, life),
            (EffectKind::Touched(life), Some(old)) => (old.user, old.bytes, life),
            // The bytes of a value that nobody set through this server are unknown.
            (EffectKind::Touched(life), None) => (user, 0, life),
        };
        let (due, is_kept) = match (life, old) {
            (Life::Kept, _) => (now + self.lifetime / 2, true),
            (Life::For(length), _) => (now + length, false),
            (Life::AsBefore, Some(old)) => (old.due, old.is_kept),
            (Life::AsBefore, None) => (now + self.lifetime, false),
        };
        self.forget(key, users);
        if self.is_full() {
            self.beyond += 1;
            return;
        }
        users.user(owner).account.charge_stored(bytes);
        self.due.insert((due, key));
        self.entries.insert(key, Entry { version, user: owner, bytes, due, is_kept });
    }

    /// The next key that must be renewed by `now`. Forgets values that have expired.
    pub(crate) fn take_due(&mut self, now: Time, users: &Users) -> Option<Id> {
        while let Some(&(at, key)) = self.due.first()
            && at <= now
        {
            let Some(entry) = self.entries.get_mut(&key).filter(|entry| entry.is_kept) else {
                self.forget(key, users);
                continue;
            };
            // Until the renewal ends; if its end never comes, it is tried again.
            self.due.remove(&(at, key));
            entry.due = now + RETRY;
            self.due.insert((entry.due, key));
            return Some(key);
        }
        None
    }

    /// Takes note of the end of a renewal.
    pub(crate) fn renewed(&mut self, now: Time, key: Id, end: Renewal, users: &Users) {
        match end {
            Renewal::Failed => {}
            Renewal::Unneeded => self.forget(key, users),
            Renewal::Done => {
                if let Some(entry) = self.entries.get_mut(&key) {
                    self.due.remove(&(entry.due, key));
                    entry.due = now + self.lifetime / 2;
                    self.due.insert((entry.due, key));
                }
            }
        }
    }

    fn forget(&mut self, key: Id, users: &Users) {
        if let Some(old) = self.entries.remove(&key) {
            self.due.remove(&(old.due, key));
            users.user(old.user).account.credit_stored(old.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn key(number: u64) -> Id {
        Id::of_name(&number.to_be_bytes())
    }

    fn change(number: u64, version: u64, kind: EffectKind) -> Change {
        let version = Version { number: version, writer: 0 };
        let effect = Effect { key: key(number), version, kind };
        Change { user: 0, effect, reserved: 0 }
    }

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn a_user_is_charged_for_each_value_once() {
        let (mut ledger, users) = (Ledger::new(HOUR), Users::open());
        let stored = || users.user(0).account.counts().stored;
        let ten = EffectKind::Stored(10, Life::Kept);
        ledger.apply(at(0), change(1, 5, ten), &users);
        ledger.apply(at(0), change(2, 5, EffectKind::Stored(7, Life::For(HOUR))), &users);
        assert_eq!((stored(), ledger.len()), (17, 2));
        ledger.apply(at(1), change(1, 4, EffectKind::Stored(99, Life::Kept)), &users);
        assert_eq!(stored(), 17, "an older version");
        ledger.apply(at(1), change(1, 6, EffectKind::Stored(3, Life::AsBefore)), &users);
        assert_eq!(stored(), 10);
        ledger.apply(at(1), change(1, 7, EffectKind::Deleted), &users);
        assert_eq!((stored(), ledger.len()), (7, 1));
        assert_eq!(ledger.take_due(at(3601), &users), None);
        assert_eq!((stored(), ledger.len(), ledger.next_due()), (0, 0, Time::NEVER), "expired");
    }

    #[test]
    fn values_that_are_kept_are_renewed_after_half_their_life() {
        let (mut ledger, users) = (Ledger::new(HOUR), Users::open());
        ledger.apply(at(0), change(1, 1, EffectKind::Stored(1, Life::Kept)), &users);
        ledger.apply(at(0), change(2, 1, EffectKind::Stored(1, Life::Kept)), &users);
        ledger.apply(at(0), change(2, 2, EffectKind::Touched(Life::For(HOUR))), &users);
        assert_eq!((ledger.next_due(), ledger.take_due(at(1799), &users)), (at(1800), None));
        assert_eq!(ledger.take_due(at(1800), &users), Some(key(1)));
        assert_eq!(ledger.take_due(at(1800), &users), None, "one at a time");
        ledger.renewed(at(1801), key(1), Renewal::Failed, &users);
        assert_eq!(ledger.take_due(at(1860), &users), Some(key(1)));
        ledger.renewed(at(1860), key(1), Renewal::Done, &users);
        assert_eq!(ledger.take_due(at(3600), &users), None);
        assert_eq!(ledger.take_due(at(3660), &users), Some(key(1)));
        ledger.renewed(at(3660), key(1), Renewal::Unneeded, &users);
        assert_eq!((ledger.len(), ledger.next_due()), (0, Time::NEVER));
    }

    #[test]
    fn keys_beyond_the_bound_are_counted() {
        let (mut ledger, users) = (Ledger::new(HOUR), Users::open());
        let one = EffectKind::Stored(1, Life::Kept);
        (0..MAX_KEYS as u64 + 3)
            .for_each(|at| ledger.apply(Time::ZERO, change(at, 1, one), &users));
        assert_eq!((ledger.len(), ledger.beyond()), (MAX_KEYS, 3));
        ledger.apply(Time::ZERO, change(0, 2, one), &users);
        assert_eq!((ledger.len(), ledger.beyond()), (MAX_KEYS, 3), "a known key");
    }
}
