//! Judges what nodes declare dead: whether it was, and how long after a crash its neighbors know.
//!
//! Reports of different directors arrive in any order. They are judged in the order of time, once
//! everything up to their time has been reported.
//!
//! **Invariant:** the verdict follows from the history of membership, never from what nodes believe.

use std::collections::hash_map::Entry;
use std::time::Duration;

use hopwise_kernel::{Id, Time};
use smallvec::SmallVec;

use super::truth::OwnerTruth;
use crate::base::hash::FixedHashMap;
use crate::measure::outcome::{Deaths as DeathFigures, Times};

/// A report that concerns deaths.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Death {
    /// A member has left or crashed.
    Gone {
        /// Its identifier.
        id: Id,
        /// Whether it announced its departure.
        announced: bool,
        /// Whether it happened in the measured phase.
        counted: bool,
    },
    /// A node has become a member.
    Joined {
        /// Its identifier.
        id: Id,
    },
    /// A member declared another node dead.
    Declared {
        /// The member.
        by: Id,
        /// The other node.
        peer: Id,
        /// Whether it happened in the measured phase.
        counted: bool,
    },
    /// A member took back that it had declared another node dead.
    Refuted {
        /// The member.
        by: Id,
        /// The other node.
        peer: Id,
    },
}

/// See the [module](self).
#[derive(Debug, Default)]
pub struct Deaths {
    waiting: Vec<(Time, Death)>,
    /// Crashed members that some neighbor has not declared dead.
    crashed: FixedHashMap<Id, Crash>,
    /// By neighbor: the crashed members that it has not declared dead.
    unaware: FixedHashMap<Id, SmallVec<[Id; 2]>>,
    /// False deaths that have not been taken back, by the member that declared them and the node.
    standing: FixedHashMap<(Id, Id), (Time, bool)>,
    false_deaths: u64,
    detections: Vec<Duration>,
    refutations: Vec<Duration>,
}

/// A crash that some neighbor does not know of.
#[derive(Debug)]
struct Crash {
    at: Time,
    counted: bool,
    neighbors: SmallVec<[Id; 2]>,
}

impl Deaths {
    /// Adds a report of something that happened at `at`.
    pub fn take(&mut self, at: Time, death: Death) {
        self.waiting.push((at, death));
    }

    /// Judges everything up to `t`, which must have been reported. `members` knows the history up to
    /// then.
    pub fn settle(&mut self, t: Time, members: &OwnerTruth) {
        if self.waiting.is_empty() {
            return;
        }
        let mut due: Vec<(Time, Death)> = Vec::new();
        self.waiting.retain(|&(at, death)| {
            if at <= t {
                due.push((at, death));
            }
            at > t
        });
        // What happens at one instant is judged in a fixed order, crashes first.
        due.sort_unstable();
        for (at, death) in due {
            match death {
                Death::Gone { id, announced, counted } => {
                    self.forget_neighbor(id);
                    if !announced {
                        self.on_crash(id, at, counted, members);
                    }
                }
                Death::Joined { id } => self.forget_crash(id),
                Death::Declared { by, peer, counted } => {
                    self.on_declared(by, peer, at, counted, members);
                }
                Death::Refuted { by, peer } => {
                    let peer = members.complete(peer);
                    if let Some((since, true)) = self.standing.remove(&(by, peer)) {
                        self.refutations.push(at.since(since));
                    }
                }
            }
        }
    }

    /// The figures of a phase of `node_s` node-seconds, once everything has been judged. `members`
    /// knows the members at the end.
    #[must_use]
    pub fn figures(&self, node_s: f64, members: &OwnerTruth) -> DeathFigures {
        let is_live = |id| members.was_member(id, Time::NEVER);
        let stands = |(&(by, peer), &(_, counted)): (&(Id, Id), &(Time, bool))| {
            counted && is_live(by) && is_live(peer)
        };
        let undetected = self.crashed.values().filter(|crash| crash.counted);
        let per_million = 1e6 / node_s.max(f64::MIN_POSITIVE);
        DeathFigures {
            false_deaths: self.false_deaths,
            false_deaths_per_million_node_s: match self.false_deaths {
                0 => 0.0,
                count => count as f64 * per_million,
            },
            refuted: self.refutations.len() as u64,
            unrefuted: self.standing.iter().filter(|&it| stands(it)).count() as u64,
            refutation_us: Times::new(self.refutations.clone()),
            detected: self.detections.len() as u64,
            undetected: undetected.map(|crash| crash.neighbors.len() as u64).sum(),
            detection_us: Times::new(self.detections.clone()),
        }
    }

