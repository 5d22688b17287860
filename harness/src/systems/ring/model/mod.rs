//! The model of the ring: its hops, timeouts, traffic, memory and losses, from its parameters.
//!
//! | figure | from |
//! |---|---|
//! | hops | [`routes`]: greedy routing over exact tables, plus detours round missing fingers and departed owners |
//! | timeouts | [`staleness`]: fingers and list entries whose node has departed, and live contacts that answer late |
//! | latency | hops + 1 transfers, and the waits; the percentile from sampled [`Paths`] |
//! | bytes | below; sizes from the codec ([`sizes`]) |
//! | memory | the kernel's own count |
//! | losses | [`durability`] |
//!
//! *Traffic.* A node sends per second, with h hops per refresh, F fingers, sessions of mean L:
//!
//! ```text
//!   stabilize     1/T_s · (neighbors + reply + notify)
//!   probe         1/T_s · 0.3 · (ping + pong)          a round is later than 1.2 T_s in three of ten cases
//!   fix fingers   (1/T_f + F/L) · (h · (lookup + ack) + answer)
//!   churn         1/L · (one join, one departure)
//! ```
//!
//! F/L: a node that joins refreshes all its fingers at once. A live contact that answers late causes a second
//! branch of the lookup, which goes on to the owner like the first, and a ping.
//!
//! *Waits.* A silent finger costs one timeout. If the owner is silent in the list of a node, the lookup goes to the last
//! node before the key; that one asks the owner, then the next node; and that one asks its predecessor twice before
//! it answers in its place (`recursive.rs` and `lookup.rs` of the ring). Each step is left out once it is known that
//! the owner is dead. An origin without an answer asks again after 8 timeouts, then 16, and so on.
//!
//! *Failed lookups.* A lookup fails if it takes longer than its deadline. The number of silent contacts is
//! geometric, so latencies beyond the 99th percentile are taken as exponential.
//!
//! **Invariant:** the same conditions give the same estimates.

mod durability;
mod routes;
mod sizes;
mod staleness;

use core::time::Duration;
use std::collections::BTreeMap;

use hopwise_kernel::ring::RingNode;
use hopwise_kernel::ring::fingers::Shape;
use hopwise_kernel::{Peer, Rng};

use self::routes::{Route, Routes, mean};
use self::sizes::Sizes;
use self::staleness::{LastHop, News};
use super::section::Ring;
use crate::network::Network;
use crate::plan::{Axis, Conditions, Estimate, Evaluate, Model, Paths, Sessions, Value};
use crate::systems::items;

/// Latencies that are drawn for a percentile.
const LATENCIES: usize = 4096;
/// An origin asks again after this many hop timeouts.
const RESTART_WAITS: f64 = 8.0;
/// The shortest time after which it does, in seconds.
const RESTART_MIN_S: f64 = 0.05;
/// Attempts of an origin that are followed.
const ATTEMPTS: u32 = 4;
/// Attempts to reach a silent predecessor before its successor answers: the first and one with twice the wait.
const CLAIM_WAITS: f64 = 3.0;
/// The share of rounds of stabilize after which the successor has missed its predecessor: of periods from 0.5 to
/// 1.5, those above 1.2.
const WATCHED: f64 = 0.3;
/// Attempts at the last ping of a peer that was declared dead.
const FAREWELLS: f64 = 3.0;

const BASES: [u32; 6] = [2, 4, 8, 16, 32, 64];
const SUCCESSORS: [u32; 7] = [4, 6, 8, 12, 16, 24, 32];
const PERIODS_S: [u64; 10] = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600];
const REPLICAS: [u32; 8] = [1, 2, 3, 4, 5, 6, 8, 12];

/// The model of the ring.
#[derive(Clone, Copy, Debug)]
pub(super) struct RingModel;

impl Model for RingModel {
    fn axes(&self, conditions: &Conditions) -> Vec<Axis> {
        let whole = |values: &[u32]| values.iter().copied().map(Value::Whole).collect();
        let periods = || PERIODS_S.map(|s| Value::Time(Duration::from_secs(s))).to_vec();
        let most = u32::try_from(conditions.nodes - 1).unwrap_or(u32::MAX);
        let successors: Vec<u32> = SUCCESSORS.into_iter().filter(|r| *r <= most).collect();
        let axis = |key: &str, name, values| Axis { key: key.to_owned(), name, values };
        vec![
            axis("ring.base", "base", whole(&BASES)),
            axis("ring.successors", "succ", whole(&successors)),
            axis("ring.stabilize", "stabilize", periods()),
            axis("ring.fix_fingers", "fingers", periods()),
            axis("ring.replicas", "copies", whole(&REPLICAS)),
        ]
    }

