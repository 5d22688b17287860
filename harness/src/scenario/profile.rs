//! The profile of the load: when and how its rate changes during the measured phase.
//!
//! ```text
//!              ┌──────── lookups_per_s, from `at` + `over` on
//!             ╱
//!   ─────────╱           workload.lookups_per_s, before the first `at`
//!            at
//! ```
//!
//! **Invariant:** the changes of a valid profile follow each other, and the measured phase goes on
//! after the last.

use super::impossible::{Verdict, require, require_that};
use super::{Measure, Scenario, duration};

/// Keys of a change without a default: each must be written. With what to call them.
pub(super) const REQUIRED: [(&[&str], &str); 2] =
    [(&["at"], "at"), (&["lookups_per_s"], "lookups_per_s")];

/// Checks the profile of a scenario, if it has one.
pub(super) fn check(all: &Scenario) -> Verdict {
    let Some(profile) = &all.workload.profile else { return Ok(()) };
    require_that(!profile.is_empty(), "workload.profile", || {
        "at least one table with at and lookups_per_s, or leave it out".to_owned()
    })?;
    let Measure::Lasting(end) = all.phases.measure else {
        return require_that(false, "phases.lookups", || {
            "phases.measure instead, or leave workload.profile out: its times need a phase of a \
             stated length"
                .to_owned()
        });
    };
    let path = |index: usize, key: &str| format!("workload.profile.{index}.{key}");
    let end_is = || format!("phases.measure = {:?}", duration::text(end));
    for (index, change) in profile.iter().enumerate() {
        require(change.lookups_per_s.is_possible(), &path(index, "lookups_per_s"))?;
        require_that(change.at < end, &path(index, "at"), || {
            format!("a duration below {}", end_is())
        })?;
        require_that(change.over <= end - change.at, &path(index, "over"), || {
            format!("a duration that, after at, ends within {}", end_is())
        })?;
    }
    for (index, pair) in profile.windows(2).enumerate() {
        let [before, after] = pair else { continue };
        let its = |key: &str, time| format!("{} = {:?}", path(index, key), duration::text(time));
        require_that(after.at > before.at, &path(index + 1, "at"), || {
            format!("a duration above {}, as changes are written in order", its("at", before.at))
        })?;
        require_that(after.at >= before.end(), &path(index, "over"), || {
            let next = path(index + 1, "at");
            format!(
                "a duration that, after at, ends by {next} = {:?}: ramps do not overlap",
                duration::text(after.at)
            )
        })?;
    }
    Ok(())
}
