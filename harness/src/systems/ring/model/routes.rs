//! The routes of lookups over exact tables.
//!
//! Greedy routing with base B = 2^b corrects one digit of the distance a hop: of log_B N digits, a share
//! (B − 1)/B is not zero, so a lookup takes about (B − 1)/B · log_B N hops (Stoica et al., *Chord*, 2003, section
//! IV.C, for B = 2; Plaxton, Rajaraman and Richa, SPAA 1997, for any B). The last digits are different: a finger is
//! the first node *after* the start of its slot, a list reaches r nodes far, and near the end gaps are as long as
//! what is left. No closed form covers that, so routes are drawn:
//!
//! ```text
//!   distances in mean gaps; the nodes of a random ring are a Poisson process, so a finger lies an exponential
//!   distance after the start of its slot, and the i-th successor after the sum of i of them
//!
//!   x ← distance to the key
//!   while the list does not reach x:  take the finger of x's slot if it lies before x, else the one below;
//!                                     x ← distance from there
//!   then one hop to the entry at or after x
//! ```
//!
//! What each node looks like is decided only when a route comes to it (deferred decisions; Motwani and Raghavan,
//! *Randomized Algorithms*, 1995, section 3.5). So a route over 10^9 nodes costs as many random numbers as it has
//! hops.
//!
//! **Invariant:** the same ring and seed give the same routes.

use std::collections::BTreeMap;

use hopwise_kernel::Rng;
use hopwise_kernel::ring::fingers::Shape;
use rand_distr::Exp1;

use crate::base::sampling::draw;

/// Routes of lookups of the application that are drawn.
pub(super) const ROUTES: usize = 1024;
/// Routes that are drawn to see what a missing finger costs: differences need more.
const DETOURS: usize = 4096;
/// Routes of refreshes that are drawn.
const REFRESHES: usize = 512;
/// Nodes whose tables are drawn.
const TABLES: usize = 64;
/// The share of fingers left out to see what a missing finger costs.
const MISSING: f64 = 0.2;
/// No route is longer.
const HOPS_MAX: u32 = 200;

/// The ring as a route sees it.
#[derive(Clone, Debug)]
pub(super) struct Tables {
    /// The start of each slot, in mean gaps; 0 for slot 0.
    starts: Vec<f64>,
    nodes: f64,
    successors: usize,
}

/// The way of one lookup.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(super) struct Route {
    /// Transfers to a finger.
    pub(super) fingers: u32,
    /// Transfers to the last entry of a list that does not reach the key.
    pub(super) lists: u32,
    /// The place in the list of the node that the last hop goes to, from 1; 0 if the origin owns the key.
    pub(super) place: u32,
    /// Fingers that were missing.
    pub(super) missing: u32,
}

/// What is known of the routes in one ring.
#[derive(Clone, Debug)]
pub(super) struct Routes {
    /// Lookups of random keys.
    pub(super) lookups: Vec<Route>,
    /// Refreshes of fingers.
    pub(super) refreshes: Vec<Route>,
    /// Fingers of a node, on average.
    pub(super) fingers: f64,
    /// Further hops for each missing finger.
    pub(super) detour: f64,
}

impl Routes {
    /// Draws the routes in a ring of `nodes` nodes.
    pub(super) fn new(shape: Shape, nodes: u64, successors: u32, seed: u64) -> Routes {
        let tables = Tables::new(shape, nodes as f64, successors as usize);
        let mut rng = Rng::light(seed);
        let lookups: Vec<Route> =
            (0..ROUTES).map(|_| tables.route(tables.nodes * rng.unit(), 0.0, &mut rng)).collect();
        let mut fingers = 0;
        let mut slots = Vec::new();
        for _ in 0..TABLES {
            let reach = tables.reach(&mut rng);
            let own = tables.fingers_beyond(reach, &mut rng);
            fingers += own.len();
            slots.extend(own);
        }
        let refreshes = if slots.is_empty() {
            Vec::new()
        } else {
            let slot = |rng: &mut Rng| slots[rng.below(slots.len() as u64) as usize];
            (0..REFRESHES).map(|_| tables.refresh(slot(&mut rng), &mut rng)).collect()
        };
        let mut all = |missing| -> Vec<Route> {
            // The same keys, so that only the gaps differ.
            let keys = (0..DETOURS).map(|at| (at as f64 + 0.5) / DETOURS as f64 * tables.nodes);
            keys.map(|key| tables.route(key, missing, &mut rng)).collect()
        };
        let (whole, with_gaps) = (all(0.0), all(MISSING));
        let hops = |routes: &[Route]| mean(routes, |route| route.hops().into());
        let missing = mean(&with_gaps, |route| route.missing.into());
        let more = hops(&with_gaps) - hops(&whole);
        let detour = if missing > 0.0 { (more / missing).clamp(0.0, 1.0) } else { 0.0 };
        Routes { lookups, refreshes, fingers: fingers as f64 / TABLES as f64, detour }
    }
}