    fn evaluate(&self, conditions: &Conditions, axes: &[Axis]) -> Result<Box<dyn Evaluate>, String> {
        let scenario = &conditions.scenario;
        let network = Network::new(&scenario.network, scenario.seed)?;
        let policy = items::timeout(scenario);
        let hosts = conditions.nodes.min(scenario.nodes.into());
        let paths = Paths::new(&network, policy, hosts, scenario.seed);
        let values = |key: &str| -> Vec<u32> {
            let axis = axes.iter().find(|axis| axis.key == key);
            axis.map_or_else(Vec::new, |axis| axis.values.iter().map(|v| v.number()).collect())
        };
        let ring = scenario.section::<Ring>();
        let or = |values: Vec<u32>, usual| if values.is_empty() { vec![usual] } else { values };
        let mut tables = BTreeMap::new();
        for base in or(values("ring.base"), ring.base) {
            for &successors in &or(values("ring.successors"), ring.successors) {
                let nodes = usize::try_from(conditions.nodes).unwrap_or(usize::MAX);
                let bits = base.trailing_zeros();
                let shape = Shape::for_ring(bits, nodes, successors as usize);
                let routes = Routes::new(shape, conditions.nodes, successors, scenario.seed);
                let config = super::config(scenario, nodes);
                let config = hopwise_kernel::ring::RingConfig {
                    shape,
                    successors: successors as u8,
                    ..config
                };
                let node = RingNode::new(Peer::default(), config, &mut Rng::light(0));
                let memory_bytes = node.memory_bytes() as f64;
                let sizes = Sizes::new(successors);
                tables.insert((base, successors), Tables { routes, memory_bytes, sizes });
            }
        }
        Ok(Box::new(Evaluator {
            usual: ring.clone(),
            axes: axes.iter().map(|axis| axis.key.clone()).collect(),
            tables,
            paths,
            sessions: conditions.sessions(),
            crashes: 1.0 - scenario.churn.graceful,
            lookups_per_s: conditions.lookups_per_node_s(),
            deadline_s: scenario.workload.deadline.as_secs_f64(),
            seed: scenario.seed,
        }))
    }
}

/// What depends on the base and the successors alone.
#[derive(Debug)]
struct Tables {
    routes: Routes,
    memory_bytes: f64,
    sizes: Sizes,
}

#[derive(Debug)]
struct Evaluator {
    usual: Ring,
    axes: Vec<String>,
    tables: BTreeMap<(u32, u32), Tables>,
    paths: Paths,
    sessions: Sessions,
    /// The share of departures without notice.
    crashes: f64,
    lookups_per_s: f64,
    deadline_s: f64,
    seed: u64,
}

/// The parameters of a point.
#[derive(Clone, Copy, Debug)]
struct Parameters {
    base: u32,
    successors: u32,
    stabilize_s: f64,
    fix_fingers_s: f64,
    replicas: u32,
}

/// What a point looks like inside.
#[derive(Debug)]
struct Inside<'a> {
    tables: &'a Tables,
    /// The rate of refreshes of a node: one per interval, and all of them after a join.
    refreshes_per_s: f64,
    /// Shares of fingers that lookups meet: departed and not found out, and missing.
    silent: f64,
    missing: f64,
    /// The same for refreshes.
    silent_refresh: f64,
    missing_refresh: f64,
    news: News,
    /// What a last hop meets, by place from 1.
    last: Vec<LastHop>,
}

impl Evaluate for Evaluator {
    fn estimate(&self, point: &[Value]) -> Estimate {
        let parameters = self.parameters(point);
        let inside = self.inside(&parameters);
        let routes = &inside.tables.routes;
        let (lookup, refresh) = (self.lookup_cost(&inside), self.refresh_cost(&inside));
        let (bytes_per_node_s, upkeep_messages) =
            self.maintenance(&parameters, &inside, &refresh);
        let Estimate { data_loss_per_year, isolations_per_year, .. } =
            self.losses(&parameters, &inside.news);
        let paths = &self.paths;
        Estimate {
            hops: lookup.hops,
            timeouts: lookup.timeouts,
            latency_mean_s: (lookup.hops + 1.0) * paths.transfer_s + lookup.waits_s,
            bytes_per_node_s,
            messages_per_node_s: upkeep_messages + self.lookups_per_s * lookup.messages,
            memory_bytes: inside.tables.memory_bytes,
            entries: f64::from(parameters.successors)
                + 1.0
                + routes.fingers * (1.0 - inside.missing),
            data_loss_per_year,
            isolations_per_year,
            ..Estimate::default()
        }
    }

