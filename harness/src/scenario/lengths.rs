//! Distributions of session lengths and downtimes.
//!
//! In TOML a distribution is a flat table, [`LengthsForm`]; see [`latency`](super::latency) for why.
//!
//! **Invariant:** from a distribution to its form and back is the identity.

use core::fmt;
use core::time::Duration;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::duration;
use super::impossible::{Verdict, require};
use super::key::PERIOD_MIN;

/// The mean by default.
const MEAN: Duration = Duration::from_secs(3600);
/// The shape of Weibull lengths by default: near what file sharers show (Stutzbach and Rejaie,
/// *Understanding churn in peer-to-peer networks*, IMC 2006).
const WEIBULL_SHAPE: f64 = 0.5;
/// The shape of Pareto lengths by default.
const PARETO_SHAPE: f64 = 2.0;

/// How long sessions and downtimes last. In TOML a table:
/// `{ distribution = "weibull", mean = "1h", shape = 0.5 }`.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(from = "LengthsForm", into = "LengthsForm")]
pub enum Lengths {
    /// Exponential: memoryless.
    Exponential {
        /// The mean.
        mean: Duration,
    },
    /// Weibull; its tail is heavier than that of the exponential if the shape is below 1.
    Weibull {
        /// The mean.
        mean: Duration,
        /// The shape, 0.1 … 100.
        shape: f64,
    },
    /// Pareto.
    Pareto {
        /// The mean.
        mean: Duration,
        /// The shape, above 1 (below, there is no mean) and at most 100.
        shape: f64,
    },
}

/// How long a node that departed stays away: `"none"` or a table as for [`Lengths`].
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Downtime {
    /// It is replaced at once.
    None,
    /// It returns after a time from this distribution.
    Lasts(Lengths),
}

impl Lengths {
    /// The mean.
    #[must_use]
    pub const fn mean(self) -> Duration {
        match self {
            Lengths::Exponential { mean }
            | Lengths::Weibull { mean, .. }
            | Lengths::Pareto { mean, .. } => mean,
        }
    }

    pub(super) fn check(self, path: &str) -> Verdict {
        let (mean, shape_holds) = match self {
            Lengths::Exponential { mean } => (mean, true),
            Lengths::Weibull { mean, shape } => (mean, (0.1..=100.0).contains(&shape)),
            Lengths::Pareto { mean, shape } => (mean, shape > 1.0 && shape <= 100.0),
        };
        require(mean >= PERIOD_MIN, &format!("{path}.mean"))?;
        require(shape_holds, &format!("{path}.shape"))
    }
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum LengthsDistribution {
    #[default]
    Exponential,
    Weibull,
    Pareto,
}

/// [`Lengths`] as they are written.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct LengthsForm {
    distribution: LengthsDistribution,
    #[serde(with = "duration::optional", skip_serializing_if = "Option::is_none")]
    mean: Option<Duration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shape: Option<f64>,
}

impl From<LengthsForm> for Lengths {
    fn from(form: LengthsForm) -> Lengths {
        let mean = form.mean.unwrap_or(MEAN);
        match form.distribution {
            LengthsDistribution::Exponential => Lengths::Exponential { mean },
            LengthsDistribution::Weibull => {
                Lengths::Weibull { mean, shape: form.shape.unwrap_or(WEIBULL_SHAPE) }
            }
            LengthsDistribution::Pareto => {
                Lengths::Pareto { mean, shape: form.shape.unwrap_or(PARETO_SHAPE) }
            }
        }
    }
}

impl From<Lengths> for LengthsForm {
    fn from(lengths: Lengths) -> LengthsForm {
        let (distribution, mean, shape) = match lengths {
            Lengths::Exponential { mean } => (LengthsDistribution::Exponential, mean, None),
            Lengths::Weibull { mean, shape } => (LengthsDistribution::Weibull, mean, Some(shape)),
            Lengths::Pareto { mean, shape } => (LengthsDistribution::Pareto, mean, Some(shape)),
        };
        LengthsForm { distribution, mean: Some(mean), shape }
    }
}

impl Serialize for Downtime {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Downtime::None => to.serialize_str("none"),
            Downtime::Lasts(lengths) => lengths.serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for Downtime {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Downtime, D::Error> {
        struct NoneOrTable;

        impl<'de> Visitor<'de> for NoneOrTable {
            type Value = Downtime;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"none\" or a table")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Downtime, E> {
                match text {
                    "none" => Ok(Downtime::None),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<Downtime, A::Error> {
                Lengths::deserialize(MapAccessDeserializer::new(table)).map(Downtime::Lasts)
            }
        }

        from.deserialize_any(NoneOrTable)
    }
}
