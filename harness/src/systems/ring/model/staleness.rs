//! How old the tables are, and what lookups find in them.
//!
//! *Fingers.* Of F fingers one is refreshed every T_f, so each is refreshed every F · T_f. Meanwhile its node may
//! depart. The first use then costs a timeout; the finger is dropped, and until the refresh the one below stands
//! in, which costs a detour. See [`Sessions::undetected_and_missing`].
//!
//! *Lists.* News of place i travels i − 1 nodes backward, and waits at each for the next round of stabilize. Rounds
//! are drawn uniformly from T/2 … 3T/2, so the wait is E[X²] / 2E[X] = 13/24 · T on average.
//!
//! *Crashes.* The predecessor of a crashed node notices at its next round, or when a lookup for the keys of that
//! node comes by. It then asks again until a mistake is unlikely: four attempts without loss, which take 1 + 2 + 4 + 4
//! timeouts. A node that hears from nobody meanwhile doubts itself and takes three times as many attempts.
//!
//! **Invariant:** times in seconds; shares between 0 and 1.

use hopwise_kernel::node::{Confidence, LossEstimate};

use crate::plan::{Paths, Sessions};

/// Mean wait for a period drawn uniformly from ½ to 1½ of its mean: E[X²] / 2E[X] = (1 + 1/12) / 2.
const MEAN_WAIT: f64 = 13.0 / 24.0;
/// The mean time after which a node watches its predecessor, if that has just been silent: 1.2 periods after it
/// was heard last, which is 13/24 of a period ago.
const WATCH: f64 = 1.2 - MEAN_WAIT;
/// The timeout of an attempt grows up to this factor (`node.rs` of the ring).
const BACKOFF_MAX: f64 = 4.0;
/// A node that hears from nobody takes this many times as many attempts (`silence.rs` of the ring).
const SELF_DOUBT: f64 = 3.0;

/// How quickly news spreads between neighbors.
#[derive(Clone, Copy, Debug)]
pub(super) struct News {
    /// Until the predecessor of a crashed node first misses it.
    pub(super) missed_s: f64,
    /// From then until it has declared the node dead.
    pub(super) declared_s: f64,
    /// Until the successor of a crashed node answers in its place without asking it.
    pub(super) replaced_s: f64,
    /// Until news comes one node further.
    pub(super) step_s: f64,
    /// The attempts to reach a node before it is declared dead.
    pub(super) attempts: f64,
}

impl News {
    /// The news of a ring that stabilizes every `stabilize_s`, where `lookups_per_s` end at each node and each
    /// node gets `replies_per_s`.
    pub(super) fn new(
        stabilize_s: f64,
        lookups_per_s: f64,
        replies_per_s: f64,
        paths: &Paths,
    ) -> News {
        let mut loss = LossEstimate::default();
        (0..64).for_each(|_| loss.record(0));
        let attempts = f64::from(loss.attempts(Confidence::Declare));
        let waits = |attempts: f64| {
            (0..attempts as u32).map(|n| 2_f64.powi(n as i32).min(BACKOFF_MAX)).sum::<f64>()
        };
        let wait_s = paths.neighbor_wait_s;
        let (least_s, most_s) = (waits(attempts) * wait_s, waits(attempts * SELF_DOUBT) * wait_s);
        // The doubt ends with the next reply.
        let rate = replies_per_s.max(1e-9);
        let doubt_s = (-least_s * rate).exp() * (1.0 - (-(most_s - least_s) * rate).exp()) / rate;
        let declared_s = least_s + doubt_s;
        let step_s = MEAN_WAIT * stabilize_s;
        let first = |own_s: f64| 1.0 / (1.0 / own_s.max(1e-9) + lookups_per_s);
        News {
            missed_s: first(step_s),
            declared_s,
            replaced_s: first(WATCH * stabilize_s) + declared_s,
            step_s,
            attempts: attempts + doubt_s / (BACKOFF_MAX * wait_s),
        }
    }

    /// How long the list of another node names a crashed node in `place`.
    pub(super) fn listed_s(&self, place: u32) -> f64 {
        self.missed_s + self.declared_s + self.spread_s(place)
    }

    /// How long it takes until news of `place` is in a list.
    pub(super) fn spread_s(&self, place: u32) -> f64 {
        f64::from(place.saturating_sub(1)) * self.step_s
    }
}

/// What the last hop of a lookup meets, to the owner in some place of a list.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct LastHop {
    /// The owner in the list has departed and was not found out.
    pub(super) silent: f64,
    /// The owner in the list has departed: the lookup goes to the last node before the key.
    pub(super) departed: f64,
    /// That node does not know either.
    pub(super) missed: f64,
    /// The next owner does not know either.
    pub(super) unreplaced: f64,
    /// A node that joined is the owner, and the list does not have it.
    pub(super) joined: f64,
}

impl LastHop {
    /// What is met in `place`, if a share `crashes` of departures has no notice and an entry of a list is used
    /// `uses_per_s`.
    pub(super) fn new(
        sessions: &Sessions,
        news: &News,
        crashes: f64,
        place: u32,
        uses_per_s: f64,
    ) -> LastHop {
        let missed = crashes * sessions.gone(news.missed_s);
        let unreplaced = crashes * sessions.gone(news.replaced_s);
        if place <= 1 {
            return LastHop { missed, unreplaced, ..LastHop::default() };
        }
        let (listed_s, spread_s) = (news.listed_s(place), news.spread_s(place));
        let departed = crashes * sessions.gone(listed_s) + (1.0 - crashes) * sessions.gone(spread_s);
        let found = uses_per_s * listed_s;
        let unfound = if found < 1e-9 { 1.0 } else { -(-found).exp_m1() / found };
        let joined = (sessions.departures_per_s() * spread_s).min(1.0);
        LastHop { silent: departed * unfound, departed, missed, unreplaced, joined }
    }
}
