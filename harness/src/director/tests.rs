//! Laws of the load: every lookup that was due ends once, whatever nodes do, and a refusal is cheap
//! and never late.
//!
//! **Invariant:** nodes are made up: they only note what they are asked.

use hopwise_kernel::{Address, Id};

use super::*;
use crate::measure::outcome::Lookups as Figures;
use crate::measure::series::{Sent, SeriesRow};
use crate::scenario::{Schema, Section, SectionType, SystemSchema};
use crate::workload::KeyWorkload;

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;
const STARTS_PER_TURN: usize = 512;

fn at(ns: u64) -> Time {
    Time::from_ns(ns)
}

/// A scenario of `nodes` without a system.
fn scenario(text: &str) -> Scenario {
    let section = SectionType::of::<()>();
    let (name, workload) = ("none", KeyWorkload::NAME);
    let system = SystemSchema::plain(name, section, workload);
    let schema = Schema::new(vec![system], Vec::new(), "none");
    assert_eq!(<()>::NAME, "");
    schema.from_toml(text, "test", &[]).expect("the scenario is valid")
}

/// The director of `share`, with all its nodes as members.
fn director_of(scenario: &Scenario, share: Share) -> Director<KeyWorkload> {
    let places = share.part(scenario.nodes as usize);
    let workload = KeyWorkload::new(scenario, &[]).expect("keys need nothing");
    let seeds = Arc::new(Vec::new());
    let setup = Setup {
        places,
        per_host: NodesPerHost::ONE,
        to_join: 0,
        agreement: Arc::new(Agreement::new(share.of)),
        seeds,
        trace: None,
        workload,
        has_server: false,
        chooses_place: false,
        binds_ids: false,
        admitted: None,
        starts_per_turn: STARTS_PER_TURN,
        knows_costs: false,
        is_logged: false,
        feed: None,
    };
    let mut director = Director::new(scenario, share, setup);
    let mut rng = Rng::new(1, 99);
    for _ in 0..places {
        director.enter_member(Id::random(&mut rng), Time::ZERO);
    }
    director
}

fn director(text: &str) -> Director<KeyWorkload> {
    director_of(&scenario(text), Share::WHOLE)
}

/// Nodes that note what they are asked.
#[derive(Default)]
struct Asked {
    lookups: Vec<(Time, u32, u64)>,
    refuse: bool,
}

impl NodeControl<Id> for Asked {
    fn address_of(&self, place: u32) -> Address {
        Address::from_bits(place.into())
    }

    fn insert(&mut self, _at: Time, _place: u32, _peer: Peer) {}

    fn join(&mut self, _at: Time, _place: u32, _bootstraps: &[Peer]) {}

    fn choose_place(&mut self, _at: Time, _place: u32, _bootstraps: &[Peer]) {}

    fn depart(&mut self, _at: Time, _place: u32, _graceful: bool) {}

    fn busiest(&mut self, _fault: u32) -> Option<u32> {
        None
    }

    fn ask(&mut self, at: Time, place: u32, _question: Id, token: u64, _number: u32) -> bool {
        if !self.refuse {
            self.lookups.push((at, place, token));
        }
        !self.refuse
    }
}

/// Answers all lookups at `now`.
fn answer_all(director: &mut Director<KeyWorkload>, nodes: &mut Asked, now: Time) {
    for (_, place, token) in nodes.lookups.drain(..) {
        let answered = NodeEvent::Answered {
            token,
            answer: Id::ZERO,
            hops: 2,
            timeouts: 1,
            under_suspicion: false,
        };
        director.on_event(now, place, answered);
    }
}

/// Asserts the laws of the figures, of which `refused_late` lookups were refused, but not at once.
fn assert_sums(metrics: &Metrics, refused_late: u64) {
    let Metrics { issued, completed, failed, shed, orphaned, .. } = *metrics;
    assert_eq!(issued, completed + failed + shed + orphaned);
    assert_eq!(metrics.timeouts().iter().sum::<u64>(), completed + failed, "of nothing else");
    assert_eq!(metrics.hops().iter().sum::<u64>(), completed);
    assert_eq!(metrics.latency().len(), completed);
    let given = completed + failed + orphaned + refused_late;
    assert_eq!(metrics.lag().len(), given, "a refusal at once has no lag");
}

