//! What reports say of results: a document for one result, or for several that lie over each other.
//!
//! ```text
//! runs       one run, or several overlaid: outcomes, latency, hops, nodes     words    a scenario in words
//! timeline   runs over time, with faults and load steps                       marks    what happened when
//! sweep · campaign · compare · storage · plan · stress · diff                 origins  when, where, by what
//! ```
//!
//! **Invariant:** made from saved results only.

mod campaign;
mod compare;
mod diff;
mod hops;
mod marks;
mod origins;
mod plan;
mod runs;
mod storage;
mod stress;
mod sweep;
mod timeline;
mod words;

use super::document::Document;
use super::saved::Saved;
use super::saved::run::Run;

/// Most results in one report: more curves than this cannot be told apart.
const RESULTS_MAX: usize = 40;

/// Makes the report of `results`, each with the name of where it comes from: several runs, or one result of another
/// kind.
///
/// # Errors
///
/// If there is none, or if they cannot be shown together. The message says what could.
pub(crate) fn document(mut results: Vec<(String, Saved)>) -> Result<Document, String> {
    if results.len() > RESULTS_MAX {
        let count = results.len();
        return Err(format!(
            "{count} results: a report overlays {RESULTS_MAX} at most: give fewer"
        ));
    }
    if results.iter().all(|(_, saved)| matches!(saved, Saved::Run(_))) && !results.is_empty() {
        let run = |(name, saved)| match saved {
            Saved::Run(run) => Some((name, *run)),
            _ => None,
        };
        let all: Vec<(String, Run)> = results.into_iter().filter_map(run).collect();
        return runs::document(&all);
    }
    if results.len() > 1 {
        let other = results.iter().find(|(_, saved)| !matches!(saved, Saved::Run(_)));
        let what = other.map(|(name, saved)| format!("{name} is {}", saved.kind()));
        return Err(format!(
            "{}: only runs can be overlaid: give several runs, or one result of another kind",
            what.unwrap_or_default()
        ));
    }
    let Some((_, last)) = results.pop() else {
        return Err("no result: give a folder of results or a JSON document".to_owned());
    };
    Ok(match last {
        // Runs alone were handled above.
        Saved::Run(run) => return runs::document(&[(String::new(), *run)]),
        Saved::Sweep(sweep) => sweep::document(&sweep),
        Saved::Campaign(campaign) => campaign::document(&campaign),
        Saved::Comparison(comparison) => compare::document(&comparison),
        Saved::Storage(comparison) => storage::document(&comparison),
        Saved::Plan(plan) => plan::document(&plan),
        Saved::Stress(stress) => stress::document(&stress),
        Saved::Diff(diff) => diff::document(&diff),
    })
}