    fn refine(&self, point: &[Value], estimate: &mut Estimate) {
        let inside = self.inside(&self.parameters(point));
        let mut rng = Rng::light(self.seed);
        let mut drawn: Vec<f64> =
            (0..LATENCIES).map(|at| self.draw_latency_s(&inside, at, &mut rng)).collect();
        drawn.sort_unstable_by(f64::total_cmp);
        let beyond = &drawn[LATENCIES - LATENCIES / 100..];
        let p99_s = beyond[0];
        let excess_s = beyond.iter().map(|latency_s| latency_s - p99_s).sum::<f64>() / beyond.len() as f64;
        estimate.latency_p99_s = p99_s;
        let late = (self.deadline_s - p99_s).max(0.0) / excess_s.max(1e-6);
        estimate.failed = 0.01 * (-late).exp();
    }

    fn settle_s(&self, point: &[Value]) -> f64 {
        let parameters = self.parameters(point);
        let inside = self.inside(&parameters);
        let cycle_s = inside.tables.routes.fingers * parameters.fix_fingers_s;
        let list_s = inside.news.listed_s(parameters.successors);
        // Ages are spread once each finger has been refreshed.
        (1.2 * cycle_s).max(1.5 * list_s).max(30.0)
    }
}

/// What one lookup costs, on average.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    hops: f64,
    timeouts: f64,
    /// Time spent waiting for contacts that do not answer.
    waits_s: f64,
    /// Messages of all branches, and the attempts that met nobody among them.
    messages: f64,
    /// Transfers that are acknowledged, of all branches.
    transfers: f64,
    answers: f64,
    /// Transfers to nobody.
    lost: f64,
}

impl Evaluator {
    fn parameters(&self, point: &[Value]) -> Parameters {
        let period_s = |period: Option<Duration>| period.map_or(f64::INFINITY, |it| it.as_secs_f64());
        let mut parameters = Parameters {
            base: self.usual.base,
            successors: self.usual.successors,
            stabilize_s: period_s(self.usual.stabilize),
            fix_fingers_s: period_s(self.usual.fix_fingers),
            replicas: self.usual.replicas,
        };
        for (key, value) in self.axes.iter().zip(point) {
            match key.as_str() {
                "ring.base" => parameters.base = value.number(),
                "ring.successors" => parameters.successors = value.number(),
                "ring.stabilize" => parameters.stabilize_s = value.seconds(),
                "ring.fix_fingers" => parameters.fix_fingers_s = value.seconds(),
                "ring.replicas" => parameters.replicas = value.number(),
                _ => {}
            }
        }
        parameters
    }

