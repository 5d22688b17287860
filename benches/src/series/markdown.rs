//! A record as tables in Markdown.
//!
//! **Invariant:** only formats; every number comes from the record.

use std::fmt::Write as _;

use hopwise_harness::measure::provenance::Build;

use super::record::{Record, SeriesRecord};
use super::sample::FloorReadings;
use super::summary::{Summary, Verdict};
use crate::statistics::Spread;

/// Formats the tables: figures, floors and notes.
#[must_use]
pub fn tables(record: &Record) -> String {
    let mut text = heading(record);
    figures(&mut text, record);
    floors(&mut text, record);
    notes(&mut text, record);
    text
}

fn heading(record: &Record) -> String {
    let machine = &record.machine;
    let mut text = format!(
        "## {}, {} cores ({}), Linux {}\n\n",
        record.started_at, machine.cores, machine.cpu, machine.kernel
    );
    if let Some(old) = &record.old {
        let _ = writeln!(text, "* old: {}", build(old));
    }
    let _ = writeln!(text, "* new: {}", build(&record.new));
    let _ = writeln!(text, "* command: `{}`", record.command.join(" "));
    let _ = writeln!(
        text,
        "* a round is invalid if others took more than {} of the CPU time; a gate is a figure that \
         may be worse by {} at most\n",
        percent(record.limits.busy),
        percent(record.limits.worse)
    );
    text
}

fn build(build: &Build) -> String {
    let Build { commit, rustc, profile, .. } = build;
    format!("commit {commit}, {rustc}, profile {profile}")
}

fn figures(text: &mut String, record: &Record) {
    let is_compared = record.old.is_some();
    text.push_str(if is_compared {
        "Medians; ratios round by round, with the 95 % interval of their median. A gate holds if all \
         of the interval does.\n\n\
         | series | figure | old | new | new / old | 95 % | least – greatest | rounds | verdict |\n\
         |---|---|---|---|---|---|---|---|---|\n"
    } else {
        "Medians (least – greatest) over rounds.\n\n\
         | series | figure | measured | rounds |\n\
         |---|---|---|---|\n"
    });
    for series in &record.series {
        for figure in &series.figures {
            let row = if is_compared { compared(series, figure) } else { alone(series, figure) };
            let _ = writeln!(text, "| {} |", row.join(" | "));
        }
    }
    text.push('\n');
}

fn compared(series: &SeriesRecord, figure: &Summary) -> Vec<String> {
    let median = |spread: Option<Spread>| {
        spread.map_or("–".to_owned(), |spread| with_unit(&number(spread.median), figure.unit))
    };
    let ratios = figure.ratio.map_or(["–"; 3].map(str::to_owned), |ratio| {
        let Spread { median, low, high, min, max, .. } = ratio;
        let range = |low, high| format!("{low:.3} – {high:.3}");
        [format!("{median:.3}"), range(low, high), range(min, max)]
    });
    let rounds = figure.ratio.map_or(0, |ratio| ratio.count);
    let verdict = match figure.verdict {
        Verdict::Shown => String::new(),
        Verdict::Held => "gate: holds".to_owned(),
        Verdict::Worse(by) => format!("**gate: worse by {}**", percent(by)),
        Verdict::Undecided => "gate: undecided, take more rounds".to_owned(),
        Verdict::Busy(share) => busy(share),
        Verdict::Missing => "**gate: one side does not give it**".to_owned(),
    };
    let mut row = vec![series.name.to_owned(), figure.figure.clone()];
    row.extend([median(figure.old), median(figure.new)]);
    row.extend(ratios);
    row.extend([format!("{rounds} of {}", series.rounds.len()), verdict]);
    row
}

fn alone(series: &SeriesRecord, figure: &Summary) -> Vec<String> {
    let measured = match (figure.new, figure.verdict) {
        (_, Verdict::Busy(share)) => busy(share),
        (Some(spread), _) => range(spread, figure.unit),
        (None, _) => "–".to_owned(),
    };
    let rounds = figure.new.map_or(0, |spread| spread.count);
    let rounds = format!("{rounds} of {}", series.rounds.len());
    vec![series.name.to_owned(), figure.figure.clone(), measured, rounds]
}

