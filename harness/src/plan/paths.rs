//! Sampled paths through the network: what a chain of transfers takes, and how long nodes wait for replies.
//!
//! A lookup with h hops takes h transfers between hosts and one back to its origin. Where delays depend on hosts,
//! transfers are not independent: a host with a slow link delays what it receives and what it sends. So whole
//! paths are drawn from the network model that the simulator uses, once, and serve every point of a grid.
//!
//! A node waits for a reply as the kernel says: mean and mean deviation of the round trips that it has measured
//! ([`RoundTrips`]). Each host of a path has measured round trips to random peers, some of them to a neighbor. The share of round trips that
//! exceed the wait is the share of contacts that time out although they are alive.
//!
//! **Invariant:** the same network and seed give the same paths.

use core::time::Duration;

use hopwise_kernel::Rng;
use hopwise_kernel::node::{Confidence, LossEstimate, PeerRoundTrips, RoundTrips, TimeoutPolicy};

use crate::network::Network;

/// Longest path, in hops. A longer one is as long as this.
pub const HOPS_MAX: usize = 48;
/// Paths that are drawn.
pub const PATHS: usize = 2048;
/// Round trips that each host has measured before it is looked at.
const WARM_UP: usize = 48;
/// Shortest wait for the reply to a probe.
const MIN_PROBE_TIMEOUT: Duration = Duration::from_millis(40);
/// Round trips of each host that are looked at.
const LOOKS: usize = 16;
/// Hosts whose round trips are looked at.
const HOSTS: usize = 1024;
/// Pairs of hosts for the mean delay.
const PAIRS: usize = 16_384;
/// Shares of round trips to a neighbor for which late replies are counted.
const NEIGHBOR_SHARES: [f64; 5] = [0.0, 0.15, 0.3, 0.5, 0.8];

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
    /// The share of live contacts that do not answer in time, for each of [`NEIGHBOR_SHARES`].
    spurious: [f64; NEIGHBOR_SHARES.len()],
    /// Attempts to reach a peer before it is declared dead.
    pub attempts: f64,
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
        let mut looks = Looks { network, policy, hosts, rng: &mut rng };
        let pool: Vec<(u32, f64)> = (0..PATHS)
            .map(|_| {
                let own = looks.any();
                (own, looks.wait_s(own))
            })
            .collect();
        let late = NEIGHBOR_SHARES.map(|share| looks.late(share));
        let neighbor_waits_s: f64 = pool.iter().map(|&(own, _)| looks.neighbor_wait_s(own)).sum();
        let (transfers_s, round_trips_s) = looks.means_s();
        let times = (0..PATHS).map(|_| path(network, &pool, &mut rng)).collect();
        Paths {
            times,
            transfer_s: transfers_s,
            wait_s: pool.iter().map(|&(_, wait_s)| wait_s).sum::<f64>() / PATHS as f64,
            neighbor_wait_s: neighbor_waits_s / PATHS as f64,
            round_trip_s: round_trips_s,
            spurious: late.map(|(spurious, _)| spurious),
            attempts: late.iter().map(|(_, attempts)| attempts).sum::<f64>() / late.len() as f64,
        }
    }

    /// The node after `hops` hops on the path of this number, which counts round.
    #[must_use]
    pub fn leg(&self, path: usize, hops: usize) -> &Leg {
        &self.times[path % PATHS][hops.min(HOPS_MAX)]
    }

    /// The share of live contacts that do not answer in time, if a share `neighbors` of the round trips that a node
    /// measures are to one neighbor. They bring the deviation down, and so the wait.
    #[must_use]
    pub fn spurious(&self, neighbors: f64) -> f64 {
        let above = NEIGHBOR_SHARES.partition_point(|share| *share < neighbors);
        let above = above.clamp(1, NEIGHBOR_SHARES.len() - 1);
        let (low, high) = (NEIGHBOR_SHARES[above - 1], NEIGHBOR_SHARES[above]);
        let part = ((neighbors - low) / (high - low)).clamp(0.0, 1.0);
        self.spurious[above - 1] * (1.0 - part) + self.spurious[above] * part
    }
}

/// Measures round trips as nodes do.
struct Looks<'a> {
    network: &'a Network,
    policy: TimeoutPolicy,
    hosts: u64,
    rng: &'a mut Rng,
}

