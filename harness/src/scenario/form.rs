//! How choices are written: each `…Form` is the flat table that stands for an enum in TOML.
//!
//! Flat tables, because serde loses the path to a wrong value inside a tagged enum, and because
//! alternatives such as `measure` and `lookups` are sibling keys. Which keys go together is checked
//! before a form is read (`parse.rs`), so turning a form into its type cannot fail.
//!
//! **Invariant:** from a type to its form and back is the identity.

use core::fmt;
use core::time::Duration;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{
    Amount, DelayUnit, Downtime, Fault, FaultKind, HostFile, Keys, Latency, Lengths, Load, Measure,
    Phases, Reuse, Target, Timeout, Workload, duration,
};

/// The delay that `constant` and `exponential` latency mean unless told; `uniform` lies around it.
const LATENCY: Duration = Duration::from_millis(50);
/// The delay across the square of `euclidean` latency unless told.
const SIDE: Duration = Duration::from_millis(100);
/// The delay that comes on top of it unless told.
const BASE: Duration = Duration::from_millis(1);
/// The mean of sessions and downtimes unless told.
const LENGTH: Duration = Duration::from_secs(3600);
/// The shape of Weibull sessions unless told: near what file sharers show (Stutzbach and Rejaie,
/// *Understanding churn in peer-to-peer networks*, IMC 2006).
const WEIBULL_SHAPE: f64 = 0.5;
/// The shape of Pareto sessions unless told.
const PARETO_SHAPE: f64 = 2.0;
/// The skew of Zipf keys unless told.
const ZIPF_EXPONENT: f64 = 1.0;
/// The population of Zipf keys unless told.
const ZIPF_POPULATION: u64 = 1_000_000;

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

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct LatencyForm {
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
    /// What is said about a file. One that is not named is found out by the check.
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
                // Told one bound only, the other keeps out of its way.
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

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum LengthsDistribution {
    #[default]
    Exponential,
    Weibull,
    Pareto,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct LengthsForm {
    distribution: LengthsDistribution,
    #[serde(with = "duration::optional", skip_serializing_if = "Option::is_none")]
    mean: Option<Duration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shape: Option<f64>,
}

impl From<LengthsForm> for Lengths {
    fn from(form: LengthsForm) -> Lengths {
        let mean = form.mean.unwrap_or(LENGTH);
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

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum KeysDistribution {
    #[default]
    Uniform,
    Zipf,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct KeysForm {
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

#[derive(Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct WorkloadForm {
    #[serde(skip_serializing_if = "Option::is_none")]
    lookups_per_s: Option<f64>,
    #[serde(with = "duration::optional", skip_serializing_if = "Option::is_none")]
    lookup_interval: Option<Duration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    in_flight: Option<u32>,
    #[serde(with = "duration")]
    deadline: Duration,
    keys: Keys,
}

impl Default for WorkloadForm {
    fn default() -> WorkloadForm {
        let Workload { load: _, deadline, keys } = Workload::default();
        WorkloadForm { lookups_per_s: None, lookup_interval: None, in_flight: None, deadline, keys }
    }
}

impl From<WorkloadForm> for Workload {
    fn from(form: WorkloadForm) -> Workload {
        let load = (form.lookups_per_s.map(Load::PerSecond))
            .or(form.lookup_interval.map(Load::PerNode))
            .or(form.in_flight.map(Load::InFlight))
            .unwrap_or(Workload::default().load);
        Workload { load, deadline: form.deadline, keys: form.keys }
    }
}

impl From<Workload> for WorkloadForm {
    fn from(Workload { load, deadline, keys }: Workload) -> WorkloadForm {
        let form = WorkloadForm { deadline, keys, ..WorkloadForm::default() };
        match load {
            Load::PerSecond(rate) => WorkloadForm { lookups_per_s: Some(rate), ..form },
            Load::PerNode(interval) => WorkloadForm { lookup_interval: Some(interval), ..form },
            Load::InFlight(count) => WorkloadForm { in_flight: Some(count), ..form },
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct PhasesForm {
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

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum FaultWord {
    Crash,
    Leave,
    Join,
    Return,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FaultForm {
    #[serde(default, with = "duration")]
    at: Duration,
    #[serde(default, with = "duration")]
    over: Duration,
    kind: FaultWord,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target: Option<Target>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fraction: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    count: Option<u32>,
}

impl From<FaultForm> for Fault {
    fn from(form: FaultForm) -> Fault {
        let FaultForm { at, over, kind, target, fraction, count } = form;
        let kind = match kind {
            FaultWord::Crash => FaultKind::Crash(target.unwrap_or_default()),
            FaultWord::Leave => FaultKind::Leave,
            FaultWord::Join => FaultKind::Join,
            FaultWord::Return => FaultKind::Return,
        };
        let amount = fraction.map_or(Amount::Count(count.unwrap_or_default()), Amount::Fraction);
        Fault { at, over, kind, amount }
    }
}

impl From<Fault> for FaultForm {
    fn from(Fault { at, over, kind, amount }: Fault) -> FaultForm {
        let (kind, target) = match kind {
            FaultKind::Crash(target) => (FaultWord::Crash, Some(target)),
            FaultKind::Leave => (FaultWord::Leave, None),
            FaultKind::Join => (FaultWord::Join, None),
            FaultKind::Return => (FaultWord::Return, None),
        };
        let (fraction, count) = match amount {
            Amount::Fraction(fraction) => (Some(fraction), None),
            Amount::Count(count) => (None, Some(count)),
        };
        FaultForm { at, over, kind, target, fraction, count }
    }
}

impl Serialize for Timeout {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Timeout::Adaptive => to.serialize_str("adaptive"),
            Timeout::Fixed(timeout) => duration::serialize(timeout, to),
        }
    }
}

impl<'de> Deserialize<'de> for Timeout {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Timeout, D::Error> {
        match String::deserialize(from)?.as_str() {
            "adaptive" => Ok(Timeout::Adaptive),
            text => duration::parse(text).map(Timeout::Fixed),
        }
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
