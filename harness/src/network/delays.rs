//! The delay of a message under each model.
//!
//! **Invariant:** delays between hosts draw nothing from the generator.

use std::sync::Arc;

use hopwise_kernel::Rng;
use rand_distr::Exp1;

use super::host_file::{Coordinates, Matrix};
use super::hosts::Square;
use super::king::King;
use crate::base::nanoseconds::as_ns;
use crate::base::sampling::draw;
use crate::scenario::{HostFile, Latency, Reuse};

/// A model of one-way delays in nanoseconds. They saturate at [`u64::MAX`].
#[derive(Clone, Debug)]
pub(super) enum Delays {
    Constant { one_way_ns: u64 },
    Uniform { min_ns: u64, span_ns: u64 },
    Exponential { mean_ns: f64 },
    Euclidean(Square),
    King(King),
    Coordinates(Arc<Coordinates>, HostFile),
    Matrix(Arc<Matrix>, HostFile),
}

/// The least exponential delay as a fraction of the mean. It raises the mean by
/// 0.01 + exp(−0.01) − 1 = 0.005 %.
const LEAST_OF_MEAN: f64 = 0.01;

impl Delays {
    pub(super) fn new(latency: &Latency, seed: u64) -> Result<Delays, String> {
        Ok(match latency {
            Latency::None => Delays::Constant { one_way_ns: 0 },
            Latency::Constant { one_way } => Delays::Constant { one_way_ns: as_ns(*one_way) },
            Latency::Uniform { min, max } => {
                let min_ns = as_ns(*min);
                Delays::Uniform { min_ns, span_ns: as_ns(*max) - min_ns }
            }
            Latency::Exponential { mean } => Delays::Exponential { mean_ns: as_ns(*mean) as f64 },
            Latency::Euclidean { side, base } => {
                Delays::Euclidean(Square::new(as_ns(*side), as_ns(*base), seed))
            }
            Latency::King => Delays::King(King::new(seed)),
            Latency::Coordinates(hosts) => {
                Delays::Coordinates(Arc::new(Coordinates::load(hosts, seed)?), hosts.clone())
            }
            Latency::Matrix(hosts) => {
                Delays::Matrix(Arc::new(Matrix::load(hosts, seed)?), hosts.clone())
            }
        })
    }

    /// Draws the delay of a message from host `from` to host `to`. The caller raises it to
    /// [`least_ns`](Self::least_ns).
    #[inline]
    pub(super) fn draw_ns(&self, from: u32, to: u32, rng: &mut Rng) -> u64 {
        match self {
            Delays::Constant { one_way_ns } => *one_way_ns,
            Delays::Uniform { min_ns, span_ns } => {
                min_ns + rng.below(span_ns.saturating_add(1)).min(*span_ns)
            }
            Delays::Exponential { mean_ns } => (mean_ns * draw::<f64>(&Exp1, rng)) as u64,
            Delays::Euclidean(square) => square.delay_ns(from, to),
            Delays::King(king) => king.delay_ns(from, to),
            Delays::Coordinates(coordinates, _) => coordinates.delay_ns(from, to),
            Delays::Matrix(matrix, _) => matrix.delay_ns(from, to),
        }
    }

    /// The delay from host `from` to host `to`; `None` if it is drawn for each message.
    pub(super) fn of_pair_ns(&self, from: u32, to: u32) -> Option<u64> {
        match self {
            Delays::Constant { .. } | Delays::Uniform { .. } | Delays::Exponential { .. } => None,
            Delays::Euclidean(square) => Some(square.delay_ns(from, to)),
            Delays::King(king) => Some(king.delay_ns(from, to)),
            Delays::Coordinates(coordinates, _) => Some(coordinates.delay_ns(from, to)),
            Delays::Matrix(matrix, _) => Some(matrix.delay_ns(from, to)),
        }
    }

    /// The least delay of this model.
    pub(super) fn least_ns(&self) -> u64 {
        match self {
            Delays::Constant { one_way_ns } => *one_way_ns,
            Delays::Uniform { min_ns, .. } => *min_ns,
            Delays::Exponential { mean_ns } => (mean_ns * LEAST_OF_MEAN) as u64,
            Delays::Euclidean(square) => square.least_ns(),
            Delays::King(king) => king.least_ns(),
            Delays::Coordinates(coordinates, _) => coordinates.least_ns(),
            Delays::Matrix(matrix, _) => matrix.least_ns(),
        }
    }

    /// The greatest delay of this model; `None` if it has no known bound.
    pub(super) fn greatest_ns(&self) -> Option<u64> {
        match self {
            Delays::Constant { one_way_ns } => Some(*one_way_ns),
            Delays::Uniform { min_ns, span_ns } => Some(min_ns + span_ns),
            Delays::Euclidean(square) => Some(square.greatest_ns()),
            _ => None,
        }
    }

    /// Whether all delays are 0.
    pub(super) fn are_zero(&self) -> bool {
        match *self {
            Delays::Constant { one_way_ns } => one_way_ns == 0,
            Delays::Uniform { min_ns, span_ns } => min_ns == 0 && span_ns == 0,
            Delays::Exponential { mean_ns } => mean_ns <= 0.0,
            _ => false,
        }
    }

    /// Checks that there are hosts for `nodes` nodes.
    pub(super) fn check_hosts(&self, nodes: usize) -> Result<(), String> {
        let (count, HostFile { file, reuse, .. }) = match self {
            Delays::Coordinates(coordinates, hosts) => (coordinates.count(), hosts),
            Delays::Matrix(matrix, hosts) => (matrix.count(), hosts),
            _ => return Ok(()),
        };
        if nodes <= count || *reuse == Reuse::Modulo {
            return Ok(());
        }
        Err(format!(
            "network.latency.file = {file:?} has {count} hosts, too few for {nodes} nodes: write a \
             file with more, fewer nodes, or network.latency.reuse = \"modulo\" (node n is on host \
             n modulo {count})"
        ))
    }
}
