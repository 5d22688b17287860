//! Figures of the model beside those of a simulation.
//!
//! **Invariant:** an error is a share of what the simulation shows.

use serde::Serialize;

/// A figure of the model beside that of a simulation.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Compared {
    /// Its name in the document.
    #[serde(rename = "figure")]
    pub key: &'static str,
    /// Its name for people.
    #[serde(skip)]
    pub name: &'static str,
    /// What the model says.
    pub model: f64,
    /// What the simulation shows.
    pub simulated: f64,
    /// How far the model is off, as a share of the simulation.
    pub error: f64,
}

impl Compared {
    /// Compares two figures.
    #[must_use]
    pub fn new(key: &'static str, name: &'static str, model: f64, simulated: f64) -> Compared {
        let error = if simulated > 0.0 { model / simulated - 1.0 } else { 0.0 };
        Compared { key, name, model, simulated, error }
    }
}