/// Draws `count` lookups of random keys in a ring of `nodes` nodes.
pub(super) fn lookups(shape: Shape, nodes: u64, successors: u32, count: usize) -> Vec<Route> {
    let tables = Tables::new(shape, nodes as f64, successors as usize);
    let mut rng = Rng::light(1);
    (0..count).map(|_| tables.route(tables.nodes * rng.unit(), 0.0, &mut rng)).collect()
}

impl Route {
    /// The hops from the origin to the owner.
    pub(super) const fn hops(&self) -> u32 {
        self.fingers + self.lists + if self.place > 0 { 1 } else { 0 }
    }
}

/// The different routes, each with its share.
pub(super) fn distinct(routes: &[Route]) -> Vec<(Route, f64)> {
    let mut counts: BTreeMap<Route, u32> = BTreeMap::new();
    for &route in routes {
        *counts.entry(route).or_default() += 1;
    }
    let share = |(route, count)| (route, f64::from(count) / routes.len() as f64);
    counts.into_iter().map(share).collect()
}

/// The mean of a figure of routes; 0 if there are none.
pub(super) fn mean(routes: &[Route], figure: impl Fn(&Route) -> f64) -> f64 {
    routes.iter().map(figure).sum::<f64>() / routes.len().max(1) as f64
}

impl Tables {
    pub(super) fn new(shape: Shape, nodes: f64, successors: usize) -> Tables {
        let gaps = |slot| shape.start(slot).prefix() as f64 / 2_f64.powi(64) * nodes;
        Tables { starts: (0..shape.slots()).map(gaps).collect(), nodes, successors }
    }

    /// The route to the key at distance `x`, if a share `missing` of the fingers is not there.
    pub(super) fn route(&self, x: f64, missing: f64, rng: &mut Rng) -> Route {
        let mut route = Route::default();
        // The origin owns the keys of the gap before it.
        if x >= self.nodes - gap(rng) {
            return route;
        }
        self.go_on(x, missing, rng, &mut route);
        route
    }

    /// The route of the refresh of `slot`: to the first node at or after its start.
    fn refresh(&self, slot: usize, rng: &mut Rng) -> Route {
        let mut route = Route::default();
        self.go_on(self.starts[slot], 0.0, rng, &mut route);
        route
    }

    fn go_on(&self, mut x: f64, missing: f64, rng: &mut Rng, route: &mut Route) {
        while route.hops() < HOPS_MAX {
            let reach = match self.place_or_reach(x, rng) {
                Ok(place) => {
                    route.place = place;
                    return;
                }
                Err(reach) => reach,
            };
            match self.finger_before(&mut x, reach, missing, rng, &mut route.missing) {
                Some(finger) => {
                    x -= finger;
                    route.fingers += 1;
                }
                None => {
                    x -= reach;
                    route.lists += 1;
                }
            }
        }
    }

    /// The place of the first successor at or after `x`, or else how far the list reaches.
    fn place_or_reach(&self, x: f64, rng: &mut Rng) -> Result<u32, f64> {
        let mut at = 0.0;
        for place in 1..=self.successors {
            at += gap(rng);
            if at >= x {
                return Ok(place as u32);
            }
        }
        Err(at)
    }

