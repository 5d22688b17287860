//! Runs over time: load and answers, latency, nodes, maintenance, tables.
//!
//! A run without a time series has none of these charts.

use super::marks::marks;
use crate::report::chart::{Axis, Chart, Curves, Mark, Scale, Series, Style};
use crate::report::document::Section;
use crate::report::saved::run::Run;
use crate::report::saved::series::SeriesRow;

/// A figure of an interval.
type Of = fn(&SeriesRow) -> Option<f64>;

/// Curves of one chart: what each shows, and how.
type Shown = [(&'static str, Style, Of)];

const LOOKUPS: [(&str, Style, Of); 5] = [
    ("issued", Style::Steps, |row| row.per_s(row.issued)),
    ("completed", Style::Steps, |row| row.per_s(row.completed)),
    ("incorrect", Style::Steps, |row| row.per_s(row.incorrect)),
    ("failed", Style::Steps, |row| row.per_s(row.failed)),
    ("shed", Style::Steps, |row| row.per_s(row.shed)),
];
const LATENCY: [(&str, Style, Of); 2] = [
    ("p50", Style::Steps, |row| answered(row, row.latency_p50_us / 1e3)),
    ("p99", Style::Steps, |row| answered(row, row.latency_p99_us / 1e3)),
];
const NODES: [(&str, Style, Of); 1] =
    [("live nodes", Style::Steps, |row| Some(row.live_nodes as f64))];
const MAINTENANCE: [(&str, Style, Of); 1] = [("maintenance", Style::Steps, |row| {
    row.per_s(row.maintenance_bytes)
        .filter(|_| row.live_nodes > 0)
        .map(|it| it / row.live_nodes as f64)
})];
const TABLES: [(&str, Style, Of); 6] = [
    ("first successors, wrong", Style::Line, |row| percent(row.first_successors_wrong)),
    ("first successors, dead", Style::Line, |row| percent(row.first_successors_dead)),
    ("successors, wrong", Style::Line, |row| percent(row.successors_wrong)),
    ("successors, dead", Style::Line, |row| percent(row.successors_dead)),
    ("fingers, wrong", Style::Line, |row| percent(row.fingers_wrong)),
    ("fingers, dead", Style::Line, |row| percent(row.fingers_dead)),
];
const OWNERSHIP: [(&str, Style, Of); 3] = [
    ("claimed by no node", Style::Line, |row| percent(row.owned_by_none)),
    ("by two nodes", Style::Line, |row| percent(row.owned_by_two)),
    ("by more", Style::Line, |row| percent(row.owned_by_more)),
];

fn answered(row: &SeriesRow, figure: f64) -> Option<f64> {
    (row.completed > 0).then_some(figure)
}

fn percent(share: Option<f64>) -> Option<f64> {
    share.map(|share| share * 100.0)
}

/// The section of these runs.
pub(super) fn section(runs: &[(&str, &Run)]) -> Section {
    let mut section = Section::new("time", "Over time");
    let with_series: Vec<(&str, &Run)> =
        runs.iter().copied().filter(|(_, run)| !run.series.is_empty()).collect();
    if with_series.is_empty() {
        return section;
    }
    // Marks of several runs would hide each other, unless they are the same.
    let all: Vec<Vec<Mark>> = with_series.iter().map(|(_, run)| marks(run)).collect();
    let marks = all.first().filter(|first| all.iter().all(|it| it == *first)).cloned();
    let plot = Plot { runs: &with_series, marks: marks.unwrap_or_default() };
    let per_s = Axis::new("Lookups", "1/s", Scale::Linear);
    section.add_chart(plot.chart(
        "lookups",
        "Lookups by outcome",
        "Each counts when it was due.",
        per_s,
        &LOOKUPS,
    ));
    section.add_chart(plot.goodput());
    let ms = Axis::new("Latency", "ms", Scale::Log);
    section.add_chart(plot.chart(
        "latency-time",
        "Latency",
        "Of the lookups that were due in the interval.",
        ms,
        &LATENCY,
    ));
    section.add_chart(plot.chart(
        "nodes",
        "Live nodes",
        "",
        Axis::new("Nodes", "", Scale::Linear),
        &NODES,
    ));
    let upkeep = Axis::new("Bytes per node", "B/s", Scale::Linear);
    section.add_chart(plot.chart(
        "maintenance-time",
        "Maintenance traffic",
        "Headers included.",
        upkeep,
        &MAINTENANCE,
    ));
    let shares = || Axis::new("Share", "%", Scale::Linear);
    let note = "Wrong: not the node that an exact table has there. Dead: a node that is gone.";
    section.add_chart(plot.chart("tables", "Entries of routing tables", note, shares(), &TABLES));
    let note = "In an exact ring, one node claims each key.";
    section.add_chart(plot.chart(
        "ownership",
        "Keys without exactly one owner",
        note,
        shares(),
        &OWNERSHIP,
    ));
    section
}

/// Runs and what marks their time axis.
struct Plot<'a> {
    runs: &'a [(&'a str, &'a Run)],
    marks: Vec<Mark>,
}

impl Plot<'_> {
    fn chart(&self, id: &str, title: &str, note: &str, y: Axis, shown: &Shown) -> Chart {
        let mut series = Vec::new();
        for (place, (name, run)) in self.runs.iter().enumerate() {
            for (figure, (what, style, of)) in shown.iter().enumerate() {
                let (name, color) = match self.runs.len() {
                    1 => ((*what).to_owned(), figure),
                    _ if shown.len() == 1 => ((*name).to_owned(), place),
                    _ => (format!("{name}: {what}"), place),
                };
                let points = run.series.iter().map(|row| (row.start_s(), of(row)));
                let last = run.series.last().map(|row| (row.t_s, of(row)));
                let one = Series::new(name, *style, color, points.chain(last));
                // A curve that is 0 all the time says less than it hides; a single one says that.
                let is_flat = one.y.iter().flatten().all(|y| *y == 0.0);
                if one.has_values() && (!is_flat || shown.len() == 1) {
                    series.push(Series { dashed: self.runs.len() > 1 && figure % 2 == 1, ..one });
                }
            }
        }
        Chart::Curves(Curves {
            id: id.to_owned(),
            title: title.to_owned(),
            note: note.to_owned(),
            x: Axis::time(),
            y,
            series,
            marks: self.marks.clone(),
        })
    }

    /// Right answers per second against the lookups that were due: a point for each interval.
    fn goodput(&self) -> Chart {
        let mut series = Vec::new();
        let mut most = 0.0_f64;
        for (color, (name, run)) in self.runs.iter().enumerate() {
            let of = |row: &SeriesRow| {
                let right = row.completed.saturating_sub(row.incorrect);
                Some((row.per_s(row.issued)?, row.per_s(right)))
            };
            let whole =
                |row: &&SeriesRow| row.length_s >= 0.2 && row.phase != "drain" && row.issued > 0;
            let mut points: Vec<_> = run.series.iter().filter(whole).filter_map(of).collect();
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            most = points.iter().map(|point| point.0).fold(most, f64::max);
            series.push(Series::new(*name, Style::Points, color, points));
        }
        let answered = [(0.0, Some(0.0)), (most, Some(most))];
        series.push(Series::new("all answered", Style::Line, 7, answered).dashed());
        Chart::Curves(Curves {
            id: "goodput".to_owned(),
            title: "Goodput against offered load".to_owned(),
            note: "A point for each second. On the dashed line, all lookups get a right answer."
                .to_owned(),
            x: Axis::new("Offered", "1/s", Scale::Linear),
            y: Axis::new("Right answers", "1/s", Scale::Linear),
            series,
            marks: Vec::new(),
        })
    }
}
