//! Lookups of a run, hop by hop.

use std::cmp::Reverse;

use crate::measure::trace::{LookupTrace, Traces};
use crate::report::document::Section;
use crate::report::traces::{drawing, plain_text};
use crate::report::units::count;

/// The most lookups in a report.
const LOOKUPS_MAX: usize = 20;

/// The section of the slowest lookups, those without an answer first.
pub(super) fn section(traces: &Traces) -> Section {
    let mut section = Section::new("traces", "Lookups, hop by hop");
    let mut slowest: Vec<&LookupTrace> = traces.traces.iter().collect();
    slowest.sort_by_key(|it| (it.hops.is_some(), Reverse(it.latency_ns()), it.number));
    slowest.truncate(LOOKUPS_MAX);
    if slowest.is_empty() {
        return section;
    }
    let (all, shown) = (count(traces.traces.len() as u64), count(slowest.len() as u64));
    section.text.push(match slowest.len() == traces.traces.len() {
        true => format!("The {all} lookups that were traced, the slowest first."),
        false => format!("The {shown} slowest of the {all} lookups that were traced."),
    });
    section.text.push(
        "Time runs to the right; each line is a node. Thick arrows are the way to the answer, thin ones other \
         branches. Dashed red arrows are messages that were lost or whose receiver was gone; a red bar is the wait for \
         a node that did not answer, a gray one the wait in a node's queue. The owner of the key is green."
            .to_owned(),
    );
    section.paths = slowest.into_iter().map(|it| (drawing(it), plain_text(it))).collect();
    section
}
