//! Values with units, as people write them and read them: `99.9%`, `50ms`, `4KiB`, `20B/s`, `6/min`.
//!
//! Times, sizes and rates need their unit; 0 needs none. Shares and counts have none.
//!
//! **Invariant:** what is accepted is finite and not negative; an error says what is accepted instead.

use std::fmt;

use crate::measure::outcome::Unit;

/// A value and what it is measured in.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Quantity {
    pub(crate) value: f64,
    pub(crate) unit: Unit,
}

/// A year of 365.25 days.
pub(crate) const YEAR_S: f64 = 365.25 * DAY_S;
const DAY_S: f64 = 86_400.0;

/// Units of bytes.
const BYTES: [(&str, f64); 10] = [
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("TiB", 1_099_511_627_776.0),
    ("kB", 1e3),
    ("KB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("TB", 1e12),
    ("B", 1.0),
];
/// Units of time, in seconds.
const TIMES: [(&str, f64); 10] = [
    ("ns", 1e-9),
    ("us", 1e-6),
    ("µs", 1e-6),
    ("ms", 1e-3),
    ("s", 1.0),
    ("min", 60.0),
    ("h", 3600.0),
    ("day", DAY_S),
    ("year", YEAR_S),
    ("y", YEAR_S),
];

impl Quantity {
    /// Reads a value that is measured in `unit`.
    ///
    /// # Errors
    ///
    /// What is accepted, if it is something else.
    pub(crate) fn parse(text: &str, unit: Unit) -> Result<Quantity, String> {
        let value = read(text, unit).ok_or_else(|| {
            let text = text.trim();
            format!("{text:?} is not accepted: write {}", accepted(unit))
        })?;
        Ok(Quantity { value, unit })
    }
}

/// The value of `text`, which is measured in `unit`; `None` if it is not accepted.
pub(crate) fn read(text: &str, unit: Unit) -> Option<f64> {
    let text = text.trim();
    match unit {
        Unit::Ratio => match text.strip_suffix('%') {
            Some(percent) => number(percent).map(of_percent),
            None => number(text),
        },
        Unit::Count => number(text),
        _ if number(text) == Some(0.0) => Some(0.0),
        Unit::Seconds => scaled(text, &TIMES),
        Unit::Bytes => scaled(text, &BYTES),
        Unit::BytesPerSecond => {
            let (amount, time) = text.split_once('/')?;
            Some(scaled(amount, &BYTES)? / scale(time, &TIMES)?)
        }
        Unit::PerSecond => {
            let (events, time) = text.split_once('/')?;
            Some(number(events)? / scale(time, &TIMES)?)
        }
    }
}

/// What is accepted for a value that is measured in `unit`: the object of "write".
pub(crate) const fn accepted(unit: Unit) -> &'static str {
    match unit {
        Unit::Ratio => "a share such as 0.999 or 99.9%",
        Unit::Count => "a number such as 12 or 0.5",
        Unit::Seconds => "a time such as 50ms or 1.5s",
        Unit::Bytes => "a size such as 900B or 4KiB",
        Unit::BytesPerSecond => "bytes per time such as 20B/s or 1.5KiB/s",
        Unit::PerSecond => "a rate such as 1000/s or 6/min",
    }
}

/// The nearest share with twelve digits: 99.9 % is 0.999.
fn of_percent(percent: f64) -> f64 {
    (percent * 1e10).round() / 1e12
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|value: &f64| value.is_finite() && *value >= 0.0)
}

/// A number with one of these units.
fn scaled(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let text = text.trim();
    units.iter().find_map(|(unit, scale)| Some(number(text.strip_suffix(unit)?)? * scale))
}

fn scale(unit: &str, units: &[(&str, f64)]) -> Option<f64> {
    units.iter().find(|(name, _)| *name == unit.trim()).map(|(_, scale)| *scale)
}

