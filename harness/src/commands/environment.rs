//! The program that runs a command: its name, version, systems and scenarios.
//!
//! **Invariant:** commands read the name of the program only from here.

use std::collections::BTreeSet;
use std::fmt::Display;

use super::options::RunOptions;
use crate::measure::provenance::Identity;
use crate::scenario::{Adaptation, Scenario};
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

    /// Reports the adapted values of `scenarios`, each change once, unless `options.quiet` is set.
    pub(super) fn tell_adapted<'s>(
        &self,
        scenarios: impl IntoIterator<Item = &'s Scenario>,
        options: &RunOptions,
    ) {
        if options.quiet {
            return;
        }
        let adapted = scenarios.into_iter().flat_map(|scenario| &*scenario.adapted);
        let texts: BTreeSet<String> = adapted.map(Adaptation::to_string).collect();
        texts.iter().for_each(|text| self.tell(text));
    }
}
