//! Durations as people write them: `"500ms"`, `"30s"`, `"1h"`.
//!
//! For fields of a [`Section`](super::Section): `#[serde(with = "duration")]`.
//!
//! **Invariant:** what is written here reads back as the same duration.

use core::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};

/// The duration with its unit.
#[must_use]
pub fn text(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

/// A duration from text with its unit.
pub(super) fn parse<E: Error>(text: &str) -> Result<Duration, E> {
    humantime::parse_duration(text).map_err(E::custom)
}

/// Reads a duration with its unit.
///
/// # Errors
///
/// If it is none.
pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    parse(&String::deserialize(from)?)
}

/// Writes a duration with its unit.
///
/// # Errors
///
/// If it cannot be written.
pub fn serialize<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&humantime::format_duration(*duration))
}

/// A duration, or `"off"` for none.
pub mod or_off {
    use super::*;

    /// Reads a duration or `"off"`.
    ///
    /// # Errors
    ///
    /// If it is neither.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        match String::deserialize(from)?.as_str() {
            "off" => Ok(None),
            text => parse(text).map(Some),
        }
    }

    /// Writes a duration or `"off"`.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn serialize<S: Serializer>(duration: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        match duration {
            None => to.serialize_str("off"),
            Some(duration) => super::serialize(duration, to),
        }
    }
}

/// A duration that may be missing; goes with `default` and `skip_serializing_if`.
pub mod optional {
    use super::*;

    /// Reads a duration that is there.
    ///
    /// # Errors
    ///
    /// If it is none.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        super::deserialize(from).map(Some)
    }

    /// Writes a duration that is there.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn serialize<S: Serializer>(duration: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        match duration {
            None => to.serialize_none(),
            Some(duration) => super::serialize(duration, to),
        }
    }
}
