//! Numbers by name, parsed from program output: outcomes, criterion's report, instruction counts.
//!
//! **Invariant:** readings are the program's own numbers, converted only to a common unit.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Quotient;

/// Numbers by name.
pub type Readings = BTreeMap<String, f64>;

/// Reads all numbers of a JSON document, each named by its path, as in `lookups.hops.mean`. Ignores
/// lists.
#[must_use]
pub fn of_json(document: &Value) -> Readings {
    let mut readings = Readings::new();
    collect(document, "", &mut readings);
    readings
}

fn collect(value: &Value, path: &str, readings: &mut Readings) {
    match value {
        Value::Number(number) => {
            readings.extend(number.as_f64().map(|number| (path.to_owned(), number)));
        }
        Value::Object(members) => {
            for (name, value) in members {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                collect(value, &path, readings);
            }
        }
        _ => {}
    }
}

/// Reads criterion's estimates in nanoseconds, by benchmark. A long name is on the line before its
/// time.
#[must_use]
pub fn of_criterion(report: &str) -> Readings {
    let mut readings = Readings::new();
    let mut last_name = "";
    for line in report.lines() {
        let Some((name, times)) = line.split_once("time:") else {
            last_name = line.trim();
            continue;
        };
        let name = if name.trim().is_empty() { last_name } else { name.trim() };
        if let Some(ns) = estimate_ns(times) {
            readings.insert(name.to_owned(), ns);
        }
    }
    readings
}

/// The estimate in `[low unit estimate unit high unit]`.
fn estimate_ns(times: &str) -> Option<f64> {
    let words: Vec<&str> = times.trim().trim_matches(['[', ']']).split_whitespace().collect();
    let [_, _, estimate, unit, _, _] = words[..] else { return None };
    let ns = match unit {
        "ps" => 1e-3,
        "ns" => 1.0,
        "µs" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        _ => return None,
    };
    Some(estimate.parse::<f64>().ok()? * ns)
}

/// Reads the output of the program `instructions`: a heading, then lines that begin with a path and
/// its count.
#[must_use]
pub fn of_instructions(report: &str) -> Readings {
    let count = |line: &str| {
        let mut words = line.split_whitespace();
        Some((words.next()?.to_owned(), words.next()?.parse().ok()?))
    };
    report.lines().filter_map(count).collect()
}

impl Quotient {
    /// Computes the value.
    ///
    /// # Errors
    ///
    /// Returns the name of a missing reading.
    pub fn of(&self, readings: &Readings) -> Result<f64, String> {
        let reading = |name: &str| readings.get(name).copied().ok_or_else(|| name.to_owned());
        let divisor = self.per.map_or(Ok(1.0), reading)?;
        Ok(reading(self.reading)? * self.factor / divisor)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_of_a_document_have_their_paths() {
        let document = json!({
            "lookups": { "per_s": 1.5, "hops": { "mean": 3, "histogram": [1, 2] } },
            "seed": 7, "name": "x", "held": true,
        });
        let expected = [("lookups.hops.mean", 3.0), ("lookups.per_s", 1.5), ("seed", 7.0)];
        assert_eq!(of_json(&document), expected.map(|(name, n)| (name.to_owned(), n)).into());
    }

    #[test]
    fn criterion_reports_are_read_in_nanoseconds() {
        let report = "\
next_hop/base_2/1000    time:   [2.3000 ns 2.4000 ns 2.5000 ns]
Found 1 outliers among 20 measurements (5.00%)
  1 (5.00%) high mild
static_ring/hop_16_interleaved/1000000
                        time:   [14.900 µs 15.000 µs 15.100 µs]
                        thrpt:  [66.225 Kelem/s 66.667 Kelem/s 67.114 Kelem/s]
short                   time:   [900.00 ps 950.00 ps 1.0000 ns]
broken                  time:   [900.00 ps]
";
        let expected = [
            ("next_hop/base_2/1000", 2.4),
            ("static_ring/hop_16_interleaved/1000000", 15_000.0),
            ("short", 0.95),
        ];
        let readings = of_criterion(report);
        assert_eq!(readings.len(), expected.len(), "{readings:?}");
        for (name, ns) in expected {
            assert!((readings[name] - ns).abs() < 1e-9, "{name}: {readings:?}");
        }
    }

    #[test]
    fn instruction_counts_are_read_without_their_heading() {
        let report = "\
path                         instructions  against the baseline
encode_lookup                      116.00  +0.0 %
new_path                            30.25  not there: save a new one
";
        let expected = [("encode_lookup", 116.0), ("new_path", 30.25)];
        assert_eq!(of_instructions(report), expected.map(|(n, c)| (n.to_owned(), c)).into());
    }

    #[test]
    fn a_quotient_names_a_missing_reading() {
        let readings = Readings::from([("cpu_s".to_owned(), 2.0), ("done".to_owned(), 4.0)]);
        let cost = Quotient { reading: "cpu_s", per: Some("done"), factor: 1e6 };
        assert_eq!(cost.of(&readings), Ok(5e5));
        assert_eq!(Quotient { per: None, ..cost }.of(&readings), Ok(2e6));
        assert_eq!(Quotient { per: Some("none"), ..cost }.of(&readings), Err("none".to_owned()));
    }
}
