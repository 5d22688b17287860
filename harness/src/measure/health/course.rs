//! The figures of the tables over the measured phase.
//!
//! **Invariant:** each sample has the same weight.

use super::{Claims, Counts, Sample};
use crate::measure::outcome::{Flaws, MeanMax, MeanWorst, Ownership, Rings, Tables};

/// Adds up the samples of a phase.
#[derive(Clone, Debug, Default)]
pub struct TableCourse {
    samples: u64,
    nodes: u64,
    first_successors: FlawSums,
    successors: FlawSums,
    fingers: FlawSums,
    rings: Option<Rings>,
    whole_samples: u64,
    /// Sums of the shares.
    claims: Claims,
    worst: Option<Claims>,
}

#[derive(Clone, Copy, Debug, Default)]
struct FlawSums {
    wrong: ShareSum,
    dead: ShareSum,
}

#[derive(Clone, Copy, Debug, Default)]
struct ShareSum {
    sum: f64,
    max: f64,
}

impl TableCourse {
    /// Adds a sample.
    pub fn add(&mut self, sample: &Sample) {
        self.samples += 1;
        self.nodes = self.nodes.max(sample.nodes);
        self.first_successors.add(&sample.first_successors);
        self.successors.add(&sample.successors);
        self.fingers.add(&sample.fingers);
        if let Some(rings) = sample.rings {
            let max = self.rings.map_or(0, |before| before.max).max(rings);
            self.rings = Some(Rings { max, last: rings });
        }
        if let Some(claims) = sample.claims {
            self.whole_samples += 1;
            self.claims = combine(self.claims, claims, |a, b| a + b, |a, b| a + b);
            let worst = self.worst.unwrap_or(claims);
            self.worst = Some(combine(worst, claims, f64::max, f64::min));
        }
    }

    /// The figures; `None` without samples.
    #[must_use]
    pub fn tables(&self) -> Option<Tables> {
        (self.samples > 0).then(|| Tables {
            samples: self.samples,
            nodes: self.nodes,
            first_successors: self.first_successors.flaws(self.samples),
            successors: self.successors.flaws(self.samples),
            fingers: self.fingers.flaws(self.samples),
            rings: self.rings,
            ownership: self.worst.map(|worst| self.ownership(worst)),
        })
    }

    fn ownership(&self, worst: Claims) -> Ownership {
        let share = |sum: f64, worst| MeanWorst { mean: sum / self.whole_samples as f64, worst };
        let Claims { none, one, two, more } = self.claims;
        Ownership {
            none: share(none, worst.none),
            one: share(one, worst.one),
            two: share(two, worst.two),
            more: share(more, worst.more),
        }
    }
}

impl FlawSums {
    fn add(&mut self, counts: &Counts) {
        self.wrong.add(counts.wrong_share());
        self.dead.add(counts.dead_share());
    }

    fn flaws(&self, samples: u64) -> Flaws {
        Flaws { wrong: self.wrong.mean_max(samples), dead: self.dead.mean_max(samples) }
    }
}

impl ShareSum {
    fn add(&mut self, share: f64) {
        self.sum += share;
        self.max = self.max.max(share);
    }

    fn mean_max(&self, samples: u64) -> MeanMax {
        MeanMax { mean: self.sum / samples as f64, max: self.max }
    }
}

/// Combines shares; those claimed by one member with `for_one`, all others with `for_others`.
fn combine(
    a: Claims,
    b: Claims,
    for_others: fn(f64, f64) -> f64,
    for_one: fn(f64, f64) -> f64,
) -> Claims {
    Claims {
        none: for_others(a.none, b.none),
        one: for_one(a.one, b.one),
        two: for_others(a.two, b.two),
        more: for_others(a.more, b.more),
    }
}
