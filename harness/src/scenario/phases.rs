//! The phases of a run, and what must hold at its end.
//!
//! In TOML alternatives are sibling keys; [`PhasesForm`] is the table as it is written.
//!
//! **Invariant:** a measured phase ends: one that would take longer than [`PHASE_MAX`] is refused.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::impossible::{Verdict, is_share, require, require_that};
use super::key::Key;
use super::{Load, Rate, Scenario, Section, duration};

/// The longest phase: time is 64 bits of nanoseconds.
const PHASE_MAX: Duration = Duration::from_secs(YEAR_S * 10);
const YEAR_S: u64 = 31_557_600;
/// Lookups of a run, at most.
const LOOKUPS_MAX: u64 = 1_000_000_000_000;

/// How long the run is.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(from = "PhasesForm", into = "PhasesForm")]
pub struct Phases {
    /// Before anything is counted; may be zero.
    pub warmup: Duration,
    /// The measured phase.
    pub measure: Measure,
}

impl Default for Phases {
    fn default() -> Phases {
        Phases {
            warmup: Duration::from_secs(5),
            measure: Measure::Lasting(Duration::from_secs(10)),
        }
    }
}

/// When the measured phase ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Measure {
    /// `measure`: after this time.
    Lasting(Duration),
    /// `lookups`: when this many were issued and have ended.
    Lookups(u64),
}

impl Section for Phases {
    const NAME: &'static str = "phases";

    const KEYS: &'static [Key] = &[
        Key::table("phases", "How long the run is."),
        Key::duration(
            "phases.warmup",
            "a duration such as \"30s\", at most 10 years",
            "Time before the measured phase. Nothing in it is counted.",
        ),
        Key::duration(
            "phases.measure",
            "a duration above zero such as \"30s\" or \"1h\", at most 10 years",
            "Length of the measured phase.",
        ),
        Key::integer(
            "phases.lookups",
            "a whole number from 1 to 1e12",
            "Instead of a length: the measured phase ends when this many lookups were issued and \
             have ended.",
        ),
    ];

    const ALTERNATIVES: &'static [&'static [&'static str]] =
        &[&["phases.measure", "phases.lookups"]];

    fn check(&self, all: &Scenario) -> Verdict {
        require(self.warmup <= PHASE_MAX, "phases.warmup")?;
        match self.measure {
            Measure::Lasting(length) => {
                require(!length.is_zero() && length <= PHASE_MAX, "phases.measure")
            }
            Measure::Lookups(count) => {
                require((1..=LOOKUPS_MAX).contains(&count), "phases.lookups")?;
                check_lookups(count, all)
            }
        }
    }
}

/// Checks that `count` lookups are issued within [`PHASE_MAX`].
fn check_lookups(count: u64, Scenario { workload, nodes, .. }: &Scenario) -> Verdict {
    let (load, rate_per_s) = match workload.load {
        // The run finds out how much that is.
        Load::PerSecond(Rate::OfCapacity(_)) => return Ok(()),
        Load::PerSecond(Rate::PerSecond(rate)) => {
            (format!("workload.lookups_per_s = {rate:?}"), rate)
        }
        Load::PerNode(interval) => (
            format!(
                "workload.lookup_interval = {:?} and nodes = {nodes}",
                duration::text(interval)
            ),
            f64::from(*nodes) / interval.as_secs_f64(),
        ),
        Load::InFlight(_) => return Ok(()),
    };
    let most = PHASE_MAX.as_secs_f64() * rate_per_s;
    require_that(count as f64 <= most, "phases.lookups", || {
        format!(
            "at most {most:.0}, a higher load, or phases.measure: with {load}, more lookups take \
             over 10 years"
        )
    })
}

/// What must hold at the end, each but one a share 0 … 1; what is not stated is not checked. Lookups that
/// were shed or orphaned count in no share.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expect {
    /// The least share of lookups that completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed: Option<f64>,
    /// The least share of completed lookups whose answer was correct.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correct: Option<f64>,
    /// The greatest share of lookups that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<f64>,
    /// The most reads and values that are not as they should be; not a share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anomalies: Option<u64>,
}

impl Section for Expect {
    const NAME: &'static str = "expect";

    const KEYS: &'static [Key] = &[
        Key::table(
            "expect",
            "What must hold at the end. If something does not, the exit status is 3.",
        ),
        Key::share(
            "expect.completed",
            "The least share of lookups that completed, of those neither shed nor orphaned.",
        ),
        Key::share(
            "expect.correct",
            "The least share of completed lookups whose answer was correct.",
        ),
        Key::share(
            "expect.failed",
            "The greatest share of lookups that failed, of those neither shed nor orphaned.",
        ),
        Key::integer(
            "expect.anomalies",
            "a whole number, and a section [store]",
            "The most anomalies: reads that were stale, lost or phantom, and acknowledged values that \
             no node has at the end. What failures of all holders of a value explain does not count.",
        ),
    ];

    fn check(&self, all: &Scenario) -> Verdict {
        require(self.anomalies.is_none() || all.store.is_some(), "expect.anomalies")?;
        require(self.completed.is_none_or(is_share), "expect.completed")?;
        require(self.correct.is_none_or(is_share), "expect.correct")?;
        require(self.failed.is_none_or(is_share), "expect.failed")
    }
}

/// [`Phases`] as they are written.
#[derive(Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct PhasesForm {
    #[serde(with = "duration")]
    warmup: Duration,
    #[serde(with = "duration::optional", skip_serializing_if = "Option::is_none")]
    measure: Option<Duration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lookups: Option<u64>,
}

impl Default for PhasesForm {
    fn default() -> PhasesForm {
        PhasesForm { warmup: Phases::default().warmup, measure: None, lookups: None }
    }
}

impl From<PhasesForm> for Phases {
    fn from(form: PhasesForm) -> Phases {
        let measure = (form.lookups.map(Measure::Lookups))
            .or(form.measure.map(Measure::Lasting))
            .unwrap_or(Phases::default().measure);
        Phases { warmup: form.warmup, measure }
    }
}

impl From<Phases> for PhasesForm {
    fn from(Phases { warmup, measure }: Phases) -> PhasesForm {
        let (measure, lookups) = match measure {
            Measure::Lasting(duration) => (Some(duration), None),
            Measure::Lookups(count) => (None, Some(count)),
        };
        PhasesForm { warmup, measure, lookups }
    }
}
