//! The traffic of maintenance.
//!
//! **Invariant:** every message is counted once, with the size that the codec gives it.

use super::sizes::Sizes;
use super::staleness::WATCHED;
use super::{Cost, Evaluator, Inside, Parameters};
use crate::plan::Upkeep;

/// Attempts at the last ping of a peer that was declared dead.
const FAREWELLS: f64 = 3.0;

impl Evaluator {
    /// The parts of maintenance, and all its messages, per node and second.
    pub(super) fn maintenance(
        &self,
        parameters: &Parameters,
        inside: &Inside<'_>,
        refresh: &Cost,
    ) -> (Upkeep, f64) {
        let sizes = &inside.tables.sizes;
        let round = 1.0 / parameters.stabilize_s;
        let mut stabilize = Sent::default();
        stabilize.add(round, sizes.neighbors);
        stabilize.add(round, sizes.neighbors_reply);
        stabilize.add(round, sizes.notify);
        let refreshes = inside.refreshes_per_s;
        let mut fingers = Sent::default();
        fingers.add(refreshes * (refresh.transfers + refresh.lost), sizes.lookup);
        fingers.add(refreshes * refresh.transfers, sizes.ack);
        fingers.add(refreshes * refresh.answers, sizes.answer);
        let lookup = self.lookup_cost(inside);
        let churn_per_s = self.sessions.departures_per_s();
        let crashes_per_s = churn_per_s * self.crashes;
        // A contact that answers late is pinged once. One that has departed is pinged until it is declared dead, and
        // then for the last time; so is a crashed neighbor, by both sides.
        let late = self.lookups_per_s * (lookup.timeouts - lookup.lost)
            + refreshes * (refresh.timeouts - refresh.lost);
        let found = self.lookups_per_s * lookup.found + refreshes * refresh.found;
        let mut probe = Sent::default();
        probe.add(round * WATCHED * 2.0, sizes.ping);
        probe.add(late * 2.0, sizes.ping);
        probe.add((found + 2.0 * crashes_per_s) * (inside.news.attempts + FAREWELLS), sizes.ping);
        let churn = self.churn(churn_per_s, sizes, &lookup);
        let parts = [stabilize, fingers, probe, churn];
        let [stabilize, refresh, probe, churn] = parts.map(|sent| sent.bytes);
        let messages = parts.iter().map(|sent| sent.messages).sum();
        (Upkeep { stabilize, refresh, probe, churn }, messages)
    }

    /// What joins and departures cost, apart from the refreshes and pings that they cause.
    fn churn(&self, churn_per_s: f64, sizes: &Sizes, lookup: &Cost) -> Sent {
        let mut sent = Sent::default();
        // The joining node looks for its place, asks there, and checks its successor; its predecessor checks it. Each
        // first request to a neighbor costs a cookie more.
        sent.add(churn_per_s * lookup.transfers, sizes.lookup + sizes.ack);
        sent.add(churn_per_s, sizes.answer);
        sent.add(churn_per_s * 9.0, sizes.neighbors);
        sent.add(churn_per_s * 3.0, sizes.neighbors_reply);
        sent.add(churn_per_s * 3.0, sizes.notify);
        sent.add(churn_per_s, sizes.introduce);
        sent.add(churn_per_s * 2.0, sizes.ping);
        // After a departure the predecessor turns to the next successor.
        sent.add(churn_per_s * 3.0, sizes.neighbors);
        sent.add(churn_per_s, sizes.neighbors_reply);
        sent.add(churn_per_s, sizes.notify);
        sent.add(churn_per_s * (1.0 - self.crashes) * 2.0, sizes.departure);
        sent.add(churn_per_s * (1.0 - self.crashes) * 2.0, sizes.leave);
        sent
    }
}

/// Traffic, per node and second.
#[derive(Clone, Copy, Debug, Default)]
struct Sent {
    messages: f64,
    bytes: f64,
}

impl Sent {
    fn add(&mut self, messages: f64, bytes: f64) {
        self.messages += messages;
        self.bytes += messages * bytes;
    }
}
