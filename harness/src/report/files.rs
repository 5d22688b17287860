//! A result as a folder of files for other tools.
//!
//! | file | purpose |
//! |---|---|
//! | `outcome.json` | the whole outcome, from which any report can be written |
//! | `scenario.toml` | repeating the run |
//! | `latency.hgrm` | latency percentiles in milliseconds, for HdrHistogram's plotter |
//! | `series.csv` | one row per second and phase, for spreadsheets |
//! | `traces.json` | the paths of some lookups, if they were traced |
//!
//! **Invariant:** writes only into the folder that it is given.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use hdrhistogram::Histogram;

use crate::base::whole_file::WholeFile;
use crate::measure::health::{Claims, Counts, Sample};
use crate::measure::outcome::{Latency, Outcome};
use crate::measure::series::SeriesRow;
use crate::measure::trace::Traces;

/// The file of the whole outcome.
pub const OUTCOME: &str = "outcome.json";
/// The file of the scenario.
pub(crate) const SCENARIO: &str = "scenario.toml";
/// The file of the time series.
pub(crate) const SERIES: &str = "series.csv";
/// The file of traces of lookups, if some were traced.
pub(crate) const TRACES: &str = "traces.json";
/// The files of a result, in the order in which they appear.
pub const NAMES: [&str; 4] = [SCENARIO, "latency.hgrm", SERIES, OUTCOME];

/// Writes all files into `dir`. Creates `dir` if it is missing and replaces files of earlier runs.
/// Nothing is replaced unless all files can be written. `outcome.json` comes last: where it is, the
/// others are.
///
/// # Errors
///
/// If a file cannot be written or the outcome's latency histogram cannot be decoded. The message
/// names the file.
pub fn write_all(
    dir: &Path,
    outcome: &Outcome,
    scenario_toml: &str,
    series: &[SeriesRow],
) -> io::Result<()> {
    fs::create_dir_all(dir).map_err(|cause| {
        io::Error::new(cause.kind(), format!("cannot create {}: {cause}", dir.display()))
    })?;
    let texts = [
        scenario_toml,
        &latency_hgrm(&outcome.lookups.latency_us)?,
        &series_csv(series),
        &outcome.to_json(),
    ];
    let written = |(name, text): (&str, &str)| {
        let mut file = WholeFile::create(&dir.join(name))?;
        file.write_text(text)?;
        Ok(file)
    };
    let files = NAMES.into_iter().zip(texts).map(written).collect::<io::Result<Vec<_>>>()?;
    files.into_iter().try_for_each(WholeFile::commit)
}

/// The names of all files that a run may write.
pub(crate) fn all_names() -> impl Iterator<Item = &'static str> {
    NAMES.into_iter().chain([TRACES])
}

/// Writes `traces` into `dir`, or removes those of an earlier run if there are none.
///
/// # Errors
///
/// If the file cannot be written or removed. The message names it.
pub(crate) fn write_traces(dir: &Path, traces: Option<&Traces>) -> io::Result<()> {
    let path = dir.join(TRACES);
    let Some(traces) = traces else {
        return match fs::remove_file(&path) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(io::Error::new(
                cause.kind(),
                format!("cannot remove {}, which an earlier run wrote: {cause}", path.display()),
            )),
            _ => Ok(()),
        };
    };
    let mut file = WholeFile::create(&path)?;
    file.write_text(&traces.to_json())?;
    file.commit()
}

/// Whether `dir` has all files, none of them empty.
#[must_use]
pub fn are_complete(dir: &Path) -> bool {
    let is_whole = |name: &&str| {
        fs::metadata(dir.join(name)).is_ok_and(|found| found.is_file() && found.len() > 0)
    };
    NAMES.iter().all(is_whole)
}

