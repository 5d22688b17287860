//! The simulated network: delay, loss, duplication and reordering of messages.
//!
//! Under `none`, `constant`, `uniform` and `exponential`, delays do not depend on the hosts. Under
//! the other models, each pair of hosts has a fixed delay, which is computed from their positions
//! (`euclidean`, `king`, `coordinates`) or looked up (`matrix`). Node n is on host n. The hosts of a
//! file are numbered in an order drawn from the seed, so the order of its lines does not matter. The
//! positions of `euclidean` and `king` are hashed from the seed and the number of the host, so a million
//! hosts need no memory.
//!
//! # The least delay
//!
//! The simulator's windows are as long as the least delay, so there must always be one:
//! [`MIN_DELAY`], or the model's own if that is greater. Shorter delays are raised to it.
//!
//! | model | least delay, if above [`MIN_DELAY`] |
//! |---|---|
//! | `constant`, `uniform`, `euclidean` | `one_way`, `min`, `base` |
//! | `exponential` | 1 % of the mean, which raises the mean by 0.005 % |
//! | `king` | 1 ms, twice the least height |
//! | `coordinates` | twice the least height, but at least 1 % of a typical delay |
//! | `matrix` | the least delay between two hosts, or within one host if the file states it |
//!
//! # Files
//!
//! Blank lines and lines that begin with `#` are ignored. Each line of a `coordinates` file
//! describes a host: `x y`, `x y height`, or `id x y h height` as in the published King data. Each
//! line of a `matrix` file has the delays from one host to every host, so there are as many lines
//! as columns. A delay of 0 from a host to itself means that none is stated: two nodes on that host
//! then have the least delay. All numbers are in `unit`.
//!
//! **Invariant:** no clock; the same seed, pair and [`Rng`] give the same transit, and within the same
//! disturbances the same fate.

mod delays;
mod disturbances;
mod host_file;
mod hosts;
mod king;

use core::time::Duration;

pub use hopwise_kernel::drive::Transit;
use hopwise_kernel::{Id, Rng, Time};

pub use self::disturbances::{Disturbance, Disturbances, Link};

use self::delays::Delays;
use crate::base::nanoseconds::as_ns;
use crate::measure::outcome::Regime;
use crate::scenario::{self, Latency, Timeout};

/// The least delay of a simulated message: about that of loopback.
pub const MIN_DELAY: Duration = Duration::from_micros(20);

/// The delays and faults of a network.
#[derive(Clone, Debug)]
pub struct Network {
    delays: Delays,
    least_ns: u64,
    loss: f64,
    duplication: f64,
    reordering: f64,
    /// Whether messages can wait at their receivers.
    has_queues: bool,
    disturbances: Disturbances,
}

impl Network {
    /// Creates the simulated network of a scenario. `seed` places hosts at random, or deals those of
    /// the file to nodes. Reads the file of the model, if it has one.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or is invalid. The message says what to write instead.
    pub fn new(network: &scenario::Network, seed: u64) -> Result<Network, String> {
        let delays = Delays::new(&network.latency, seed)?;
        let least_ns = delays.least_ns().max(as_ns(MIN_DELAY));
        Ok(Network::with(network, delays, least_ns))
    }

    /// Creates what is added to a real network. As that has delays of its own, none is raised to
    /// [`MIN_DELAY`].
    ///
    /// # Errors
    ///
    /// If the scenario has faults that can only be simulated: delays between hosts, or duplicates.
    pub fn on_top(network: &scenario::Network) -> Result<Network, String> {
        let refuse = |key: &str, value: &str, instead: &str| {
            let message = format!("network.{key} = {value} can only be simulated: write {instead}");
            Err(format!("{message}, or engine = \"sim\""))
        };
        let model = match network.latency {
            Latency::Euclidean { .. } => Some("euclidean"),
            Latency::King => Some("king"),
            Latency::Coordinates(_) => Some("coordinates"),
            Latency::Matrix(_) => Some("matrix"),
            Latency::None
            | Latency::Constant { .. }
            | Latency::Uniform { .. }
            | Latency::Exponential { .. } => None,
        };
        if let Some(model) = model {
            let instead = "\"none\", \"constant\", \"uniform\" or \"exponential\"";
            return refuse("latency.model", &format!("{model:?}"), instead);
        }
        if network.duplication > 0.0 {
            return refuse("duplication", &network.duplication.to_string(), "0");
        }
        let delays = Delays::new(&network.latency, 0)?;
        if network.reordering > 0.0 && delays.are_zero() {
            let instead = "0, a network.latency that can hold a message up";
            return refuse("reordering", &network.reordering.to_string(), instead);
        }
        Ok(Network::with(network, delays, 0))
    }

    /// The same network with these disturbances.
    #[must_use]
    pub fn with_disturbances(self, disturbances: Disturbances) -> Network {
        Network { disturbances, ..self }
    }

    /// Its disturbances. Copies of the network share the start of their times.
    #[must_use]
    pub fn disturbances(&self) -> &Disturbances {
        &self.disturbances
    }

