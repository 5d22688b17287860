//! `hopwise diff`: what differs between two results, by how much, and whether that is more than noise.
//!
//! **Invariant:** status 3 means a regression, or with `exact` any change of what has no noise.

mod alternate;
mod comparison;
mod formats;
mod side;
mod statistics;
mod text;

use std::path::Path;

use clap::ValueEnum;

pub use self::alternate::Alternation;
pub use self::comparison::{Tolerance, Tolerances};

use self::comparison::Comparison;
use self::side::Side;
use crate::commands::Environment;
use crate::commands::options::Exit;

/// How a comparison is judged and shown.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Options {
    /// By how much figures may be worse.
    pub tolerances: Tolerances,
    /// Whether each figure of a simulation must be equal, run by run.
    pub exact: bool,
    /// Whether figures are listed that have not changed.
    pub lists_all: bool,
    /// How it is written.
    pub format: Format,
}

/// How a comparison is written.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Format {
    /// For a terminal.
    #[default]
    Text,
    /// For a comment on a change.
    Markdown,
    /// All that is known.
    Json,
    /// B's figures for github-action-benchmark, with the tool customSmallerIsBetter.
    GithubActionBenchmark,
    /// B's figures for Bencher.
    Bencher,
}

/// Compares the outcome or the folder `b` with `a`.
#[must_use]
pub fn diff(env: &Environment, a: &Path, b: &Path, options: &Options) -> Exit {
    match (Side::read(a), Side::read(b)) {
        (Ok(a), Ok(b)) => show(env, &a, &b, options),
        (Err(why), _) | (_, Err(why)) => env.refuse(why),
    }
}

/// Runs two programs in turn, and compares what they measure.
#[must_use]
pub fn alternate(env: &Environment, alternation: &Alternation, options: &Options) -> Exit {
    match alternate::run(env, alternation, &options.tolerances) {
        Ok(alternate::Ended { a, b, is_interrupted }) => {
            let exit = show(env, &a, &b, options);
            if is_interrupted { Exit::Interrupted } else { exit }
        }
        Err((exit, why)) => {
            env.tell(why);
            exit
        }
    }
}

fn show(env: &Environment, a: &Side, b: &Side, options: &Options) -> Exit {
    let comparison = match Comparison::new(a, b, &options.tolerances, options.exact) {
        Ok(comparison) => comparison,
        Err(why) => return env.refuse(why),
    };
    let written = match options.format {
        Format::Text => text::text(&comparison, a, b, options.lists_all),
        Format::Markdown => text::markdown(&comparison, a, b),
        Format::Json => formats::json(&comparison, a, b),
        Format::GithubActionBenchmark => formats::github_action_benchmark(&comparison),
        Format::Bencher => formats::bencher(&comparison),
    };
    let exit = env.print(&written);
    if exit != Exit::Success {
        return exit;
    }
    let has_moved = options.exact && comparison.moved().next().is_some();
    if has_moved {
        let names: Vec<&str> = comparison.moved().map(|pair| pair.name.as_str()).collect();
        env.tell(format_args!("moved, though it must be equal: {}", names.join(", ")));
    }
    if options.exact && !comparison.unmatched.is_empty() {
        env.tell("a scenario is on one side only");
        return Exit::Unmet;
    }
    if has_moved || comparison.regressions().next().is_some() { Exit::Unmet } else { Exit::Success }
}
