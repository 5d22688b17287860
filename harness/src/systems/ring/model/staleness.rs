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
//! node comes by. It then asks again until a mistake is unlikely: with four attempts after 1 + 2 + 4 + 4 timeouts. A node
//! that receives no message meanwhile doubts itself and takes three times as many attempts. Then it turns to the next
//! successor. That one has to miss the crashed node in the same way before it takes a new predecessor, so both times
//! add up. Until then no node owns the keys of the crashed one, and answers come under suspicion.
//!
//! *Failures.* A single crash leads to no wrong answer. If two neighbors are without an owner at the same time, a
//! node that has joined between them may be unknown on both sides, and the answer names the node behind it, or none
//! comes in time. See [`News::unanswered`].
//!
//! **Invariant:** times in seconds; shares between 0 and 1.

use crate::plan::{Paths, Sessions};

/// Mean wait for a period drawn uniformly from ½ to 1½ of its mean: E[X²] / 2E[X] = (1 + 1/12) / 2.
const MEAN_WAIT: f64 = 13.0 / 24.0;
/// The mean time after which a node watches its predecessor, if that has just been silent: 1.2 periods after it
/// was heard last, which is 13/24 of a period ago.
const WATCH: f64 = 1.2 - MEAN_WAIT;
/// The timeout of an attempt grows up to this factor (`node.rs` of the ring).
const BACKOFF_MAX: f64 = 4.0;
/// The share of rounds of stabilize after which a node pings its predecessor: of periods from 0.5 to 1.5, those
/// above 1.2.
pub(super) const WATCHED: f64 = 0.3;
/// Round trips until a new predecessor is known: its request with a cookie, its notification, and the ping that
/// proves it.
const INTRODUCTION: f64 = 3.5;
/// See [`News::unanswered`].
const MEETING: f64 = 0.85;
/// A node that receives no message takes this many times as many attempts (`silence.rs` of the ring).
const SELF_DOUBT: f64 = 3.0;

/// How quickly news spreads between neighbors.
#[derive(Clone, Copy, Debug)]
pub(super) struct News {
    /// How long a node waits for its first successor, and for its predecessor.
    pub(super) successor_wait_s: f64,
    pub(super) predecessor_wait_s: f64,
    /// Until the predecessor of a crashed node first misses it.
    pub(super) missed_s: f64,
    /// From then until it has declared the node dead.
    pub(super) declared_s: f64,
    /// Until the successor of a crashed node answers in its place without asking it.
    pub(super) replaced_s: f64,
    /// Until the keys of a crashed node have an owner again.
    pub(super) owned_s: f64,
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
        sessions: &Sessions,
        paths: &Paths,
    ) -> News {
        let attempts = paths.attempts;
        let successor_wait_s = neighbor_wait_s(1.0 / stabilize_s, sessions, paths);
        let predecessor_wait_s = neighbor_wait_s(WATCHED / stabilize_s, sessions, paths);
        let declared_s = |wait_s: f64| {
            let (least_s, most_s) =
                (waits(attempts) * wait_s, waits(attempts * SELF_DOUBT) * wait_s);
            // The doubt ends with the next reply.
            let rate = replies_per_s.max(1e-9);
            let doubt_s = (-least_s * rate).exp() * -(-(most_s - least_s) * rate).exp_m1() / rate;
            least_s + doubt_s
        };
        let step_s = MEAN_WAIT * stabilize_s;
        // A lookup comes only after the node that sent it to the crashed one has waited, and is then sent there again.
        let by_lookup_s = paths.wait_s + paths.transfer_s + successor_wait_s;
        let first = |own_s: f64| {
            let rate = 1.0 / own_s.max(1e-9) + lookups_per_s;
            1.0 / rate + lookups_per_s / rate * by_lookup_s
        };
        let by_predecessor_s = declared_s(successor_wait_s);
        let extra = (by_predecessor_s / successor_wait_s - waits(attempts)) / BACKOFF_MAX;
        let by_successor_s = first(step_s) + declared_s(predecessor_wait_s);
        let introduced_s = INTRODUCTION * paths.round_trip_s;
        News {
            owned_s: first(step_s) + by_predecessor_s + by_successor_s + introduced_s,
            successor_wait_s,
            predecessor_wait_s,
            missed_s: first(step_s),
            declared_s: by_predecessor_s,
            replaced_s: first(WATCH * stabilize_s) + declared_s(predecessor_wait_s),
            step_s,
            attempts: attempts + extra,
        }
    }

    /// The share of lookups that get no correct answer because two crashes and a join have met, if a share
    /// `crashes` of departures has no notice.
    ///
    /// Two neighboring places are without an owner with probability Q², where Q is that of one. A wrong answer
    /// needs a join whose news is still on its way, which takes a round of stabilize, while a crash is not known
    /// yet: a share step / (step + known).
    ///
    /// The factor [`MEETING`] is measured, not derived: eight simulations of 10^4 nodes (sessions of 10 min to 1 h, rounds from
    /// 10 s to 2 min, bases 2 and 16, 517 lookups without a correct answer) show 0.7 to 1.5 times what the formula gives, and
    /// one with 31 of them 3 times.
    pub(super) fn unanswered(&self, sessions: &Sessions, crashes: f64) -> f64 {
        let unowned = crashes * sessions.gone(self.owned_s);
        let known_s = self.missed_s + self.declared_s;
        MEETING * unowned * unowned * self.step_s / (self.step_s + known_s)
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

/// The waits for so many attempts, the first of which is 1.
fn waits(attempts: f64) -> f64 {
    let of = |n: f64| 2_f64.powi(n as i32).min(BACKOFF_MAX);
    let whole: f64 = (0..attempts as u32).map(|n| of(n.into())).sum();
    whole + attempts.fract() * of(attempts.floor())
}

/// How long a node waits for a neighbor whose round trips it measures `samples_per_s`. The first one counts as
/// its own deviation, times 1/2, so the wait is three round trips; each further one takes a quarter off the
/// deviation. Neighbors change with a departure of the neighbor, or a join between: after an exponential time.
fn neighbor_wait_s(samples_per_s: f64, sessions: &Sessions, paths: &Paths) -> f64 {
    let changes_per_s = 2.0 * sessions.departures_per_s();
    let fresh = changes_per_s / (changes_per_s + samples_per_s / 4.0).max(1e-12);
    let first_s = 3.0 * paths.round_trip_s;
    paths.neighbor_wait_s + (first_s - paths.neighbor_wait_s).max(0.0) * fresh
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
        let departed =
            crashes * sessions.gone(listed_s) + (1.0 - crashes) * sessions.gone(spread_s);
        let found = uses_per_s * listed_s;
        let unfound = if found < 1e-9 { 1.0 } else { -(-found).exp_m1() / found };
        let joined = (sessions.departures_per_s() * spread_s).min(1.0);
        LastHop { silent: departed * unfound, departed, missed, unreplaced, joined }
    }
}
