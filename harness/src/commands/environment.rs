//! What every command is handed: the program it belongs to, and the systems it can run.
//!
//! **Invariant:** the name of the program is read from here, wherever it is written.

use std::fmt::Display;

use crate::measure::provenance::Identity;
use crate::systems::Registry;

/// The program that runs a command.
#[derive(Clone, Debug)]
pub struct Environment {
    /// Its name and version.
    pub program: Identity,
    /// Its systems and scenarios.
    pub registry: Registry,
}

impl Environment {
    /// Hopwise itself.
    #[must_use]
    pub fn hopwise() -> Environment {
        Environment { program: Identity::HOPWISE, registry: Registry::built_in() }
    }

    /// Writes a message to standard error, under the name of the program.
    pub fn tell(&self, message: impl Display) {
        eprintln!("{}: {message}", self.program.name);
    }
}