    fn on_crash(&mut self, id: Id, at: Time, counted: bool, members: &OwnerTruth) {
        let Some((predecessor, successor)) = members.neighbors(id, at) else { return };
        let mut neighbors = SmallVec::new();
        neighbors.push(predecessor);
        // Members that crash at the same instant may lie in between, too.
        let before = Time::from_ns(at.as_ns().saturating_sub(1));
        let is_adjacent = members.neighbors(id, before).is_none_or(|(_, next)| next == successor);
        let misses = |crashed: &Id| crashed.is_between(id, successor);
        let knows_another = self.unaware.get(&successor).is_some_and(|ids| ids.iter().any(misses));
        if successor != predecessor && is_adjacent && !knows_another {
            neighbors.push(successor);
        }
        for &neighbor in &neighbors {
            self.unaware.entry(neighbor).or_default().push(id);
        }
        self.crashed.insert(id, Crash { at, counted, neighbors });
    }

    fn on_declared(&mut self, by: Id, peer: Id, at: Time, counted: bool, members: &OwnerTruth) {
        let peer = members.complete(peer);
        if members.was_member(peer, at) {
            self.false_deaths += u64::from(counted);
            self.standing.insert((by, peer), (at, counted));
            return;
        }
        let Entry::Occupied(mut crash) = self.crashed.entry(peer) else { return };
        let neighbors = &mut crash.get_mut().neighbors;
        let Some(place) = neighbors.iter().position(|&neighbor| neighbor == by) else { return };
        neighbors.swap_remove(place);
        let &Crash { at: crashed_at, counted, .. } = crash.get();
        if counted {
            self.detections.push(at.since(crashed_at));
        }
        if crash.get().neighbors.is_empty() {
            crash.remove();
        }
        self.make_aware(by, peer);
    }

    /// The crashed member has returned: nobody detects its crash any more.
    fn forget_crash(&mut self, id: Id) {
        if let Some(crash) = self.crashed.remove(&id) {
            crash.neighbors.into_iter().for_each(|neighbor| self.make_aware(neighbor, id));
        }
    }

    /// A neighbor of crashed members is gone: it detects no crash any more.
    fn forget_neighbor(&mut self, id: Id) {
        for crashed in self.unaware.remove(&id).into_iter().flatten() {
            if let Entry::Occupied(mut crash) = self.crashed.entry(crashed) {
                crash.get_mut().neighbors.retain(|neighbor| *neighbor != id);
                if crash.get().neighbors.is_empty() {
                    crash.remove();
                }
            }
        }
    }

