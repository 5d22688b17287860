//! Quantities as they are written on the command line: `20B/s`, `99.9%`, `0.1/s`, `1e-9/year`.
//!
//! **Invariant:** an error says what is accepted instead.

use core::time::Duration;

const SECOND: f64 = 1.0;
const MINUTE: f64 = 60.0;
const HOUR: f64 = 3600.0;
const DAY: f64 = 86_400.0;
/// A year of 365.25 days.
pub const YEAR_S: f64 = 365.25 * DAY;

const TIMES: [(&str, f64); 6] =
    [("s", SECOND), ("min", MINUTE), ("h", HOUR), ("day", DAY), ("year", YEAR_S), ("y", YEAR_S)];
const SIZES: [(&str, f64); 8] = [
    ("B", 1.0),
    ("kB", 1e3),
    ("KB", 1e3),
    ("MB", 1e6),
    ("KiB", 1024.0),
    ("MiB", 1024.0 * 1024.0),
    ("GiB", 1024.0 * 1024.0 * 1024.0),
    ("GB", 1e9),
];

/// A number of nodes, such as `1e6`.
///
/// # Errors
///
/// If it is not from 100 to 10^9.
pub fn nodes(text: &str) -> Result<u64, String> {
    let whole = text.parse::<f64>().ok().filter(|count| count.fract() == 0.0);
    let whole = whole.filter(|count| (100.0..=1e9).contains(count));
    whole.map(|count| count as u64).ok_or_else(|| "write a whole number from 100 to 1e9".into())
}

/// A rate such as `0.1/s`, `6/min` or `10/h`, per second.
///
/// # Errors
///
/// If it is not one above 0.
pub fn per_second(text: &str) -> Result<f64, String> {
    rate(text)
        .filter(|rate| *rate > 0.0 && *rate <= 1e6)
        .ok_or_else(|| "write a number above 0 per time, such as 0.1/s, 6/min or 10/h".to_owned())
}

/// A probability per time such as `1e-9/year`, per year.
///
/// # Errors
///
/// If it is not one above 0.
pub fn per_year(text: &str) -> Result<f64, String> {
    let per_s = rate(text).filter(|rate| *rate > 0.0);
    per_s
        .map(|per_s| per_s * YEAR_S)
        .ok_or_else(|| "write a probability above 0 per time, such as 1e-9/year".to_owned())
}

/// Bytes per second such as `20B/s` or `1KiB/s`.
///
/// # Errors
///
/// If it is not above 0.
pub fn bytes_per_second(text: &str) -> Result<f64, String> {
    let read = || {
        let (amount, time) = text.split_once('/')?;
        Some(bytes_of(amount)? / time_of(time)?)
    };
    read().ok_or_else(|| "write bytes per time above 0, such as 20B/s or 1KiB/s".to_owned())
}

/// Bytes such as `4KiB`.
///
/// # Errors
///
/// If it is not above 0.
pub fn bytes(text: &str) -> Result<f64, String> {
    bytes_of(text).ok_or_else(|| "write bytes above 0, such as 4KiB or 900B".to_owned())
}

/// A share such as `99.9%` or `0.999`.
///
/// # Errors
///
/// If it is not from 0 to 1.
pub fn share(text: &str) -> Result<f64, String> {
    let value = match text.trim().strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().map(of_percent),
        None => text.trim().parse(),
    };
    value
        .ok()
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| "write a share such as 99.9% or 0.999".to_owned())
}

/// A duration above zero such as `1s`.
///
/// # Errors
///
/// If it is none.
pub fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).ok().filter(|duration| !duration.is_zero()).ok_or_else(|| {
        "write a duration above 0 with its unit, such as 500ms, 1s or 2min".to_owned()
    })
}

