//! Sampled paths through the network: what a chain of transfers takes, and how long nodes wait for replies.
//!
//! A lookup with h hops takes h transfers between hosts and one back to its origin. Where delays depend on hosts,
//! transfers are not independent: a host with a slow link delays what it receives and what it sends. So whole
//! paths are drawn from the network model that the simulator uses, once, and serve every point of a grid.
//!
//! A node waits for a reply as the kernel says: mean and mean deviation of the round trips that it has measured
//! ([`RoundTrips`]). Each host of a path has measured round trips to random peers. The share of round trips that
//! exceed the wait is the share of contacts that time out although they are alive.
//!
//! **Invariant:** the same network and seed give the same paths.

use core::time::Duration;

use hopwise_kernel::Rng;
use hopwise_kernel::node::{PeerRoundTrips, RoundTrips, TimeoutPolicy};

use crate::network::{Network, Transit};

/// Longest path, in hops. A longer one is as long as this.
pub const HOPS_MAX: usize = 48;
/// Paths that are drawn.
pub const PATHS: usize = 512;
/// Round trips that each host has measured before it is looked at.
const WARM_UP: usize = 16;
/// Shortest wait for the reply to a probe.
const MIN_PROBE_TIMEOUT: Duration = Duration::from_millis(40);
/// Round trips of each host that are looked at.
const LOOKS: usize = 16;

/// Paths through a network.
#[derive(Debug)]
pub struct Paths {
    /// For each path and each number of hops from 0: the time out, and the time of the answer from there.
    times: Vec<[Leg; HOPS_MAX + 1]>,
    /// The mean transfer in seconds.
    pub transfer_s: f64,
    /// The mean wait for a reply in seconds.
    pub wait_s: f64,
    /// The mean wait for the reply of a close neighbor, whose round trips are measured apart.
    pub neighbor_wait_s: f64,
    /// The mean round trip in seconds.
    pub round_trip_s: f64,
    /// The share of live contacts that do not answer in time.
    pub spurious: f64,
}

/// A node on a path.
#[derive(Clone, Copy, Debug, Default)]
pub struct Leg {
    /// Time from the origin to this node, in seconds.
    pub out_s: f64,
    /// Time from this node back to the origin.
    pub back_s: f64,
    /// How long this node waits for a reply.
    pub wait_s: f64,
}

impl Paths {
    /// Draws paths. A contact answers in time with `policy`.
    #[must_use]
    pub fn new(network: &Network, policy: TimeoutPolicy, hosts: u64, seed: u64) -> Paths {
        let mut rng = Rng::new(seed, PATHS as u64);
        let hosts = hosts.min(u32::MAX.into());
        let mut waits = Vec::new();
        let mut sums = (0.0, 0.0, 0_usize);
        let mut neighbor_waits_s = 0.0;
        for _ in 0..PATHS {
            let own = rng.below(hosts) as u32;
            let mut measured = RoundTrips::default();
            for look in 0..WARM_UP + LOOKS {
                let peer = rng.below(hosts) as u32;
                let there_s = delay_s(network, own, peer, &mut rng);
                let round_trip_s = there_s + delay_s(network, peer, own, &mut rng);
                let wait_s = measured.timeout(policy).as_secs_f64();
                if look >= WARM_UP {
                    sums = (
                        sums.0 + there_s,
                        sums.1 + round_trip_s,
                        sums.2 + usize::from(round_trip_s > wait_s),
                    );
                    waits.push(wait_s);
                }
                measured.record(Duration::try_from_secs_f64(round_trip_s).unwrap_or_default());
            }
            neighbor_waits_s += neighbor_wait_s(network, policy, own, hosts, &mut rng);
        }
        let looks = (PATHS * LOOKS) as f64;
        let times = (0..PATHS).map(|_| path(network, hosts, &waits, &mut rng)).collect();
        Paths {
            times,
            transfer_s: sums.0 / looks,
            wait_s: waits.iter().sum::<f64>() / looks,
            neighbor_wait_s: neighbor_waits_s / PATHS as f64,
            round_trip_s: sums.1 / looks,
            spurious: sums.2 as f64 / looks,
        }
    }

    /// The node after `hops` hops on the path of this number, which counts round.
    #[must_use]
    pub fn leg(&self, path: usize, hops: usize) -> &Leg {
        &self.times[path % PATHS][hops.min(HOPS_MAX)]
    }
}

fn path(network: &Network, hosts: u64, waits: &[f64], rng: &mut Rng) -> [Leg; HOPS_MAX + 1] {
    let origin = rng.below(hosts) as u32;
    let (mut at, mut out_s) = (origin, 0.0);
    let mut legs = [Leg::default(); HOPS_MAX + 1];
    for (hops, leg) in legs.iter_mut().enumerate() {
        if hops > 0 {
            let next = rng.below(hosts) as u32;
            out_s += delay_s(network, at, next, rng);
            at = next;
        }
        let back_s = if hops > 0 { delay_s(network, at, origin, rng) } else { 0.0 };
        let wait_s = waits[rng.below(waits.len() as u64) as usize];
        *leg = Leg { out_s, back_s, wait_s };
    }
    legs
}

/// How long `own` waits for a neighbor, to which it has measured some round trips.
fn neighbor_wait_s(
    network: &Network,
    policy: TimeoutPolicy,
    own: u32,
    hosts: u64,
    rng: &mut Rng,
) -> f64 {
    if let TimeoutPolicy::Fixed(wait) = policy {
        return wait.as_secs_f64();
    }
    let peer = rng.below(hosts) as u32;
    let mut measured = PeerRoundTrips::default();
    for _ in 0..WARM_UP {
        let round_trip_s = delay_s(network, own, peer, rng) + delay_s(network, peer, own, rng);
        measured.record(Duration::try_from_secs_f64(round_trip_s).unwrap_or_default());
    }
    let wait = measured.timeout().unwrap_or_default();
    wait.max(MIN_PROBE_TIMEOUT).as_secs_f64()
}

/// The delay of a message that is not lost.
fn delay_s(network: &Network, from: u32, to: u32, rng: &mut Rng) -> f64 {
    match network.transit(from, to, rng) {
        Transit::Once(delay) | Transit::Twice(delay, _) => delay.as_secs_f64(),
        Transit::Lost => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Latency, Network as Description};

    fn paths(latency: Latency) -> Paths {
        let network = Network::new(&Description { latency, ..Description::default() }, 1);
        let network = network.expect("it needs no file");
        Paths::new(&network, TimeoutPolicy::Adaptive, 1_000_000, 1)
    }

    #[test]
    fn with_a_constant_delay_each_transfer_takes_it() {
        let one_way = Duration::from_millis(50);
        let paths = paths(Latency::Constant { one_way });
        assert!((paths.transfer_s - 0.05).abs() < 1e-9 && (paths.round_trip_s - 0.1).abs() < 1e-9);
        assert!(paths.spurious == 0.0 && (0.1..0.11).contains(&paths.wait_s), "{paths:?}");
        let leg = paths.leg(3, 5);
        assert!((leg.out_s - 0.25).abs() < 1e-9 && (leg.back_s - 0.05).abs() < 1e-9);
    }

    #[test]
    fn some_round_trips_of_the_internet_are_longer_than_nodes_wait() {
        let paths = paths(Latency::King);
        assert!((0.08..0.1).contains(&paths.transfer_s), "{}", paths.transfer_s);
        assert!((0.01..0.08).contains(&paths.spurious), "{}", paths.spurious);
    }
}
