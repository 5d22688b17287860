//! Runs over time: load and answers, latency, nodes, maintenance, tables.
//!
//! A run without a time series has none of these charts.

use super::marks::marks;
use super::percent;
use crate::report::chart::{Axis, Chart, Curves, Mark, Scale, Series, Style};
use crate::report::document::Section;
use crate::report::saved::run::Run;
use crate::report::saved::series::SeriesRow;

/// A figure of an interval.
type Of = fn(&SeriesRow) -> Option<f64>;

/// What a curve shows.
struct Shown {
    name: &'static str,
    when: When,
    of: Of,
}

/// When a figure of an interval was true.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    /// All the time.
    During,
    /// At its end, and until the next one.
    FromEnd,
    /// At its end.
    AtEnd,
}

const fn during(name: &'static str, of: Of) -> Shown {
    Shown { name, when: When::During, of }
}

const fn at_end(name: &'static str, of: Of) -> Shown {
    Shown { name, when: When::AtEnd, of }
}

const LOOKUPS: [Shown; 5] = [
    during("issued", |row| row.per_s(row.issued)),
    during("completed", |row| row.per_s(row.completed)),
    during("incorrect", |row| row.per_s(row.incorrect)),
    during("failed", |row| row.per_s(row.failed)),
    during("shed", |row| row.per_s(row.shed)),
];
const LATENCY: [Shown; 2] = [
    during("p50", |row| answered(row, row.latency_p50_us / 1e3)),
    during("p99", |row| answered(row, row.latency_p99_us / 1e3)),
];
const NODES: [Shown; 1] =
    [Shown { name: "live nodes", when: When::FromEnd, of: |row| Some(row.live_nodes as f64) }];
const MAINTENANCE: [Shown; 1] = [during("maintenance", |row| {
    let nodes = row.nodes_before.max(row.live_nodes);
    row.per_s(row.maintenance_bytes).filter(|_| nodes > 0).map(|bytes| bytes / nodes as f64)
})];
const TABLES: [Shown; 6] = [
    at_end("first successors, wrong", |row| percent(row.first_successors_wrong)),
    at_end("first successors, dead", |row| percent(row.first_successors_dead)),
    at_end("successors, wrong", |row| percent(row.successors_wrong)),
    at_end("successors, dead", |row| percent(row.successors_dead)),
    at_end("fingers, wrong", |row| percent(row.fingers_wrong)),
    at_end("fingers, dead", |row| percent(row.fingers_dead)),
];
const OWNERSHIP: [Shown; 3] = [
    at_end("claimed by no node", |row| percent(row.owned_by_none)),
    at_end("by two nodes", |row| percent(row.owned_by_two)),
    at_end("by more", |row| percent(row.owned_by_more)),
];
/// Loads that differ by less than this share are one load.
const SAME_LOAD: f64 = 0.3;

fn answered(row: &SeriesRow, figure: f64) -> Option<f64> {
    (row.completed > 0).then_some(figure)
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
    // Of several runs, what was issued would hide what became of it.
    let shown = if with_series.len() > 1 { &LOOKUPS[1..] } else { &LOOKUPS[..] };
    section.add_chart(plot.chart(
        "lookups",
        "Lookups by outcome",
        "Each counts when it was due.",
        per_s,
        shown,
    ));
    section.charts.extend(plot.goodput());
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

impl Shown {
    fn series(&self, name: String, color: usize, run: &Run) -> Series {
        let rows = run.series.iter();
        match self.when {
            When::During => {
                let points = rows.map(|row| (row.start_s(), (self.of)(row)));
                let last = run.series.last().map(|row| (row.t_s, (self.of)(row)));
                Series::new(name, Style::Steps, color, points.chain(last))
            }
            When::FromEnd => {
                Series::new(name, Style::Steps, color, rows.map(|row| (row.t_s, (self.of)(row))))
            }
            // An interval without a sample is no gap.
            When::AtEnd => {
                let known = rows.filter_map(|row| Some((row.t_s, Some((self.of)(row)?))));
                Series::new(name, Style::Line, color, known)
            }
        }
    }
}

/// Runs and what marks their time axis.
struct Plot<'a> {
    runs: &'a [(&'a str, &'a Run)],
    marks: Vec<Mark>,
}

impl Plot<'_> {
    fn chart(&self, id: &str, title: &str, note: &str, y: Axis, shown: &[Shown]) -> Chart {
        let mut series = Vec::new();
        for (place, (name, run)) in self.runs.iter().enumerate() {
            for (figure, shown_one) in shown.iter().enumerate() {
                let (name, color) = match self.runs.len() {
                    1 => (shown_one.name.to_owned(), figure),
                    _ if shown.len() == 1 => ((*name).to_owned(), place),
                    _ => (format!("{name}: {}", shown_one.name), place),
                };
                let one = shown_one.series(name, color, run);
                // A curve that is 0 all the time says less than it hides; a single one says that.
                let is_flat = one.y.iter().flatten().all(|y| *y == 0.0);
                if one.has_values() && (!is_flat || shown.len() == 1) {
                    series.push(Series { dashed: self.runs.len() > 1 && figure % 2 == 1, ..one });
                }
            }
        }
        Chart::Curves(Curves {
            note: note.to_owned(),
            marks: self.marks.clone(),
            ..Curves::new(id, title, Axis::time(), y, series)
        })
    }

    /// Right answers per second against the lookups that were due: a point for each interval. `None` if the load
    /// was the same all the time.
    fn goodput(&self) -> Option<Chart> {
        let mut series = Vec::new();
        let (mut least, mut most) = (f64::MAX, 0.0_f64);
        for (color, (name, run)) in self.runs.iter().enumerate() {
            let of = |row: &SeriesRow| {
                let right = row.completed.saturating_sub(row.incorrect);
                Some((row.per_s(row.issued)?, row.per_s(right)))
            };
            let is_whole = |row: &&SeriesRow| row.length_s >= 0.2 && row.issued > 0;
            let mut points: Vec<_> = run.series.iter().filter(is_whole).filter_map(of).collect();
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            for (offered, _) in &points {
                (least, most) = (least.min(*offered), most.max(*offered));
            }
            series.push(Series::new(*name, Style::Points, color, points));
        }
        if most - least < SAME_LOAD * most {
            return None;
        }
        let answered = [(0.0, Some(0.0)), (most, Some(most))];
        series.push(Series::new("all answered", Style::Line, 6, answered).dashed());
        Some(Chart::Curves(Curves {
            note: "A point for each second. On the dashed line, all lookups get a right answer."
                .to_owned(),
            ..Curves::new(
                "goodput",
                "Goodput against offered load",
                Axis::new("Offered", "1/s", Scale::Linear),
                Axis::new("Right answers", "1/s", Scale::Linear),
                series,
            )
        }))
    }
}
