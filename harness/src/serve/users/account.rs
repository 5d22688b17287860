//! What a user has done, and how much is allowed.
//!
//! Shards share accounts. A quota holds for the bytes of values that the user has stored and those that
//! the user's commands in progress may store. The ledger that charges a value may be another shard's, so
//! both can count a value for a moment after the command has ended, and a deleted value still counts.
//!
//! **Invariant:** takes no lock.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crossbeam_utils::CachePadded;
use hopwise_kernel::Time;

use crate::resp::Reply;

/// A user may be this far ahead of the rate.
const BURST_NS: u64 = 1_000_000_000;

/// The account of a user.
#[derive(Debug, Default)]
pub(crate) struct Account {
    counts: CachePadded<Live>,
    quota_bytes: Option<u64>,
    requests_per_s: Option<u64>,
}

#[derive(Debug, Default)]
struct Live {
    requests: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    stored: AtomicU64,
    reserved: AtomicU64,
    refused: AtomicU64,
    /// When the next request is due at the rate, in nanoseconds.
    due_ns: AtomicU64,
}

/// What a user, or all connections, have done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Counts {
    /// Requests.
    pub(crate) requests: u64,
    /// Bytes received.
    pub(crate) bytes_in: u64,
    /// Bytes sent.
    pub(crate) bytes_out: u64,
    /// Bytes of the values that are stored.
    pub(crate) stored: u64,
    /// Requests refused for the rate or the quota.
    pub(crate) refused: u64,
}

impl Account {
    /// An account with these limits.
    pub(super) fn new(quota_bytes: Option<u64>, requests_per_s: Option<u64>) -> Account {
        Account { quota_bytes, requests_per_s, ..Account::default() }
    }

    /// What the user has done.
    pub(crate) fn counts(&self) -> Counts {
        let live = &self.counts;
        Counts {
            requests: live.requests.load(Relaxed),
            bytes_in: live.bytes_in.load(Relaxed),
            bytes_out: live.bytes_out.load(Relaxed),
            stored: live.stored.load(Relaxed),
            refused: live.refused.load(Relaxed),
        }
    }

    /// Whether a quota limits the user.
    pub(crate) fn has_quota(&self) -> bool {
        self.quota_bytes.is_some()
    }

    /// Charges a request.
    pub(crate) fn charge_request(&self) {
        self.counts.requests.fetch_add(1, Relaxed);
    }

    /// Charges bytes received.
    pub(crate) fn charge_in(&self, bytes: u64) {
        self.counts.bytes_in.fetch_add(bytes, Relaxed);
    }

    /// Charges bytes sent.
    pub(crate) fn charge_out(&self, bytes: u64) {
        self.counts.bytes_out.fetch_add(bytes, Relaxed);
    }

    /// Reserves room for bytes that a command may store. The command gives them back at its end.
    ///
    /// # Errors
    ///
    /// The reply, if they are over the quota.
    pub(crate) fn reserve(&self, bytes: u64) -> Result<(), Reply> {
        if bytes == 0 {
            return Ok(());
        }
        let reserved = self.counts.reserved.fetch_add(bytes, Relaxed).saturating_add(bytes);
        let Some(quota) = self.quota_bytes else { return Ok(()) };
        let used = self.counts.stored.load(Relaxed).saturating_add(reserved);
        if used <= quota {
            return Ok(());
        }
        self.unreserve(bytes);
        self.counts.refused.fetch_add(1, Relaxed);
        let used = used - bytes;
        Err(Reply::error(format!("OOM the quota of {quota} bytes is used up: {used} are in use")))
    }

    /// Gives back what was reserved.
    pub(crate) fn unreserve(&self, bytes: u64) {
        self.counts.reserved.fetch_sub(bytes, Relaxed);
    }

    /// Charges bytes that are stored.
    pub(crate) fn charge_stored(&self, bytes: u64) {
        self.counts.stored.fetch_add(bytes, Relaxed);
    }

    /// Credits bytes that are no longer stored.
    pub(crate) fn credit_stored(&self, bytes: u64) {
        self.counts.stored.fetch_sub(bytes, Relaxed);
    }

    /// Takes a turn at the allowed rate. As many requests as the rate allows in a second may come at once.
    pub(super) fn take_turn(&self, now: Time) -> Result<(), Reply> {
        let Some(rate) = self.requests_per_s else { return Ok(()) };
        let step = BURST_NS / rate.clamp(1, BURST_NS);
        let now = now.as_ns();
        let next = |due: u64| {
            let due = due.max(now) + step;
            (due <= now + BURST_NS).then_some(due)
        };
        if self.counts.due_ns.try_update(Relaxed, Relaxed, next).is_ok() {
            return Ok(());
        }
        self.counts.refused.fetch_add(1, Relaxed);
        Err(Reply::error(format!("ERR rate limit exceeded: at most {rate} requests per second")))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_rate_allows_a_second_at_once_and_then_its_steps() {
        let account = Account::new(None, Some(10));
        let at = |ms| Time::ZERO + Duration::from_millis(ms);
        let allowed = |ms| account.take_turn(at(ms)).is_ok();
        assert_eq!((0..20).filter(|_| allowed(0)).count(), 10);
        assert!(!allowed(99) && allowed(100) && !allowed(101));
        assert_eq!((0..20).filter(|_| allowed(60_000)).count(), 10, "no more than a second's");
        assert_eq!(account.counts().refused, 10 + 2 + 10);
    }

    #[test]
    fn a_quota_counts_what_is_stored_and_what_may_be() {
        let account = Account::new(Some(100), None);
        assert_eq!(account.reserve(60), Ok(()));
        assert!(account.reserve(41).is_err());
        account.unreserve(60);
        account.charge_stored(50);
        let why = "OOM the quota of 100 bytes is used up: 50 are in use";
        assert_eq!(account.reserve(51), Err(Reply::error(why)));
        assert_eq!(account.reserve(50), Ok(()));
        account.unreserve(50);
        account.credit_stored(50);
        assert_eq!(account.counts(), Counts { refused: 2, ..Counts::default() });
    }
}
