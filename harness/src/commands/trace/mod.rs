//! `hopwise trace`: the path of one lookup of a simulated run, or of those that a run has saved.
//!
//! A simulation is deterministic. So a lookup that is known by what became of it is found in one run and
//! traced in the next.
//!
//! **Invariant:** writes no file.

mod choice;
mod finder;

use std::path::PathBuf;
use std::sync::atomic::AtomicU32;

pub use self::choice::Choice;
use self::choice::Outstanding;
use self::finder::Finder;
use super::Environment;
use super::options::Exit;
use super::run::{self, Ended, Memory};
use crate::Scenario;
use crate::measure::trace::{Collector, Traces, Wanted};
use crate::measure::{EngineError, Observers};
use crate::report;

/// What is shown.
#[derive(Debug)]
pub enum Request {
    /// A lookup of a run of this scenario.
    Run(Choice, Box<Scenario>),
    /// The traces of a result: its folder or the document.
    Saved(PathBuf),
}

/// How it is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// Whether as JSON.
    pub json: bool,
    /// Whether no progress is shown.
    pub quiet: bool,
}

/// Shows the path of a lookup.
#[must_use]
pub fn trace(env: &Environment, request: &Request, options: Options) -> Exit {
    let traced = match request {
        Request::Saved(path) => report::read_traces(path).map_err(EngineError::Request),
        Request::Run(choice, scenario) => {
            let interrupts = run::watch_for_interrupts(env);
            let run = Run { env, scenario, interrupts: &interrupts, quiet: options.quiet };
            match run.trace(*choice) {
                Ok(Some(traces)) => Ok(traces),
                Ok(None) => return Exit::Interrupted,
                Err(error) => Err(error),
            }
        }
    };
    match traced {
        Ok(traces) if options.json => env.print(&traces.to_json()),
        Ok(traces) => env.print(&report::traces_text(&traces)),
        Err(EngineError::Request(why)) => env.refuse(why),
        Err(EngineError::Broken(why)) => {
            env.tell(why);
            Exit::Failure
        }
    }
}

/// Runs of one scenario.
struct Run<'a> {
    env: &'a Environment,
    scenario: &'a Scenario,
    interrupts: &'a AtomicU32,
    quiet: bool,
}

impl Run<'_> {
    /// The trace of the chosen lookup; `None`: the user ended the run.
    fn trace(&self, choice: Choice) -> Result<Option<Traces>, EngineError> {
        let number = match choice {
            Choice::Number(number) => number,
            Choice::Outstanding(which) => match self.find(which)? {
                Some(number) => number,
                None => return Ok(None),
            },
        };
        let mut collector = Collector::new(Wanted::Number(number));
        let observers = Observers { tracer: Some(&mut collector), ..Observers::default() };
        let Ended { outcome, .. } = self.execute(observers)?;
        if outcome.interrupted {
            return Ok(None);
        }
        let lookups = collector.lookups();
        let traces = collector.traces();
        if traces.is_empty() {
            return Err(EngineError::Request(format!(
                "there is no lookup {number}: this run has {lookups}, numbered from 1; write one of these numbers, \
                 or slowest"
            )));
        }
        Ok(Some(Traces::new(&outcome, traces)))
    }

    /// The number of the lookup; `None`: the user ended the run.
    fn find(&self, which: Outstanding) -> Result<Option<u32>, EngineError> {
        let mut finder = Finder::new(which);
        let observers = Observers { tracer: Some(&mut finder), ..Observers::default() };
        let Ended { outcome, .. } = self.execute(observers)?;
        if outcome.interrupted {
            return Ok(None);
        }
        finder.found().map(Some).map_err(EngineError::Request)
    }

    fn execute(&self, observers: Observers<'_>) -> Result<Ended, EngineError> {
        run::execute(
            self.env,
            self.scenario,
            self.interrupts,
            self.quiet,
            Memory::InTurn,
            observers,
        )
    }
}
