//! Laws of networks: delays follow their model and are never below the stated least delay.
//!
//! **Invariant:** tests use only what the engines call.

use std::collections::BTreeSet;
use std::path::Path;

use proptest::prelude::{
    Just, Strategy, any, prop, prop_assert, prop_assert_eq, prop_assert_ne, prop_assume,
    prop_oneof, proptest,
};

use super::*;
use crate::scenario::{DelayUnit, Direction, DisturbanceKind, Groups, HostFile, Reuse};

const DRAWS: usize = 100_000;
const MS: Duration = Duration::from_millis(1);

fn configured(latency: Latency) -> scenario::Network {
    scenario::Network { latency, ..scenario::Network::default() }
}

fn network(latency: Latency) -> Network {
    Network::new(&configured(latency), 1).expect("these are networks")
}

fn once(transit: Transit) -> Duration {
    match transit {
        Transit::Once(delay) => delay,
        other => panic!("{other:?}"),
    }
}

/// Sorted delays between pairs of nodes, where each node is in one pair only.
fn sorted_delays(network: &Network) -> Vec<Duration> {
    let mut rng = Rng::light(5);
    let pairs = (0..DRAWS as u32).map(|pair| (2 * pair, 2 * pair + 1));
    let mut delays: Vec<Duration> =
        pairs.map(|(from, to)| once(network.transit(from, to, &mut rng))).collect();
    delays.sort_unstable();
    delays
}

fn quantile_ms(sorted: &[Duration], p: f64) -> f64 {
    sorted[(p * sorted.len() as f64) as usize].as_secs_f64() * 1e3
}

/// Compares quantiles with those of the model's closed form, in milliseconds.
fn check(latency: Latency, expected_ms: impl Fn(f64) -> f64) {
    let delays = sorted_delays(&network(latency.clone()));
    for p in [0.1, 0.25, 0.5, 0.75, 0.9, 0.99] {
        let seen_ms = quantile_ms(&delays, p);
        assert!((seen_ms / expected_ms(p) - 1.0).abs() < 0.06, "{latency:?} {p}: {seen_ms}");
    }
}

#[test]
fn delays_follow_their_model() {
    check(Latency::None, |_| 0.02);
    check(Latency::Constant { one_way: 7 * MS }, |_| 7.0);
    check(Latency::Uniform { min: 2 * MS, max: 12 * MS }, |p| 2.0 + 10.0 * p);
    check(Latency::Exponential { mean: 8 * MS }, |p| -8.0 * (1.0 - p).ln());
    let uniform = sorted_delays(&network(Latency::Uniform { min: 2 * MS, max: 12 * MS }));
    assert!(uniform[0] >= 2 * MS && uniform[DRAWS - 1] <= 12 * MS);
}

/// The distance d of two points in the unit square is, for d ≤ 1, below d with probability
/// πd² − 8d³/3 + d⁴/2.
#[test]
fn euclidean_distances_are_those_of_points_in_a_square() {
    for (side, base) in [(100 * MS, 5 * MS), (MS, Duration::ZERO)] {
        let delays = sorted_delays(&network(Latency::Euclidean { side, base }));
        for p in [0.01, 0.05, 0.25, 0.5, 0.75, 0.95] {
            let distance_ms = quantile_ms(&delays, p) - base.as_secs_f64() * 1e3;
            let d = distance_ms / (side.as_secs_f64() * 1e3);
            let below = core::f64::consts::PI * d * d - 8.0 / 3.0 * d.powi(3) + d.powi(4) / 2.0;
            assert!((below - p).abs() < 0.006, "{side:?} {p}: {below}");
        }
        assert!(delays[DRAWS - 1] <= base + side.mul_f64(core::f64::consts::SQRT_2));
    }
}

/// A least delay of 1 % of the mean raises the mean by 0.005 %; [`MIN_DELAY`] raises
/// small means by more.
#[test]
fn the_least_delay_raises_the_mean_as_stated() {
    for mean in [8 * MS, MS / 10] {
        let network = network(Latency::Exponential { mean });
        let least = network.least_delay().as_secs_f64() / mean.as_secs_f64();
        let total: f64 = sorted_delays(&network).iter().map(Duration::as_secs_f64).sum();
        let seen = total / DRAWS as f64 / mean.as_secs_f64();
        assert!((seen - (least + (-least).exp())).abs() < 0.012, "{mean:?}: {seen}");
    }
}

