//! The arguments of `hopwise trace`.
//!
//! **Invariant:** nothing is run here.

use std::path::Path;

use clap::Args;

use super::values::{DEFAULT_SCENARIO, RunValues};
use crate::commands::trace::{Choice, Options, Request};
use crate::systems::Registry;

/// `hopwise trace`.
#[derive(Args, Debug)]
pub struct Trace {
    /// The lookup: its number (see run --events), or slowest, failed or incorrect: the first such one of the
    /// measured phase. Or a result of run --trace-lookups: its folder or traces.json
    #[arg(value_name = "LOOKUP | RESULT")]
    lookup: String,
    /// A named scenario (see list) or a file, run in the simulator [default: default]
    #[arg(value_name = "SCENARIO | FILE.toml")]
    scenario: Option<String>,
    #[command(flatten)]
    values: RunValues,
    /// Print JSON with all steps instead of text
    #[arg(long)]
    json: bool,
    /// Show no progress
    #[arg(long)]
    quiet: bool,
}

impl Trace {
    /// What to show.
    ///
    /// # Errors
    ///
    /// If there is no such lookup or result, or if the scenario is invalid.
    pub fn request(&self, registry: &Registry) -> Result<Request, String> {
        let given = self.values.overrides();
        let choice = self.lookup.parse::<Choice>();
        let path = Path::new(&self.lookup);
        if choice.is_err() && path.exists() {
            if self.scenario.is_some() || !given.is_empty() {
                return Err(format!(
                    "{} is a result, whose traces belong to a run that is over: leave out the scenario and its values",
                    self.lookup
                ));
            }
            return Ok(Request::Saved(path.to_owned()));
        }
        // Only the simulator traces lookups, so it need not be asked for.
        let overrides: Vec<_> =
            std::iter::once(("engine".to_owned(), "sim".to_owned())).chain(given).collect();
        let source = self.scenario.as_deref().unwrap_or(DEFAULT_SCENARIO);
        let choice = choice?;
        let scenario = registry.load(source, &overrides).map_err(|error| error.to_string())?;
        Ok(Request::Run(choice, Box::new(scenario)))
    }

    /// How to show it.
    #[must_use]
    pub fn options(&self) -> Options {
        Options { json: self.json, quiet: self.quiet }
    }
}
