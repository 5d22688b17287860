//! Runs the scenarios of a campaign and says how each ended.
//!
//! **Invariant:** a run that panics ends no other run.

use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::document::Ran;
use super::failure::Failure;
use super::shrink::Trial;
use crate::Scenario;
use crate::base::whole_file::write_whole;
use crate::commands::Environment;
use crate::commands::assertion::Assertions;
use crate::commands::run::{self, Ended, Memory};
use crate::measure::Observers;
use crate::measure::outcome::replay_command;
use crate::report::files;

/// The file of a smaller scenario in the folder of a failing seed.
pub(super) const SHRUNK: &str = "shrunk.toml";

/// What all runs of a campaign have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Runner<'a> {
    pub(super) env: &'a Environment,
    pub(super) assertions: &'a Assertions,
    pub(super) memory: Memory,
    pub(super) interrupts: &'a AtomicU32,
    /// The folder of the campaign.
    pub(super) folder: &'a Path,
}

/// How the run of a seed ended.
#[derive(Debug)]
pub(super) struct SeedRun {
    /// `None` if it did not come to its end.
    pub(super) ran: Option<Ran>,
    pub(super) failed: Option<FailedSeed>,
}

/// How the run of a seed failed.
#[derive(Debug)]
pub(super) struct FailedSeed {
    pub(super) failure: Failure,
    /// The command line that repeats it, if its files were written.
    pub(super) replay: Option<String>,
}

impl FailedSeed {
    /// A failure of which there are no files.
    pub(super) fn without_files(failure: Failure) -> FailedSeed {
        FailedSeed { failure, replay: None }
    }
}

impl Runner<'_> {
    /// The folder for the files of a failing seed.
    pub(super) fn folder_of(&self, seed: u64) -> PathBuf {
        self.folder.join(format!("seed-{seed}"))
    }

    /// Runs `scenario`, and writes its files if it fails: all of them, or only the scenario if there is no
    /// outcome.
    pub(super) fn run_seed(&self, scenario: &Scenario) -> SeedRun {
        let folder = self.folder_of(scenario.seed);
        let toml = scenario.to_toml();
        let (ran, failure, written) = match self.run(scenario) {
            Ok(Ended { measured, mut outcome }) => {
                let ran = Some(Ran::new(&outcome));
                let Some(failure) = Failure::of_outcome(&outcome) else {
                    return SeedRun { ran, failed: None };
                };
                outcome.name_folder(&folder);
                (ran, failure, files::write_all(&folder, &outcome, &toml, &measured.series))
            }
            Err(failure) if failure.can_shrink() => {
                (None, failure, write_scenario(&folder, files::SCENARIO, &toml))
            }
            Err(failure) => {
                return SeedRun { ran: None, failed: Some(FailedSeed::without_files(failure)) };
            }
        };
        // An earlier campaign in the same folder may have left one.
        let written = written.and_then(|()| remove_if_there(&folder.join(SHRUNK)));
        let failed = match written {
            Ok(()) => {
                let program = self.env.program.name;
                let replay = replay_command(program, &folder) + &self.assertions.arguments();
                FailedSeed { failure, replay: Some(replay) }
            }
            Err(why) => FailedSeed::without_files(Failure::unwritten(&why)),
        };
        SeedRun { ran, failed: Some(failed) }
    }

    /// Runs `scenario`, and judges it by the assertions.
    fn run(&self, scenario: &Scenario) -> Result<Ended, Failure> {
        let Runner { env, assertions, memory, interrupts, .. } = *self;
        let run = || run::execute(env, scenario, interrupts, true, memory, Observers::default());
        // A panic leaves nothing half-changed: a run has only shared borrows.
        let ended = catch_unwind(AssertUnwindSafe(run));
        let ended = ended.map_err(|payload| Failure::of_panic(&*payload))?;
        let mut ended = ended.map_err(Failure::of_error)?;
        assertions.judge(&mut ended.outcome);
        Ok(ended)
    }

    /// Runs `scenario` to see whether it fails.
    pub(super) fn try_out(&self, scenario: &Scenario) -> Trial {
        if self.is_interrupted() {
            return Trial::Interrupted;
        }
        let failure = match self.run(scenario) {
            Ok(ended) => Failure::of_outcome(&ended.outcome),
            Err(failure) => Some(failure),
        };
        match failure {
            _ if self.is_interrupted() => Trial::Interrupted,
            Some(failure) => Trial::Failed(failure),
            None => Trial::Held,
        }
    }

    /// Whether the user wants no more runs.
    pub(super) fn is_interrupted(&self) -> bool {
        self.interrupts.load(Ordering::Relaxed) > 0
    }
}

fn remove_if_there(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(io::Error::new(
            cause.kind(),
            format!("cannot remove {}, which an earlier run wrote: {cause}", file.display()),
        )),
        _ => Ok(()),
    }
}

/// Writes a scenario as a file of this name into `folder`, which it creates if it is missing.
pub(super) fn write_scenario(folder: &Path, name: &str, toml: &str) -> io::Result<()> {
    fs::create_dir_all(folder).map_err(|cause| {
        io::Error::new(cause.kind(), format!("cannot create {}: {cause}", folder.display()))
    })?;
    write_whole(&folder.join(name), toml)
}
