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
//! *Traffic* ([`traffic`]). A node sends per second, with h hops per refresh, F fingers, sessions of mean L:
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
mod latency;
mod routes;
mod sizes;
mod staleness;
mod traffic;

use core::cell::Cell;
use core::time::Duration;
use std::collections::BTreeMap;

use hopwise_kernel::ring::RingNode;
use hopwise_kernel::ring::fingers::Shape;
use hopwise_kernel::{Peer, Rng};

use self::routes::{Route, Routes, distinct, mean};
use self::sizes::Sizes;
use self::staleness::{LastHop, News, WATCHED};
use super::section::{AnswerRule, LookupMode, Place, Ring};
use crate::Scenario;
use crate::network::Network;
use crate::plan::{Axis, Conditions, Estimate, Evaluate, Model, Paths, Sessions, Value};
use crate::scenario::{ChurnModel, Downtime, Load};
use crate::systems::items;

/// Routes that are drawn for the distribution of hops: its shares are right within half a percent.
const EXPECTED_ROUTES: usize = 40_000;
/// Latencies that are drawn for a percentile.
const LATENCIES: usize = 4096;
/// The share of latencies beyond the 99th percentile.
const TAIL: f64 = 0.01;
/// Attempts to reach a silent predecessor before its successor answers: the first and one with twice the wait.
const CLAIM_WAITS: f64 = 3.0;

const BASES: [u32; 6] = [2, 4, 8, 16, 32, 64];
const SUCCESSORS: [u32; 7] = [4, 6, 8, 12, 16, 24, 32];
const PERIODS_S: [u64; 10] = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600];
const REPLICAS: [u32; 10] = [1, 2, 3, 4, 5, 6, 8, 10, 12, 16];

/// The share of lookups that take 0, 1, … hops in an exact ring of `nodes` nodes, from routes that are drawn; `None`
/// if there is no such ring.
pub(super) fn expected_hops(nodes: u64, base: u32, successors: u32) -> Option<Vec<f64>> {
    if nodes < 2 || !base.is_power_of_two() || base < 2 || successors == 0 {
        return None;
    }
    let count = usize::try_from(nodes).ok()?;
    let shape = Shape::for_ring(base.trailing_zeros(), count, successors as usize);
    let routes = routes::lookups(shape, nodes, successors, EXPECTED_ROUTES);
    let most = routes.iter().map(Route::hops).max()? as usize;
    let mut shares = vec![0.0; most + 1];
    for route in &routes {
        shares[route.hops() as usize] += 1.0 / routes.len() as f64;
    }
    Some(shares)
}

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

    fn evaluate(
        &self,
        conditions: &Conditions,
        axes: &[Axis],
    ) -> Result<Box<dyn Evaluate>, String> {
        let scenario = &conditions.scenario;
        check(scenario)?;
        let network = Network::new(&scenario.network, scenario.seed)?;
        let policy = items::timeout(scenario);
        network.check_hosts(usize::try_from(conditions.nodes).unwrap_or(usize::MAX))?;
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
                let took_s = |(at, route): (usize, &Route)| {
                    let leg = paths.leg(at, route.hops() as usize);
                    leg.out_s + leg.back_s
                };
                let some = routes.refreshes.iter().enumerate().step_by(8);
                let refreshes_s = some.map(took_s).collect();
                let (lookups, refreshes) = (distinct(&routes.lookups), distinct(&routes.refreshes));
                let of = Tables { routes, memory_bytes, sizes, refreshes_s, lookups, refreshes };
                tables.insert((base, successors), of);
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
            last: Cell::new(None),
        }))
    }
}

/// Refuses what the model does not cover.
fn check(scenario: &Scenario) -> Result<(), String> {
    let ring = scenario.section::<Ring>();
    let churn = &scenario.churn;
    let network = &scenario.network;
    let is_perfect = network.loss <= 0.0 && network.duplication <= 0.0 && network.reordering <= 0.0;
    let covered = [
        (ring.lookup == LookupMode::Recursive, "ring.lookup", "\"recursive\""),
        (ring.answer == AnswerRule::Owner, "ring.answer", "\"owner\""),
        (ring.remember_failures, "ring.remember_failures", "true"),
        (ring.virtual_nodes == 1, "ring.virtual_nodes", "1"),
        (ring.place == Place::Random, "ring.place", "\"random\""),
        (
            matches!(churn.model, ChurnModel::Off | ChurnModel::Sessions),
            "churn.model",
            "\"sessions\"",
        ),
        (churn.downtime == Downtime::None, "churn.downtime", "\"none\""),
        (matches!(scenario.workload.load, Load::PerNode(_)), "workload", "--lookups-per-node"),
        (is_perfect && network.node_rate.is_none(), "network", "a latency and no faults"),
    ];
    match covered.iter().find(|(holds, ..)| !holds) {
        None => Ok(()),
        Some((_, key, instead)) => {
            Err(format!("--set {key}: the model covers only {instead}: write that"))
        }
    }
}

