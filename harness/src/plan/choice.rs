//! The recommended point, or the nearest one if none meets all demands.
//!
//! With a bound on maintenance and one on the latency, the point that stays furthest from both is chosen: what a model
//! misses can go either way. With one of them, the other figure is made as low as possible, within nine tenths of
//! all bounds if that can be.
//!
//! **Invariant:** a chosen point meets all demands if any point does.

use serde::Serialize;

use crate::plan::{Candidate, Demand, Demands, Grid};

/// How close to a bound a point may come if others keep away from it.
const MARGIN: f64 = 0.9;

/// The answer of a plan.
#[derive(Clone, PartialEq, Debug)]
pub struct Choice {
    /// The index of the chosen candidate.
    pub chosen: usize,
    /// Why this one.
    pub reason: Reason,
    /// The demands that are in the way: without one of these, others could be met. Empty if all are met.
    pub in_the_way: Vec<Obstacle>,
}

/// Why a point was chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// It keeps the greatest distance from the bounds on maintenance and latency.
    FurthestFromBounds,
    /// It is the fastest that meets all demands.
    Fastest,
    /// It has the least maintenance of those that meet all demands.
    Cheapest,
    /// No point meets all demands, and this one comes nearest.
    Nearest,
}

/// A demand that cannot be met together with the others.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Obstacle {
    /// The demand.
    pub demand: Demand,
    /// The best figure of it among points that meet all others; `None` if none does.
    pub best: Option<f64>,
    /// The best figure of it among all points.
    pub least: f64,
}

/// What one step in a parameter would do.
#[derive(Clone, PartialEq, Debug)]
pub struct Step {
    /// The index of the parameter.
    pub axis: usize,
    /// Whether the value is greater.
    pub is_more: bool,
    /// The point.
    pub candidate: Candidate,
}

/// Chooses one of `candidates`; `None` if there is none.
#[must_use]
pub fn choose(candidates: &[Candidate], demands: &Demands) -> Option<Choice> {
    let strain = |at: usize| {
        let of = |demand| demands.strain(demand, &candidates[at].estimate);
        Demand::ALL.into_iter().map(of).fold(0.0, f64::max)
    };
    let least = |indices: &[usize], cost: &dyn Fn(usize) -> f64| {
        indices.iter().copied().min_by(|&a, &b| {
            let latency = |at: usize| candidates[at].estimate.latency_mean_s;
            cost(a).total_cmp(&cost(b)).then(latency(a).total_cmp(&latency(b))).then(a.cmp(&b))
        })
    };
    let all: Vec<usize> = (0..candidates.len()).collect();
    let meeting: Vec<usize> =
        all.iter().copied().filter(|&at| demands.are_met(&candidates[at].estimate)).collect();
    if meeting.is_empty() {
        let chosen = least(&all, &strain)?;
        let in_the_way = obstacles(candidates, demands);
        return Some(Choice { chosen, reason: Reason::Nearest, in_the_way });
    }
    let safe: Vec<usize> = meeting.iter().copied().filter(|&at| strain(at) <= MARGIN).collect();
    let among = if safe.is_empty() { &meeting } else { &safe };
    let reason = match (demands.bytes_per_node_s, demands.p99_s) {
        (Some(_), Some(_)) => Reason::FurthestFromBounds,
        (None, Some(_)) => Reason::Cheapest,
        // Without a bound on either, more maintenance would always be better.
        (None, None) if demands.success.is_some() => Reason::Cheapest,
        (Some(_), None) => Reason::Fastest,
        (None, None) => Reason::FurthestFromBounds,
    };
    let cost = |at: usize| {
        let estimate = &candidates[at].estimate;
        match (reason, demands.bytes_per_node_s, demands.p99_s) {
            (Reason::Fastest, ..) => estimate.latency_mean_s,
            (Reason::Cheapest, ..) => estimate.bytes_per_node_s,
            (_, Some(_), Some(_)) => {
                demands.strain(Demand::Budget, estimate).max(demands.strain(Demand::P99, estimate))
            }
            // No bound: the bend of the curve, where the product is least.
            _ => estimate.latency_mean_s.powi(2) * estimate.bytes_per_node_s,
        }
    };
    let chosen = least(among, &cost)?;
    Some(Choice { chosen, reason, in_the_way: Vec::new() })
}

