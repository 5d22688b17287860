//! Churn: which nodes join, leave and crash, and when.
//!
//! **Invariant:** values that the chosen model does not use are kept and have no effect.

use core::time::Duration;

use hopwise_kernel::Rng;
use hopwise_kernel::base::rng::mix;
use rand_distr::Binomial;
use serde::{Deserialize, Serialize};

use super::impossible::{Verdict, is_share, require};
use super::key::{Key, Kind, PERIOD};
use super::{Downtime, Lengths, Scenario, Section};
use crate::base::sampling::draw;

/// Which nodes join, leave and crash. Values that the chosen model does not use have no effect.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Churn {
    /// What decides when nodes join and depart.
    pub model: ChurnModel,
    /// Model `trace`: the path of the file. One in a scenario file is relative to that file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Model `poisson`: joins per second, system-wide.
    pub joins_per_s: f64,
    /// Model `poisson`: departures per second, system-wide.
    pub departures_per_s: f64,
    /// Model `sessions`: how long a node stays.
    pub session: Lengths,
    /// Model `sessions`: how long it stays away.
    pub downtime: Downtime,
    /// Share of departures that are announced, 0 … 1.
    pub graceful: f64,
    /// The identifier of a node that returns.
    pub rejoin: Rejoin,
    /// Model `sessions` with downtimes: which hosts are up at the start.
    pub start: ChurnStart,
    /// Well-known bootstraps; 0: nodes join through any member.
    pub bootstraps: u32,
}

impl Default for Churn {
    fn default() -> Churn {
        let hour = Lengths::Exponential { mean: Duration::from_secs(3600) };
        Churn {
            model: ChurnModel::Off,
            file: None,
            joins_per_s: 1.0,
            departures_per_s: 1.0,
            session: hour,
            downtime: Downtime::Lasts(hour),
            graceful: 0.5,
            rejoin: Rejoin::NewId,
            start: ChurnStart::Stationary,
            bootstraps: 0,
        }
    }
}

/// What decides when nodes join and depart.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChurnModel {
    /// No churn.
    Off,
    /// Two Poisson processes over the whole system.
    Poisson,
    /// Each node stays for a session, is away for a downtime, and returns.
    Sessions,
    /// Nodes come and go at the times that a file gives; see [`trace`](crate::churn::trace).
    Trace,
}

/// The identifier of a node that returns.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rejoin {
    /// A new identifier.
    NewId,
    /// The identifier it had.
    SameId,
}

/// Which hosts are up at the start, if they go away for downtimes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChurnStart {
    /// As many as in the long run: each with the probability mean session / (mean session + mean
    /// downtime).
    Stationary,
    /// All. Their number falls until as many return as depart.
    AllUp,
}

impl Churn {
    /// The probability that a host is up at the start.
    #[must_use]
    pub fn availability_at_start(&self) -> f64 {
        match (self.model, self.start, self.downtime) {
            (ChurnModel::Sessions, ChurnStart::Stationary, Downtime::Lasts(downtime)) => {
                let (up_s, down_s) =
                    (self.session.mean().as_secs_f64(), downtime.mean().as_secs_f64());
                up_s / (up_s + down_s)
            }
            _ => 1.0,
        }
    }
}

/// The least number of nodes at the start.
const UP_MIN: u32 = 2;
/// The most well-known bootstraps.
const BOOTSTRAPS_MAX: u32 = 1024;
/// Separates this random number from others drawn from the same seed.
const SALT: u64 = 0x7570_6174_3000;

impl Scenario {
    /// The number of nodes at the start: all, or those of the hosts that are up then. The others
    /// return later.
    #[must_use]
    pub fn nodes_at_start(&self) -> u32 {
        let availability = self.churn.availability_at_start();
        let Ok(up) = Binomial::new(self.nodes.into(), availability) else { return self.nodes };
        let up = draw::<u64>(&up, &mut Rng::light(mix(self.seed ^ SALT))) as u32;
        up.max(UP_MIN).min(self.nodes)
    }
}

const RATE_OR_ZERO: &str = "a number from 0 to 1e6, not both joins and departures 0";
const DISTRIBUTIONS: &[&str] = &["exponential", "weibull", "pareto"];
const SHAPE: &str = "a number: weibull from 0.1 to 100, pareto above 1 to 100";
const SHAPED: &[&str] = &["weibull", "pareto"];

impl Section for Churn {
    const NAME: &'static str = "churn";

