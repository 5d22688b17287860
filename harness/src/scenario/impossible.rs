//! The error of a check: the invalid value and the values accepted instead.
//!
//! **Invariant:** says nothing of where the value was written; the reader of the scenario adds that.

use toml::Value;

/// The result of a check.
pub(super) type Verdict = Result<(), Impossible>;

/// An invalid value.
#[derive(Clone, PartialEq, Debug)]
pub struct Impossible {
    /// Where it is, dotted, with indices: `fault.0.at`.
    pub path: String,
    /// What is accepted here, to follow "write", if that is narrower than what the key always says.
    pub accepted: Option<String>,
    /// The nearest value that fits, if the rule depends on other keys. It replaces a default; a value
    /// that the user wrote is refused.
    pub nearest: Option<Value>,
}

/// Requires that the value at `path` is one its key accepts.
///
/// # Errors
///
/// If `holds` is false.
pub fn require(holds: bool, path: &str) -> Result<(), Impossible> {
    if holds {
        return Ok(());
    }
    Err(Impossible { path: path.to_owned(), accepted: None, nearest: None })
}

/// Like [`require`], for a rule that involves other keys: `accepted` says what they leave possible.
///
/// # Errors
///
/// If `holds` is false.
pub fn require_that(
    holds: bool,
    path: &str,
    accepted: impl FnOnce() -> String,
) -> Result<(), Impossible> {
    require(holds, path).map_err(|wrong| Impossible { accepted: Some(accepted()), ..wrong })
}

/// Like [`require_that`], for a value that adapts: if the user did not write the value at `path`,
/// it becomes `nearest`, and the program reports the change.
///
/// # Errors
///
/// If `holds` is false.
pub fn require_or_adapt(
    holds: bool,
    path: &str,
    nearest: impl Into<Value>,
    accepted: impl FnOnce() -> String,
) -> Result<(), Impossible> {
    require_that(holds, path, accepted)
        .map_err(|wrong| Impossible { nearest: Some(nearest.into()), ..wrong })
}

/// Whether `share` is a number from 0 to 1.
#[must_use]
pub fn is_share(share: f64) -> bool {
    (0.0..=1.0).contains(&share)
}