    fn inside(&self, parameters: &Parameters) -> Inside<'_> {
        let &Parameters { base, successors, stabilize_s, fix_fingers_s, .. } = parameters;
        let tables = &self.tables[&(base, successors)];
        let routes = &tables.routes;
        let fingers = routes.fingers;
        let departures_per_s = self.sessions.departures_per_s();
        let refreshes_per_s =
            if fingers > 0.0 { 1.0 / fix_fingers_s + fingers * departures_per_s } else { 0.0 };
        let user = mean(&routes.lookups, |route| route.fingers.into());
        let refresh = mean(&routes.refreshes, |route| route.fingers.into());
        // After its first hop, a refresh follows the last column of each level: its key lies just before the
        // start of the next slot.
        let columns = f64::from(base - 1);
        let (first, further) = (refresh.min(1.0), (refresh - 1.0).max(0.0));
        let any = (self.lookups_per_s * user + refreshes_per_s * first) / fingers.max(1.0);
        let last = any + refreshes_per_s * further * columns / fingers.max(1.0);
        let cycle_s = fingers * fix_fingers_s;
        let of = |uses_per_s| self.sessions.undetected_and_missing(cycle_s, uses_per_s);
        let (of_any, of_last) = (of(any), of(last));
        let mix = |share: f64, a: f64, b: f64| a * (1.0 - share) + b * share;
        let (in_lookup, in_refresh) = (1.0 / columns, further / (first + further).max(1e-9));
        let replies_per_s = self.lookups_per_s * (user + 1.0)
            + refreshes_per_s * (refresh + 1.0)
            + (1.0 + WATCHED) / stabilize_s;
        let ends_per_s = self.lookups_per_s + refreshes_per_s;
        let news = News::new(stabilize_s, ends_per_s, replies_per_s, &self.paths);
        let uses_per_s = ends_per_s / f64::from(successors);
        let last_hop = |place| {
            LastHop::new(&self.sessions, &news, self.crashes, place, uses_per_s)
        };
        Inside {
            tables,
            refreshes_per_s,
            silent: mix(in_lookup, of_any.0, of_last.0),
            missing: mix(in_lookup, of_any.1, of_last.1),
            silent_refresh: mix(in_refresh, of_any.0, of_last.0),
            missing_refresh: mix(in_refresh, of_any.1, of_last.1),
            last: (1..=successors).map(last_hop).collect(),
            news,
        }
    }

    fn lookup_cost(&self, inside: &Inside<'_>) -> Cost {
        self.cost(inside, &inside.tables.routes.lookups, inside.silent, inside.missing)
    }

    fn refresh_cost(&self, inside: &Inside<'_>) -> Cost {
        let routes = &inside.tables.routes.refreshes;
        self.cost(inside, routes, inside.silent_refresh, inside.missing_refresh)
    }

    /// What lookups on `routes` cost, if shares of the fingers that they need are silent or missing.
    fn cost(&self, inside: &Inside<'_>, routes: &[Route], silent: f64, missing: f64) -> Cost {
        let paths = &self.paths;
        let gone = (silent + missing).min(0.9);
        // Of each finger that is needed, gone / (1 − gone) are in vain before.
        let (vain, in_vain) = (gone / (1.0 - gone), silent / (1.0 - gone));
        let detour = inside.tables.routes.detour * vain;
        let mut sum = Cost::default();
        for route in routes {
            let fingers = f64::from(route.fingers) * (1.0 + detour);
            let end = self.end_of(inside, route);
            let hops = fingers + end.hops;
            // Live contacts that answer late, each with a branch of its own to the end.
            let late = paths.spurious * (hops - if route.place == 1 { 1.0 } else { 0.0 }).max(0.0);
            let branches = late * (hops + 1.0) / 2.0;
            let timeouts = fingers * in_vain + end.timeouts;
            let transfers = hops + branches;
            let answers = if hops > 0.0 { 1.0 + late } else { 0.0 };
            sum = Cost {
                hops: sum.hops + hops,
                timeouts: sum.timeouts + timeouts + late + paths.spurious * branches,
                waits_s: sum.waits_s + fingers * in_vain * paths.wait_s + end.waits_s,
                messages: sum.messages + 2.0 * transfers + answers + timeouts,
                transfers: sum.transfers + transfers,
                answers: sum.answers + answers,
                lost: sum.lost + timeouts,
            };
        }
        let count = routes.len().max(1) as f64;
        Cost {
            hops: sum.hops / count,
            timeouts: sum.timeouts / count,
            waits_s: sum.waits_s / count,
            messages: sum.messages / count,
            transfers: sum.transfers / count,
            answers: sum.answers / count,
            lost: sum.lost / count,
        }
    }

    /// The cost of the last hop.
    fn end_of(&self, inside: &Inside<'_>, route: &Route) -> Cost {
        let Some(last) = inside.last_hop(route.place) else { return Cost::default() };
        let wait_s = self.paths.neighbor_wait_s;
        Cost {
            hops: 1.0 + last.departed + last.joined,
            timeouts: last.silent + last.missed + last.unreplaced,
            waits_s: last.silent * self.paths.wait_s
                + (last.missed + CLAIM_WAITS * last.unreplaced) * wait_s,
            ..Cost::default()
        }
    }

    /// Bytes and messages of maintenance per node and second.
    fn maintenance(
        &self,
        parameters: &Parameters,
        inside: &Inside<'_>,
        refresh: &Cost,
    ) -> (f64, f64) {
        let sizes = &inside.tables.sizes;
        let mut sent = Sent::default();
        let round = 1.0 / parameters.stabilize_s;
        sent.add(round, sizes.neighbors);
        sent.add(round, sizes.neighbors_reply);
        sent.add(round, sizes.notify);
        sent.add(round * WATCHED * 2.0, sizes.ping);
        let refreshes = inside.refreshes_per_s;
        sent.add(refreshes * (refresh.transfers + refresh.lost), sizes.lookup);
        sent.add(refreshes * refresh.transfers, sizes.ack);
        sent.add(refreshes * refresh.answers, sizes.answer);
        // Each contact that answers late is pinged once; each that has departed, until it is declared dead, and
        // then for the last time.
        let lookup = self.lookup_cost(inside);
        let late = self.lookups_per_s * (lookup.timeouts - lookup.lost)
            + refreshes * (refresh.timeouts - refresh.lost);
        let lost = self.lookups_per_s * lookup.lost + refreshes * refresh.lost;
        sent.add(late * 2.0, sizes.ping);
        sent.add(lost * (inside.news.attempts + FAREWELLS), sizes.ping);
        let churn = self.sessions.departures_per_s();
        self.add_churn(&mut sent, churn, sizes, &lookup, inside.news.attempts);
        (sent.bytes, sent.messages)
    }

    /// What a join and a departure cost.
    fn add_churn(&self, sent: &mut Sent, churn: f64, sizes: &Sizes, lookup: &Cost, attempts: f64) {
        // The joining node looks for its place, and asks there; its old and its new neighbor check each other.
        sent.add(churn * lookup.transfers, sizes.lookup + sizes.ack);
        sent.add(churn, sizes.answer);
        sent.add(churn * 9.0, sizes.neighbors);
        sent.add(churn * 3.0, sizes.neighbors_reply);
        sent.add(churn * 3.0, sizes.notify);
        sent.add(churn, sizes.introduce);
        sent.add(churn * 2.0, sizes.ping);
        // Both neighbors of a crashed node ask it until they know; then the rest close up.
        let (crashes, leaves) = (churn * self.crashes, churn * (1.0 - self.crashes));
        sent.add(crashes * 2.0 * (attempts + FAREWELLS), sizes.ping);
        sent.add(leaves * 2.0, sizes.leave);
        sent.add(churn * 3.0, sizes.neighbors);
        sent.add(churn, sizes.neighbors_reply);
        sent.add(churn, sizes.notify);
    }

    fn losses(&self, parameters: &Parameters, news: &News) -> Estimate {
        let sessions = &self.sessions;
        // A copy is made anew once the crash is known and one more round has told the owner.
        let repair_s = news.missed_s + news.declared_s + parameters.stabilize_s;
        Estimate {
            data_loss_per_year: durability::loss_per_year(
                sessions,
                self.crashes,
                parameters.replicas,
                repair_s,
            ),
            isolations_per_year: durability::isolations_per_year(
                sessions,
                self.crashes,
                parameters.successors,
                news.step_s,
                news.declared_s,
            ),
            ..Estimate::default()
        }
    }

    /// Draws the latency of a lookup.
    fn draw_latency_s(&self, inside: &Inside<'_>, at: usize, rng: &mut Rng) -> f64 {
        let route = &inside.tables.routes.lookups[at % routes::ROUTES];
        let path = rng.next_u64() as usize;
        let restart_s = (RESTART_WAITS * self.paths.leg(path, 0).wait_s).max(RESTART_MIN_S);
        let mut answered_s = self.draw_attempt_s(inside, route, path, rng);
        let mut asked_s = restart_s;
        for attempt in 1..ATTEMPTS {
            if answered_s <= asked_s {
                break;
            }
            let again_s = asked_s + self.draw_attempt_s(inside, route, path, rng);
            answered_s = answered_s.min(again_s);
            asked_s += restart_s * f64::from(1_u32 << attempt);
        }
        answered_s
    }

    fn draw_attempt_s(&self, inside: &Inside<'_>, route: &Route, path: usize, rng: &mut Rng) -> f64 {
        let detour = inside.tables.routes.detour;
        let (mut hops, mut waited_s, mut left) = (0_usize, 0.0, route.fingers);
        while left > 0 && hops < crate::plan::paths::HOPS_MAX {
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
        if let Some(last) = inside.last_hop(route.place) {
            let drawn = rng.unit();
            let neighbor_s = self.paths.neighbor_wait_s;
            if drawn < last.departed {
                if rng.unit() * last.departed < last.silent {
                    waited_s += self.paths.leg(path, hops).wait_s;
                }
                hops += 1;
            }
            // What is unknown to the neighbors of a crashed node is also unknown to others.
            if drawn < last.missed {
                waited_s += neighbor_s;
            }
            if drawn < last.unreplaced {
                waited_s += CLAIM_WAITS * neighbor_s;
            }
            hops += 1 + usize::from(rng.unit() < last.joined);
        }
        let leg = self.paths.leg(path, hops);
        leg.out_s + leg.back_s + waited_s
    }
}

impl Inside<'_> {
    /// What the last hop to `place` meets; `None` if there is no such hop.
    fn last_hop(&self, place: u32) -> Option<&LastHop> {
        self.last.get(place.checked_sub(1)? as usize)
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
