//! The program that runs a command: its name, version, systems and scenarios.
//!
//! **Invariant:** commands read the name of the program only from here.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::io::{self, Write};

use super::options::{Exit, RunOptions};
use super::standard_output::StandardOutput;
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
        self.note(format_args!("{}: {message}", self.program.name));
    }

    /// Says why the request is wrong, and what to write instead.
    #[must_use]
    pub(crate) fn refuse(&self, why: impl Display) -> Exit {
        self.tell(why);
        Exit::BadRequest
    }

    /// Writes a line to standard error. A line that cannot be written is lost.
    pub(super) fn note(&self, line: impl Display) {
        let _ = io::stderr().lock().write_all(format!("{line}\n").as_bytes());
    }

    /// Writes `text` to standard output. Returns the status of a command that does nothing else.
    #[must_use]
    pub(crate) fn print(&self, text: &str) -> Exit {
        let output = StandardOutput::default();
        output.write(text);
        self.status_of(output)
    }

    /// Ends `output`. Returns the status of a command that wrote it and does nothing else.
    #[must_use]
    pub(crate) fn status_of(&self, output: StandardOutput) -> Exit {
        match output.end() {
            Ok(()) => Exit::Success,
            Err(message) => {
                self.tell(message);
                Exit::Failure
            }
        }
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
