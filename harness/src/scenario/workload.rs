//! The load: how many lookups, and of what.
//!
//! In TOML alternatives are sibling keys; [`WorkloadForm`] and [`KeysForm`] are the tables as they
//! are written.
//!
//! **Invariant:** from a type to its form and back is the identity.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::impossible::{Verdict, require, require_that};
use super::key::{DURATION, Key, Kind, PERIOD_MIN};
use super::rate::{RATE, RATE_OR_ZERO};
use super::{Engine, POPULATION_MAX, Rate, RateChange, Scenario, Section, duration};

/// Latest deadline of a lookup: latencies are counted in histograms of fixed bounds.
const DEADLINE_MAX: Duration = Duration::from_secs(60);
/// The shortest mean interval between lookups of a node.
const INTERVAL_MIN: Duration = Duration::from_micros(100);
/// The skew of Zipf keys by default.
const ZIPF_EXPONENT: f64 = 1.0;
/// The population of Zipf keys by default.
const ZIPF_POPULATION: u64 = 1_000_000;

/// What is asked of the nodes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(from = "WorkloadForm", into = "WorkloadForm")]
pub struct Workload {
    /// How lookups are offered.
    pub load: Load,
    /// How the rate changes during the measured phase; goes with [`Load::PerSecond`].
    pub profile: Option<Vec<RateChange>>,
    /// A lookup that is not answered by then has failed; at most 60 s.
    pub deadline: Duration,
    /// Which keys are looked up.
    pub keys: Keys,
}

impl Default for Workload {
    fn default() -> Workload {
        Workload {
            load: Load::PerSecond(Rate::PerSecond(1000.0)),
            profile: None,
            deadline: Duration::from_secs(10),
            keys: Keys::Uniform,
        }
    }
}

/// How lookups are offered.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Load {
    /// `lookups_per_s`: Poisson arrivals at this rate, system-wide, with uniform origin.
    PerSecond(Rate),
    /// `lookup_interval`: Poisson arrivals at each node, one per interval on average.
    PerNode(Duration),
    /// `in_flight`: a closed loop with this many lookups outstanding, system-wide.
    InFlight(u32),
}

impl Workload {
    /// All rates of the load, each with its path: that of the start, then those of the profile.
    fn rates(&self) -> Vec<(String, Rate)> {
        let Load::PerSecond(rate) = self.load else { return Vec::new() };
        let start = ("workload.lookups_per_s".to_owned(), rate);
        let changes = self.profile.iter().flatten().enumerate().map(|(index, change)| {
            (format!("workload.profile.{index}.lookups_per_s"), change.lookups_per_s)
        });
        core::iter::once(start).chain(changes).collect()
    }

    /// Whether a rate is a multiple of the capacity, which the run must then find out first.
    #[must_use]
    pub fn needs_capacity(&self) -> bool {
        self.rates().iter().any(|(_, rate)| rate.needs_capacity())
    }

    /// The highest rate of lookups per second; `None` if that depends on the system.
    #[must_use]
    pub fn peak_per_s(&self, nodes: u32) -> Option<f64> {
        match self.load {
            Load::PerSecond(_) => {
                let rates = self.rates().into_iter().map(|(_, rate)| rate.fixed_per_s());
                rates
                    .collect::<Option<Vec<f64>>>()
                    .map(|rates| rates.into_iter().fold(0.0, f64::max))
            }
            Load::PerNode(interval) => Some(f64::from(nodes) / interval.as_secs_f64()),
            Load::InFlight(_) => None,
        }
    }
}

/// Which keys are looked up. In TOML a table: `{ distribution = "uniform" }`.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(from = "KeysForm", into = "KeysForm")]
pub enum Keys {
    /// Any identifier.
    Uniform,
    /// One of `population` keys; the one of rank k with probability proportional to
    /// k^(−exponent).
    Zipf {
        /// The skew, 0 … 20.
        exponent: f64,
        /// Number of keys.
        population: u64,
    },
}

impl Section for Workload {
    const NAME: &'static str = "workload";