/// What one step more or less in each parameter would do.
#[must_use]
pub fn steps(grid: &Grid, from: &Candidate) -> Vec<Step> {
    let mut steps = Vec::new();
    for axis in 0..grid.axes.len() {
        for is_more in [false, true] {
            let mut place = from.place.clone();
            let moved =
                if is_more { place[axis].checked_add(1) } else { place[axis].checked_sub(1) };
            let Some(moved) = moved else { continue };
            place[axis] = moved;
            if let Some(candidate) = grid.candidate(place) {
                steps.push(Step { axis, is_more, candidate });
            }
        }
    }
    steps
}

/// The demands without which all others could be met; if there is no such demand, those that no point meets, or
/// else all.
fn obstacles(candidates: &[Candidate], demands: &Demands) -> Vec<Obstacle> {
    let made = Demand::ALL.into_iter().filter(|&demand| demands.bound(demand).is_some());
    let obstacles: Vec<Obstacle> = made
        .map(|demand| {
            let others = demands.without(demand);
            let meeting = candidates.iter().filter(|it| others.are_met(&it.estimate));
            let best = meeting.map(|it| demand.figure(&it.estimate)).min_by(f64::total_cmp);
            let figures = candidates.iter().map(|it| demand.figure(&it.estimate));
            Obstacle { demand, best, least: figures.fold(f64::INFINITY, f64::min) }
        })
        .collect();
    let alone: Vec<Obstacle> =
        obstacles.iter().copied().filter(|obstacle| obstacle.best.is_some()).collect();
    if !alone.is_empty() {
        return alone;
    }
    let is_hopeless = |obstacle: &&Obstacle| {
        !candidates.iter().any(|it| demands.is_met(obstacle.demand, &it.estimate))
    };
    let hopeless: Vec<Obstacle> = obstacles.iter().filter(is_hopeless).copied().collect();
    if hopeless.is_empty() { obstacles } else { hopeless }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Estimate;

    /// Points on a curve: the more bytes, the faster.
    fn candidates() -> Vec<Candidate> {
        (1..=20_u32)
            .map(|n| {
                let bytes = f64::from(n);
                let estimate = Estimate {
                    bytes_per_node_s: bytes,
                    latency_mean_s: 2.0 / bytes,
                    latency_p99_s: 6.0 / bytes,
                    failed: 1e-3 / bytes,
                    memory_bytes: 1000.0,
                    ..Estimate::default()
                };
                Candidate { place: vec![n as usize], values: Vec::new(), estimate }
            })
            .collect()
    }

    fn bytes_of(demands: &Demands) -> f64 {
        let candidates = candidates();
        let choice = choose(&candidates, demands).expect("there are some");
        assert!(choice.in_the_way.is_empty());
        candidates[choice.chosen].estimate.bytes_per_node_s
    }

    #[test]
    fn what_is_not_bounded_is_made_as_low_as_possible() {
        let budget = Demands { bytes_per_node_s: Some(10.0), ..Demands::default() };
        assert_eq!(bytes_of(&budget), 9.0, "the fastest within nine tenths");
        let p99 = Demands { p99_s: Some(1.0), ..Demands::default() };
        assert_eq!(bytes_of(&p99), 7.0, "the cheapest within nine tenths");
        let both = Demands { bytes_per_node_s: Some(20.0), p99_s: Some(1.0), ..p99 };
        assert_eq!(bytes_of(&both), 11.0, "half of the budget, half of the time");
    }

    #[test]
    fn a_demand_that_cannot_be_met_is_named() {
        let candidates = candidates();
        let demands = Demands {
            bytes_per_node_s: Some(2.0),
            p99_s: Some(1.0),
            memory_bytes: Some(2000.0),
            ..Demands::default()
        };
        let choice = choose(&candidates, &demands).expect("there are some");
        assert_eq!(choice.reason, Reason::Nearest);
        let expected = [
            Obstacle { demand: Demand::Budget, best: Some(6.0), least: 1.0 },
            Obstacle { demand: Demand::P99, best: Some(3.0), least: 0.3 },
        ];
        assert_eq!(choice.in_the_way, expected);
        let impossible = Demands { memory_bytes: Some(10.0), ..demands };
        let choice = choose(&candidates, &impossible).expect("there are some");
        assert_eq!(
            choice.in_the_way,
            [Obstacle { demand: Demand::Memory, best: None, least: 1000.0 }]
        );
        assert_eq!(choose(&[], &demands), None);
    }
}
