//! Swarms: a random mix of faults, drawn anew for each seed.
//!
//! Mixes differ in which kinds take part, how often, how strongly and for how long. So a campaign of many
//! seeds tries combinations that are not written in any scenario. This is swarm testing (Groce et al., ISSTA
//! 2012); the simulators of FoundationDB and TigerBeetle work in the same way.
//!
//! **Invariant:** the same seed gives the same faults, all within the time of the swarm.

use core::time::Duration;

use hopwise_kernel::Rng;

use super::{Amount, Direction, DisturbanceKind, Fault, FaultKind, Groups, Target};
use crate::scenario::Scenario;

/// The most episodes of one kind in a swarm.
const EPISODES_MAX: u64 = 3;
/// The shortest and the longest episode, as parts of the length of the swarm.
const LENGTHS: (f64, f64) = (0.01, 0.25);
/// The number of kinds, without malicious nodes, which break what a ring promises, and the swarm itself.
const KINDS: u64 = FaultKind::WORDS.len() as u64 - 2;
/// The greatest share by which a clock runs faster or slower in an episode.
const EPISODE_DRIFT_MAX: f64 = 0.1;
/// The same of all episodes together.
pub(super) const DRIFT_MAX: f64 = EPISODE_DRIFT_MAX * EPISODES_MAX as f64;
/// Numbers the random stream of the first swarm.
const STREAM: u64 = 0x7377_6172_6d00;

impl Scenario {
    /// The same scenario with what its seed makes of its swarms.
    #[must_use]
    pub(crate) fn with_swarms_drawn(&self) -> Scenario {
        let mut faults = Vec::new();
        for (number, fault) in (0..).zip(&self.faults) {
            match (fault.kind, fault.amount) {
                (FaultKind::Swarm, Amount::Fraction(share)) => {
                    let mut rng = Rng::new(self.seed, STREAM + number);
                    let has_distances = self.network.latency.is_of_pairs();
                    faults.extend(draw(fault, share, has_distances, &mut rng));
                }
                _ => faults.push(fault.clone()),
            }
        }
        faults.retain(|fault| is_possible(fault.kind, self));
        Scenario { faults, ..self.clone() }
    }
}

/// The kinds that a swarm of `scenario` may consist of.
pub(super) fn kinds(scenario: &Scenario) -> impl Iterator<Item = FaultKind> {
    // Settings are drawn, too, and do not matter here.
    let mut rng = Rng::new(0, 0);
    (0..KINDS)
        .map(move |number| draw_kind(number, false, &mut rng).0)
        .filter(|&kind| is_possible(kind, scenario))
}

fn is_possible(kind: FaultKind, scenario: &Scenario) -> bool {
    match kind {
        FaultKind::Disturbance(kind) => kind.is_possible(scenario),
        _ => true,
    }
}

/// Draws the faults of `swarm`. Each kind takes part with a probability of `share`.
fn draw(swarm: &Fault, share: f64, has_distances: bool, rng: &mut Rng) -> Vec<Fault> {
    let mut faults = Vec::new();
    for number in 0..KINDS {
        if rng.unit() >= share {
            continue;
        }
        for _ in 0..=rng.below(EPISODES_MAX) {
            let (kind, strength) = draw_kind(number, has_distances, rng);
            let (at, over) = draw_episode(swarm, rng);
            faults.push(Fault { at, over, kind, amount: Amount::Fraction(strength) });
        }
    }
    // Only what has crashed can return.
    let first = faults.iter().filter(|it| matches!(it.kind, FaultKind::Crash(_))).map(|it| it.at);
    let first_crash = first.min().unwrap_or(Duration::MAX);
    faults.retain(|it| it.kind != FaultKind::Return || it.at > first_crash);
    faults
}

/// The kind of this number, with its settings, and the share of nodes, messages or links it strikes.
fn draw_kind(number: u64, has_distances: bool, rng: &mut Rng) -> (FaultKind, f64) {
    let by = Duration::from_secs_f64(between(0.01, 1.0, rng));
    let drift = between(0.005, EPISODE_DRIFT_MAX, rng);
    let lasting = FaultKind::Disturbance;
    match number {
        0 => (FaultKind::Crash(Target::Random), between(0.02, 0.3, rng)),
        1 => (FaultKind::Leave, between(0.02, 0.3, rng)),
        2 => (FaultKind::Join, between(0.02, 0.3, rng)),
        3 => (FaultKind::Return, between(0.1, 1.0, rng)),
        4 => {
            let (kind, strength) = draw_partition(has_distances, rng);
            (lasting(kind), strength)
        }
        5 => (lasting(DisturbanceKind::Clog), between(0.01, 0.3, rng)),
        6 => (lasting(DisturbanceKind::Loss), between(0.01, 0.5, rng)),
        7 => (lasting(DisturbanceKind::Delay(by)), between(0.05, 1.0, rng)),
        8 => (lasting(DisturbanceKind::Duplicate(by)), between(0.01, 0.5, rng)),
        9 => (lasting(DisturbanceKind::Reorder(by)), between(0.01, 1.0, rng)),
        10 => (lasting(DisturbanceKind::Corrupt), between(0.001, 0.1, rng)),
        11 => (lasting(DisturbanceKind::Pause), between(0.02, 0.3, rng)),
        _ => (lasting(DisturbanceKind::Clock(drift)), between(0.05, 1.0, rng)),
    }
}