fn arbitrary_latency() -> impl Strategy<Value = Latency> {
    let duration = || (0..200_000_000_u64).prop_map(Duration::from_nanos);
    prop_oneof![
        Just(Latency::None),
        Just(Latency::King),
        duration().prop_map(|one_way| Latency::Constant { one_way }),
        (duration(), duration())
            .prop_map(|(a, b)| Latency::Uniform { min: a.min(b), max: a.max(b) }),
        duration().prop_map(|mean| Latency::Exponential { mean }),
        (duration(), duration()).prop_map(|(side, base)| Latency::Euclidean { side, base }),
    ]
}

proptest! {
    #[test]
    fn no_delay_is_below_the_least(
        latency in arbitrary_latency(),
        seed: u64,
        shares in (0.0..1.0, 0.0..1.0, 0.0..1.0),
        pairs in prop::collection::vec((any::<u32>(), any::<u32>()), 200),
    ) {
        let (loss, duplication, reordering) = shares;
        let configured = scenario::Network { loss, duplication, reordering, ..configured(latency) };
        let network = Network::new(&configured, seed).expect("these are networks");
        let least = network.least_delay();
        prop_assert!(least >= MIN_DELAY);
        let mut rng = Rng::light(seed);
        for (from, to) in pairs {
            match network.transit(from, to, &mut rng) {
                Transit::Lost | Transit::Corrupt(..) => {}
                Transit::Once(delay) => prop_assert!(delay >= least),
                Transit::Twice(first, second) => {
                    prop_assert!(first >= least && second >= first + least);
                }
            }
        }
    }

    #[test]
    fn a_pair_of_hosts_has_one_delay_both_ways(seed: u64, from: u32, to: u32, draws: u64) {
        for latency in [Latency::King, Latency::Euclidean { side: 100 * MS, base: MS }] {
            let configured = configured(latency);
            let delay = |from, to, draws| {
                let network = Network::new(&configured, seed).expect("these are networks");
                once(network.transit(from, to, &mut Rng::light(draws)))
            };
            prop_assert_eq!(delay(from, to, draws), delay(to, from, draws.wrapping_mul(3)));
            prop_assume!(from != to);
            let elsewhere = Network::new(&configured, seed ^ 1).expect("these are networks");
            prop_assert_ne!(
                once(elsewhere.transit(from, to, &mut Rng::light(0))),
                delay(from, to, draws)
            );
        }
    }
}

#[test]
fn the_same_seeds_give_the_same_transits() {
    let shares = scenario::Network {
        loss: 0.2,
        duplication: 0.2,
        reordering: 0.2,
        ..configured(Latency::King)
    };
    for latency in [Latency::King, Latency::Exponential { mean: MS }] {
        let configured = scenario::Network { latency, ..shares.clone() };
        let run = || {
            let network = Network::new(&configured, 3).expect("these are networks");
            let mut rng = Rng::light(4);
            (0..1000).map(|node| network.transit(node, node / 2, &mut rng)).collect::<Vec<_>>()
        };
        assert_eq!(run(), run());
    }
}

#[test]
fn as_many_are_lost_doubled_and_held_up_as_asked_for() {
    let constant = Latency::Constant { one_way: MS };
    for (share, slack) in [(0.0, 0.0), (0.02, 0.002), (0.5, 0.007), (1.0, 0.0)] {
        let of = |configured: scenario::Network, counts: fn(Transit) -> bool| {
            let network = Network::new(&configured, 1).expect("these are networks");
            let mut rng = Rng::new(6, 0);
            let transits = (0..DRAWS).map(|_| network.transit(0, 1, &mut rng));
            let count = transits.filter(|transit| counts(*transit)).count();
            assert!(
                (count as f64 / DRAWS as f64 - share).abs() <= slack,
                "{configured:?}: {count}"
            );
        };
        let base = configured(constant.clone());
        of(scenario::Network { loss: share, ..base.clone() }, |transit| transit == Transit::Lost);
        of(scenario::Network { duplication: share, ..base.clone() }, |transit| {
            transit == Transit::Twice(MS, 2 * MS)
        });
        of(scenario::Network { reordering: share, ..base }, |transit| {
            transit == Transit::Once(2 * MS)
        });
    }
}

