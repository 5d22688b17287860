//! What a live page of a server is told: its nodes by the shards, its figures from here.
//!
//! **Invariant:** reads what shards have published, and never waits for a shard.

use std::sync::Arc;
use std::time::Duration;

use hopwise_kernel::Time;
use hopwise_kernel::reactor::Clock;

use super::figures::Figure;
use super::shared::Shared;
use crate::live::Feed;

const SECOND: Duration = Duration::from_secs(1);
const PHASE: &str = "serving";
/// The figures of which the page shows how they grow.
const GROWING: [Figure; 3] = [Figure::Requests, Figure::Repairs, Figure::Messages];

/// The figures of a server for a live page.
#[derive(Debug)]
pub(super) struct Watched {
    feed: Arc<Feed>,
    clock: Clock,
    told_at: Time,
    /// The growing figures then.
    before: [u64; GROWING.len()],
}

impl Watched {
    /// Tells `feed`.
    pub(super) fn new(feed: Arc<Feed>, clock: Clock) -> Watched {
        Watched { feed, told_at: clock.now(), clock, before: [0; GROWING.len()] }
    }

    /// Tells what is due.
    pub(super) fn turn(&mut self, shared: &Shared) {
        let now = self.clock.now();
        self.feed.turn(now, PHASE);
        let length = now.since(self.told_at);
        if length < SECOND {
            return;
        }
        self.told_at = now;
        let sums = GROWING.map(|figure| shared.sum(figure));
        let per_s =
            |at: usize| sums[at].saturating_sub(self.before[at]) as f64 / length.as_secs_f64();
        let [requests, repairs, messages] = [per_s(0), per_s(1), per_s(2)];
        self.before = sums;
        let sum = |figure| shared.sum(figure) as f64;
        // In the order of the layout of a server.
        let values = [
            sum(Figure::Nodes),
            requests,
            sum(Figure::InProgress),
            sum(Figure::Connections),
            sum(Figure::Items),
            sum(Figure::Bytes),
            repairs,
            messages,
        ];
        let at = now.since(Time::ZERO);
        self.feed.figures(at, PHASE, requests, values.map(Some).to_vec());
    }
}
