//! A service level: what callers must get, such as `p99<50ms,success>99.9%`.
//!
//! **Invariant:** what was not measured fulfils nothing.

use std::fmt;
use std::str::FromStr;

use super::service::{Percentiles, Service};
use crate::measure::bound::Bound;
use crate::measure::outcome::Unit;
use crate::measure::quantity::Quantity;

/// Bounds that hold together.
#[derive(Clone, PartialEq, Debug)]
pub struct Level {
    text: String,
    terms: Vec<Term>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
struct Term {
    subject: &'static Subject,
    bound: Bound,
}

/// What a term may bound.
#[derive(Debug)]
struct Subject {
    name: &'static str,
    unit: Unit,
    of: fn(&Service) -> Option<f64>,
}

/// The same subject under one name is the same.
impl PartialEq for Subject {
    fn eq(&self, other: &Subject) -> bool {
        self.name == other.name
    }
}

const fn latency(name: &'static str, of: fn(&Service) -> Option<f64>) -> Subject {
    Subject { name, unit: Unit::Seconds, of }
}

const fn share(name: &'static str, of: fn(&Service) -> Option<f64>) -> Subject {
    Subject { name, unit: Unit::Ratio, of }
}

static SUBJECTS: [Subject; 9] = [
    latency("p50", |it| in_s(it, |latency| latency.p50)),
    latency("p90", |it| in_s(it, |latency| latency.p90)),
    latency("p99", |it| in_s(it, |latency| latency.p99)),
    latency("p99.9", |it| in_s(it, |latency| latency.p99_9)),
    latency("max", |it| in_s(it, |latency| latency.max)),
    share("success", |it| it.success),
    share("shed", |it| (it.due > 0).then_some(it.shed)),
    share("failed", |it| (it.due > 0).then_some(it.failed)),
    Subject { name: "goodput", unit: Unit::PerSecond, of: |it| Some(it.goodput_per_s) },
];

/// The names of a figure of a run that mean the same.
const OTHER_NAMES: [(&str, &str); 6] = [
    ("latency.p50", "p50"),
    ("latency.p90", "p90"),
    ("latency.p99", "p99"),
    ("latency.p99_9", "p99.9"),
    ("p99_9", "p99.9"),
    ("latency.max", "max"),
];

fn in_s(service: &Service, of: impl Fn(&Percentiles) -> f64) -> Option<f64> {
    service.latency_us.as_ref().map(|latency| of(latency) / 1e6)
}

impl Level {
    /// What `service` breaks of it; nothing if the level holds.
    pub(crate) fn broken_by(&self, service: &Service) -> Vec<String> {
        let broken = self.terms.iter().filter_map(|Term { subject, bound }| {
            let value = (subject.of)(service);
            match value {
                Some(value) if bound.holds(value) => None,
                Some(value) => {
                    let value = Quantity { value, unit: subject.unit };
                    Some(format!("{} {value}", subject.name))
                }
                None => Some(format!("{} unknown", subject.name)),
            }
        });
        broken.collect()
    }
}

impl FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Level, String> {
        let terms = text.split(',').map(|term| {
            let (name, bound) = Bound::split(term).ok_or_else(|| {
                format!("{:?} has no bound: write for instance p99<50ms,success>99.9%", term.trim())
            })?;
            let meant = OTHER_NAMES.iter().find(|(other, _)| *other == name);
            let meant = meant.map_or(name, |(_, meant)| meant);
            let subject =
                SUBJECTS.iter().find(|subject| subject.name == meant).ok_or_else(|| {
                    let all: Vec<&str> = SUBJECTS.iter().map(|subject| subject.name).collect();
                    format!("{name:?} is not accepted: write one of {}", all.join(", "))
                })?;
            Ok(Term { subject, bound: Bound::parse(bound, subject.unit)? })
        });
        let terms = terms.collect::<Result<Vec<Term>, String>>()?;
        Ok(Level { text: text.split_whitespace().collect(), terms })
    }
}

/// As it was written, without spaces.
impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(text: &str) -> Level {
        text.parse().expect(text)
    }

    fn service(p99_ms: f64, success: f64) -> Service {
        let latency = Percentiles { p99: p99_ms * 1e3, ..Percentiles::default() };
        let (latency_us, success) = (Some(latency), Some(success));
        Service { due: 100, latency_us, success, ..Service::default() }
    }

    #[test]
    fn a_level_holds_if_all_its_terms_do() {
        let both = level("p99<50ms, success > 99.9%");
        assert_eq!(both.to_string(), "p99<50ms,success>99.9%");
        assert_eq!(both.broken_by(&service(49.0, 0.9999)), [""; 0]);
        assert_eq!(both.broken_by(&service(50.0, 0.9999)), ["p99 50 ms"]);
        assert_eq!(both.broken_by(&service(62.0, 0.98)), ["p99 62 ms", "success 98 %"]);
        assert_eq!(both.broken_by(&Service::default()), ["p99 unknown", "success unknown"]);
        assert_eq!(level("latency.p99<=1s").broken_by(&service(999.0, 0.0)), [""; 0]);
        assert_eq!(level("shed<1%,goodput>=0").broken_by(&service(1.0, 1.0)), [""; 0]);
    }

    #[test]
    fn wrong_levels_say_what_is_right() {
        for (wrong, right) in [
            ("", "write for instance p99<50ms"),
            ("p99", "write for instance p99<50ms"),
            ("p98<1s", "write one of p50, p90, p99"),
            ("p99<fast", "a time such as 50ms"),
            ("p99<50ms,", "has no bound"),
            ("success>99.9x", "a share such as"),
        ] {
            let error = wrong.parse::<Level>().expect_err(wrong);
            assert!(error.contains(right), "{wrong}: {error}");
        }
    }
}
