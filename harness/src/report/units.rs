//! Formats for numbers that are not negative.
//!
//! **Invariant:** a text is at most a dozen characters long for any figure a run can measure.

use indicatif::HumanCount;

/// `12,345`.
pub(crate) fn count(n: u64) -> String {
    HumanCount(n).to_string()
}

/// `5.86`, `58.6` or `5,860`: three digits, or all digits before the point.
pub(crate) fn number(x: f64) -> String {
    match x {
        _ if x < 9.995 => format!("{x:.2}"),
        _ if x < 99.95 => format!("{x:.1}"),
        _ => count(x.round() as u64),
    }
}

/// As [`number`], but with three digits of what is small: `0.00123`.
pub(crate) fn significant(x: f64) -> String {
    if x == 0.0 || x >= 1.0 {
        return number(x);
    }
    let digits = (2.0 - x.log10().floor()).min(9.0) as usize;
    format!("{x:.digits$}")
}

/// `50.3 µs`, `1.25 ms`, `15.0 s`.
pub(crate) fn micros(us: f64) -> String {
    match us {
        _ if us < 999.5 => format!("{} µs", number(us)),
        _ if us < 999.5e3 => format!("{} ms", number(us / 1e3)),
        _ => format!("{} s", number(us / 1e6)),
    }
}

/// `512 B`, `1.46 KiB`, `23.0 MiB`.
pub(crate) fn bytes(n: f64) -> String {
    let unit = ["KiB", "MiB", "GiB", "TiB"].into_iter().zip(1..);
    match unit.take_while(|&(_, power)| n >= 1024f64.powi(power)).last() {
        Some((unit, power)) => format!("{} {unit}", number(n / 1024f64.powi(power))),
        None => format!("{} B", number(n).trim_end_matches(".00")),
    }
}

/// `99.95 %`; `–` if `whole` is 0. Only the whole is 100 %, and only 0 is 0 %.
pub(crate) fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "–".to_owned();
    }
    let percent = part as f64 / whole as f64 * 100.0;
    let percent = match part {
        0 => 0.0,
        _ if part >= whole => percent,
        _ => percent.clamp(0.01, 99.99),
    };
    format!("{percent:.2} %")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_or_all_before_the_point() {
        let texts = [0.0, 5.864, 9.996, 58.64, 586.4, 999.6, 1_234_567.8].map(number);
        assert_eq!(texts, ["0.00", "5.86", "10.0", "58.6", "586", "1,000", "1,234,568"]);
        let texts = [0.0, 0.001_234, 0.5, 5.864].map(significant);
        assert_eq!(texts, ["0.00", "0.00123", "0.500", "5.86"]);
    }

    #[test]
    fn units_fit_the_size() {
        let texts = [50.34, 1250.0, 999.7, 15e6, 999_800.0].map(micros);
        assert_eq!(texts, ["50.3 µs", "1.25 ms", "1.00 ms", "15.0 s", "1.00 s"]);
        let texts = [0.0, 512.0, 90.5, 1496.0, f64::from(23 << 20)].map(bytes);
        assert_eq!(texts, ["0 B", "512 B", "90.5 B", "1.46 KiB", "23.0 MiB"]);
    }

    #[test]
    fn shares_do_not_round_to_all_or_nothing() {
        assert_eq!(share(10, 10), "100.00 %");
        assert_eq!(share(999_999, 1_000_000), "99.99 %");
        assert_eq!(share(1, 1_000_000), "0.01 %");
        assert_eq!(share(0, 10), "0.00 %");
        assert_eq!(share(0, 0), "–");
    }
}