#[test]
fn a_network_is_perfect_if_it_changes_nothing() {
    let on_top =
        |configured: &scenario::Network| Network::on_top(configured).expect("not simulated only");
    let zero = Duration::ZERO;
    for latency in [
        Latency::None,
        Latency::Constant { one_way: zero },
        Latency::Uniform { min: zero, max: zero },
        Latency::Exponential { mean: zero },
    ] {
        let configured = configured(latency.clone());
        assert!(on_top(&configured).is_perfect(), "{latency:?}");
        assert_eq!(on_top(&configured).transit(0, 0, &mut Rng::light(0)), Transit::Once(zero));
        assert!(
            !on_top(&scenario::Network { loss: 0.1, ..configured }).is_perfect(),
            "{latency:?}"
        );
    }
    for latency in [
        Latency::Constant { one_way: MS },
        Latency::Uniform { min: zero, max: MS },
        Latency::Exponential { mean: MS },
    ] {
        assert!(!on_top(&configured(latency.clone())).is_perfect(), "{latency:?}");
    }
    assert!(!network(Latency::None).is_perfect(), "what is simulated takes time");
}

#[test]
fn simulator_only_networks_are_refused_over_udp() {
    let refused = |configured: &scenario::Network, expected: &str| {
        let error = Network::on_top(configured).expect_err(expected);
        assert!(error.contains(expected) && error.contains("engine = \"sim\""), "{error}");
    };
    let square = Latency::Euclidean { side: MS, base: MS };
    refused(&configured(Latency::King), "network.latency.model = \"king\"");
    refused(&configured(square), "network.latency.model = \"euclidean\"");
    refused(&configured(Latency::Matrix(hosts("none.txt"))), "network.latency.model = \"matrix\"");
    let none = configured(Latency::None);
    refused(
        &scenario::Network { duplication: 0.1, ..none.clone() },
        "network.duplication = 0.1 can only be simulated: write 0",
    );
    let held_up = scenario::Network { reordering: 0.1, ..none };
    refused(&held_up, "network.reordering = 0.1");
    let slow = scenario::Network { latency: Latency::Constant { one_way: MS }, ..held_up };
    assert!(Network::on_top(&slow).is_ok());
}

#[test]
fn delays_saturate() {
    let delays = sorted_delays(&network(Latency::Exponential { mean: Duration::MAX }));
    assert_eq!(delays[DRAWS - 1], Duration::from_nanos(u64::MAX));
    let all = scenario::Network { duplication: 1.0, reordering: 1.0, ..configured(Latency::None) };
    let latency = Latency::Constant { one_way: Duration::MAX };
    let network = Network::new(&scenario::Network { latency, ..all }, 1).expect("a network");
    let most = Duration::from_nanos(u64::MAX);
    assert_eq!(network.transit(0, 1, &mut Rng::light(0)), Transit::Twice(most, most));
}

fn hosts(file: &str) -> HostFile {
    HostFile { file: file.to_owned(), unit: DelayUnit::Ms, reuse: Reuse::Never }
}

#[test]
fn a_file_that_is_missing_is_named() {
    for latency in
        [Latency::Matrix(hosts("no/such.txt")), Latency::Coordinates(hosts("no/such.txt"))]
    {
        let error = Network::new(&configured(latency), 1).expect_err("there is no such file");
        let expected = "network.latency.file = \"no/such.txt\" cannot be read";
        assert!(error.starts_with(expected) && error.contains(": write "), "{error}");
    }
}

/// Calls `with` with a file that contains `text`.
fn with_file<T>(name: &str, text: &str, with: impl FnOnce(&str) -> T) -> T {
    let path = std::env::temp_dir().join(format!("hopwise-{name}-{}.txt", std::process::id()));
    std::fs::write(&path, text).expect("there is room for a file");
    let result = with(path.to_str().expect("a path in plain letters"));
    std::fs::remove_file(&path).expect("it was just written");
    result
}

/// The delays from every node to every node, with the network of this seed.
fn delays_between(latency: &Latency, seed: u64, nodes: u32) -> Vec<Vec<Duration>> {
    let network = Network::new(&configured(latency.clone()), seed).expect("a network");
    let delay = |from, to| once(network.transit(from, to, &mut Rng::light(0)));
    (0..nodes).map(|from| (0..nodes).map(|to| delay(from, to)).collect()).collect()
}

/// Which host of three each node of a network is on.
const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

