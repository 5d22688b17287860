//! `hopwise compare --what storage`: stores values directly and by reference, under the same keys, delays and
//! departures (figure 7.8 of Wehrle, Götz and Rieche, *Distributed Hash Tables*, 2005).
//!
//! *direct*: a value lies at the owner of its key and the owner's holders. *reference*: it stays at the node
//! that wrote it, and the owner and its holders keep a reference.
//!
//! | in the folder | contents |
//! |---|---|
//! | `runs/WAY-BYTES-CASE/` | the files of one run, as `hopwise run` writes them |
//! | `compare.json` | the [`Comparison`]: all rows and verdicts |
//! | `compare.txt` | the table |
//!
//! **Invariant:** every figure comes from the saved [`Outcome`](crate::measure::outcome::Outcome) of a run.

mod comparison;
mod plan;
mod table;
mod verdict;

pub use comparison::{Comparison, Departed, Gets, Operation, Row, SCHEMA_VERSION};
pub use plan::{Case, DEFAULT_SIZES, GONE_PERCENT, Plan, Planned, refuse_planned};

use super::execute::{Report, compare_runs};
use crate::commands::Environment;
use crate::commands::options::{Exit, RunOptions};

/// Runs `plan` and writes the results as `options` say.
#[must_use]
pub(super) fn compare(env: &Environment, plan: &Plan, options: &RunOptions) -> Exit {
    let Plan { sizes, runs } = plan;
    compare_runs(env, options, "compare-storage", runs, |circumstances, ended| {
        let rows = comparison::rows(ended, sizes);
        let comparison = Comparison {
            schema_version: SCHEMA_VERSION,
            what: "storage".to_owned(),
            circumstances,
            verdicts: verdict::verdicts(&rows),
            rows,
        };
        Report::new(table::text(&comparison), &comparison)
    })
}