#[test]
fn each_lookup_ends_once_and_departed_origins_make_orphans() {
    let text = "nodes = 20\nworkload.lookups_per_s = 1000\nphases.warmup = \"0s\"\n\
                fault = [{ at = \"1s\", kind = \"crash\", count = 4 }, \
                         { at = \"1s\", kind = \"leave\", count = 4 }]";
    let mut director = director(text);
    director.set_phase(at(0), at(10 * SECOND));
    let mut nodes = Asked::default();
    for step in 1..900 {
        director.turn(&mut nodes, at((step - 1) * MS), at(step * MS));
    }
    // Some are answered, some fail, some are refused late, and the others lose or keep their origin.
    let half = nodes.lookups.len() / 2;
    let rest = nodes.lookups.split_off(half);
    answer_all(&mut director, &mut nodes, at(900 * MS));
    for (index, &(_, place, token)) in rest.iter().enumerate().take(40) {
        let event = match index % 2 {
            0 => NodeEvent::Failed { token, timeouts: 3 },
            _ => NodeEvent::Refused { token },
        };
        director.on_event(at(900 * MS), place, event);
    }
    let before = director.metrics().clone();
    assert_eq!((before.failed, before.shed, before.orphaned), (20, 20, 0));
    let left = director.in_progress();
    director.turn(&mut nodes, at(SECOND), at(SECOND));
    director.turn(&mut nodes, at(SECOND), at(SECOND));
    let orphaned = director.metrics().orphaned;
    let expected = rest[40..]
        .iter()
        .filter(|&&(_, place, _)| director.members().all(|member| member != place))
        .count();
    assert_eq!(orphaned, expected as u64);
    assert!((left / 4..left).contains(&expected), "about 8 of 20: {expected} of {left}");
    assert_eq!(director.recent().orphaned, orphaned);
    // What comes later for an orphan changes nothing.
    let (_, place, token) = rest[40..]
        .iter()
        .find(|&&(_, place, _)| director.members().all(|member| member != place))
        .copied()
        .expect("there is one");
    director.on_event(at(SECOND), place, NodeEvent::Failed { token, timeouts: 9 });
    assert_eq!(director.metrics().failed, 20);
    nodes.lookups.extend_from_slice(&rest[40..]);
    answer_all(&mut director, &mut nodes, at(2 * SECOND));
    assert_eq!(director.outstanding(), 0);
    assert_sums(director.metrics(), 20);
    let figures = Figures::new(director.metrics(), Duration::from_secs(10));
    assert_eq!(figures.counted(), figures.completed + figures.failed);
}

#[test]
fn a_refused_lookup_is_shed_and_neither_failed_nor_late() {
    let mut director = director("nodes = 4\nworkload.lookups_per_s = 1000\nphases.warmup = \"0s\"");
    director.set_phase(at(0), at(10 * SECOND));
    let mut nodes = Asked { refuse: true, ..Asked::default() };
    // The generator wakes up half a second late.
    director.turn(&mut nodes, at(SECOND / 2), at(SECOND / 2));
    let metrics = director.metrics();
    assert!(metrics.issued > 400, "{}", metrics.issued);
    assert_eq!((metrics.shed, metrics.failed), (metrics.issued, 0));
    assert_eq!(director.in_progress(), 0);
    assert_sums(director.metrics(), 0);
    let recent = director.recent();
    assert_eq!(recent.shed, recent.issued);
}