impl Looks<'_> {
    fn any(&mut self) -> u32 {
        self.rng.below(self.hosts) as u32
    }

    fn round_trip(&mut self, own: u32, peer: u32) -> Duration {
        let there_s = delay_s(self.network, own, peer, self.rng);
        let round_trip_s = there_s + delay_s(self.network, peer, own, self.rng);
        Duration::try_from_secs_f64(round_trip_s).unwrap_or_default()
    }

    /// How long `own` waits for a reply.
    fn wait_s(&mut self, own: u32) -> f64 {
        let mut measured = RoundTrips::default();
        for _ in 0..WARM_UP {
            let peer = self.any();
            measured.record(self.round_trip(own, peer));
        }
        measured.timeout(self.policy).as_secs_f64()
    }

    /// The share of round trips that exceed the wait, if some are to a neighbor; and the attempts after which a peer
    /// is declared dead.
    ///
    /// A contact that answers late is pinged. If the ping comes back within the wait, which has changed meanwhile,
    /// the first message counts as lost (`record_reply` of the ring). So late contacts look like loss, and more
    /// attempts are made.
    fn late(&mut self, neighbors: f64) -> (f64, f64) {
        let (mut late, mut looks, mut attempts) = (0_u32, 0_u32, 0_u32);
        for _ in 0..HOSTS {
            let (own, neighbor) = (self.any(), self.any());
            let (mut measured, mut loss) = (RoundTrips::default(), LossEstimate::default());
            let mut pinged: Option<Duration> = None;
            for look in 0..WARM_UP + LOOKS {
                let is_neighbor = self.rng.unit() < neighbors;
                let peer = if is_neighbor { neighbor } else { self.any() };
                let round_trip = self.round_trip(own, peer);
                if let Some(ping) = pinged.take() {
                    loss.record(u8::from(ping <= measured.timeout(self.policy)));
                    measured.record(ping);
                }
                let is_late = round_trip > measured.timeout(self.policy);
                if look >= WARM_UP && !is_neighbor {
                    looks += 1;
                    late += u32::from(is_late);
                }
                if is_late {
                    // Only the ping is measured: the late reply belongs to no request any more.
                    pinged = Some(round_trip);
                } else {
                    loss.record(0);
                    measured.record(round_trip);
                }
            }
            attempts += u32::from(loss.attempts(Confidence::Declare));
        }
        (f64::from(late) / f64::from(looks.max(1)), f64::from(attempts) / HOSTS as f64)
    }

    /// The mean transfer and the mean round trip.
    fn means_s(&mut self) -> (f64, f64) {
        let (mut there_s, mut round_trips_s) = (0.0, 0.0);
        for _ in 0..PAIRS {
            let (own, peer) = (self.any(), self.any());
            there_s += delay_s(self.network, own, peer, self.rng);
            round_trips_s += self.round_trip(own, peer).as_secs_f64();
        }
        (there_s / PAIRS as f64, round_trips_s / PAIRS as f64)
    }

    /// How long `own` waits for a neighbor, to which it has measured some round trips.
    fn neighbor_wait_s(&mut self, own: u32) -> f64 {
        if let TimeoutPolicy::Fixed(wait) = self.policy {
            return wait.as_secs_f64();
        }
        let peer = self.any();
        let mut measured = PeerRoundTrips::default();
        (0..WARM_UP).for_each(|_| measured.record(self.round_trip(own, peer)));
        measured.timeout().unwrap_or_default().max(MIN_PROBE_TIMEOUT).as_secs_f64()
    }
}

fn path(network: &Network, pool: &[(u32, f64)], rng: &mut Rng) -> [Leg; HOPS_MAX + 1] {
    let any = |rng: &mut Rng| pool[rng.below(pool.len() as u64) as usize];
    let (origin, own_wait_s) = any(rng);
    let mut legs = [Leg { wait_s: own_wait_s, ..Leg::default() }; HOPS_MAX + 1];
    let (mut at, mut out_s) = (origin, 0.0);
    for leg in &mut legs[1..] {
        let (next, wait_s) = any(rng);
        out_s += delay_s(network, at, next, rng);
        at = next;
        *leg = Leg { out_s, back_s: delay_s(network, at, origin, rng), wait_s };
    }
    legs
}

/// The delay of a message that is not lost.
fn delay_s(network: &Network, from: u32, to: u32, rng: &mut Rng) -> f64 {
    network.transit(from, to, rng).delay().unwrap_or_default().as_secs_f64()
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
        assert!(paths.spurious(0.3) == 0.0 && (0.1..0.11).contains(&paths.wait_s), "{paths:?}");
        let leg = paths.leg(3, 5);
        assert!((leg.out_s - 0.25).abs() < 1e-9 && (leg.back_s - 0.05).abs() < 1e-9);
    }

    #[test]
    fn some_round_trips_of_the_internet_are_longer_than_nodes_wait() {
        let paths = paths(Latency::King);
        assert!((0.08..0.1).contains(&paths.transfer_s), "{}", paths.transfer_s);
        let shares = [0.0, 0.1, 0.3, 0.6].map(|neighbors| paths.spurious(neighbors));
        assert!(shares.is_sorted() && (0.02..0.04).contains(&shares[0]), "{shares:?}");
    }
}
