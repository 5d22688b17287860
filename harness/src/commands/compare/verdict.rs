//! A comparison in words: one line per system, made of what was measured.
//!
//! **Invariant:** says nothing that the rows and the fits do not.

use super::comparison::{Figure, Growth, Row};
use crate::report::units::{count, number};
use crate::scenario::System;

/// From this share of successes on, a system is said to do something.
const MOSTLY: f64 = 0.9;
/// Below this, it is said not to.
const HARDLY: f64 = 0.1;

/// One line for each system in `rows`, of its largest size.
#[must_use]
pub(super) fn verdicts(rows: &[Row], growth: &[Growth]) -> Vec<String> {
    let largest =
        |system: System| rows.iter().filter(|row| row.system == system).max_by_key(|row| row.nodes);
    System::ALL.into_iter().filter_map(largest).map(|row| verdict(row, growth)).collect()
}

fn verdict(row: &Row, growth: &[Growth]) -> String {
    let grows = |figure| {
        let fit = growth.iter().find(|fit| fit.system == row.system && fit.figure == figure);
        fit.map_or_else(String::new, |fit| format!(" ({})", law(fit)))
    };
    let (state, figure) = match row.system {
        // Its peers keep next to nothing: the server is what it is about.
        System::Central => (row.state.max, Figure::StateMax),
        System::Flood | System::Ring => (row.state.mean, Figure::StateMean),
    };
    let keeper = if figure == Figure::StateMax { "its server keeps" } else { "a node keeps" };
    format!(
        "{}: {} messages per query{}; {keeper} {} entries{}; finds exact names {}, pieces of names \
         {}; {} once the busiest node has crashed, {} once a third have",
        row.system.name(),
        number(row.messages_per_query),
        grows(Figure::MessagesPerQuery),
        count(state.round() as u64),
        grows(figure),
        how_often(row.success),
        how_often(row.fuzzy_success),
        survives(row.success_busiest_crashed),
        survives(row.success_third_crashed),
    )
}

/// The law that fits: constant, logarithmic, or a power.
pub(super) fn law(fit: &Growth) -> String {
    const FLAT: f64 = 0.05;
    const LOGARITHMIC_R2: f64 = 0.98;
    if fit.exponent.abs() <= FLAT {
        "the same whatever N".to_owned()
    } else if fit.exponent < 0.5 && fit.log_r2 >= LOGARITHMIC_R2 {
        format!("{} more each time N doubles", number(fit.per_doubling))
    } else {
        format!("growing as N^{:.2}", fit.exponent)
    }
}

fn how_often(share: Option<f64>) -> String {
    match share {
        None => "untried".to_owned(),
        Some(share) if share < HARDLY => format!("hardly ever ({})", percent(share)),
        Some(share) if share < MOSTLY => format!("often ({})", percent(share)),
        Some(share) => format!("nearly always ({})", percent(share)),
    }
}

fn survives(share: Option<f64>) -> String {
    match share {
        None => "untried".to_owned(),
        Some(share) if share < HARDLY => format!("stands still ({})", percent(share)),
        Some(share) if share < MOSTLY => format!("works in part ({})", percent(share)),
        Some(share) => format!("works on ({})", percent(share)),
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
    fn says_of_each_system_what_was_measured() {
        let rows = example::rows();
        let verdicts = verdicts(&rows, &growth(&rows));
        let [central, flood, ring] = &verdicts[..] else { panic!("a line per system") };
        for (line, words) in [
            (
                central,
                [
                    "central: 2.00 messages per query (the same whatever N)",
                    "65,536 entries (growing as N^1.00)",
                    "stands still (0.0 %)",
                ],
            ),
            (
                flood,
                [
                    "81,921 messages per query (growing as N^1.00)",
                    "6 entries (the same whatever N)",
                    "works on (99.5 %)",
                ],
            ),
            (
                ring,
                [
                    "1.50 more each time N doubles",
                    "pieces of names hardly ever (0.0 %)",
                    "works in part (50.0 %)",
                ],
            ),
        ] {
            assert!(words.iter().all(|words| line.contains(words)), "{line}");
        }
    }

    #[test]
    fn what_was_not_run_is_untried() {
        let mut rows = example::rows();
        rows.iter_mut().for_each(|row| row.success_busiest_crashed = None);
        assert!(verdicts(&rows, &[]).iter().all(|line| line.contains("untried once the busiest")));
        assert!(super::verdicts(&[], &[]).is_empty());
    }
}