/// Checks that there are these delays between three hosts, however they are dealt, and that they are
/// dealt differently under different seeds.
fn assert_delays(latency: &Latency, hosts: [[Duration; 3]; 3]) {
    let orders: BTreeSet<usize> = (1..50)
        .map(|seed| {
            let nodes = delays_between(latency, seed, 3);
            let fits = |order: &[usize; 3]| {
                let host = |from: usize, to: usize| hosts[order[from]][order[to]];
                (0..9).all(|pair| nodes[pair / 3][pair % 3] == host(pair / 3, pair % 3))
            };
            ORDERS.iter().position(fits).expect("the delays of the file")
        })
        .collect();
    assert_eq!(orders.len(), ORDERS.len(), "{orders:?}");
}

#[test]
fn hosts_from_a_file_are_as_far_apart_as_it_says() {
    with_file("delays", "0 2 9\n3 0 4\n5 6 1\n", |path| {
        let latency = Latency::Matrix(hosts(path));
        assert_eq!(network(latency.clone()).least_delay(), MS);
        let delays = [[MS, 2 * MS, 9 * MS], [3 * MS, MS, 4 * MS], [5 * MS, 6 * MS, MS]];
        assert_delays(&latency, delays);
    });
    with_file("point", "0 2 0\n3 0 4\n5 6 1\n", |path| {
        let network = network(Latency::Matrix(hosts(path)));
        assert_eq!(network.least_delay(), MIN_DELAY, "hosts 0 and 2 are at one point");
    });
    with_file("places", "0 0 1\n3 4 1\n0 0 2\n", |path| {
        let latency = Latency::Coordinates(hosts(path));
        assert_eq!(network(latency.clone()).least_delay(), 2 * MS);
        let delays = [[2 * MS, 7 * MS, 3 * MS], [7 * MS, 2 * MS, 8 * MS], [3 * MS, 8 * MS, 4 * MS]];
        assert_delays(&latency, delays);
    });
}

/// The mean delay between nodes with neighbouring numbers, which are neighbours in a linked ring,
/// relative to the mean over all pairs.
fn nearness(latency: &Latency, seed: u64, nodes: u32) -> f64 {
    let delays = delays_between(latency, seed, nodes);
    let count = nodes as usize;
    let mean = |pairs: &mut dyn Iterator<Item = (usize, usize)>| {
        let delays: Vec<f64> = pairs.map(|(from, to)| delays[from][to].as_secs_f64()).collect();
        delays.iter().sum::<f64>() / delays.len() as f64
    };
    let neighbours = mean(&mut (0..count).map(|node| (node, (node + 1) % count)));
    let all = (0..count * count).map(|pair| (pair / count, pair % count));
    neighbours / mean(&mut all.filter(|(from, to)| from != to))
}

/// Neighbouring lines of these files are near each other. The mean over 1,000 pairs has a standard error
/// of 2 %.
#[test]
fn neighbours_in_the_ring_are_no_nearer_than_other_nodes() {
    let line = (0..1000).map(|host| format!("{host} 0\n")).collect::<String>();
    with_file("line", &line, |path| {
        let ratio = nearness(&Latency::Coordinates(hosts(path)), 1, 1000);
        assert!((0.92..1.08).contains(&ratio), "{ratio}");
    });
    let row =
        |from: i32| (0..300).map(|to| format!("{} ", 1 + (from - to).abs())).collect::<String>();
    let matrix = (0..300).map(|from| row(from) + "\n").collect::<String>();
    with_file("band", &matrix, |path| {
        let ratio = nearness(&Latency::Matrix(hosts(path)), 1, 300);
        assert!((0.85..1.15).contains(&ratio), "{ratio}");
    });
}

#[test]
fn neighbours_on_the_published_king_data_are_no_nearer_than_other_nodes() {
    let data = "../../shared/data/king-coordinates.txt";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(data);
    if !path.exists() {
        println!("skipped: there is no {}", path.display());
        return;
    }
    let latency = Latency::Coordinates(hosts(path.to_str().expect("plain letters")));
    // The mean over seeds: a few hosts are far from all others.
    let ratio = (1..=5).map(|seed| nearness(&latency, seed, 1000)).sum::<f64>() / 5.0;
    assert!((0.96..1.04).contains(&ratio), "{ratio}");
}