    fn make_aware(&mut self, neighbor: Id, crashed: Id) {
        if let Entry::Occupied(mut ids) = self.unaware.entry(neighbor) {
            ids.get_mut().retain(|id| *id != crashed);
            if ids.get().is_empty() {
                ids.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hopwise_kernel::Distance;

    fn id(place: u32) -> Id {
        Id::ZERO.add(Distance::multiple_of_power(place, 156))
    }

    fn at(ms: u64) -> Time {
        Time::from_ns(ms * 1_000_000)
    }

    /// A ring of ten members at time 0, and what is reported of it.
    struct Told {
        members: OwnerTruth,
        deaths: Deaths,
    }

    impl Told {
        fn new() -> Told {
            let members = OwnerTruth::of_members((0..10).map(id), Time::ZERO);
            Told { members, deaths: Deaths::default() }
        }

        fn gone(&mut self, ms: u64, place: u32, announced: bool) {
            self.members.leave(id(place), at(ms));
            let gone = Death::Gone { id: id(place), announced, counted: true };
            self.deaths.take(at(ms), gone);
        }

        fn declared(&mut self, ms: u64, by: u32, peer: u32) {
            let declared = Death::Declared { by: id(by), peer: id(peer), counted: true };
            self.deaths.take(at(ms), declared);
        }

        fn refuted(&mut self, ms: u64, by: u32, peer: u32) {
            self.deaths.take(at(ms), Death::Refuted { by: id(by), peer: id(peer) });
        }

        fn joined(&mut self, ms: u64, place: u32) {
            self.members.join(id(place), at(ms));
            self.deaths.take(at(ms), Death::Joined { id: id(place) });
        }

        /// Detected, undetected, and the longest detection in ms.
        fn detection(&mut self) -> (u64, u64, f64) {
            let figures = self.figures();
            (figures.detected, figures.undetected, figures.detection_us.max / 1e3)
        }

        fn figures(&mut self) -> DeathFigures {
            self.deaths.settle(Time::from_ns(u64::MAX - 1), &self.members);
            self.deaths.figures(2e6, &self.members)
        }
    }

    #[test]
    fn both_neighbors_detect_a_crash_whatever_the_order_of_reports() {
        let mut told = Told::new();
        told.declared(900, 6, 5);
        told.declared(400, 4, 5);
        told.gone(100, 5, false);
        told.declared(450, 3, 5); // Not a neighbor.
        told.declared(950, 4, 5); // Known already.
        assert_eq!(told.detection(), (2, 0, 800.0));
        assert_eq!(told.figures().false_deaths, 0);
    }

    #[test]
    fn an_announced_departure_needs_no_detection() {
        let mut told = Told::new();
        told.gone(100, 5, true);
        told.declared(200, 4, 5);
        assert_eq!(told.detection(), (0, 0, 0.0));
        assert_eq!(told.figures().false_deaths, 0, "it is gone");
    }

    #[test]
    fn what_no_neighbor_declares_is_undetected_unless_it_returns_or_they_go() {
        let mut told = Told::new();
        told.gone(100, 5, false);
        told.gone(100, 1, false);
        told.gone(100, 8, false);
        told.declared(300, 4, 5);
        told.joined(400, 1);
        told.gone(500, 9, true);
        told.declared(600, 0, 1); // It is back.
        assert_eq!(told.detection(), (1, 2, 200.0), "6 of 5, and 7 of 8");
        assert_eq!(told.figures().false_deaths, 1);
    }

    /// The successor of several crashed members knows only the nearest of them.
    #[test]
    fn a_successor_is_a_neighbor_of_the_nearest_crashed_member_only() {
        // The crashes of 4 and 5 in ms, and how many pairs of neighbors and crashes there are. If 5
        // crashes first, 4 is its neighbor for a while.
        for (of_4, of_5, pairs) in [(100, 100, 3), (200, 100, 2)] {
            let mut told = Told::new();
            told.gone(of_4, 4, false);
            told.gone(of_5, 5, false);
            told.declared(600, 6, 5);
            told.declared(650, 6, 4); // Not its neighbor.
            told.declared(700, 3, 4);
            let (detected, undetected, _) = told.detection();
            assert_eq!((detected, undetected), (2, pairs - 2), "{of_4} ms, {of_5} ms");
        }
    }

    #[test]
    fn a_live_member_declared_dead_is_a_false_death_until_it_is_taken_back() {
        let mut told = Told::new();
        told.declared(100, 4, 5);
        told.declared(150, 3, 5);
        told.declared(200, 7, 8);
        told.refuted(600, 4, 5);
        told.refuted(650, 4, 5);
        told.gone(700, 7, true);
        let figures = told.figures();
        assert_eq!((figures.false_deaths, figures.refuted, figures.unrefuted), (3, 1, 1));
        assert_eq!(figures.false_deaths_per_million_node_s, 1.5);
        assert_eq!(figures.refutation_us, Times { p50: 5e5, p99: 5e5, max: 5e5 });
    }

    #[test]
    fn nothing_is_judged_before_its_time() {
        let mut told = Told::new();
        told.declared(400, 4, 5);
        told.deaths.settle(at(399), &told.members);
        assert_eq!(told.deaths.false_deaths, 0);
        // A crash before the declaration, reported later.
        told.gone(300, 5, false);
        assert_eq!(told.figures().false_deaths, 0);
    }
}
