//! Hops per lookup, with what theory expects of an exact ring.

use super::words::{text, value};
use crate::measure::outcome::Outcome;
use crate::report::chart::{Axis, Chart, Curves, Scale, Series, Style};
use crate::systems::ring::expected_hops;

/// The shares of lookups by hops, of each run. `expected` adds the distribution over exact tables of the last one.
pub(super) fn chart(runs: &[(&str, &Outcome)]) -> Chart {
    let mut series = Vec::new();
    let mut note = "Transfers between live nodes, the last one to the owner included.".to_owned();
    for (color, (name, outcome)) in runs.iter().enumerate() {
        let all: u64 = outcome.lookups.hops.histogram.iter().sum();
        let share = |count: u64| (all > 0).then(|| count as f64 / all as f64 * 100.0);
        let points = outcome.lookups.hops.histogram.iter().zip(0u32..);
        let points = points.map(|(&count, hops)| (f64::from(hops), share(count)));
        let style = if runs.len() == 1 { Style::Bars } else { Style::Line };
        series.push(Series::new(*name, style, color, points));
    }
    if let [(_, outcome)] = runs
        && let Some(expected) = expected(outcome)
    {
        let points =
            expected.iter().zip(0u32..).map(|(share, hops)| (f64::from(hops), Some(share * 100.0)));
        series.push(Series::new("exact tables", Style::Line, 1, points).dashed());
        note += " The dashed curve is drawn from greedy routing over exact tables.";
    }
    Chart::Curves(Curves {
        note,
        ..Curves::new(
            "hops",
            "Hops per lookup",
            Axis::new("Hops", "", Scale::Linear),
            Axis::new("Lookups", "%", Scale::Linear),
            series,
        )
    })
}

/// What theory expects of this run: `None` unless it is a ring of nodes.
fn expected(outcome: &Outcome) -> Option<Vec<f64>> {
    let scenario = &outcome.scenario;
    let is_ring = text(scenario, "system") == Some("ring");
    if !is_ring || text(scenario, "ring.answer") != Some("owner") || outcome.target.is_some() {
        return None;
    }
    let whole = |path: &str| value(scenario, path).map(|it| it as u32);
    expected_hops(
        (outcome.membership.live_mean.round() as u64).max(1)
            * u64::from(whole("ring.virtual_nodes").unwrap_or(1)),
        whole("ring.base")?,
        whole("ring.successors")?,
    )
}