    /// Checks that there are hosts for `nodes` nodes.
    ///
    /// # Errors
    ///
    /// If the file has fewer hosts and the scenario does not allow several nodes on one host.
    pub fn check_hosts(&self, nodes: usize) -> Result<(), String> {
        self.delays.check_hosts(nodes)
    }

    /// Whether it neither delays nor drops anything.
    #[must_use]
    pub fn is_perfect(&self) -> bool {
        let shares = [self.loss, self.duplication, self.reordering];
        self.disturbances.is_empty()
            && self.least_ns == 0
            && self.delays.are_zero()
            && shares.iter().all(|share| *share <= 0.0)
    }

    /// Draws the fate of a message that node `from` sends to node `to` at `now`. Each is named by its
    /// identifier, for disturbances, and its number, for delays.
    #[inline]
    pub fn fate(&self, from: (Id, u32), to: (Id, u32), now: Time, rng: &mut Rng) -> Transit {
        let transit = self.transit(from.1, to.1, rng);
        let is_needed = self.disturbances.depend_on_distances();
        let distance = if is_needed { self.distance(from.1, to.1) } else { Duration::ZERO };
        self.disturbances.change(transit, Link { from: from.0, to: to.0, distance }, now, rng)
    }

    /// The one-way delay between two hosts, the longer of both ways. Zero from a host to itself, and if hosts
    /// do not determine delays.
    #[must_use]
    pub fn distance(&self, host: u32, other: u32) -> Duration {
        if host == other {
            return Duration::ZERO;
        }
        let delay = |from, to| self.delays.of_pair_ns(from, to);
        let longest_ns = delay(host, other).max(delay(other, host));
        Duration::from_nanos(longest_ns.map_or(0, |ns| ns.max(self.least_ns)))
    }

    /// The same without disturbances. Delays saturate at [`u64::MAX`] nanoseconds.
    #[inline]
    pub fn transit(&self, from: u32, to: u32, rng: &mut Rng) -> Transit {
        if happens(self.loss, rng) {
            return Transit::Lost;
        }
        let mut first_ns = self.delay_ns(from, to, rng);
        if happens(self.reordering, rng) {
            first_ns = first_ns.saturating_add(self.delay_ns(from, to, rng));
        }
        let first = Duration::from_nanos(first_ns);
        if happens(self.duplication, rng) {
            let second_ns = first_ns.saturating_add(self.delay_ns(from, to, rng));
            return Transit::Twice(first, Duration::from_nanos(second_ns));
        }
        Transit::Once(first)
    }

    /// The least delay of any message.
    #[must_use]
    pub fn least_delay(&self) -> Duration {
        Duration::from_nanos(self.least_ns)
    }

    /// The greatest delay after which a message is first handled; `None` if there is no bound or
    /// the model states none.
    #[must_use]
    pub fn greatest_delay(&self) -> Option<Duration> {
        if self.has_queues {
            return None;
        }
        let greatest_ns = self.delays.greatest_ns()?.max(self.least_ns);
        // A reordered message is delayed twice.
        let further = u64::from(self.reordering > 0.0);
        Some(Duration::from_nanos(greatest_ns.saturating_mul(1 + further)))
    }

    /// The fraction of messages that are lost.
    #[must_use]
    pub fn loss(&self) -> f64 {
        self.loss
    }

    /// How reliably nodes with this `timeout` detect failures: exactly, if every answer arrives
    /// before the timeout.
    #[must_use]
    pub fn failure_detection(&self, timeout: Timeout) -> Regime {
        match self.disturbances.is_empty() {
            true => self.undisturbed_detection(timeout),
            false => Regime::Suspicion,
        }
    }

    /// The same while there is no disturbance.
    #[must_use]
    pub fn undisturbed_detection(&self, timeout: Timeout) -> Regime {
        match (timeout, self.greatest_delay()) {
            (Timeout::Fixed(timeout), Some(delay))
                if self.loss <= 0.0 && timeout > delay.saturating_mul(2) =>
            {
                Regime::ExactDetection
            }
            _ => Regime::Suspicion,
        }
    }

    fn with(network: &scenario::Network, delays: Delays, least_ns: u64) -> Network {
        let scenario::Network { loss, duplication, reordering, node_rate, .. } = *network;
        let has_queues = node_rate.is_some();
        let disturbances = Disturbances::from_iter([]);
        Network { delays, least_ns, loss, duplication, reordering, has_queues, disturbances }
    }

    #[inline]
    fn delay_ns(&self, from: u32, to: u32, rng: &mut Rng) -> u64 {
        self.delays.draw_ns(from, to, rng).max(self.least_ns)
    }
}

/// Draws whether an event of probability `share` happens. Draws nothing if that is 0.
#[inline]
fn happens(share: f64, rng: &mut Rng) -> bool {
    share > 0.0 && rng.unit() < share
}

#[cfg(test)]
mod tests;