fn floors(text: &mut String, record: &Record) {
    text.push_str(
        "Floors of the machine, before and after each series.\n\n\
         | series | random cache line | plain packets, one core | closed loop | taken by others |\n\
         |---|---|---|---|---|\n",
    );
    for series in &record.series {
        let both = [&series.floors_before, &series.floors_after];
        let pair = |value: &dyn Fn(&FloorReadings) -> Option<f64>, unit: &str| {
            let values: Option<Vec<String>> =
                both.iter().map(|floors| value(floors).map(number)).collect();
            values.map_or("–".to_owned(), |values| with_unit(&values.join(", "), unit))
        };
        let row = [
            series.name.to_owned(),
            pair(&|floors| Some(floors.random_line_ns), "ns"),
            pair(&|floors| Some(floors.packets_per_s), "1/s"),
            pair(&|floors| floors.closed_loop_lookups_per_s, "lookups/s"),
            both.map(|floors| percent(floors.load.share())).join(", "),
        ];
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
}

fn notes(text: &mut String, record: &Record) {
    let mut notes = Vec::new();
    for series in &record.series {
        let name = series.name;
        if let Some(failure) = &series.failure {
            notes.push(format!("{name}: **failed**: {failure}"));
        }
        let (same, all) = series.same_digests();
        if all > 0 {
            notes.push(format!("{name}: same trace digest in {same} of {all} rounds"));
        }
        let unclean = series.unclean_exits();
        if unclean > 0 {
            notes.push(format!("{name}: runs that did not end with exit status 0: {unclean}"));
        }
    }
    if !notes.is_empty() {
        let _ = writeln!(text, "\n* {}", notes.join("\n* "));
    }
}

fn busy(share: f64) -> String {
    format!("invalid: machine busy ({})", percent(share))
}

fn range(Spread { median, min, max, .. }: Spread, unit: &str) -> String {
    if min == max {
        return with_unit(&number(median), unit);
    }
    with_unit(&format!("{} ({} – {})", number(median), number(min), number(max)), unit)
}

fn with_unit(text: &str, unit: &str) -> String {
    format!("{text} {unit}")
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// Formats a number with four significant digits, or as an integer with thousands separators.
fn number(value: f64) -> String {
    if value.abs() < 1000.0 {
        let whole_digits = value.abs().max(1.0).log10().floor() as usize + 1;
        return format!("{value:.*}", 4 - whole_digits);
    }
    let digits = format!("{:.0}", value.abs());
    let mut text = String::from(if value < 0.0 { "-" } else { "" });
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::record::example;

    #[test]
    fn a_comparison_has_ratios_and_verdicts() {
        let text = tables(&example::record(0.0));
        for line in [
            "| sim-10000 | simulated events | 3,000,000 1/s | 2,700,000 1/s \
             | 0.900 | 0.900 – 0.900 | 0.900 – 0.900 | 6 of 6 | **gate: worse by 10.0 %** |",
            "| sim-10000 | memory per node | 704.0 bytes | 704.0 bytes \
             | 1.000 | 1.000 – 1.000 | 1.000 – 1.000 | 6 of 6 | gate: holds |",
            "| sim-10000 | 90.25, 90.25 ns | 297,000, 297,000 1/s | – | 0.0 %, 0.0 % |",
            "* sim-10000: same trace digest in 6 of 6 rounds",
        ] {
            assert!(text.lines().any(|there| there == line), "{line}\n{text}");
        }
    }

    #[test]
    fn a_busy_machine_is_named_instead_of_a_figure() {
        let text = tables(&example::record(0.64));
        let busy = "| sim-10000 | simulated events | – | – | – | – | – | 0 of 6 \
                    | invalid: machine busy (64.0 %) |";
        assert!(text.contains(busy), "{text}");
        assert!(text.contains("| memory per node | 704.0 bytes |"), "load cannot change it");
    }

    #[test]
    fn one_binary_alone_has_a_range() {
        let mut record = example::record(0.0);
        record.old = None;
        let text = tables(&record);
        assert!(text.contains("| sim-10000 | simulated events | 2,700,000 1/s | 6 of 6 |"));
        let spread = Spread::of(&[2.0, 1.5, 1234.5]).expect("there are samples");
        assert_eq!(range(spread, "s"), "2.000 (1.500 – 1,234) s");
    }

    #[test]
    fn numbers_have_four_significant_digits() {
        for (value, text) in [
            (0.0, "0.000"),
            (0.0123, "0.012"),
            (2.34567, "2.346"),
            (14.96, "14.96"),
            (999.94, "999.9"),
            (1000.0, "1,000"),
            (4_040_000.4, "4,040,000"),
            (-12_345.0, "-12,345"),
        ] {
            assert_eq!(number(value), text);
        }
    }
}
