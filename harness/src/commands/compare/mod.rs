//! `hopwise compare`: runs several systems ([`Plan`]) or two ways to store a value ([`storage`]) under the
//! same conditions.
//!
//! The comparison of systems runs them with the same items, queries, delays and churn, at several
//! sizes, without and with crashes, and fits how their costs grow.
//!
//! | in the folder | contents |
//! |---|---|
//! | `runs/SYSTEM-NODES-CRASH/` | the files of one run, as `hopwise run` writes them |
//! | `compare.json` | the [`Comparison`]: all rows, fits and verdicts |
//! | `compare.svg` | messages per query against entries per node |
//! | `compare.txt` | the table |
//!
//! **Invariant:** every figure comes from the saved [`Outcome`] of a run.

mod comparison;
mod execute;
mod plot;
mod regression;
mod runs;
pub mod storage;
mod table;
mod verdict;

use self::execute::{Report, compare_runs};
pub use comparison::{Comparison, Growth, Row, SCHEMA_VERSION, Spread};
pub use execute::Circumstances;
pub use runs::{Contender, Crash, Plan, PlanError, Planned, refuse_planned};

use crate::commands::Environment;
use crate::commands::options::{Exit, RunOptions};
use crate::measure::outcome::Outcome;

/// What is compared.
#[derive(Clone, Debug)]
pub enum Subject {
    /// Systems, at several sizes.
    Systems(Plan),
    /// The two ways to store a value, at several sizes of values.
    Storage(storage::Plan),
}

/// Runs what is compared, and writes the results as `options` say.
#[must_use]
pub fn compare(env: &Environment, subject: &Subject, options: &RunOptions) -> Exit {
    match subject {
        Subject::Systems(plan) => compare_systems(env, plan, options),
        Subject::Storage(plan) => storage::compare(env, plan, options),
    }
}

fn compare_systems(env: &Environment, plan: &Plan, options: &RunOptions) -> Exit {
    let Plan { systems, has_items, runs } = plan;
    compare_runs(env, options, "compare", runs, |circumstances, ended| {
        let rows = rows(ended, systems);
        let growth = comparison::growth(&rows, systems);
        let comparison = Comparison {
            schema_version: SCHEMA_VERSION,
            circumstances,
            items: *has_items,
            verdicts: verdict::verdicts(&rows, &growth, systems, *has_items),
            rows,
            growth,
        };
        let svg = plot::svg(&comparison.rows)?;
        let report = Report::new(table::text(&comparison), &comparison)?;
        Ok(Report { svg: Some(svg), ..report })
    })
}

/// A row for each run without a crash, with the figures of its runs with one.
fn rows(ended: &[(&Planned, Outcome)], systems: &[Contender]) -> Vec<Row> {
    let success_of = |row: &Row, crash: Crash| {
        let is_it = |planned: &Planned| {
            (&planned.scenario.system, planned.scenario.nodes) == (&row.system, row.nodes)
                && planned.crash == crash
        };
        let (_, outcome) = ended.iter().find(|(planned, _)| is_it(planned))?;
        comparison::success(outcome)
    };
    let undisturbed = ended.iter().filter(|(planned, _)| planned.crash == Crash::None);
    let mut rows: Vec<Row> = undisturbed
        .map(|(planned, outcome)| {
            let row = Row::of(&planned.scenario.system, planned.scenario.nodes, outcome);
            Row {
                success_busiest_crashed: success_of(&row, Crash::Busiest),
                success_third_crashed: success_of(&row, Crash::Third),
                ..row
            }
        })
        .collect();
    let rank = |row: &Row| systems.iter().position(|system| system.name == row.system);
    rows.sort_by_key(|row| (rank(row), row.nodes));
    rows
}
