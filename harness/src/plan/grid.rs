//! The estimates of all combinations of values.
//!
//! **Invariant:** points are in the order of their values, the last parameter fastest.

use serde::Serialize;

use crate::plan::pareto::front;
use crate::plan::{Axis, Conditions, Demands, Estimate, Evaluate, Model, Value};

/// Points that are refined at most: the best of them, evenly.
const REFINED_MAX: usize = 400;
/// Points beyond this many times a bound are not refined, if others are within it.
const FAR: f64 = 4.0;

/// All points, with their estimates.
#[derive(Debug)]
pub struct Grid {
    /// The parameters.
    pub axes: Vec<Axis>,
    evaluate: Box<dyn Evaluate>,
    /// How far simulations differ from the model.
    correction: Correction,
}

/// A combination of values and its estimate.
#[derive(Clone, PartialEq, Debug)]
pub struct Candidate {
    /// For each parameter, the index of its value.
    pub place: Vec<usize>,
    /// The values.
    pub values: Vec<Value>,
    /// The figures.
    pub estimate: Estimate,
}

/// Factors from estimates to what simulations show.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Correction {
    /// Of hops.
    pub hops: f64,
    /// Of timeouts.
    pub timeouts: f64,
    /// Of the mean latency.
    pub latency_mean: f64,
    /// Of its 99th percentile.
    pub latency_p99: f64,
    /// Of the share of failed lookups.
    pub failed: f64,
    /// Of maintenance bytes.
    pub bytes: f64,
    /// Of memory.
    pub memory: f64,
}

impl Correction {
    /// None.
    pub const NONE: Correction = Correction {
        hops: 1.0,
        timeouts: 1.0,
        latency_mean: 1.0,
        latency_p99: 1.0,
        failed: 1.0,
        bytes: 1.0,
        memory: 1.0,
    };

    fn apply(&self, estimate: &mut Estimate) {
        estimate.hops *= self.hops;
        estimate.timeouts *= self.timeouts;
        estimate.latency_mean_s *= self.latency_mean;
        estimate.latency_p99_s *= self.latency_p99;
        estimate.failed = (estimate.failed * self.failed).min(1.0);
        estimate.bytes_per_node_s *= self.bytes;
        estimate.memory_bytes *= self.memory;
    }
}

impl Grid {
    /// The points of `axes` under `conditions`.
    ///
    /// # Errors
    ///
    /// If the conditions are impossible for the model. The message says what to write instead.
    pub fn new(
        model: &dyn Model,
        conditions: &Conditions,
        axes: Vec<Axis>,
    ) -> Result<Grid, String> {
        let evaluate = model.evaluate(conditions, &axes)?;
        Ok(Grid { axes, evaluate, correction: Correction::NONE })
    }

    /// Corrects all estimates from now on.
    pub fn correct(&mut self, correction: Correction) {
        self.correction = correction;
    }

    /// How all estimates are corrected.
    #[must_use]
    pub const fn correction(&self) -> Correction {
        self.correction
    }

    /// The number of points.
    #[must_use]
    pub fn count(&self) -> usize {
        self.axes.iter().map(|axis| axis.values.len()).product()
    }

    /// The point at `place`, with all its figures; `None` if there is no such point.
    #[must_use]
    pub fn candidate(&self, place: Vec<usize>) -> Option<Candidate> {
        let values = self.axes.iter().zip(&place).map(|(axis, &at)| axis.values.get(at).copied());
        let values: Vec<Value> = values.collect::<Option<_>>()?;
        if !self.evaluate.is_possible(&values) {
            return None;
        }
        let mut estimate = self.evaluate.estimate(&values);
        self.evaluate.refine(&values, &mut estimate);
        self.correction.apply(&mut estimate);
        Some(Candidate { place, values, estimate })
    }

    /// How long a run of `candidate` takes to forget its start, in seconds.
    #[must_use]
    pub fn settle_s(&self, candidate: &Candidate) -> f64 {
        self.evaluate.settle_s(&candidate.values)
    }

    /// The points that no other beats in mean latency, bytes, memory and losses, with all their figures. Those far
    /// beyond `demands` are left out.
    #[must_use]
    pub fn best(&self, demands: &Demands) -> Vec<Candidate> {
        let mut all = Vec::with_capacity(self.count());
        let mut place = vec![0; self.axes.len()];
        loop {
            let values: Vec<Value> =
                self.axes.iter().zip(&place).map(|(axis, &at)| axis.values[at]).collect();
            if self.evaluate.is_possible(&values) {
                let estimate = self.evaluate.estimate(&values);
                all.push(Candidate { place: place.clone(), values, estimate });
            }
            if !self.advance(&mut place) {
                break;
            }
        }
        let strain = |candidate: &Candidate| {
            let simple = crate::plan::Demand::ALL.into_iter().filter(|it| !it.needs_refinement());
            simple.map(|demand| demands.strain(demand, &candidate.estimate)).fold(0.0, f64::max)
        };
        if all.iter().any(|candidate| strain(candidate) <= 1.0) {
            all.retain(|candidate| strain(candidate) <= FAR);
        }
        let has_loss = demands.data_loss_per_year.is_some();
        let figures = |candidate: &Candidate| {
            let Estimate { latency_mean_s, bytes_per_node_s, memory_bytes, .. } =
                candidate.estimate;
            let loss = if has_loss { candidate.estimate.data_loss_per_year } else { 0.0 };
            [bytes_per_node_s, latency_mean_s, memory_bytes, loss]
        };
        let points: Vec<[f64; 4]> = all.iter().map(figures).collect();
        let kept = front(&points);
        let step = kept.len().div_ceil(REFINED_MAX).max(1);
        let chosen = kept.into_iter().step_by(step);
        chosen.filter_map(|at| self.candidate(all[at].place.clone())).collect()
    }

    /// The next point; false after the last one.
    fn advance(&self, place: &mut [usize]) -> bool {
        for (at, axis) in place.iter_mut().zip(&self.axes).rev() {
            *at += 1;
            if *at < axis.values.len() {
                return true;
            }
            *at = 0;
        }
        false
    }
}
