//! The results as one JSON document: every sample, its origin, and the summary.
//!
//! **Invariant:** the summary can be recomputed from the samples.

use hopwise_harness::measure::provenance::{Build, Machine};
use serde::Serialize;

use super::rounds::Round;
use super::sample::{FloorReadings, Side};
use super::summary::{Limits, Summary, Verdict, summarize};
use super::{Series, Source};

/// The version of the document.
pub const SCHEMA_VERSION: u32 = 1;

/// All results of one call of `measure`.
#[derive(Debug, Serialize)]
pub struct Record {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The command line.
    pub command: Vec<String>,
    /// Start time: RFC 3339, UTC.
    pub started_at: String,
    /// The machine.
    pub machine: Machine,
    /// Build of the measuring program.
    pub measured_by: Build,
    /// The binary to compare with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<Build>,
    /// The measured binary.
    pub new: Build,
    /// Limits for the verdicts.
    pub limits: Limits,
    /// The series, in the order in which they were taken.
    pub series: Vec<SeriesRecord>,
}

/// The results of a series.
#[derive(Debug, Serialize)]
pub struct SeriesRecord {
    /// Its name.
    pub name: &'static str,
    /// The command. `--seed` is the number of the round.
    pub command: String,
    /// The floors of the machine just before the series.
    pub floors_before: FloorReadings,
    /// The floors of the machine just after the series.
    pub floors_after: FloorReadings,
    /// All rounds, including invalid ones.
    pub rounds: Vec<Round>,
    /// The error that ended the series, if a command failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// A summary of each figure.
    pub figures: Vec<Summary>,
}

impl SeriesRecord {
    /// Creates the record of `rounds`. After a failure, these are the rounds before it.
    #[must_use]
    pub fn new(
        series: &Series,
        floors: [FloorReadings; 2],
        rounds: Vec<Round>,
        failure: Option<String>,
        limits: Limits,
    ) -> SeriesRecord {
        let [floors_before, floors_after] = floors;
        let figures =
            if failure.is_some() { Vec::new() } else { summarize(series, &rounds, limits) };
        let command = series.source.command();
        SeriesRecord {
            name: series.name,
            command,
            floors_before,
            floors_after,
            rounds,
            failure,
            figures,
        }
    }

    /// The number of rounds with equal trace digests, and the number of rounds in which both
    /// binaries have one.
    #[must_use]
    pub fn same_digests(&self) -> (usize, usize) {
        let digest = |round: &Round, side| round.of(side)?.trace_digest.clone();
        let pairs = self
            .rounds
            .iter()
            .filter_map(|round| Some(digest(round, Side::Old)? == digest(round, Side::New)?));
        pairs.fold((0, 0), |(same, all), is_same| (same + usize::from(is_same), all + 1))
    }

    /// The number of samples with an exit status other than 0.
    #[must_use]
    pub fn unclean_exits(&self) -> usize {
        // `instructions` compares with its own baseline.
        if self.command == Source::Instructions.command() {
            return 0;
        }
        let samples = self.rounds.iter().flat_map(|round| &round.samples);
        samples.filter(|sample| sample.exit != 0).count()
    }
}

impl Record {
    /// Whether a command failed.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.series.iter().any(|series| series.failure.is_some())
    }

    /// Whether `is` holds for the verdict on any figure.
    #[must_use]
    pub fn has_verdict(&self, is: impl Fn(Verdict) -> bool) -> bool {
        self.series.iter().flat_map(|series| &series.figures).any(|figure| is(figure.verdict))
    }

    /// Formats the JSON document.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a record is JSON");
        text.push('\n');
        text
    }
}

/// Example records for tests.
#[cfg(test)]
pub(crate) mod example {
    use super::*;
    use crate::series::list;
    use crate::series::machine_load::MachineLoad;
    use crate::series::sample::Sample;

    /// A record of the series `sim-10000` with two binaries, under the load `busy` of others.
    pub(crate) fn record(busy: f64) -> Record {
        let series = list::find("sim-10000").expect("it is there");
        let load = MachineLoad { steal: 0.0, others: busy };
        let sample = |side, factor: f64| Sample {
            side,
            seed: 1,
            exit: 0,
            wall_s: 2.0,
            cpu_s: 2.0,
            load,
            trace_digest: Some("d27b".to_owned()),
            values: [
                ("simulated events", 3e6 * factor),
                ("CPU time per event", 330.0 / factor),
                ("memory per node", 704.0),
                ("resident memory, peak", 29.5),
            ]
            .map(|(name, value)| (name.to_owned(), value))
            .into(),
        };
        let round = || Round { samples: vec![sample(Side::Old, 1.0), sample(Side::New, 0.9)] };
        let rounds = (0..6).map(|_| round()).collect();
        let floors = FloorReadings {
            random_line_ns: 90.25,
            packets_per_s: 297_000.0,
            closed_loop_lookups_per_s: None,
            load,
        };
        let limits = Limits { busy: 0.03, worse: 0.05 };
        Record {
            schema_version: SCHEMA_VERSION,
            command: ["measure", "sim-10000"].map(str::to_owned).into(),
            started_at: "2026-11-25T00:00:00Z".to_owned(),
            machine: Machine::here(),
            measured_by: Build::here(),
            old: Some(Build { commit: "32c32a0f3a02".to_owned(), ..Build::here() }),
            new: Build { commit: "0123456789ab".to_owned(), ..Build::here() },
            limits,
            series: vec![SeriesRecord::new(series, [floors, floors], rounds, None, limits)],
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_number_has_its_birth_certificate() {
        let root: Value = serde_json::from_str(&example::record(0.0).to_json()).expect("JSON");
        for path in "
            /command/0 /started_at /machine/cpu /machine/cores /machine/kernel /measured_by/rustc
            /old/commit /new/commit /new/rustc /new/profile /limits/busy /limits/worse
            /series/0/name /series/0/command /series/0/floors_before/random_line_ns
            /series/0/floors_after/packets_per_s /series/0/rounds/1/samples/0/side
            /series/0/rounds/0/samples/0/load/steal /series/0/rounds/0/samples/0/cpu_s
            /series/0/rounds/0/samples/0/values/memory~1per~1node
            /series/0/figures/0/ratio/median /series/0/figures/0/old/count
            /series/0/figures/0/verdict/worse
        "
        .split_whitespace()
        {
            let path = path.replace("memory~1per~1node", "memory per node");
            assert!(root.pointer(&path).is_some_and(|value| !value.is_null()), "{path}");
        }
    }

    #[test]
    fn digests_are_compared_round_by_round() {
        let mut series = example::record(0.0).series.remove(0);
        assert_eq!(series.same_digests(), (6, 6));
        series.rounds[1].samples[0].trace_digest = Some("other".to_owned());
        assert_eq!(series.same_digests(), (5, 6));
        series.rounds[0].samples[0].trace_digest = None;
        assert_eq!(series.same_digests(), (4, 5));
        series.rounds[0].samples[0].exit = 3;
        assert_eq!(series.unclean_exits(), 1);
    }

    #[test]
    fn verdicts_are_found() {
        let record = example::record(0.0);
        assert!(record.has_verdict(|verdict| matches!(verdict, Verdict::Worse(_))));
        assert!(!record.has_verdict(|verdict| matches!(verdict, Verdict::Busy(_))));
        let record = example::record(0.5);
        assert!(record.has_verdict(|verdict| matches!(verdict, Verdict::Busy(_))));
        assert!(record.has_verdict(|verdict| verdict == Verdict::Held), "exact figures remain");
        assert!(!record.has_failed());
    }
}