/// Formats the percentiles of `latency`, in milliseconds, as HdrHistogram does.
///
/// # Errors
///
/// If the histogram cannot be decoded.
pub fn latency_hgrm(latency: &Latency) -> io::Result<String> {
    let histogram = latency.decode_histogram().map_err(|why| {
        io::Error::new(io::ErrorKind::InvalidData, format!("latency_us.histogram: {why}"))
    })?;
    let mut text = String::new();
    write_percentiles(&histogram, &mut text).expect("writing to memory does not fail");
    Ok(text)
}

/// Formats the rows as CSV with a header line.
#[must_use]
pub fn series_csv(series: &[SeriesRow]) -> String {
    let mut csv = "t_s,length_s,phase,live_nodes,issued,completed,incorrect,failed,shed,orphaned,\
                   latency_p50_us,latency_p99_us,messages,maintenance_bytes,"
        .to_owned();
    csv += TABLE_COLUMNS;
    for row in series {
        write!(
            csv,
            "\n{:.3},{:.3},{},{},{},{},{},{},{},{},{:.1},{:.1},{},{},",
            row.t_s,
            row.length_s,
            row.phase,
            row.live_nodes,
            row.issued,
            row.completed,
            row.incorrect,
            row.failed,
            row.shed,
            row.orphaned,
            row.latency_p50_us,
            row.latency_p99_us,
            row.messages,
            row.maintenance_bytes,
        )
        .expect("writing to memory does not fail");
        csv += &table_cells(row.tables.as_ref());
    }
    csv + "\n"
}

/// Shares of wrong and of dead entries, the number of rings, and shares of the key space by the
/// number of members that claim them.
const TABLE_COLUMNS: &str = "first_successors_wrong,first_successors_dead,successors_wrong,\
                             successors_dead,fingers_wrong,fingers_dead,rings,owned_by_none,\
                             owned_by_one,owned_by_two,owned_by_more";

/// The cells of [`TABLE_COLUMNS`]. A figure that the second does not have is an empty cell.
fn table_cells(sample: Option<&Sample>) -> String {
    let share = |share: f64| format!("{share:.6}");
    let counts = |of: fn(&Sample) -> Counts| {
        let counts = sample.map(of);
        [counts.map(|it| share(it.wrong_share())), counts.map(|it| share(it.dead_share()))]
    };
    let [first_wrong, first_dead] = counts(|it| it.first_successors);
    let [wrong, dead] = counts(|it| it.successors);
    let [fingers_wrong, fingers_dead] = counts(|it| it.fingers);
    let rings = sample.and_then(|it| it.rings).map(|rings| rings.to_string());
    let claims = sample.and_then(|it| it.claims);
    let [none, one, two, more] =
        [|it: Claims| it.none, |it: Claims| it.one, |it: Claims| it.two, |it: Claims| it.more]
            .map(|of: fn(Claims) -> f64| claims.map(|claims| share(of(claims))));
    [first_wrong, first_dead, wrong, dead, fingers_wrong, fingers_dead, rings, none, one, two, more]
        .map(Option::unwrap_or_default)
        .join(",")
}

/// Steps from each percentile to the one halfway between it and 100 %.
const TICKS_PER_HALF_DISTANCE: u32 = 5;