/// Four digits that count, and the unit.
impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let &Quantity { value, unit } = self;
        let scaled = |units: &[(&'static str, f64)]| {
            let largest = units.iter().copied().filter(|&(_, scale)| value.abs() >= scale);
            largest.max_by(|a, b| a.1.total_cmp(&b.1))
        };
        match unit {
            Unit::Ratio => write!(f, "{} %", digits(value * 100.0)),
            Unit::Count => f.write_str(&digits(value)),
            Unit::PerSecond => write!(f, "{}/s", digits(value)),
            Unit::Seconds => {
                let units = [("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)];
                let (name, scale) = scaled(&units).unwrap_or(("µs", 1e-6));
                write!(f, "{} {name}", digits(value / scale))
            }
            Unit::Bytes | Unit::BytesPerSecond => {
                let (name, scale) = scaled(&BYTES[..4]).unwrap_or(("B", 1.0));
                let per = if unit == Unit::Bytes { "" } else { "/s" };
                write!(f, "{} {name}{per}", digits(value / scale))
            }
        }
    }
}

/// Four digits that count; more before the point.
fn digits(value: f64) -> String {
    let size = if value == 0.0 { 0 } else { value.abs().log10().floor() as i32 };
    let places = (3 - size).clamp(0, 9) as usize;
    let text = format!("{value:.places$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_in_their_units() {
        for (text, unit, expected) in [
            ("99.9%", Unit::Ratio, 0.999),
            ("0.5", Unit::Ratio, 0.5),
            ("50ms", Unit::Seconds, 0.05),
            ("1.5 s", Unit::Seconds, 1.5),
            ("2min", Unit::Seconds, 120.0),
            ("1h", Unit::Seconds, 3600.0),
            ("7us", Unit::Seconds, 7e-6),
            ("4KiB", Unit::Bytes, 4096.0),
            ("1e3B", Unit::Bytes, 1000.0),
            ("20B/s", Unit::BytesPerSecond, 20.0),
            ("2kB/s", Unit::BytesPerSecond, 2000.0),
            ("60 B/min", Unit::BytesPerSecond, 1.0),
            ("1e3/s", Unit::PerSecond, 1000.0),
            ("6/min", Unit::PerSecond, 0.1),
            ("1e-9/year", Unit::PerSecond, 1e-9 / YEAR_S),
            ("12", Unit::Count, 12.0),
        ] {
            let read = Quantity::parse(text, unit).expect(text).value;
            assert!((read / expected - 1.0).abs() < 1e-12, "{text}: {read}");
        }
        assert_eq!(read("99.9%", Unit::Ratio), Some(0.999), "not 0.9990000000000001");
        let all = [Unit::Ratio, Unit::Count, Unit::Seconds, Unit::Bytes, Unit::BytesPerSecond];
        assert!(all.iter().all(|unit| read("0", *unit) == Some(0.0)), "0 needs no unit");
    }

    #[test]
    fn what_is_wrong_is_told_with_what_is_accepted() {
        for (text, unit) in [
            ("fast", Unit::Seconds),
            ("50", Unit::Seconds),
            ("1 parsec", Unit::Seconds),
            ("", Unit::Count),
            ("inf", Unit::Count),
            ("-1", Unit::Count),
            ("5%", Unit::Count),
            ("5ms", Unit::Bytes),
            ("4", Unit::Bytes),
            ("4 bananas", Unit::Bytes),
            ("20", Unit::BytesPerSecond),
            ("20B", Unit::BytesPerSecond),
            ("-1B/s", Unit::BytesPerSecond),
            ("1/parsec", Unit::PerSecond),
            ("1000", Unit::PerSecond),
            ("NaN%", Unit::Ratio),
        ] {
            let error = Quantity::parse(text, unit).expect_err(text);
            assert!(error.contains("write") && error.contains("such as"), "{error}");
        }
    }

    #[test]
    fn values_are_written_with_their_units() {
        let text = |value, unit| Quantity { value, unit }.to_string();
        assert_eq!(text(0.9999, Unit::Ratio), "99.99 %");
        assert_eq!(text(0.0501, Unit::Seconds), "50.1 ms");
        assert_eq!(text(0.0, Unit::Seconds), "0 µs");
        assert_eq!(text(5.006_7, Unit::Count), "5.007");
        assert_eq!(text(1536.0, Unit::Bytes), "1.5 KiB");
        assert_eq!(text(900.0, Unit::BytesPerSecond), "900 B/s");
        assert_eq!(text(123_456.0, Unit::PerSecond), "123456/s");
    }
}
