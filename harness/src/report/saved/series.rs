//! The rows of `series.csv`.
//!
//! **Invariant:** a figure that an interval does not have is `None`.

use serde::Deserialize;

/// An interval of a run. See [`files`](crate::report::files) for how it is written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct SeriesRow {
    /// Its end, in seconds since the start of the run.
    pub(crate) t_s: f64,
    pub(crate) length_s: f64,
    /// `warmup` or `measure`.
    pub(crate) phase: String,
    /// At its end.
    pub(crate) live_nodes: u64,
    /// At its start: those at the end of the interval before.
    #[serde(skip)]
    pub(crate) nodes_before: u64,
    pub(crate) issued: u64,
    pub(crate) completed: u64,
    pub(crate) incorrect: u64,
    pub(crate) failed: u64,
    pub(crate) shed: u64,
    pub(crate) orphaned: u64,
    pub(crate) latency_p50_us: f64,
    pub(crate) latency_p99_us: f64,
    pub(crate) messages: u64,
    pub(crate) maintenance_bytes: u64,
    pub(crate) first_successors_wrong: Option<f64>,
    pub(crate) first_successors_dead: Option<f64>,
    pub(crate) successors_wrong: Option<f64>,
    pub(crate) successors_dead: Option<f64>,
    pub(crate) fingers_wrong: Option<f64>,
    pub(crate) fingers_dead: Option<f64>,
    pub(crate) rings: Option<f64>,
    pub(crate) owned_by_none: Option<f64>,
    pub(crate) owned_by_one: Option<f64>,
    pub(crate) owned_by_two: Option<f64>,
    pub(crate) owned_by_more: Option<f64>,
}

impl SeriesRow {
    /// Its start, in seconds since the start of the run.
    pub(crate) fn start_s(&self) -> f64 {
        (self.t_s - self.length_s).max(0.0)
    }

    /// A count per second of the interval.
    pub(crate) fn per_s(&self, count: u64) -> Option<f64> {
        (self.length_s > 0.0).then(|| count as f64 / self.length_s)
    }
}

/// Reads the rows of a series, up to the end of the measured phase.
pub(super) fn parse(csv: &str) -> Result<Vec<SeriesRow>, String> {
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let rows = reader.deserialize().collect::<Result<Vec<SeriesRow>, csv::Error>>();
    let mut rows =
        rows.map_err(|error| format!("{error}: was it cut off? Make the result again"))?;
    let mut before = rows.first().map_or(0, |row| row.live_nodes);
    for row in &mut rows {
        row.nodes_before = std::mem::replace(&mut before, row.live_nodes);
    }
    // No lookup is due in the drain.
    rows.retain(|row| row.phase != "drain");
    Ok(rows)
}