fn write_percentiles(us: &Histogram<u64>, text: &mut String) -> std::fmt::Result {
    let ms = |us: f64| us / 1e3;
    writeln!(
        text,
        "{:>12} {:>14} {:>10} {:>14}\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    )?;
    let mut total = 0;
    for step in us.iter_quantiles(TICKS_PER_HALF_DISTANCE) {
        total += step.count_since_last_iteration();
        let (value, quantile) = (ms(step.value_iterated_to() as f64), step.quantile_iterated_to());
        write!(text, "{value:12.3} {quantile:2.12} {total:10}")?;
        // The last step is 100 %, where the ratio is infinite.
        if quantile < 1.0 {
            write!(text, " {:14.2}", 1.0 / (1.0 - quantile))?;
        }
        text.push('\n');
    }
    let (mean, deviation, max) = (ms(us.mean()), ms(us.stdev()), ms(us.max() as f64));
    // Buckets double in width. Each has as many sub-buckets as three digits need.
    let (buckets, sub_buckets) = (us.buckets(), 2048);
    writeln!(text, "#[Mean    = {mean:12.3}, StdDeviation   = {deviation:12.3}]")?;
    writeln!(text, "#[Max     = {max:12.3}, Total count    = {:12}]", us.len())?;
    writeln!(text, "#[Buckets = {buckets:12}, SubBuckets     = {sub_buckets:12}]")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::outcome::example;

    fn series() -> Vec<SeriesRow> {
        vec![SeriesRow {
            t_s: 1.5,
            length_s: 0.5,
            phase: "warmup",
            live_nodes: 64,
            issued: 9,
            completed: 1,
            incorrect: 0,
            failed: 0,
            shed: 7,
            orphaned: 1,
            latency_p50_us: 1500.2,
            latency_p99_us: 1500.2,
            latencies: Vec::new(),
            messages: 1000,
            maintenance_bytes: 4000,
            tables: None,
        }]
    }

    #[test]
    fn written_files_can_be_read() {
        let dir = std::env::temp_dir().join(format!("hopwise-files-{}", std::process::id()));
        let outcome = example::outcome();
        write_all(&dir, &outcome, "name = 'default'\n", &series()).unwrap();
        let read = |name: &str| fs::read_to_string(dir.join(name)).unwrap();
        assert_eq!(Outcome::from_json(&read("outcome.json")).unwrap(), outcome);
        assert_eq!(read("scenario.toml"), "name = 'default'\n");
        assert_eq!(read("series.csv").lines().count(), 2);
        assert!(read("latency.hgrm").contains("#[Mean"));

        // `series.csv` is a file, not a folder.
        let error = write_all(&dir.join("series.csv"), &outcome, "", &[]).unwrap_err().to_string();
        assert!(error.contains("series.csv"), "{error}");
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_series_has_a_name_for_each_column() {
        let csv = series_csv(&series());
        let (names, row) = csv.trim_end().split_once('\n').unwrap();
        assert_eq!(names.split(',').count(), row.split(',').count());
        assert_eq!(row, "1.500,0.500,warmup,64,9,1,0,0,7,1,1500.2,1500.2,1000,4000,,,,,,,,,,,");
        let counts = |wrong, dead| Counts { places: 8, wrong, dead };
        let sample = Sample {
            nodes: 8,
            first_successors: counts(1, 0),
            successors: counts(2, 1),
            fingers: counts(4, 2),
            rings: Some(2),
            claims: Some(Claims { none: 0.125, one: 0.75, two: 0.0625, more: 0.0625 }),
        };
        let mut rows = series();
        rows[0].tables = Some(sample);
        let cells = "0.125000,0.000000,0.250000,0.125000,0.500000,0.250000,2,0.125000,0.750000,\
                     0.062500,0.062500";
        assert!(series_csv(&rows).trim_end().ends_with(&format!(",4000,{cells}")));
    }

    #[test]
    fn percentiles_rise_to_all_of_them() {
        let outcome = example::outcome();
        let text = latency_hgrm(&outcome.lookups.latency_us).unwrap();
        assert!(text.starts_with("       Value     Percentile TotalCount 1/(1-Percentile)\n\n"));
        let rows: Vec<Vec<f64>> = text
            .lines()
            .skip(2)
            .take_while(|line| !line.starts_with('#'))
            .map(|line| line.split_whitespace().map(|cell| cell.parse().unwrap()).collect())
            .collect();
        assert!(rows.windows(2).all(|w| w[0][0] <= w[1][0] && w[0][1] <= w[1][1]));
        assert!(rows.windows(2).all(|w| w[0][2] <= w[1][2]));
        let last = rows.last().unwrap();
        assert_eq!((last[1], last[2]), (1.0, outcome.lookups.completed as f64));
        assert_eq!(text.lines().filter(|line| line.starts_with("#[")).count(), 3);
    }
}
