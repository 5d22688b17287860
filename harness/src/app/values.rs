//! Values as they are written on the command line.
//!
//! **Invariant:** whether a key exists is not decided here.

use std::ops::RangeInclusive;

use crate::scenario::count_of;

/// Reads `KEY=VALUE`.
pub(super) fn assignment(text: &str) -> Result<(String, String), String> {
    let example = "write KEY=VALUE, such as ring.successors=8";
    let (key, value) = text.split_once('=').ok_or(example)?;
    match key.trim() {
        "" => Err(format!("the key is missing: {example}")),
        key => Ok((key.to_owned(), value.trim().to_owned())),
    }
}

/// Reads a count within `range`, written as in a scenario: `1e4` is one.
pub(super) fn count(text: &str, range: RangeInclusive<u32>) -> Result<u32, String> {
    let whole = count_of(text).and_then(|count| u32::try_from(count).ok());
    whole.filter(|count| range.contains(count)).ok_or_else(|| match *range.end() {
        u32::MAX => format!("write a whole number, at least {}", range.start()),
        end => format!("write a whole number from {} to {end}", range.start()),
    })
}