#[test]
fn more_nodes_than_hosts_need_a_rule() {
    with_file("few", "0 2\n3 0\n", |path| {
        for latency in [Latency::Matrix, Latency::Coordinates] {
            let never = network(latency(hosts(path)));
            assert_eq!(never.check_hosts(2), Ok(()));
            let error = never.check_hosts(3).expect_err("there are two hosts");
            let expected = "has 2 hosts, too few for 3 nodes: write ";
            assert!(error.contains(expected) && error.contains("reuse = \"modulo\""), "{error}");
            let again = network(latency(HostFile { reuse: Reuse::Modulo, ..hosts(path) }));
            assert_eq!(again.check_hosts(1_000_000), Ok(()));
        }
    });
    assert_eq!(network(Latency::King).check_hosts(1_000_000), Ok(()));
}

/// A clock that is fast or slow from the first to the fourth second, and one that is not.
fn clocks(drift: f64, salt: u64) -> Disturbances {
    let (at, until) = (Duration::from_secs(1), Duration::from_secs(4));
    let kind = DisturbanceKind::Clock(drift);
    let clocks = Disturbances::from_iter([Disturbance { at, until, kind, fraction: 1.0, salt }]);
    clocks.begin_phase(Time::ZERO + Duration::from_secs(10));
    clocks
}

proptest! {
    /// A clock never goes back, and a timer that waits for a time on it is never early and at most a
    /// few nanoseconds late.
    #[test]
    fn timers_follow_the_clock(
        drift in 0.001..0.1,
        salt: u64,
        number: u64,
        now in 0..20_000_000_000_u64,
        wait in 0..5_000_000_000_u64,
    ) {
        let (clocks, id) = (clocks(drift, salt), Id::of_name(&number.to_be_bytes()));
        let now = Time::from_ns(now);
        let shown = clocks.clock(id, now) + Duration::from_nanos(wait);
        let at = clocks.when_clock_shows(id, shown, now);
        prop_assert!(at >= now);
        prop_assert!(clocks.clock(id, at) >= shown);
        let late = clocks.clock(id, at).since(shown);
        prop_assert!(late <= Duration::from_nanos(4), "{late:?}");
        let error = clocks.clock(id, now).as_ns().abs_diff(now.as_ns()) as f64;
        prop_assert!(error <= 3e9 * drift, "{error}");
    }
}

fn link(from: Id, to: Id) -> Link {
    Link { from, to, distance: Duration::ZERO }
}

/// A disturbance of the first second.
fn at_once(kind: DisturbanceKind) -> Disturbances {
    let (at, until) = (Duration::ZERO, Duration::from_secs(1));
    let all = Disturbances::from_iter([Disturbance { at, until, kind, fraction: 1.0, salt: 5 }]);
    all.begin_phase(Time::ZERO);
    all
}

#[test]
fn nodes_of_a_group_reach_each_other_and_no_others() {
    let groups = Groups::try_from(vec![0.5, 0.2]).expect("a third group is left");
    let disturbances = at_once(DisturbanceKind::Groups(groups));
    let partition = disturbances.partitions().next().expect("it is one");
    let ids: Vec<Id> = (0..2000_u64).map(|it| Id::of_name(&it.to_be_bytes())).collect();
    let mut counts = [0.0; 3];
    ids.iter().for_each(|&id| counts[partition.group(id)] += 1.0 / ids.len() as f64);
    for (count, share) in counts.into_iter().zip([0.5, 0.2, 0.3]) {
        assert!((count - share).abs() < 0.03, "{counts:?}");
    }
    let mut rng = Rng::new(1, 0);
    for (&from, &to) in ids.iter().zip(&ids[1..]) {
        let fate = disturbances.change(Transit::Once(MS), link(from, to), Time::ZERO, &mut rng);
        let is_lost = partition.group(from) != partition.group(to);
        assert_eq!(fate == Transit::Lost, is_lost);
    }
}