/// A partition, and the share of the nodes it strikes.
fn draw_partition(has_distances: bool, rng: &mut Rng) -> (DisturbanceKind, f64) {
    let strength = between(0.02, 0.5, rng);
    match rng.below(if has_distances { 6 } else { 5 }) {
        0 => (DisturbanceKind::Partition(Direction::Both), strength),
        1 => (DisturbanceKind::Partition(Direction::In), strength),
        2 => (DisturbanceKind::Partition(Direction::Out), strength),
        3 | 4 => (DisturbanceKind::Groups(draw_groups(rng)), 1.0),
        _ => (DisturbanceKind::Beyond(Duration::from_secs_f64(between(0.02, 0.2, rng))), 1.0),
    }
}

fn draw_groups(rng: &mut Rng) -> Groups {
    let sizes: Vec<f64> = (0..2 + rng.below(3)).map(|_| between(0.2, 1.0, rng)).collect();
    let all: f64 = sizes.iter().sum();
    // The last group is that of the other nodes.
    let stated: Vec<f64> = sizes[1..].iter().map(|size| size / all).collect();
    Groups::try_from(stated).expect("one to three shares that add up to less than 1")
}

/// When an episode begins and how long it lasts.
fn draw_episode(swarm: &Fault, rng: &mut Rng) -> (Duration, Duration) {
    let Fault { at, over, .. } = *swarm;
    let length = over.mul_f64(between(LENGTHS.0, LENGTHS.1, rng));
    (at + (over - length).mul_f64(rng.unit()), length)
}

/// A number between these, of which each order of magnitude is as likely.
fn between(least: f64, most: f64, rng: &mut Rng) -> f64 {
    least * (most / least).powf(rng.unit())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::scenario::Engine;

    #[test]
    fn a_seed_decides_the_mix_and_all_kinds_take_part() {
        let (at, over) = (Duration::from_secs(60), Duration::from_secs(300));
        let swarm = Fault { at, over, kind: FaultKind::Swarm, amount: Amount::Fraction(0.5) };
        let of_engine = |engine, seed| {
            let faults = vec![swarm.clone()];
            let scenario = Scenario { seed, engine, faults, ..Scenario::general("none") };
            scenario.with_swarms_drawn().faults
        };
        let of = |seed| of_engine(Engine::Sim, seed);
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
        let all: Vec<Fault> = (1..100).flat_map(of).collect();
        assert!(all.iter().all(|it| it.at >= at && it.at + it.over <= at + over));
        let words = all.iter().filter_map(|it| match it.kind {
            FaultKind::Disturbance(kind) => Some(kind.word()),
            _ => None,
        });
        assert_eq!(words.collect::<BTreeSet<_>>().len(), 9);
        let groups = all.iter().filter_map(|it| match it.kind {
            FaultKind::Disturbance(DisturbanceKind::Groups(groups)) => Some(groups.count()),
            _ => None,
        });
        assert_eq!(groups.collect::<BTreeSet<_>>(), BTreeSet::from([2, 3, 4]));
        let is_of_distance =
            |it: &Fault| matches!(it.kind, FaultKind::Disturbance(DisturbanceKind::Beyond(_)));
        assert!(!all.iter().any(is_of_distance), "the network has no distances");
        let mut rng = Rng::new(1, 1);
        let mut partitions = (0..50).map(|_| draw_partition(true, &mut rng).0);
        assert!(partitions.any(|it| matches!(it, DisturbanceKind::Beyond(_))));
        assert_eq!(of_engine(Engine::Udp, 1), of(1));
        assert!(
            [FaultKind::Leave, FaultKind::Join, FaultKind::Return]
                .iter()
                .all(|kind| all.iter().any(|it| it.kind == *kind))
        );
    }
}
