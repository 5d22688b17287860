//! Committed instruction counts, and comparison with them.
//!
//! **Invariant:** counts are compared only if compiler, profile and processor family are the same,
//! since these determine the instructions.

use std::collections::BTreeMap;

use hopwise_harness::measure::provenance::{Build, Machine};
use serde::{Deserialize, Serialize};

/// A path may exceed its baseline by this fraction.
pub const TOLERANCE: f64 = 0.03;

/// Instructions per operation of each path, and the build they were counted with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// Compiler version.
    pub rustc: String,
    /// Cargo profile: `debug` or `release`.
    pub profile: String,
    /// Processor family.
    pub arch: String,
    /// The commit that was counted.
    pub commit: String,
    /// The machine that counted: it does not matter.
    pub machine: String,
    /// Instructions per operation, by the path's name.
    pub instructions: BTreeMap<String, f64>,
}

/// The result of a path's comparison with its baseline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// The relative difference to the baseline, within [`TOLERANCE`]. Negative if it takes less.
    Held(f64),
    /// The relative difference to the baseline exceeds [`TOLERANCE`].
    Exceeded(f64),
    /// There is no baseline for this path.
    Unknown,
}

impl Baseline {
    /// Creates an empty baseline for this program's own build.
    #[must_use]
    pub fn here() -> Baseline {
        let Build { rustc, profile, commit, .. } = Build::here();
        let (arch, machine) = (std::env::consts::ARCH.to_owned(), Machine::here().cpu);
        Baseline { rustc, profile, arch, commit, machine, instructions: BTreeMap::new() }
    }

    /// Whether the counts of `other` can be compared with these.
    #[must_use]
    pub fn is_comparable(&self, other: &Baseline) -> bool {
        (&self.rustc, &self.profile, &self.arch) == (&other.rustc, &other.profile, &other.arch)
    }

    /// Compares the `instructions` per operation of the path called `name` with the baseline.
    #[must_use]
    pub fn judge(&self, name: &str, instructions: f64) -> Verdict {
        let Some(baseline) = self.instructions.get(name) else { return Verdict::Unknown };
        let change = instructions / baseline - 1.0;
        if change <= TOLERANCE { Verdict::Held(change) } else { Verdict::Exceeded(change) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_increase_beyond_the_tolerance_is_exceeded() {
        let mut baseline = Baseline::here();
        baseline.instructions.insert("path".into(), 100.0);
        assert_eq!(baseline.judge("path", 100.0), Verdict::Held(0.0));
        assert!(matches!(baseline.judge("path", 102.9), Verdict::Held(_)));
        assert!(matches!(baseline.judge("path", 103.1), Verdict::Exceeded(_)));
        assert!(matches!(baseline.judge("path", 50.0), Verdict::Held(_)));
        assert_eq!(baseline.judge("other", 1.0), Verdict::Unknown);
    }

    #[test]
    fn a_written_baseline_is_read_back() {
        let mut baseline = Baseline::here();
        baseline.instructions.insert("path".into(), 30.25);
        let text = toml::to_string(&baseline).expect("a baseline is TOML");
        assert_eq!(toml::from_str::<Baseline>(&text).expect("it was just written"), baseline);
        assert!(!baseline.is_comparable(&Baseline { rustc: "another".into(), ..baseline.clone() }));
    }
}
