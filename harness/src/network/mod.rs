//! What the network does to messages: how long each takes, which are lost, which arrive twice, and
//! which are overtaken.
//!
//! Delays either do not ask who sends to whom (`none`, `constant`, `uniform`, `exponential`), or are
//! those of a pair of hosts and never change: computed from where the two lie (`euclidean`, `king`,
//! `coordinates`), or looked up (`matrix`). Node n is on host n. Where the hosts of `euclidean` and
//! `king` lie is hashed from the seed and their number, so that a million of them need no memory.
//!
//! # The least delay
//!
//! A simulator may run ahead by the least delay there is, so there must be one that is worth it:
//! [`MIN_DELAY`], or more where the model gives more. Delays below it are raised to it.
//!
//! | model | least delay, if above [`MIN_DELAY`] |
//! |---|---|
//! | `constant`, `uniform`, `euclidean` | `one_way`, `min`, `base` |
//! | `exponential` | 1 % of the mean, which raises the mean by 0.005 % |
//! | `king` | 1 ms, the least of two heights |
//! | `coordinates` | the least of two heights, but at least 1 % of a typical delay |
//! | `matrix` | the least delay between two hosts, or on one host if the file states one |
//!
//! # Files
//!
//! Blank lines, and lines that begin with `#`, count for nothing. A line of `coordinates` is one
//! host: `x y`, `x y height`, or, as the King data is published, `id x y h height`. A line of `matrix`
//! holds the delays from one host to each: as many as there are lines. A 0 for the delay from a
//! host to itself is none stated: two nodes on one host are as far apart as the nearest two hosts.
//! All figures are in `unit`.
//!
//! **Invariant:** no clock and no state; the same seed, pair and [`Rng`] give the same transit.

mod delays;
mod host_file;
mod hosts;
mod king;

use core::time::Duration;

use hopwise_kernel::Rng;

use self::delays::Delays;
use crate::base::nanoseconds::as_ns;
use crate::measure::outcome::Regime;
use crate::scenario::{self, Latency, Timeout};

/// No simulated message takes less: what loopback takes.
pub const MIN_DELAY: Duration = Duration::from_micros(20);

/// What becomes of messages between two nodes.
#[derive(Clone, Debug)]
pub struct Network {
    delays: Delays,
    least_ns: u64,
    loss: f64,
    duplication: f64,
    reordering: f64,
}

/// What becomes of one message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transit {
    /// It never arrives.
    Lost,
    /// It arrives so long after it was sent.
    Once(Duration),
    /// It arrives, and arrives again; both so long after it was sent, the earlier first.
    Twice(Duration, Duration),
}

impl Network {
    /// The simulated network that a scenario asks for; `seed` places the hosts of models that scatter
    /// them. What is in a file is read now.
    ///
    /// # Errors
    ///
    /// A file cannot be read, or is not what the model reads: one message for whoever wrote it.
    pub fn new(network: &scenario::Network, seed: u64) -> Result<Network, String> {
        let delays = Delays::new(&network.latency, seed)?;
        let least_ns = delays.least_ns().max(as_ns(MIN_DELAY));
        Ok(Network::with(network, delays, least_ns))
    }

    /// What is put on top of a real network, which has delays of its own: nothing is raised to
    /// [`MIN_DELAY`], and from whom a message comes and to whom it goes is of no account.
    ///
    /// # Errors
    ///
    /// What can only be simulated: delays between hosts, and duplicates.
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

    /// Finds out whether each of `nodes` nodes has a host. [`transit`](Self::transit) begins anew
    /// with the first host after the last, but that is for the scenario to allow.
    ///
    /// # Errors
    ///
    /// The file has fewer hosts, and the scenario does not say that they are reused.
    pub fn check_hosts(&self, nodes: usize) -> Result<(), String> {
        self.delays.check_hosts(nodes)
    }

    /// Whether it changes nothing.
    #[must_use]
    pub fn is_perfect(&self) -> bool {
        let shares = [self.loss, self.duplication, self.reordering];
        self.least_ns == 0 && self.delays.are_zero() && shares.iter().all(|share| *share <= 0.0)
    }

    /// What becomes of the next message from node `from` to node `to`. One whose delay 64 bits
    /// of nanoseconds cannot hold arrives after as many as they can.
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

    /// No message takes less.
    #[must_use]
    pub fn least_delay(&self) -> Duration {
        Duration::from_nanos(self.least_ns)
    }

    /// No message takes more to arrive the first time; none if there is no such bound, or none that
    /// the model states.
    #[must_use]
    pub fn greatest_delay(&self) -> Option<Duration> {
        let greatest_ns = self.delays.greatest_ns()?.max(self.least_ns);
        // What is held up takes another delay.
        let further = u64::from(self.reordering > 0.0);
        Some(Duration::from_nanos(greatest_ns.saturating_mul(1 + further)))
    }

    /// The share of messages that are lost.
    #[must_use]
    pub fn loss(&self) -> f64 {
        self.loss
    }

    /// What nodes that wait for answers as `timeout` says can know of each other's failures: exactly
    /// which are dead, if an answer always comes before the timeout.
    #[must_use]
    pub fn failure_detection(&self, timeout: Timeout) -> Regime {
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
        let scenario::Network { loss, duplication, reordering, .. } = *network;
        Network { delays, least_ns, loss, duplication, reordering }
    }

    #[inline]
    fn delay_ns(&self, from: u32, to: u32, rng: &mut Rng) -> u64 {
        self.delays.draw_ns(from, to, rng).max(self.least_ns)
    }
}

/// Draws only if there is something to decide.
#[inline]
fn happens(share: f64, rng: &mut Rng) -> bool {
    share > 0.0 && rng.unit() < share
}

#[cfg(test)]
mod tests;
