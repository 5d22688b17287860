//! Models of one-way delay.
//!
//! In TOML a model is a flat table, [`LatencyForm`]: serde loses the path to a wrong value inside a
//! tagged enum. Which keys go with which model is checked before the table is read, so turning a
//! form into a [`Latency`] cannot fail.
//!
//! **Invariant:** from a model to its form and back is the identity.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration;
use super::impossible::{Verdict, require, require_that};

/// The delay of `constant` and `exponential` latency by default; `uniform` lies around it.
const LATENCY: Duration = Duration::from_millis(50);
/// The delay across the square of `euclidean` latency by default.
const SIDE: Duration = Duration::from_millis(100);
/// The delay that is added to it by default.
const BASE: Duration = Duration::from_millis(1);

/// One-way delay of a message. In TOML a table: `{ model = "constant", one_way = "50ms" }`.
///
/// The first four models draw a delay for each message. In the others the two hosts determine it;
/// over UDP these are refused.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(from = "LatencyForm", into = "LatencyForm")]
pub enum Latency {
    /// No delay is added.
    None,
    /// Always the same.
    Constant {
        /// The delay.
        one_way: Duration,
    },
    /// Uniform from `min` to `max`.
    Uniform {
        /// The smallest delay.
        min: Duration,
        /// The greatest delay.
        max: Duration,
    },
    /// Exponential.
    Exponential {
        /// The mean delay.
        mean: Duration,
    },
    /// Hosts lie uniformly in a square: `base` plus the distance.
    Euclidean {
        /// The delay that corresponds to one side of the square.
        side: Duration,
        /// The delay between two hosts at one point.
        base: Duration,
    },
    /// As measured between DNS servers of the Internet; see [`network`](crate::network).
    King,
    /// Hosts on a plane, from a file: the distance, and the heights of both.
    Coordinates(HostFile),
    /// The delay from each host to each, from a file.
    Matrix(HostFile),
}

/// A file that gives delays between hosts. Its format: [`network`](crate::network).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostFile {
    /// Its path. One in a scenario file is relative to that file.
    pub file: String,
    /// The unit of its figures.
    pub unit: DelayUnit,
    /// The host of a node that comes after the last host.
    pub reuse: Reuse,
}

/// The unit of the figures in a [`HostFile`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DelayUnit {
    /// Microseconds.
    Us,
    /// Milliseconds.
    Ms,
    /// Seconds.
    S,
}

/// What happens if there are more nodes than hosts in a [`HostFile`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reuse {
    /// The run is refused.
    Never,
    /// Node n is on host n modulo the number of hosts.
    Modulo,
}

impl Latency {
    /// Whether each pair of hosts has its own delay, which does not change.
    pub(super) fn is_of_pairs(&self) -> bool {
        match self {
            Latency::None
            | Latency::Constant { .. }
            | Latency::Uniform { .. }
            | Latency::Exponential { .. } => false,
            Latency::Euclidean { .. }
            | Latency::King
            | Latency::Coordinates(_)
            | Latency::Matrix(_) => true,
        }
    }

    pub(super) fn check(&self) -> Verdict {
        match self {
            Latency::Uniform { min, max } => {
                require_that(min <= max, "network.latency.min", || {
                    let max = duration::text(*max);
                    format!("a duration not above network.latency.max = {max:?}")
                })
            }
            Latency::Euclidean { side, .. } => require(!side.is_zero(), "network.latency.side"),
            Latency::Coordinates(hosts) | Latency::Matrix(hosts) => {
                require(!hosts.file.is_empty(), "network.latency.file")
            }
            Latency::None
            | Latency::Constant { .. }
            | Latency::Exponential { .. }
            | Latency::King => Ok(()),
        }
    }
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum LatencyModel {
    #[default]
    None,
    Constant,
    Uniform,
    Exponential,
    Euclidean,
    King,
    Coordinates,
    Matrix,
}

/// A [`Latency`] as it is written.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct LatencyForm {
    model: LatencyModel,
    #[serde(with = "duration::optional", skip_serializing_if = "Option::is_none")]
    one_way: Option<Duration>,
    #[serde(with = "duration::optional", skip_serializing_if = "Option::is_none")]
    min: Option<Duration>,
    #[serde(with = "duration::optional", skip_serializing_if = "Option::is_none")]
    max: Option<Duration>,
    #[serde(with = "duration::optional", skip_serializing_if = "Option::is_none")]
    mean: Option<Duration>,
    #[serde(with = "duration::optional", skip_serializing_if = "Option::is_none")]
    side: Option<Duration>,
    #[serde(with = "duration::optional", skip_serializing_if = "Option::is_none")]
    base: Option<Duration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<DelayUnit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reuse: Option<Reuse>,
}

impl LatencyForm {
    /// The host file. A check refuses an empty path later.
    fn hosts(self) -> HostFile {
        HostFile {
            file: self.file.unwrap_or_default(),
            unit: self.unit.unwrap_or(DelayUnit::Ms),
            reuse: self.reuse.unwrap_or(Reuse::Never),
        }
    }

    fn of_hosts(model: LatencyModel, hosts: HostFile) -> LatencyForm {
        let HostFile { file, unit, reuse } = hosts;
        let (file, unit, reuse) = (Some(file), Some(unit), Some(reuse));
        LatencyForm { model, file, unit, reuse, ..LatencyForm::default() }
    }
}

impl From<LatencyForm> for Latency {
    fn from(form: LatencyForm) -> Latency {
        match form.model {
            LatencyModel::None => Latency::None,
            LatencyModel::Constant => {
                Latency::Constant { one_way: form.one_way.unwrap_or(LATENCY) }
            }
            LatencyModel::Uniform => {
                // If only one bound is written, the other gives way to it.
                let min = form
                    .min
                    .unwrap_or_else(|| form.max.map_or(LATENCY / 2, |max| max.min(LATENCY / 2)));
                let max = form.max.unwrap_or_else(|| min.max(LATENCY * 3 / 2));
                Latency::Uniform { min, max }
            }
            LatencyModel::Exponential => {
                Latency::Exponential { mean: form.mean.unwrap_or(LATENCY) }
            }
            LatencyModel::Euclidean => Latency::Euclidean {
                side: form.side.unwrap_or(SIDE),
                base: form.base.unwrap_or(BASE),
            },
            LatencyModel::King => Latency::King,
            LatencyModel::Coordinates => Latency::Coordinates(form.hosts()),
            LatencyModel::Matrix => Latency::Matrix(form.hosts()),
        }
    }
}

impl From<Latency> for LatencyForm {
    fn from(latency: Latency) -> LatencyForm {
        let form = LatencyForm::default();
        match latency {
            Latency::None => form,
            Latency::Constant { one_way } => {
                LatencyForm { model: LatencyModel::Constant, one_way: Some(one_way), ..form }
            }
            Latency::Uniform { min, max } => {
                LatencyForm { model: LatencyModel::Uniform, min: Some(min), max: Some(max), ..form }
            }
            Latency::Exponential { mean } => {
                LatencyForm { model: LatencyModel::Exponential, mean: Some(mean), ..form }
            }
            Latency::Euclidean { side, base } => LatencyForm {
                model: LatencyModel::Euclidean,
                side: Some(side),
                base: Some(base),
                ..form
            },
            Latency::King => LatencyForm { model: LatencyModel::King, ..form },
            Latency::Coordinates(hosts) => LatencyForm::of_hosts(LatencyModel::Coordinates, hosts),
            Latency::Matrix(hosts) => LatencyForm::of_hosts(LatencyModel::Matrix, hosts),
        }
    }
}
