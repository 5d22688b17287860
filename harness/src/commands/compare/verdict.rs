//! A comparison in words: one line per system.
//!
//! **Invariant:** every statement follows from the rows and the fits.

use super::comparison::{Growth, Row};
use super::runs::Contender;
use crate::measure::growth::Figure;
use crate::report::units::{bytes, count, number};

/// The least success rate that counts as working.
const MOSTLY: f64 = 0.9;
/// Success rates below this count as failing.
const HARDLY: f64 = 0.1;

/// One line for each of `systems` in `rows`, about its largest size.
#[must_use]
pub(super) fn verdicts(
    rows: &[Row],
    growth: &[Growth],
    systems: &[Contender],
    has_items: bool,
) -> Vec<String> {
    let verdict = |system: &Contender| {
        let own = rows.iter().filter(|row| row.system == system.name);
        own.max_by_key(|row| row.nodes).map(|row| verdict(row, growth, system, has_items))
    };
    systems.iter().filter_map(verdict).collect()
}

fn verdict(row: &Row, growth: &[Growth], system: &Contender, has_items: bool) -> String {
    let grows = |figure| {
        let fit = growth.iter().find(|fit| fit.system == row.system && fit.figure == figure);
        fit.map_or_else(String::new, |fit| format!(" ({})", growth_text(fit)))
    };
    let (place, state, figure) = if system.has_server {
        // Nearly all of its state is at the server.
        ("at the server", row.state.max, Figure::StateMax)
    } else {
        ("per node", row.state.mean, Figure::StateMean)
    };
    let finds = if has_items {
        format!(
            "finds exact names {}, words of names {}, other pieces {}",
            frequency(row.success),
            frequency(row.words_success),
            frequency(row.pieces_success)
        )
    } else {
        format!(
            "questions for {} are answered correctly {}",
            system.workload,
            frequency(row.success)
        )
    };
    format!(
        "{}: {} messages per query{}; {} entries {place}{}; {} of upkeep per node and second; {finds}; after the busiest node crashed, \
         {}; after a third crashed, {}",
        row.system,
        number(row.messages_per_query),
        grows(Figure::MessagesPerQuery),
        count(state.round() as u64),
        grows(figure),
        bytes(row.upkeep_bytes_per_node_s),
        survives(row.success_busiest_crashed),
        survives(row.success_third_crashed),
    )
}

/// The growth that fits: constant, logarithmic, or a power.
fn growth_text(fit: &Growth) -> String {
    const FLAT: f64 = 0.05;
    const LOGARITHMIC_R2: f64 = 0.98;
    if fit.exponent.abs() <= FLAT {
        "constant in N".to_owned()
    } else if fit.exponent < 0.5 && fit.log_r2 >= LOGARITHMIC_R2 {
        format!("{:+.2} per doubling of N", fit.per_doubling)
    } else {
        format!("grows as N^{:.2}", fit.exponent)
    }
}

fn frequency(share: Option<f64>) -> String {
    match share {
        None => "not measured".to_owned(),
        Some(share) if share < HARDLY => format!("almost never ({})", percent(share)),
        Some(share) if share < MOSTLY => format!("often ({})", percent(share)),
        Some(share) => format!("almost always ({})", percent(share)),
    }
}

fn survives(share: Option<f64>) -> String {
    match share {
        None => "not measured".to_owned(),
        Some(share) if share < HARDLY => format!("fails ({})", percent(share)),
        Some(share) if share < MOSTLY => format!("partly works ({})", percent(share)),
        Some(share) => format!("still works ({})", percent(share)),
    }
}

/// `99.4 %`.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::compare::comparison::{example, growth};

    #[test]
    fn describes_each_system() {
        let rows = example::rows();
        let systems = example::systems();
        let verdicts = verdicts(&rows, &growth(&rows, &systems), &systems, true);
        let [central, flood, ring] = &verdicts[..] else { panic!("a line per system") };
        for (line, words) in [
            (
                central,
                [
                    "central: 2.00 messages per query (constant in N)",
                    "65,536 entries at the server (grows as N^1.00)",
                    "fails (0.0 %)",
                ],
            ),
            (
                flood,
                [
                    "81,921 messages per query (grows as N^1.00)",
                    "6 entries per node (constant in N)",
                    "still works (99.5 %)",
                ],
            ),
            (
                ring,
                [
                    "+1.50 per doubling of N",
                    "words of names almost never (0.0 %), other pieces almost never (0.0 %)",
                    "partly works (50.0 %)",
                ],
            ),
        ] {
            assert!(words.iter().all(|words| line.contains(words)), "{line}");
        }
    }

    #[test]
    fn missing_runs_are_reported_as_not_measured() {
        let mut rows = example::rows();
        rows.iter_mut().for_each(|row| row.success_busiest_crashed = None);
        let systems = example::systems();
        let verdicts = |rows: &[Row]| super::verdicts(rows, &[], &systems, true);
        let missing = "busiest node crashed, not measured";
        assert!(verdicts(&rows).iter().all(|line| line.contains(missing)));
        assert!(verdicts(&[]).is_empty());
    }

    #[test]
    fn verdicts_about_keys_do_not_mention_names() {
        let systems = example::systems();
        let lines = verdicts(&example::rows(), &[], &systems, false);
        assert!(lines.iter().all(|line| !line.contains("names")), "{lines:?}");
        assert!(
            lines[2].contains("for items are answered correctly almost always (100.0 %)"),
            "{}",
            lines[2]
        );
    }
}