/// What depends on the base and the successors alone.
#[derive(Debug)]
struct Tables {
    routes: Routes,
    memory_bytes: f64,
    sizes: Sizes,
    /// How long refreshes take, in seconds.
    refreshes_s: Vec<f64>,
    /// The different routes of lookups and refreshes, with their shares.
    lookups: Vec<(Route, f64)>,
    refreshes: Vec<(Route, f64)>,
}

impl Tables {
    /// The probability that a refresh takes longer than a period of mean `mean_s`, which is drawn from half to one
    /// and a half times this.
    fn share_longer_than(&self, mean_s: f64) -> f64 {
        let longer = |took_s: &f64| (took_s / mean_s - 0.5).clamp(0.0, 1.0);
        self.refreshes_s.iter().map(longer).sum::<f64>() / self.refreshes_s.len().max(1) as f64
    }
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
    /// The estimate that was made last. Copies change only what is lost.
    last: Cell<Option<(Parameters, Estimate)>>,
}

/// The parameters of a point.
#[derive(Clone, Copy, PartialEq, Debug)]
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
    /// The share of live contacts that answer late.
    spurious: f64,
    news: News,
    /// What a last hop meets, by place from 1.
    last: Vec<LastHop>,
}

impl Evaluate for Evaluator {
    fn is_possible(&self, point: &[Value]) -> bool {
        // The owner and its successors.
        let Parameters { successors, replicas, .. } = self.parameters(point);
        replicas <= successors + 1
    }

    fn estimate(&self, point: &[Value]) -> Estimate {
        let parameters = self.parameters(point);
        let Parameters { replicas, .. } = parameters;
        if let Some((last, estimate)) = self.last.get()
            && (Parameters { replicas, ..last }) == parameters
        {
            let data_loss_per_year = self.loss_per_year(replicas, estimate.repair_s);
            return Estimate { data_loss_per_year, ..estimate };
        }
        let inside = self.inside(&parameters);
        let news = &inside.news;
        let (lookup, refresh) = (self.lookup_cost(&inside), self.refresh_cost(&inside));
        let (upkeep, upkeep_messages) = self.maintenance(&parameters, &inside, &refresh);
        // A copy is made anew once the crash is known and one more round has told the owner.
        let repair_s = news.missed_s + news.declared_s + parameters.stabilize_s;
        let fingers = inside.tables.routes.fingers * (1.0 - inside.missing);
        let estimate = Estimate {
            hops: lookup.hops,
            timeouts: lookup.timeouts,
            latency_mean_s: (lookup.hops + 1.0) * self.paths.transfer_s + lookup.waits_s,
            bytes_per_node_s: upkeep.stabilize + upkeep.refresh + upkeep.probe + upkeep.churn,
            upkeep,
            messages_per_node_s: upkeep_messages + self.lookups_per_s * lookup.messages,
            memory_bytes: inside.tables.memory_bytes,
            entries: f64::from(parameters.successors) + 1.0 + fingers,
            repair_s,
            data_loss_per_year: self.loss_per_year(replicas, repair_s),
            isolations_per_year: durability::isolations_per_year(
                &self.sessions,
                self.crashes,
                parameters.successors,
                news.step_s,
                news.declared_s,
            ),
            ..Estimate::default()
        };
        self.last.set(Some((parameters, estimate)));
        estimate
    }

    fn refine(&self, point: &[Value], estimate: &mut Estimate) {
        let inside = self.inside(&self.parameters(point));
        let mut rng = Rng::light(self.seed);
        let mut drawn: Vec<f64> =
            (0..LATENCIES).map(|at| self.draw_latency_s(&inside, at, &mut rng)).collect();
        drawn.sort_unstable_by(f64::total_cmp);
        let beyond = &drawn[((1.0 - TAIL) * LATENCIES as f64) as usize..];
        let p99_s = beyond[0];
        let excess_s =
            beyond.iter().map(|latency_s| latency_s - p99_s).sum::<f64>() / beyond.len() as f64;
        estimate.latency_p99_s = p99_s;
        let late = (self.deadline_s - p99_s).max(0.0) / excess_s.max(1e-6);
        let too_late = TAIL * (-late).exp();
        estimate.failed = too_late + inside.news.unanswered(&self.sessions, self.crashes);
    }

    fn settle_s(&self, point: &[Value]) -> f64 {
        let parameters = self.parameters(point);
        let inside = self.inside(&parameters);
        let cycle_s = inside.tables.routes.fingers * parameters.fix_fingers_s;
        let list_s = inside.news.listed_s(parameters.successors);
        // Ages are spread once each finger has been refreshed.
        cycle_s.max(1.5 * list_s).max(30.0)
    }
}

/// What one lookup costs, on average.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    hops: f64,
    timeouts: f64,
    /// Time spent waiting for contacts that do not answer.
    waits_s: f64,
    /// Messages of all branches, with the attempts at nodes that are gone.
    messages: f64,
    /// Transfers that are acknowledged, of all branches.
    transfers: f64,
    answers: f64,
    /// Transfers to nodes that are gone.
    lost: f64,
    /// Those that find out a departed node.
    found: f64,
}