    const KEYS: &'static [Key] = &[
        Key::table("churn", "Which nodes join, leave and crash."),
        Key::word(
            "churn.model",
            &["off", "poisson", "sessions", "trace"],
            "What decides when nodes join and depart. poisson: two Poisson processes over the whole \
             system. sessions: each node stays for a session, is away for a downtime, and returns. \
             trace: a file.",
        ),
        Key::path(
            "churn.file",
            "the path of a text file with lines of time, node, and up or down",
            "Model trace: the times at which nodes come and go.",
        ),
        Key::number(
            "churn.joins_per_s",
            RATE_OR_ZERO,
            "Model poisson: joins per second, system-wide.",
        ),
        Key::number(
            "churn.departures_per_s",
            RATE_OR_ZERO,
            "Model poisson: departures per second, system-wide.",
        ),
        Key::new(
            "churn.session",
            Kind::Table,
            "a table such as { distribution = \"exponential\", mean = \"1h\" }",
            "Model sessions: how long a node stays.",
        ),
        Key::word(
            "churn.session.distribution",
            DISTRIBUTIONS,
            "The distribution of session lengths.",
        ),
        Key::duration("churn.session.mean", PERIOD, "The mean session length."),
        Key::number(
            "churn.session.shape",
            SHAPE,
            "The shape of the distribution. The smaller, the heavier its tail.",
        )
        .only_with("distribution", SHAPED),
        Key::new(
            "churn.downtime",
            Kind::TableOr("none"),
            "\"none\" or a table such as { distribution = \"exponential\", mean = \"1h\" }",
            "Model sessions: how long a node stays away. none: another node replaces it at once.",
        ),
        Key::word("churn.downtime.distribution", DISTRIBUTIONS, "The distribution of downtimes."),
        Key::duration("churn.downtime.mean", PERIOD, "The mean downtime."),
        Key::number(
            "churn.downtime.shape",
            SHAPE,
            "The shape of the distribution. The smaller, the heavier its tail.",
        )
        .only_with("distribution", SHAPED),
        Key::share(
            "churn.graceful",
            "Share of departures that are announced. The others are crashes.",
        ),
        Key::word(
            "churn.rejoin",
            &["new-id", "same-id"],
            "Whether a node that returns has a new identifier or the one it had.",
        ),
        Key::word(
            "churn.start",
            &["stationary", "all-up"],
            "Model sessions with downtimes: which of the hosts, whose number is nodes, are up at the \
             start. stationary: as many as in the long run, about nodes x mean session / (mean \
             session + mean downtime); the others return after what is left of their downtimes. \
             all-up: all; their number falls until as many return as depart.",
        ),
        Key::integer(
            "churn.bootstraps",
            "a whole number from 0 to 1024",
            "The first so many nodes of the run are well-known bootstraps: each node that joins tries \
             them in random order, whether or not they are alive, up to 8 of them. One that does not \
             answer costs a timeout. 0: it joins through a random member.",
        ),
    ];

    fn check(&self, _all: &Scenario) -> Verdict {
        require(self.model != ChurnModel::Trace || self.file.is_some(), "churn.file")?;
        let is_rate = |rate: f64| (0.0..=1e6).contains(&rate);
        require(is_rate(self.joins_per_s), "churn.joins_per_s")?;
        require(is_rate(self.departures_per_s), "churn.departures_per_s")?;
        let idle = self.joins_per_s == 0.0 && self.departures_per_s == 0.0;
        require(self.model != ChurnModel::Poisson || !idle, "churn.joins_per_s")?;
        self.session.check("churn.session")?;
        if let Downtime::Lasts(lengths) = self.downtime {
            lengths.check("churn.downtime")?;
        }
        require(is_share(self.graceful), "churn.graceful")?;
        require(self.bootstraps <= BOOTSTRAPS_MAX, "churn.bootstraps")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sessions of a minute and downtimes of half a minute: two of three hosts are up. 2,000 runs of 300
    /// hosts: the mean has a standard error of 0.18, the variance one of 3 %.
    #[test]
    fn each_host_is_up_at_the_start_with_its_availability() {
        let mean = |s| Lengths::Weibull { mean: Duration::from_secs(s), shape: 0.5 };
        let churn = Churn {
            model: ChurnModel::Sessions,
            session: mean(60),
            downtime: Downtime::Lasts(mean(30)),
            ..Churn::default()
        };
        let up = |churn: &Churn, seed| {
            let scenario =
                Scenario { nodes: 300, seed, churn: churn.clone(), ..Scenario::general("") };
            scenario.nodes_at_start()
        };
        let counts: Vec<f64> = (0..2000).map(|seed| f64::from(up(&churn, seed))).collect();
        let mean = counts.iter().sum::<f64>() / 2000.0;
        let variance = counts.iter().map(|count| (count - mean).powi(2)).sum::<f64>() / 2000.0;
        assert!((mean - 200.0).abs() < 0.8, "{mean}");
        assert!((variance / (300.0 * 2.0 / 9.0) - 1.0).abs() < 0.15, "{variance}");
        assert_eq!(up(&churn, 7), up(&churn, 7));
        for all_up in [
            Churn { start: ChurnStart::AllUp, ..churn.clone() },
            Churn { downtime: Downtime::None, ..churn.clone() },
            Churn { model: ChurnModel::Poisson, ..churn.clone() },
        ] {
            assert_eq!(up(&all_up, 7), 300);
        }
    }
}