#[test]
fn without_room_arrivals_are_counted_and_nothing_is_drawn() {
    // 10^9 arrivals in two turns, of which only half lie in the measured phase.
    let text = "nodes = 4\nworkload.lookups_per_s = 1e8\nphases = { warmup = \"5s\", \
                measure = \"6s\" }";
    let mut director = director(text);
    director.admission.limit = Some(3);
    director.set_phase(at(5 * SECOND), at(11 * SECOND));
    let mut nodes = Asked::default();
    director.turn(&mut nodes, at(0), at(4 * SECOND));
    assert_eq!((nodes.lookups.len(), director.metrics().issued), (3, 0));
    let origins = director.rng.clone();
    director.turn(&mut nodes, at(4 * SECOND), at(10 * SECOND));
    assert_eq!(nodes.lookups.len(), 3, "there is no room");
    assert_eq!(director.rng.clone().next_u64(), origins.clone().next_u64(), "nothing was drawn");
    // Five standard deviations.
    let is_near = |count: u64, mean: f64| (count as f64 - mean).abs() < 5.0 * mean.sqrt();
    let metrics = director.metrics();
    assert!(is_near(metrics.issued, 5e8), "{}", metrics.issued);
    assert_eq!(metrics.shed, metrics.issued);
    assert_eq!(metrics.lag().len(), 0, "what is shed when it is due is on schedule");
    let all = director.recent().clone();
    assert!(is_near(all.issued, 1e9), "{}", all.issued);
    assert_eq!(all.shed + 3, all.issued);
    assert!(director.next_due() > at(10 * SECOND), "all have been taken");
    // With room again, the next ones start.
    answer_all(&mut director, &mut nodes, at(10 * SECOND));
    director.turn(&mut nodes, at(7 * SECOND), at(10 * SECOND + MS));
    assert_eq!(nodes.lookups.len(), 3);
}

/// A turn took a second. If there is room for all that is due, it starts late, and the lag says so.
/// If not, the oldest are shed, and the others are on schedule.
#[test]
fn the_oldest_are_shed_first_and_what_starts_is_not_late() {
    for (rate, limit) in [(1e6, Some(400)), (1e6, Some(100_000)), (300.0, Some(400)), (300.0, None)]
    {
        let text = format!("nodes = 4\nworkload.lookups_per_s = {rate:?}\nphases.warmup = \"0s\"");
        let mut director = director(&text);
        director.admission.limit = limit;
        director.set_phase(at(0), at(10 * SECOND));
        let mut nodes = Asked::default();
        director.turn(&mut nodes, at(SECOND), at(SECOND));
        let metrics = director.metrics();
        let longest = Duration::from_nanos(metrics.lag().max());
        if rate > 1e3 {
            assert!(longest < admission::WAIT_MAX.mul_f64(1.02), "{limit:?}: {longest:?}");
            assert!(longest > admission::WAIT_MAX / 2, "{limit:?}: {longest:?}");
            assert!(metrics.shed > 900_000, "{} of {}", metrics.shed, metrics.issued);
            assert_eq!(nodes.lookups.len(), limit.map_or(0, |limit| limit.min(STARTS_PER_TURN)));
        } else {
            assert!(longest > Duration::from_millis(900), "{limit:?}: {longest:?}");
            assert_eq!((metrics.shed, metrics.issued), (0, nodes.lookups.len() as u64));
        }
    }
}

#[test]
fn the_number_of_lookups_is_kept_though_some_are_shed() {
    let text = "nodes = 4\nworkload.lookups_per_s = 1e5\n\
                phases = { warmup = \"0s\", lookups = 1000 }";
    let mut director = director(text);
    director.admission.limit = Some(7);
    director.set_phase(at(0), at(u64::MAX - 1));
    let mut nodes = Asked::default();
    for step in 1..100 {
        director.turn(&mut nodes, at((step - 1) * MS), at(step * MS));
        answer_all(&mut director, &mut nodes, at(step * MS));
    }
    assert_eq!((director.issued(), director.outstanding()), (1000, 0));
    assert!(director.metrics().shed > 500);
    assert_sums(director.metrics(), 0);
}

/// Arrivals in each second, up to `seconds`, if every lookup is answered at once.
fn per_second(director: &mut Director<KeyWorkload>, seconds: u64) -> Vec<usize> {
    let mut nodes = Asked::default();
    let mut counts = vec![0; seconds as usize];
    for step in 1..=seconds * 1000 {
        director.turn(&mut nodes, at((step - 1) * MS), at(step * MS));
        for &(time, ..) in &nodes.lookups {
            counts[((time.as_ns() - 1) / SECOND) as usize] += 1;
        }
        answer_all(director, &mut nodes, at(step * MS));
    }
    counts
}