impl Evaluator {
    fn parameters(&self, point: &[Value]) -> Parameters {
        let period_s =
            |period: Option<Duration>| period.map_or(f64::INFINITY, |it| it.as_secs_f64());
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
        let refreshes_per_s = if fingers > 0.0 {
            // A refresh that is due while one is in progress is left out.
            let done = 1.0 - tables.share_longer_than(fix_fingers_s);
            done / fix_fingers_s + fingers * departures_per_s
        } else {
            0.0
        };
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
        // Last hops to the first successor, and what neighbors ask each other.
        let first_place = |routes: &[(Route, f64)]| -> f64 {
            routes.iter().filter(|(route, _)| route.place == 1).map(|(_, share)| share).sum()
        };
        let neighbors_per_s = (1.0 + WATCHED) / stabilize_s
            + self.lookups_per_s * first_place(&tables.lookups)
            + refreshes_per_s * first_place(&tables.refreshes);
        let replies_per_s = self.lookups_per_s * (user + 1.0)
            + refreshes_per_s * (refresh + 1.0)
            + (1.0 + WATCHED) / stabilize_s;
        let spurious = self.paths.spurious(neighbors_per_s / replies_per_s.max(1e-9));
        let ends_per_s = self.lookups_per_s + refreshes_per_s;
        let news = News::new(stabilize_s, ends_per_s, replies_per_s, &self.sessions, &self.paths);
        let uses_per_s = ends_per_s / f64::from(successors);
        let last_hop = |place| LastHop::new(&self.sessions, &news, self.crashes, place, uses_per_s);
        Inside {
            tables,
            refreshes_per_s,
            silent: mix(in_lookup, of_any.0, of_last.0),
            missing: mix(in_lookup, of_any.1, of_last.1),
            silent_refresh: mix(in_refresh, of_any.0, of_last.0),
            missing_refresh: mix(in_refresh, of_any.1, of_last.1),
            last: (1..=successors).map(last_hop).collect(),
            spurious,
            news,
        }
    }

    fn lookup_cost(&self, inside: &Inside<'_>) -> Cost {
        self.cost(inside, &inside.tables.lookups, inside.silent, inside.missing)
    }

    fn refresh_cost(&self, inside: &Inside<'_>) -> Cost {
        let routes = &inside.tables.refreshes;
        self.cost(inside, routes, inside.silent_refresh, inside.missing_refresh)
    }

    /// What lookups on `routes` cost, if shares of the fingers that they need are silent or missing.
    fn cost(
        &self,
        inside: &Inside<'_>,
        routes: &[(Route, f64)],
        silent: f64,
        missing: f64,
    ) -> Cost {
        let (wait_s, spurious) = (self.paths.wait_s, inside.spurious);
        let gone = (silent + missing).min(0.9);
        // Of each finger that is needed, gone / (1 − gone) are in vain before.
        let (vain, in_vain) = (gone / (1.0 - gone), silent / (1.0 - gone));
        let detour = inside.tables.routes.detour * vain;
        let mut sum = Cost::default();
        for (route, share) in routes {
            let fingers = f64::from(route.fingers) * (1.0 + detour);
            let end = self.end_of(inside, route);
            let hops = fingers + f64::from(route.lists) + end.hops;
            // Live contacts that answer late, each with a branch of its own to the end.
            let late = spurious * (hops - if route.place == 1 { 1.0 } else { 0.0 }).max(0.0);
            let branches = late * (hops + 1.0) / 2.0;
            let timeouts = fingers * in_vain + end.timeouts;
            let transfers = hops + branches;
            let answers = if hops > 0.0 { 1.0 + late } else { 0.0 };
            sum.hops += share * hops;
            sum.timeouts += share * (timeouts + late + spurious * branches);
            sum.waits_s += share * (fingers * in_vain * wait_s + end.waits_s);
            sum.messages += share * (2.0 * transfers + answers + timeouts);
            sum.transfers += share * transfers;
            sum.answers += share * answers;
            sum.lost += share * timeouts;
            sum.found += share * (fingers * in_vain + end.found);
        }
        sum
    }

    /// The cost of the last hop.
    fn end_of(&self, inside: &Inside<'_>, route: &Route) -> Cost {
        let Some(last) = inside.last_hop(route.place) else { return Cost::default() };
        let news = &inside.news;
        Cost {
            hops: 1.0 + last.departed + last.joined,
            timeouts: last.silent + last.missed + last.unreplaced,
            found: last.silent,
            waits_s: last.silent * self.paths.wait_s
                + last.missed * news.successor_wait_s
                + CLAIM_WAITS * last.unreplaced * news.predecessor_wait_s,
            ..Cost::default()
        }
    }

    fn loss_per_year(&self, replicas: u32, repair_s: f64) -> f64 {
        durability::loss_per_year(&self.sessions, self.crashes, replicas, repair_s)
    }
}

impl Inside<'_> {
    /// What the last hop to `place` meets; `None` if there is no such hop.
    fn last_hop(&self, place: u32) -> Option<&LastHop> {
        self.last.get(place.checked_sub(1)? as usize)
    }
}