#[test]
fn a_partition_by_distance_loses_what_is_sent_farther() {
    // From host 0 to host 2 it is near, and back it is far.
    with_file("far", "0 2 3\n3 0 4\n9 6 0\n", |path| {
        let network = network(Latency::Matrix(hosts(path)));
        let network = network.with_disturbances(at_once(DisturbanceKind::Beyond(6 * MS)));
        let mut rng = Rng::new(1, 0);
        let id = |host: u32| Id::of_name(&host.to_be_bytes());
        let pairs = (0..3).flat_map(|from| (0..3).map(move |to| (from, to)));
        let mut distances = Vec::new();
        for (from, to) in pairs {
            assert_eq!(network.distance(from, to), network.distance(to, from));
            let fate = network.fate((id(from), from), (id(to), to), Time::ZERO, &mut rng);
            assert_eq!(fate == Transit::Lost, network.distance(from, to) > 6 * MS);
            distances.push(network.distance(from, to));
        }
        distances.sort_unstable();
        let wanted = [0, 0, 0, 3, 3, 6, 6, 9, 9].map(|ms| ms * MS);
        assert_eq!(distances, wanted, "hosts are dealt to nodes in any order");
    });
}

#[test]
fn messages_wait_for_a_paused_node() {
    let second = Duration::from_secs(1);
    let pause = |at: u32, until: u32| {
        let (at, until, kind) = (at * second, until * second, DisturbanceKind::Pause);
        Disturbance { at, until, kind, fraction: 1.0, salt: 1 }
    };
    let pauses = Disturbances::from_iter([pause(1, 3), pause(2, 5)]);
    pauses.begin_phase(Time::ZERO);
    let id = Id::of_name(b"a node");
    let held = |at_ms: u64, delay_ms: u32| {
        let transit = Transit::Once(delay_ms * MS);
        once(pauses.hold(transit, id, Time::from_ns(at_ms * 1_000_000)))
    };
    assert_eq!(held(500, 100), 100 * MS);
    assert_eq!(held(500, 500), 4500 * MS, "it would arrive as the first pause begins");
    assert_eq!(held(1500, 0), 3500 * MS, "pauses may overlap");
    assert_eq!(held(4990, 20), 20 * MS, "the last pause is over by then");
    let twice = Transit::Twice(MS, 2 * second);
    let now = Time::from_ns(500_000_000);
    assert_eq!(pauses.hold(twice, id, now), Transit::Twice(MS, 4500 * MS));
    assert_eq!(pauses.hold(Transit::Lost, id, now), Transit::Lost);
    let clocks = clocks(0.1, 1);
    assert_eq!(clocks.hold(Transit::Once(MS), id, now), Transit::Once(MS));
}

#[test]
fn disturbances_strike_as_often_as_they_say_while_they_last() {
    let second = Duration::from_secs(1);
    let once = Transit::Once(MS);
    let by = Duration::from_millis(20);
    let of = |kind: DisturbanceKind, at: Duration| {
        let all = [Disturbance { at: second, until: 2 * second, kind, fraction: 0.3, salt: 7 }];
        let disturbances = Disturbances::from_iter(all);
        disturbances.begin_phase(Time::ZERO);
        let mut rng = Rng::new(3, 0);
        let ids: Vec<Id> = (0..100_u64).map(|it| Id::of_name(&it.to_be_bytes())).collect();
        let pairs = ids.iter().flat_map(|&from| ids.iter().map(move |&to| (from, to)));
        let fate =
            |(from, to)| disturbances.change(once, link(from, to), Time::ZERO + at, &mut rng);
        let fates: Vec<Transit> = pairs.filter(|(from, to)| from != to).map(fate).collect();
        let changed = fates.iter().filter(|fate| **fate != once).count();
        assert_eq!(disturbances.strikes().map(|(_, count)| count).sum::<u64>(), changed as u64);
        (changed as f64 / fates.len() as f64, fates)
    };
    let both = DisturbanceKind::Partition(Direction::Both);
    for (kind, wanted) in [
        (both, 2.0 * 0.3 * 0.7),
        (DisturbanceKind::Partition(Direction::In), 0.3 * 0.7),
        (DisturbanceKind::Clog, 0.3),
        (DisturbanceKind::Loss, 0.3),
        (DisturbanceKind::Delay(by), 0.3),
        (DisturbanceKind::Duplicate(by), 0.3),
        (DisturbanceKind::Reorder(by), 0.3),
        (DisturbanceKind::Corrupt, 0.3),
    ] {
        let (share, fates) = of(kind, second);
        assert!((share - wanted).abs() < 0.06, "{kind:?}: {share}");
        assert_eq!(of(kind, 2 * second).0, 0.0, "{kind:?} is over");
        let delays = fates.iter().filter_map(|fate| fate.delay());
        assert!(delays.into_iter().all(|delay| (MS..=MS + by).contains(&delay)), "{kind:?}");
    }
}
