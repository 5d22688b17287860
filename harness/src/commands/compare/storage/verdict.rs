//! A comparison of both ways to store a value in words: one line per way.
//!
//! **Invariant:** every statement follows from the rows.

use super::comparison::{Departed, Row, found_after};
use super::plan::{GONE_PERCENT, WAYS, way_name};
use crate::commands::compare::verdict::percent;
use crate::report::units::{bytes, number};

/// One line for each way in `rows`, about its smallest and its largest values.
#[must_use]
pub(super) fn verdicts(rows: &[Row]) -> Vec<String> {
    let verdict = |way| {
        let own: Vec<&Row> = rows.iter().filter(|row| row.way == way_name(way)).collect();
        let smallest = own.iter().min_by_key(|row| row.value_bytes)?;
        let largest = own.iter().max_by_key(|row| row.value_bytes)?;
        Some(verdict(way_name(way), &own, rows, smallest, largest))
    };
    WAYS.into_iter().filter_map(verdict).collect()
}

fn verdict(way: &str, own: &[&Row], all: &[Row], smallest: &Row, largest: &Row) -> String {
    let most = GONE_PERCENT[GONE_PERCENT.len() - 1];
    let found = |row: &Row| match (
        &row.get,
        found_after(&row.left, most),
        found_after(&row.crashed, most),
    ) {
        (Some(get), Some(left), Some(crashed)) => format!(
            "finds {} of the values with all nodes there, {} after {most} % have left, {} after {most} % have \
             crashed",
            percent(get.found),
            percent(left),
            percent(crashed)
        ),
        _ => "finds: not measured".to_owned(),
    };
    let keeps = |row: &Row| {
        let values = f64::from(row.keys) * f64::from(row.value_bytes) / f64::from(row.nodes.max(1));
        let times = row.stored_bytes_mean.filter(|_| values > 0.0).map(|mean| mean / values);
        let times = times.map_or_else(|| "–".to_owned(), number);
        format!("{times} × the bytes of values of {} B", row.value_bytes)
    };
    let kept = if smallest.value_bytes == largest.value_bytes {
        keeps(largest)
    } else {
        format!("{}, {}", keeps(smallest), keeps(largest))
    };
    format!(
        "{way}: {}; keeps {kept}; {}; {}; after {most} % have crashed, a node sends {} of copies per second for \
         values of {} B",
        found(largest),
        cheaper("put", own, all, |row| row.put.map(|put| put.bytes)),
        cheaper("get", own, all, |row| row.get.map(|get| get.operation.bytes)),
        repair(&largest.crashed, most).map_or_else(|| "–".to_owned(), bytes),
        largest.value_bytes,
    )
}

fn repair(departed: &[Departed], percent: u32) -> Option<f64> {
    departed.iter().find(|it| it.percent == percent).map(|it| it.gets.repair_bytes_per_node_s)
}

/// For which sizes an operation moves fewer bytes than the other way.
fn cheaper(
    operation: &str,
    own: &[&Row],
    all: &[Row],
    bytes: impl Fn(&Row) -> Option<f64>,
) -> String {
    let is_cheaper = |row: &&&Row| {
        let others = all.iter().filter(|it| it.way != row.way && it.value_bytes == row.value_bytes);
        let other = others.filter_map(&bytes).next();
        bytes(row).zip(other).is_some_and(|(own, other)| own < other)
    };
    let sizes: Vec<String> =
        own.iter().filter(is_cheaper).map(|row| row.value_bytes.to_string()).collect();
    match sizes.len() {
        0 => format!("a {operation} never moves fewer bytes"),
        count if count == own.len() => format!("a {operation} moves fewer bytes at every size"),
        _ => format!("a {operation} moves fewer bytes for values of {} B", sizes.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::compare::storage::comparison::example;

    #[test]
    fn describes_each_way() {
        let verdicts = verdicts(&example::rows());
        let [direct, reference] = &verdicts[..] else { panic!("a line per way: {verdicts:?}") };
        for (line, words) in [
            (
                direct,
                [
                    "direct: finds 100.0 % of the values with all nodes there, 100.0 % after 50 % have left",
                    "keeps 3.00 × the bytes of values of 16 B, 3.00 × the bytes of values of 1000 B",
                    "a put moves fewer bytes for values of 16 B;",
                    "a get moves fewer bytes at every size",
                ],
            ),
            (
                reference,
                [
                    "50.0 % after 50 % have crashed",
                    "keeps 7.75 × the bytes of values of 16 B, 1.11 ×",
                    "a put moves fewer bytes for values of 64, 256, 1000 B;",
                    "a get never moves fewer bytes",
                ],
            ),
        ] {
            assert!(words.iter().all(|words| line.contains(words)), "{line}");
        }
    }

    #[test]
    fn missing_runs_are_reported_as_not_measured() {
        let mut rows = example::rows();
        rows.iter_mut().for_each(|row| row.get = None);
        assert!(verdicts(&rows).iter().all(|line| line.contains("finds: not measured")));
        assert!(verdicts(&[]).is_empty());
    }
}
