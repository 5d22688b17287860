//! Losses that failures explain, and how many are to be expected.
//!
//! A value is on r holders. It is lost, whatever nodes do, if all of them fail before one of them has
//! copied it on: here, within [`APART`]. How often that happens follows from the crashes alone. When a
//! node crashes among N live ones, a given key has it among its holders with probability r / N. Let c
//! other nodes crash within [`APART`] after it. The other r − 1 holders are all among them with
//! probability C(c, r − 1) / C(N − 1, r − 1), because the places of nodes on the ring are random. So, over
//! all crashes and the k keys that have a value at each,
//!
//! ```text
//!   expected = Σ k · (r / N) · C(c, r − 1) / C(N − 1, r − 1)
//! ```
//!
//! Of m nodes that crash at one instant, that is k · C(m, r) / C(N, r). Under Poisson churn, where a node
//! crashes with rate λ, it is close to k · r λ T · (λ · [`APART`])^(r − 1) in a time T.
//!
//! **Invariant:** nothing here knows what nodes hold.

use std::cmp::Reverse;
use std::time::Duration;

use hopwise_kernel::Time;

/// Holders that fail within this time may fail before one of them has copied an item on.
pub(super) const APART: Duration = Duration::from_secs(5);

/// A crash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Crash {
    pub(super) at: Time,
    /// The live members just before.
    pub(super) live: usize,
}

/// Whether all holders were gone by `t`, within [`APART`] of each other. `departures` are their
/// departures; [`Time::NEVER`] for one that is live.
pub(super) fn is_excused(departures: &[Time], t: Time) -> bool {
    let (first, last) = (departures.iter().min(), departures.iter().max());
    let (Some(&first), Some(&last)) = (first, last) else { return false };
    last <= t && last != Time::NEVER && last.since(first) <= APART
}

/// The number of keys whose `replicas` holders all crash within [`APART`], to be expected from
/// `crashes`. `acknowledged` is when each key got its first value.
pub(super) fn expected_losses(
    mut crashes: Vec<Crash>,
    mut acknowledged: Vec<Time>,
    replicas: usize,
) -> f64 {
    crashes.sort_unstable_by_key(|crash| (crash.at, Reverse(crash.live)));
    acknowledged.sort_unstable();
    let (mut first, mut end) = (0, 0);
    let mut expected = 0.0;
    for (index, &Crash { at, .. }) in crashes.iter().enumerate() {
        while crashes[first].at + APART < at {
            first += 1;
        }
        while crashes.get(end).is_some_and(|crash| crash.at <= at + APART) {
            end += 1;
        }
        // Until copies are made again, the holders are among those that were live before the first crash.
        let live = crashes[first..=index].iter().map(|crash| crash.live).max().unwrap_or(1);
        let others = end - index - 1;
        let keys = acknowledged.partition_point(|&since| since <= at);
        let holders = replicas.min(live);
        let chance = (0..holders.saturating_sub(1))
            .map(|i| others.saturating_sub(i) as f64 / (live - 1 - i) as f64)
            .product::<f64>();
        expected += keys as f64 * holders as f64 / live as f64 * chance;
    }
    expected
}

#[cfg(test)]
mod tests {
    use super::*;
    use hopwise_kernel::Rng;

    fn s(seconds: f64) -> Time {
        Time::ZERO + Duration::from_secs_f64(seconds)
    }

    #[test]
    fn holders_must_all_be_gone_and_close_together() {
        let excused = |departures: &[f64], t: f64| {
            let departures: Vec<Time> = departures.iter().map(|&at| s(at)).collect();
            is_excused(&departures, s(t))
        };
        assert!(excused(&[10.0, 12.0, 15.0], 15.0));
        assert!(!excused(&[10.0, 12.0, 15.5], 20.0), "5.5 s apart");
        assert!(!excused(&[10.0, 12.0, 15.0], 14.0), "one was live then");
        assert!(!is_excused(&[s(10.0), Time::NEVER], Time::NEVER), "one is live still");
        assert!(is_excused(&[s(10.0)], s(10.0)));
    }

    #[test]
    fn nodes_that_crash_at_one_instant_are_a_hypergeometric_draw() {
        let crashes = (0..10).map(|gone| Crash { at: s(9.0), live: 100 - gone }).collect();
        let expected = expected_losses(crashes, vec![s(0.0); 1000], 3);
        let exact = 1000.0 * (10.0 * 9.0 * 8.0) / (100.0 * 99.0 * 98.0);
        assert!((expected / exact - 1.0).abs() < 1e-9, "{expected} instead of {exact}");
    }

    #[test]
    fn the_last_holder_is_lost_with_every_crash() {
        let crashes = vec![Crash { at: s(1.0), live: 50 }, Crash { at: s(90.0), live: 50 }];
        // One of two keys came later.
        let expected = expected_losses(crashes.clone(), vec![s(0.0), s(60.0)], 1);
        assert!((expected - 3.0 / 50.0).abs() < 1e-9, "{expected}");
        assert_eq!(expected_losses(crashes, vec![s(0.0)], 2), 0.0, "89 s apart");
    }

    /// Crashes of random nodes, each replaced at once, against a count of the keys that lose all holders.
    #[test]
    fn agrees_with_a_simulation_of_churn() {
        const NODES: usize = 60;
        const REPLICAS: usize = 2;
        let mut rng = Rng::new(11, 0);
        let (mut expected, mut counted) = (0.0, 0);
        for _ in 0..20 {
            // When each place on the ring last lost its node; a key's holders are two neighbours.
            let mut last = [f64::NEG_INFINITY; NODES];
            let (mut crashes, mut at) = (Vec::new(), 0.0);
            for _ in 0..500 {
                at += 2.0 * rng.unit();
                crashes.push(Crash { at: s(at), live: NODES });
                let place = rng.below(NODES as u64) as usize;
                for other in [(place + 1) % NODES, (place + NODES - 1) % NODES] {
                    counted += u32::from(at - last[other] <= 5.0);
                }
                last[place] = at;
            }
            expected += expected_losses(crashes, vec![Time::ZERO; NODES], REPLICAS);
        }
        let ratio = f64::from(counted) / expected;
        assert!((0.9..1.1).contains(&ratio), "{counted} counted, {expected} expected");
    }
}
