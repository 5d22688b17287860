//! What reports say of results: a document for one result, or for several that lie over each other.
//!
//! ```text
//! runs       one run, or several overlaid: outcomes, latency, hops, nodes     words    a scenario in words
//! load       keys, values and requests over nodes
//! timeline   runs over time, with faults and load steps                       marks    what happened when
//! traces     lookups of a run, hop by hop
//! sweep · campaign · compare · storage · plan · stress · diff                 origins  when, where, by what
//! ```
//!
//! **Invariant:** made from saved results only.

mod campaign;
mod compare;
mod diff;
mod hops;
mod load;
mod marks;
mod origins;
mod plan;
mod runs;
mod storage;
mod stress;
mod sweep;
mod timeline;
mod traces;
mod words;

pub(crate) use self::words::sentences as in_sentences;
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
pub(crate) fn document(results: &[(String, Saved)]) -> Result<Document, String> {
    Ok(match results {
        [] => return Err("no result: give a folder of results or a JSON document".to_owned()),
        [(_, Saved::Sweep(sweep))] => sweep::document(sweep),
        [(_, Saved::Campaign(campaign))] => campaign::document(campaign),
        [(_, Saved::Comparison(comparison))] => compare::document(comparison),
        [(_, Saved::Storage(comparison))] => storage::document(comparison),
        [(_, Saved::Plan(plan))] => plan::document(plan),
        [(_, Saved::Stress(stress))] => stress::document(stress),
        [(_, Saved::Diff(diff))] => diff::document(diff),
        several if several.len() > RESULTS_MAX => {
            let count = several.len();
            return Err(format!(
                "{count} results: a report overlays {RESULTS_MAX} at most: give fewer"
            ));
        }
        runs => runs::document(&runs.iter().map(run).collect::<Result<Vec<_>, _>>()?)?,
    })
}

/// The run, with the name of where it comes from.
fn run((name, saved): &(String, Saved)) -> Result<(&str, &Run), String> {
    match saved {
        Saved::Run(run) => Ok((name, run)),
        other => Err(format!(
            "{name} is {}: only runs can be overlaid: give several runs, or one result of another kind",
            other.kind()
        )),
    }
}

/// A share in percent, if there is one.
fn percent(share: Option<f64>) -> Option<f64> {
    share.map(|share| share * 100.0)
}
