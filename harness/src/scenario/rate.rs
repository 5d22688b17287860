//! Rates of lookups: a number per second, or a multiple of what the system can do; and how they
//! change.
//!
//! **Invariant:** what is written here reads back as the same rate.

use core::fmt;
use core::time::Duration;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::duration;

/// What a rate above zero accepts.
pub(super) const RATE: &str = "a number above 0, at most 1e9, or a multiple of the capacity above \
                               \"0x\", at most \"1000x\"";
/// What a rate that may be zero accepts.
pub(super) const RATE_OR_ZERO: &str =
    "a number from 0 to 1e9, or a multiple of the capacity from \"0x\" to \"1000x\"";

/// The highest rate per second.
const PER_SECOND_MAX: f64 = 1e9;
/// The highest multiple.
const MULTIPLE_MAX: f64 = 1000.0;

/// A rate of lookups, system-wide. In TOML a number, or text such as `"3x"`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Rate {
    /// Lookups per second.
    PerSecond(f64),
    /// A multiple of the capacity: of the lookups per second that a closed loop completes just
    /// before the warm-up of the same run.
    OfCapacity(f64),
}

/// A change of the rate of lookups.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateChange {
    /// When it begins, after the start of the measured phase.
    #[serde(with = "duration")]
    pub at: Duration,
    /// The new rate. 0: no lookups start.
    pub lookups_per_s: Rate,
    /// How long the rate takes to get there, in a straight line. Zero: it changes at once.
    #[serde(default, with = "duration")]
    pub over: Duration,
}

impl RateChange {
    /// When the new rate is reached, after the start of the measured phase.
    #[must_use]
    pub fn end(&self) -> Duration {
        self.at.saturating_add(self.over)
    }
}

impl Rate {
    /// Lookups per second, if that is the capacity.
    #[must_use]
    pub fn per_s(self, capacity_per_s: f64) -> f64 {
        match self {
            Rate::PerSecond(rate) => rate,
            Rate::OfCapacity(multiple) => multiple * capacity_per_s,
        }
    }

    /// Lookups per second, if that does not depend on the capacity.
    #[must_use]
    pub const fn fixed_per_s(self) -> Option<f64> {
        match self {
            Rate::PerSecond(rate) => Some(rate),
            Rate::OfCapacity(_) => None,
        }
    }

    /// Whether it depends on the capacity.
    #[must_use]
    pub const fn needs_capacity(self) -> bool {
        matches!(self, Rate::OfCapacity(_))
    }

    /// Whether it is what [`RATE_OR_ZERO`] says.
    pub(super) fn is_possible(self) -> bool {
        let (value, max) = match self {
            Rate::PerSecond(rate) => (rate, PER_SECOND_MAX),
            Rate::OfCapacity(multiple) => (multiple, MULTIPLE_MAX),
        };
        (0.0..=max).contains(&value)
    }

    /// Whether it is zero.
    pub(super) fn is_zero(self) -> bool {
        matches!(self, Rate::PerSecond(0.0) | Rate::OfCapacity(0.0))
    }
}

/// As it is written in TOML, without quotes.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rate::PerSecond(rate) => write!(f, "{rate:?}"),
            Rate::OfCapacity(multiple) => write!(f, "{multiple}x"),
        }
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Rate::PerSecond(rate) => to.serialize_f64(*rate),
            Rate::OfCapacity(_) => to.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Rate, D::Error> {
        struct NumberOrMultiple;

        impl Visitor<'_> for NumberOrMultiple {
            type Value = Rate;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, or a multiple such as \"3x\"")
            }

            fn visit_f64<E: Error>(self, rate: f64) -> Result<Rate, E> {
                Ok(Rate::PerSecond(rate))
            }

            fn visit_i64<E: Error>(self, rate: i64) -> Result<Rate, E> {
                Ok(Rate::PerSecond(rate as f64))
            }

            fn visit_u64<E: Error>(self, rate: u64) -> Result<Rate, E> {
                Ok(Rate::PerSecond(rate as f64))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Rate, E> {
                let multiple = text.strip_suffix('x').and_then(|multiple| multiple.parse().ok());
                multiple
                    .map(Rate::OfCapacity)
                    .ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
            }
        }

        from.deserialize_any(NumberOrMultiple)
    }
}