#[test]
fn the_load_follows_its_profile() {
    let text = "nodes = 40\nphases = { warmup = \"1s\", measure = \"6s\" }\n\
                workload.lookups_per_s = \"0.5x\"\n\
                workload.profile = [{ at = \"1s\", lookups_per_s = \"2x\" }, \
                    { at = \"2s\", lookups_per_s = 0 }, \
                    { at = \"3s\", lookups_per_s = 3000, over = \"2s\" }]";
    let scenario = scenario(text);
    // The capacity is that of the whole system. Each of two directors has half of the load.
    for index in 0..2 {
        let mut director = director_of(&scenario, Share { index, of: 2 });
        director.set_capacity(2000.0);
        director.set_phase(at(SECOND), at(7 * SECOND));
        let counts = per_second(&mut director, 7);
        let expected = [500.0, 500.0, 2000.0, 0.0, 375.0, 1125.0, 1500.0];
        for (count, mean) in counts.iter().zip(expected) {
            let off = (*count as f64 - mean).abs();
            assert!(off <= 5.0 * f64::sqrt(mean), "{counts:?} instead of {expected:?}");
        }
        assert_eq!(director.issued() as usize, counts[1..].iter().sum::<usize>());
    }
}

#[test]
fn a_calibration_counts_what_a_closed_loop_completes() {
    let scenario = scenario("nodes = 64\nworkload.lookups_per_s = \"3x\"");
    let mut completed = 0;
    for index in 0..2 {
        let mut director = director_of(&scenario, Share { index, of: 2 });
        let start = 7 * SECOND;
        director.calibrate(at(start));
        assert!(director.is_waiting(), "a closed loop is due at once");
        // Answers take 16 ms, and in a turn of 4 ms up to 512 lookups start.
        let mut nodes = [(); 4].map(|()| Asked::default());
        let steps = 1300;
        for step in 0..steps {
            let now = at(start + step * 4 * MS);
            let nodes = &mut nodes[step as usize % 4];
            answer_all(&mut director, nodes, now);
            director.turn(nodes, now, now);
            director.calibrate(now);
            assert!(director.in_progress() <= 1024, "half of 2,048");
        }
        assert_eq!((director.in_progress(), director.issued()), (0, 0), "over, and not measured");
        assert!(!director.is_waiting());
        completed += director.calibrated();
    }
    let capacity = calibration::capacity_per_s(completed).expect("all were answered");
    assert!((capacity / (2048.0 / 0.016) - 1.0).abs() < 0.01, "{capacity} lookups/s");
    assert!(calibration::capacity_per_s(0).expect_err("nothing").contains("completed no lookup"));
}

/// What a shard was too late for: the whole series of one second's stall, at any moment.
#[test]
fn all_that_was_due_in_the_phase_is_accounted_for_after_a_stall() {
    let text = "nodes = 8\nworkload.lookups_per_s = 2000\n\
                phases = { warmup = \"1s\", measure = \"2s\" }";
    let (from, to) = (SECOND, 3 * SECOND);
    // Without a stall, with one in the phase, over its start, and over its end.
    let issued = [None, Some(1500), Some(500), Some(2400)].map(|stall_ms: Option<u64>| {
        let mut director = director(text);
        director.set_phase(at(from), at(to));
        let mut nodes = Asked::default();
        let mut now = 0;
        while !director.has_issued_all(at(now)) {
            now += if stall_ms.is_some_and(|ms| now == ms * MS) { 900 * MS } else { MS };
            director.turn(&mut nodes, at(now), at(now));
            answer_all(&mut director, &mut nodes, at(now));
            assert!(now < 10 * SECOND, "it ends");
        }
        assert_sums(director.metrics(), 0);
        director.issued()
    });
    assert!(issued[0].abs_diff(4000) < 5 * 63, "{issued:?}");
    assert_eq!(issued, [issued[0]; 4], "arrivals are those of the seed");
}