    /// The distance of the closest finger before `x`, which is beyond the `reach` of the list; `None` if the last
    /// entry of the list is closer.
    fn finger_before(
        &self,
        x: &mut f64,
        reach: f64,
        missing: f64,
        rng: &mut Rng,
        missed: &mut u32,
    ) -> Option<f64> {
        let slot = self.slot_of(*x);
        for slot in (1..=slot).rev() {
            let start = self.starts[slot];
            let end = self.starts.get(slot + 1).copied().unwrap_or(self.nodes);
            // The slot in which the list ends holds its last entry.
            if end <= reach || start <= reach {
                break;
            }
            let finger = start + gap(rng);
            if finger >= *x {
                // No node lies between the start and the key: the owner of the key is that of the start.
                *x = start;
                continue;
            }
            if finger >= end {
                continue;
            }
            if missing > 0.0 && rng.unit() < missing {
                *missed += 1;
                continue;
            }
            return Some(finger);
        }
        None
    }

    fn slot_of(&self, x: f64) -> usize {
        self.starts.partition_point(|start| *start <= x).saturating_sub(1)
    }

    fn reach(&self, rng: &mut Rng) -> f64 {
        (0..self.successors).map(|_| gap(rng)).sum()
    }

    /// The slots beyond `reach` in which there is a node.
    fn fingers_beyond(&self, reach: f64, rng: &mut Rng) -> Vec<usize> {
        let first = self.slot_of(reach) + 1;
        let has_node = |&slot: &usize| {
            let end = self.starts.get(slot + 1).copied().unwrap_or(self.nodes);
            self.starts[slot] + gap(rng) < end
        };
        (first..self.starts.len()).filter(has_node).collect()
    }
}

/// A gap between two nodes, in mean gaps.
fn gap(rng: &mut Rng) -> f64 {
    draw::<f64>(&Exp1, rng)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(bits: u32, nodes: u64, successors: u32) -> Routes {
        let shape = Shape::for_ring(bits, nodes as usize, successors as usize);
        Routes::new(shape, nodes, successors, 1)
    }

    fn hops(routes: &Routes) -> f64 {
        mean(&routes.lookups, |route| route.hops().into())
    }

    /// PROTOCOL: ½ log2 N − 0.14 to the node that knows the owner, and one more.
    #[test]
    fn hops_of_chord() {
        let mean = hops(&routes(1, 4096, 1));
        assert!((mean - (6.0 - 0.14 + 1.0)).abs() < 0.2, "{mean}");
        let list = hops(&routes(1, 4096, 16));
        assert!((list - (6.0 - 2.0 - 0.5 + 1.0)).abs() < 0.6, "{list}");
    }

    /// (B − 1)/B · log_B N: ten times as many nodes take (B − 1)/B · log_B 10 more hops.
    #[test]
    fn hops_grow_with_the_logarithm() {
        for bits in [1, 2, 4] {
            let base = f64::from(1 << bits);
            let per_thousand = (base - 1.0) / base * 3.0 / base.log10();
            let grown = hops(&routes(bits, 1_000_000_000, 8)) - hops(&routes(bits, 1_000_000, 8));
            assert!((grown / per_thousand - 1.0).abs() < 0.12, "{base}: {grown}, {per_thousand}");
        }
    }

    #[test]
    fn more_state_means_fewer_hops() {
        let by_base = [1, 2, 3, 4, 6].map(|bits| -hops(&routes(bits, 100_000, 8)));
        assert!(by_base.is_sorted(), "{by_base:?}");
        let by_list = [2, 8, 32].map(|successors| -hops(&routes(1, 100_000, successors)));
        assert!(by_list.is_sorted(), "{by_list:?}");
        let fingers = [1, 2, 3, 4, 6].map(|bits| routes(bits, 100_000, 8).fingers);
        assert!(fingers.is_sorted(), "{fingers:?}");
    }

    #[test]
    fn a_small_ring_is_covered_by_the_list() {
        let routes = routes(1, 100, 99);
        assert!(hops(&routes) <= 1.5, "{}", hops(&routes));
    }
}