    const KEYS: &'static [Key] = &[
        Key::table("workload", "The load: how many lookups, and of what."),
        Key::new(
            "workload.lookups_per_s",
            Kind::Rate,
            RATE,
            "Open loop: lookups per second, system-wide, at random instants and from random nodes \
             (Poisson arrivals). \"3x\": three times the capacity, which is what a closed loop \
             completes per second just before the warm-up.",
        ),
        Key::duration(
            "workload.lookup_interval",
            "a duration, at least \"100us\", such as \"500ms\", \"30s\" or \"1h\"",
            "Open loop: mean time between two lookups of one node.",
        ),
        Key::integer(
            "workload.in_flight",
            "a whole number from 1 to 16777216",
            "Closed loop: lookups that are outstanding at any time, system-wide.",
        ),
        Key::new(
            "workload.profile",
            Kind::Tables,
            "a list of tables, each with at and lookups_per_s, such as [{ at = \"10s\", \
             lookups_per_s = 5000 }]",
            "How lookups_per_s changes during the measured phase. Until the first change, \
             workload.lookups_per_s holds.",
        ),
        Key::duration(
            "workload.profile.at",
            DURATION,
            "When the change begins, from the start of the measured phase.",
        ),
        Key::new(
            "workload.profile.lookups_per_s",
            Kind::Rate,
            RATE_OR_ZERO,
            "The new rate, as workload.lookups_per_s. 0: no lookups start.",
        ),
        Key::duration(
            "workload.profile.over",
            DURATION,
            "How long the rate takes to get there, in a straight line. 0s: it changes at once.",
        ),
        Key::duration(
            "workload.deadline",
            "a duration from \"1ms\" to \"1m\"",
            "A lookup without an answer after this time has failed.",
        ),
        Key::new(
            "workload.keys",
            Kind::Table,
            "a table such as { distribution = \"uniform\" }",
            "Which keys are looked up. Not with items.",
        ),
        Key::word(
            "workload.keys.distribution",
            &["uniform", "zipf"],
            "uniform: any identifier. zipf: a few of a fixed number of keys are popular.",
        ),
        Key::number(
            "workload.keys.exponent",
            "a number from 0 to 20",
            "The skew: the key of rank k is looked up with probability proportional to k^-exponent.",
        )
        .only_with("distribution", &["zipf"]),
        Key::integer(
            "workload.keys.population",
            "a whole number from 1 to 1e15",
            "Number of keys.",
        )
        .only_with("distribution", &["zipf"]),
    ];

    const ALTERNATIVES: &'static [&'static [&'static str]] = &[
        &["workload.lookups_per_s", "workload.lookup_interval", "workload.in_flight"],
        &["workload.profile", "workload.lookup_interval"],
        &["workload.profile", "workload.in_flight"],
    ];

    fn check(&self, all: &Scenario) -> Verdict {
        match self.load {
            Load::PerSecond(rate) => {
                require(rate.is_possible() && !rate.is_zero(), "workload.lookups_per_s")
            }
            Load::PerNode(interval) => {
                require(interval >= INTERVAL_MIN, "workload.lookup_interval")
            }
            Load::InFlight(count) => {
                require((1..=POPULATION_MAX).contains(&count), "workload.in_flight")
            }
        }?;
        for (path, rate) in self.rates() {
            require_that(!rate.needs_capacity() || can_calibrate(all), &path, || {
                "a number of lookups per second, or set network.node_rate: nothing else limits a \
                 closed loop in the simulator"
                    .to_owned()
            })?;
        }
        let deadline = self.deadline;
        require((PERIOD_MIN..=DEADLINE_MAX).contains(&deadline), "workload.deadline")?;
        match self.keys {
            Keys::Uniform => Ok(()),
            Keys::Zipf { exponent, population } => {
                require((0.0..=20.0).contains(&exponent), "workload.keys.exponent")?;
                // Ranks are drawn as floating point, exact up to here.
                require((1..=10u64.pow(15)).contains(&population), "workload.keys.population")
            }
        }
    }
}

/// Whether a closed loop finds a capacity: the host's over UDP, that of the nodes in the simulator.
fn can_calibrate(all: &Scenario) -> bool {
    all.engine == Engine::Udp || all.network.node_rate.is_some()
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum KeysDistribution {
    #[default]
    Uniform,
    Zipf,
}

/// [`Keys`] as they are written.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct KeysForm {
    distribution: KeysDistribution,
    #[serde(skip_serializing_if = "Option::is_none")]
    exponent: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    population: Option<u64>,
}

impl From<KeysForm> for Keys {
    fn from(form: KeysForm) -> Keys {
        match form.distribution {
            KeysDistribution::Uniform => Keys::Uniform,
            KeysDistribution::Zipf => Keys::Zipf {
                exponent: form.exponent.unwrap_or(ZIPF_EXPONENT),
                population: form.population.unwrap_or(ZIPF_POPULATION),
            },
        }
    }
}

impl From<Keys> for KeysForm {
    fn from(keys: Keys) -> KeysForm {
        match keys {
            Keys::Uniform => KeysForm::default(),
            Keys::Zipf { exponent, population } => KeysForm {
                distribution: KeysDistribution::Zipf,
                exponent: Some(exponent),
                population: Some(population),
            },
        }
    }
}

/// A [`Workload`] as it is written.
#[derive(Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct WorkloadForm {
    #[serde(skip_serializing_if = "Option::is_none")]
    lookups_per_s: Option<Rate>,
    #[serde(with = "duration::optional", skip_serializing_if = "Option::is_none")]
    lookup_interval: Option<Duration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    in_flight: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<Vec<RateChange>>,
    #[serde(with = "duration")]
    deadline: Duration,
    keys: Keys,
}

impl Default for WorkloadForm {
    fn default() -> WorkloadForm {
        let Workload { load: _, profile, deadline, keys } = Workload::default();
        let (lookups_per_s, lookup_interval, in_flight) = (None, None, None);
        WorkloadForm { lookups_per_s, lookup_interval, in_flight, profile, deadline, keys }
    }
}

impl From<WorkloadForm> for Workload {
    fn from(form: WorkloadForm) -> Workload {
        let load = (form.lookups_per_s.map(Load::PerSecond))
            .or(form.lookup_interval.map(Load::PerNode))
            .or(form.in_flight.map(Load::InFlight))
            .unwrap_or(Workload::default().load);
        let WorkloadForm { profile, deadline, keys, .. } = form;
        Workload { load, profile, deadline, keys }
    }
}

impl From<Workload> for WorkloadForm {
    fn from(Workload { load, profile, deadline, keys }: Workload) -> WorkloadForm {
        let form = WorkloadForm { profile, deadline, keys, ..WorkloadForm::default() };
        match load {
            Load::PerSecond(rate) => WorkloadForm { lookups_per_s: Some(rate), ..form },
            Load::PerNode(interval) => WorkloadForm { lookup_interval: Some(interval), ..form },
            Load::InFlight(count) => WorkloadForm { in_flight: Some(count), ..form },
        }
    }
}
