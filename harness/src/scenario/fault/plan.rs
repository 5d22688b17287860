//! How many nodes are up as the faults of a scenario go by.
//!
//! **Invariant:** churn is not counted: the numbers are exact without it, and estimates with it.

use std::time::Duration;

use super::{Amount, Fault, FaultKind};

/// The numbers of nodes as faults go by.
#[derive(Debug)]
pub(super) struct FaultPlan {
    /// By fault: the nodes that are up when it begins.
    pub(super) up: Vec<u64>,
    /// The fewest that are up at a time.
    pub(super) fewest: u64,
    /// By fault: the most that can be up once it is over, if no node ever departs.
    pub(super) most: Vec<u64>,
    /// The first crash: of faults that begin together, the one written first is before the other.
    pub(super) first_crash: Option<(Duration, usize)>,
}

impl FaultPlan {
    /// The plan of `faults` in a network that starts with so many `nodes`. The last node never departs.
    pub(super) fn new(faults: &[Fault], nodes: u64) -> FaultPlan {
        let begins = |index: &usize| (faults[*index].at, *index);
        let mut order: Vec<usize> = (0..faults.len()).collect();
        order.sort_unstable_by_key(begins);
        let mut plan = FaultPlan {
            up: vec![0; faults.len()],
            fewest: nodes,
            most: vec![0; faults.len()],
            first_crash: None,
        };
        let (mut up, mut most, mut crashed) = (nodes, nodes, 0);
        for index in order {
            let fault = &faults[index];
            plan.up[index] = up;
            match fault.kind {
                FaultKind::Join => {
                    most = most.saturating_add(fault.amount.joining(most));
                    up = up.saturating_add(fault.amount.joining(up));
                }
                FaultKind::Crash(_) | FaultKind::Leave => {
                    let gone = fault.amount.of(up).min(up.saturating_sub(1));
                    up -= gone;
                    if let FaultKind::Crash(_) = fault.kind {
                        crashed += gone;
                        plan.first_crash = plan.first_crash.or(Some((fault.at, index)));
                    }
                }
                FaultKind::Return => {
                    let back = fault.amount.of(crashed).min(crashed);
                    (up, crashed) = (up.saturating_add(back), crashed - back);
                }
                // A swarm is drawn when its run begins.
                FaultKind::Disturbance(_) | FaultKind::Swarm => {}
            }
            plan.most[index] = most;
            plan.fewest = plan.fewest.min(up);
        }
        plan
    }
}

impl Amount {
    /// How many of `all` nodes these are.
    fn of(self, all: u64) -> u64 {
        match self {
            Amount::Fraction(fraction) => (fraction * all as f64).round() as u64,
            Amount::Count(count) => count.into(),
        }
    }

    /// How many nodes join in a network of `all`, at most.
    fn joining(self, all: u64) -> u64 {
        match self {
            Amount::Fraction(fraction) => (fraction * all as f64).ceil() as u64,
            Amount::Count(count) => count.into(),
        }
    }
}

/// The nodes that join in `faults` of a network of so many `nodes`, at most.
pub(super) fn joining(faults: &[Fault], nodes: u64) -> u64 {
    FaultPlan::new(faults, nodes).most.into_iter().max().unwrap_or(nodes) - nodes
}
