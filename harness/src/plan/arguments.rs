//! Reads the conditions and demands of a plan from the command line: `20B/s`, `99.9%`, `weibull:mean=1h,shape=0.5`.
//!
//! **Invariant:** an error says what is accepted instead.

use crate::measure::outcome::Unit;
use crate::measure::quantity::{self, YEAR_S, accepted};

/// A number of nodes, such as `1e6`.
///
/// # Errors
///
/// If it is not from 100 to 10^9.
pub fn nodes(text: &str) -> Result<u64, String> {
    let whole = quantity::read(text, Unit::Count).filter(|count| count.fract() == 0.0);
    let whole = whole.filter(|count| (100.0..=1e9).contains(count));
    whole.map(|count| count as u64).ok_or_else(|| "write a whole number from 100 to 1e9".into())
}

/// A rate such as `0.1/s`, `6/min` or `10/h`, per second.
///
/// # Errors
///
/// If it is not one above 0.
pub fn per_second(text: &str) -> Result<f64, String> {
    above_0(text, Unit::PerSecond).and_then(|rate| match rate <= 1e6 {
        true => Ok(rate),
        false => Err("write at most 1e6/s".to_owned()),
    })
}

/// A probability per time such as `1e-9/year`, per year.
///
/// # Errors
///
/// If it is not one above 0.
pub fn per_year(text: &str) -> Result<f64, String> {
    let per_s = quantity::read(text, Unit::PerSecond).filter(|rate| *rate > 0.0);
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
    above_0(text, Unit::BytesPerSecond)
}

/// Bytes such as `4KiB`.
///
/// # Errors
///
/// If it is not above 0.
pub fn bytes(text: &str) -> Result<f64, String> {
    above_0(text, Unit::Bytes)
}

/// A share such as `99.9%` or `0.999`.
///
/// # Errors
///
/// If it is not from 0 to 1.
pub fn share(text: &str) -> Result<f64, String> {
    let share = quantity::read(text, Unit::Ratio).filter(|share| *share <= 1.0);
    share.ok_or_else(|| format!("write {}, at most 1", accepted(Unit::Ratio)))
}

/// A time above 0 such as `1s`, in seconds.
///
/// # Errors
///
/// If it is none.
pub fn seconds(text: &str) -> Result<f64, String> {
    above_0(text, Unit::Seconds)
}

fn above_0(text: &str, unit: Unit) -> Result<f64, String> {
    let value = quantity::read(text, unit).filter(|value| *value > 0.0);
    value.ok_or_else(|| format!("write {}, above 0", accepted(unit)))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read_with_their_units() {
        assert_eq!(nodes("1e6"), Ok(1_000_000));
        assert_eq!((per_second("0.1/s"), per_second("6/min")), (Ok(0.1), Ok(0.1)));
        assert_eq!((bytes_per_second("20B/s"), bytes_per_second("1KiB/s")), (Ok(20.0), Ok(1024.0)));
        assert_eq!(bytes("4KiB"), Ok(4096.0));
        assert_eq!((share("99.9%"), share("0.999"), share("0")), (Ok(0.999), Ok(0.999), Ok(0.0)));
        assert!(per_year("1e-9/year").is_ok_and(|p| (p / 1e-9 - 1.0).abs() < 1e-12));
        assert_eq!(seconds("1s"), Ok(1.0));
    }

    #[test]
    fn what_is_wrong_is_told_with_what_is_accepted() {
        for error in [
            nodes("99").map(drop),
            nodes("1e10").map(drop),
            nodes("many").map(drop),
            per_second("0.1").map(drop),
            per_second("0/s").map(drop),
            per_second("1e7/s").map(drop),
            bytes_per_second("20").map(drop),
            bytes_per_second("0").map(drop),
            bytes("4").map(drop),
            share("101%").map(drop),
            share("-1").map(drop),
            seconds("0s").map(drop),
            seconds("1").map(drop),
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