#[test]
fn a_departure_that_is_carried_out_late_is_recorded_late() {
    let text = "nodes = 40\nworkload.lookups_per_s = 1000\nphases.warmup = \"0s\"\n\
                churn = { model = \"poisson\", joins_per_s = 0, departures_per_s = 10 }";
    let mut director = director(text);
    director.set_phase(at(0), at(10 * SECOND));
    let mut nodes = Asked::default();
    director.turn(&mut nodes, at(MS), at(MS));
    director.take_records();
    // A second's stall.
    director.turn(&mut nodes, at(SECOND), at(SECOND));
    let mut answers = 0;
    answer_all(&mut director, &mut nodes, at(SECOND + MS));
    let mut gone = 0;
    for record in director.take_records() {
        match record {
            Record::Gone { at: left, .. } => {
                assert_eq!(left, at(SECOND), "until then the node was there");
                gone += 1;
            }
            Record::Answered(answered) => {
                assert!([MS, SECOND].contains(&answered.issued.as_ns()), "when it was issued");
                answers += 1;
            }
            _ => {}
        }
    }
    assert!(gone > 0 && answers > 100, "{gone} departures, {answers} answers");
}

/// Rows of a phase add up to its figures, whatever ends when, and however late the counters are.
#[test]
fn the_series_adds_up_to_the_figures() {
    let text = "nodes = 20\nworkload.lookups_per_s = 3000\n\
                phases = { warmup = \"1s\", measure = \"3s\" }\n\
                fault = [{ at = \"1s\", kind = \"crash\", count = 5 }]";
    for late_ms in [0, 1700] {
        let mut director = director(text);
        director.admission.limit = Some(700);
        let (from, to) = (2300 * MS, 5300 * MS);
        director.set_phase(at(from), at(to));
        let mut nodes = [(); 250].map(|()| Asked::default());
        let (mut now, mut step) = (0, 0);
        let (mut at_from, mut at_to) = (None, None);
        let sent = |now: u64| Sent { messages: now / 7, maintenance_bytes: now / 3 };
        while now < 7 * SECOND {
            now += if now == 3 * SECOND { late_ms * MS + MS } else { MS };
            step += 1;
            // Answers take 250 turns; some lookups fail instead, and some are refused.
            let nodes = &mut nodes[step % 250];
            for (index, (_, place, token)) in nodes.lookups.drain(..).enumerate() {
                let (hops, timeouts, under_suspicion) = (2, 0, false);
                let answer = Id::ZERO;
                director.on_event(
                    at(now),
                    place,
                    match index % 5 {
                        0 => NodeEvent::Failed { token, timeouts },
                        1 => NodeEvent::Refused { token },
                        _ => NodeEvent::Answered { token, answer, hops, timeouts, under_suspicion },
                    },
                );
            }
            director.turn(nodes, at(now), at(now));
            if now >= from {
                at_from.get_or_insert(sent(now));
            }
            if now >= to {
                at_to.get_or_insert(sent(now));
            }
            if at(now) >= director.series().next_due() {
                director.series().advance(at(now), sent(now), 15);
            }
        }
        director.series().end(at(now), sent(now), 15);
        let rows = director.series().rows(at(now), &[], &[]);
        let sum = |of: fn(&SeriesRow) -> u64| {
            rows.iter().filter(|row| row.phase == "measure").map(of).sum::<u64>()
        };
        let metrics = director.metrics();
        assert!(metrics.failed.min(metrics.shed).min(metrics.orphaned) > 0, "all kinds");
        assert_eq!(sum(|row| row.issued), metrics.issued);
        assert_eq!(sum(|row| row.completed), metrics.completed);
        assert_eq!(sum(|row| row.failed), metrics.failed);
        assert_eq!(sum(|row| row.shed), metrics.shed);
        assert_eq!(sum(|row| row.orphaned), metrics.orphaned);
        let (at_from, at_to) = (at_from.expect("it began"), at_to.expect("it ended"));
        assert_eq!(sum(|row| row.messages), at_to.messages - at_from.messages);
        let maintenance = at_to.maintenance_bytes - at_from.maintenance_bytes;
        assert_eq!(sum(|row| row.maintenance_bytes), maintenance);
        let ends: Vec<(f64, &str)> = rows.iter().map(|row| (row.t_s, row.phase)).collect();
        assert_eq!(
            ends,
            [
                (1.0, "bring-up"),
                (1.3, "bring-up"),
                (2.0, "warmup"),
                (2.3, "warmup"),
                (3.0, "measure"),
                (4.0, "measure"),
                (5.0, "measure"),
                (5.3, "measure"),
                (6.0, "drain"),
                (7.0, "drain"),
            ]
        );
    }
}
