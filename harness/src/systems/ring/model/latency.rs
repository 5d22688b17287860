//! Latencies, drawn one by one, for what needs their distribution.
//!
//! **Invariant:** the same generator gives the same latencies.

use hopwise_kernel::Rng;

use super::routes::{ROUTES, Route};
use super::{CLAIM_WAITS, Evaluator, Inside};
use crate::plan::paths::HOPS_MAX;

/// An origin asks again after this many hop timeouts.
const RESTART_WAITS: f64 = 8.0;
/// The shortest time after which it does, in seconds.
const RESTART_MIN_S: f64 = 0.05;
/// Attempts of an origin that are followed.
const ATTEMPTS: u32 = 4;

impl Evaluator {
    /// Draws the latency of a lookup.
    pub(super) fn draw_latency_s(&self, inside: &Inside<'_>, at: usize, rng: &mut Rng) -> f64 {
        let route = &inside.tables.routes.lookups[at % ROUTES];
        let path = rng.next_u64() as usize;
        // All attempts meet the same owner.
        let fate = rng.unit();
        let restart_s = (RESTART_WAITS * self.paths.leg(path, 0).wait_s).max(RESTART_MIN_S);
        let mut answered_s = self.draw_attempt_s(inside, route, path, fate, rng);
        let mut asked_s = restart_s;
        for attempt in 1..ATTEMPTS {
            if answered_s <= asked_s {
                break;
            }
            let again_s = asked_s + self.draw_attempt_s(inside, route, path, fate, rng);
            answered_s = answered_s.min(again_s);
            asked_s += restart_s * f64::from(1_u32 << attempt);
        }
        answered_s
    }

    fn draw_attempt_s(
        &self,
        inside: &Inside<'_>,
        route: &Route,
        path: usize,
        fate: f64,
        rng: &mut Rng,
    ) -> f64 {
        let detour = inside.tables.routes.detour;
        let (mut hops, mut waited_s, mut left) = (0_usize, 0.0, route.fingers);
        while left > 0 && hops < HOPS_MAX {
            let drawn = rng.unit();
            if drawn < inside.silent + inside.missing {
                if drawn < inside.silent {
                    waited_s += self.paths.leg(path, hops).wait_s;
                }
                hops += usize::from(rng.unit() < detour);
                continue;
            }
            hops += 1;
            left -= 1;
        }
        hops += route.lists as usize;
        if let Some(last) = inside.last_hop(route.place) {
            if fate < last.departed {
                if rng.unit() * last.departed < last.silent {
                    waited_s += self.paths.leg(path, hops).wait_s;
                }
                hops += 1;
            }
            // What is unknown to the neighbors of a crashed node is also unknown to others.
            if fate < last.missed {
                waited_s += inside.news.successor_wait_s;
            }
            if fate < last.unreplaced {
                waited_s += CLAIM_WAITS * inside.news.predecessor_wait_s;
            }
            hops += 1 + usize::from(rng.unit() < last.joined);
        }
        let leg = self.paths.leg(path, hops);
        leg.out_s + leg.back_s + waited_s
    }
}