/// A model with its parameters, such as `weibull:mean=1h,shape=0.5`, as a table of TOML. `kind` is the key of
/// the model's name, `alone` that of a value without a key: `constant:50ms`.
///
/// # Errors
///
/// If it is not written so. `example` says how.
pub fn table(text: &str, kind: &str, alone: &str, example: &str) -> Result<String, String> {
    let wrong = || format!("write {example}");
    let (name, rest) = text.split_once(':').unwrap_or((text, ""));
    let is_word = |word: &str| {
        !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
    };
    if !is_word(name) {
        return Err(wrong());
    }
    let mut toml = format!("{{ {kind} = \"{name}\"");
    for part in rest.split(',').filter(|part| !part.is_empty()) {
        let (key, value) = part.split_once('=').unwrap_or((alone, part));
        let (key, value) = (key.trim(), value.trim());
        if !is_word(key) || value.is_empty() || value.contains(['"', '\\', '\n']) {
            return Err(wrong());
        }
        // A number stands for itself; everything else is text.
        if value.parse::<f64>().is_ok() {
            toml.push_str(&format!(", {key} = {value}"));
        } else {
            toml.push_str(&format!(", {key} = \"{value}\""));
        }
    }
    toml.push_str(" }");
    Ok(toml)
}

/// The nearest share with twelve digits: 99.9 % is 0.999.
fn of_percent(percent: f64) -> f64 {
    (percent * 1e10).round() / 1e12
}

fn rate(text: &str) -> Option<f64> {
    let (number, time) = text.split_once('/')?;
    let number = number.trim().parse::<f64>().ok().filter(|number| number.is_finite())?;
    Some(number / time_of(time)?)
}

fn time_of(unit: &str) -> Option<f64> {
    TIMES.iter().find(|(name, _)| *name == unit.trim()).map(|(_, seconds)| *seconds)
}

fn bytes_of(text: &str) -> Option<f64> {
    let text = text.trim();
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic() && c != 'e' && c != 'E')?;
    let (number, unit) = text.split_at(unit_at);
    let size = SIZES.iter().find(|(name, _)| *name == unit.trim()).map(|(_, size)| *size)?;
    let number = number.trim().parse::<f64>().ok()?;
    (number.is_finite() && number > 0.0).then_some(number * size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_with_their_units() {
        assert_eq!(nodes("1e6"), Ok(1_000_000));
        assert_eq!((per_second("0.1/s"), per_second("6/min")), (Ok(0.1), Ok(0.1)));
        assert_eq!((bytes_per_second("20B/s"), bytes_per_second("1KiB/s")), (Ok(20.0), Ok(1024.0)));
        assert_eq!(bytes_per_second("60B/min"), Ok(1.0));
        assert_eq!((bytes("4KiB"), bytes("1e3B")), (Ok(4096.0), Ok(1000.0)));
        assert_eq!((share("99.9%"), share("0.999"), share("0")), (Ok(0.999), Ok(0.999), Ok(0.0)));
        assert!(per_year("1e-9/year").is_ok_and(|p| (p / 1e-9 - 1.0).abs() < 1e-12));
        assert_eq!(duration("1s"), Ok(Duration::from_secs(1)));
    }

    #[test]
    fn what_is_wrong_is_told_with_what_is_accepted() {
        for error in [
            nodes("99").map(drop),
            nodes("1e10").map(drop),
            nodes("many").map(drop),
            per_second("0.1").map(drop),
            per_second("0/s").map(drop),
            per_second("1/parsec").map(drop),
            per_second("NaN/s").map(drop),
            bytes_per_second("20").map(drop),
            bytes_per_second("-1B/s").map(drop),
            bytes("4").map(drop),
            bytes("4 bananas").map(drop),
            share("101%").map(drop),
            share("-1").map(drop),
            share("NaN").map(drop),
            duration("0s").map(drop),
            duration("1").map(drop),
            per_year("0/year").map(drop),
        ] {
            assert!(error.is_err_and(|error| error.starts_with("write ")));
        }
    }

    #[test]
    fn a_model_with_parameters_becomes_a_table() {
        let read = |text| table(text, "model", "one_way", "it so");
        assert_eq!(read("king").as_deref(), Ok("{ model = \"king\" }"));
        let constant = Ok("{ model = \"constant\", one_way = \"50ms\" }");
        assert_eq!(read("constant:50ms").as_deref(), constant);
        let weibull = Ok("{ model = \"weibull\", mean = \"1h\", shape = 0.5 }");
        assert_eq!(read("weibull:mean=1h,shape=0.5").as_deref(), weibull);
        for wrong in ["", ":", "a b", "king:x=", "king:\"=1", "king:x=\"", "king:=1"] {
            assert_eq!(read(wrong), Err("write it so".to_owned()), "{wrong}");
        }
    }
}
