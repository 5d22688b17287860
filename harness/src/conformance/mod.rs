//! What every system owes its drivers, as one call.
//!
//! ```no_run
//! # use hopwise_harness::systems::RingSystem as MySystem;
//! hopwise_harness::conformance::<MySystem>();
//! ```
//!
//! | rule | what is checked |
//! |---|---|
//! | bytes | a message reads back as it was written, its length is the one stated, a message at rest is the same message |
//! | hostile bytes | damaged, cut and repeated datagrams are refused or handled; no node panics |
//! | allocation | nodes allocate nothing once they are built (where the program counts, see [`CountingAllocator`]) |
//! | determinism | the same seed gives the same outcome twice, on one thread or several, with typed messages and with bytes |
//! | answers | without churn, every answer is right |
//! | timers | nothing is armed in the past (where debug assertions are on) |
//!
//! **Invariant:** a rule knows a system through [`System`] and its codec alone.

mod allocation;
mod bytes;
mod determinism;
mod hostile;
mod network;

use std::fmt;

pub use self::allocation::CountingAllocator;
use self::network::SmallNetwork;
use crate::plug::System;

/// Checks that `S` keeps every rule. Takes a few seconds.
///
/// # Panics
///
/// With every rule that is broken, and where.
pub fn conformance<S: System>() -> Report {
    let report = Report {
        system: S::NAME,
        findings: vec![
            Finding::new("bytes", bytes::check::<S>()),
            Finding::new("hostile bytes", hostile::check::<S>()),
            Finding::new("allocation", allocation::check::<S>()),
            Finding::new("determinism, answers, timers", determinism::check::<S>()),
        ],
    };
    assert!(report.findings.iter().all(|finding| finding.result.is_ok()), "{report}");
    report
}

/// What was found of each rule.
#[derive(Clone, Debug)]
pub struct Report {
    system: &'static str,
    findings: Vec<Finding>,
}

#[derive(Clone, Debug)]
struct Finding {
    rule: &'static str,
    result: Result<String, String>,
}

impl Finding {
    fn new(rule: &'static str, result: Result<String, String>) -> Finding {
        Finding { rule, result }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "conformance of {}", self.system)?;
        for Finding { rule, result } in &self.findings {
            match result {
                Ok(seen) => writeln!(f, "  kept    {rule}: {seen}")?,
                Err(broken) => writeln!(f, "  BROKEN  {rule}: {broken}")?,
            }
        }
        Ok(())
    }
}
