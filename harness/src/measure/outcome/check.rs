//! Findings of invariant checks.
//!
//! **Invariant:** knows no rule and no system; it only counts and describes what a checker found.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::base::skip::is_zero;

/// What checking the system's invariant after every event found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// Times the protocol broke its promise. The run failed if there are any.
    pub violations: u64,
    /// Violations that node failures alone explain, which the protocol does not promise to survive.
    pub beyond_promise: u64,
    /// With [`Regime::Suspicion`](super::Regime::Suspicion): times the invariant was broken and the
    /// protocol repaired it.
    pub episodes: u64,
    /// The longest such episode, in seconds.
    pub longest_s: f64,
    /// Runs at whose end the ring had to be exact, because nothing had disturbed it for long enough.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub exact: u64,
    /// The first violation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<Finding>,
}

/// A broken promise of the protocol.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// When it happened, in seconds of simulated time.
    pub at_s: f64,
    /// The broken rule and the nodes involved.
    pub broken: String,
    /// The command line that reproduces it, once the result is in its folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replay: Option<String>,
}

impl Check {
    /// Adds the figures of another run, except its first violation.
    pub fn merge(&mut self, other: &Check) {
        self.violations += other.violations;
        self.beyond_promise += other.beyond_promise;
        self.episodes += other.episodes;
        self.exact += other.exact;
        self.longest_s = self.longest_s.max(other.longest_s);
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "violation at {:.6} s: {}", self.at_s, self.broken)?;
        self.replay.as_ref().map_or(Ok(()), |replay| write!(f, "; to reproduce it: {replay}"))
    }
}
