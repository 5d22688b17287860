//! A program built on the harness: Hopwise, or one with systems of its own.
//!
//! **Invariant:** the name, systems and scenarios of a program are set here and nowhere else.

use std::ffi::OsString;
use std::process::ExitCode;

use super::cli::{Cli, Command};
use super::compare::Compare;
use super::diff::Diff;
use super::documents;
use super::report::Request;
use super::run::Run;
use super::stress::Stress;
use super::sweep::Sweep;
use super::trace::Trace;
use super::user::UserCommand;
use crate::commands::options::Exit;
use crate::commands::{
    Environment, campaign, compare, diff, explain, fill, list, plan, report, run, serve, stress,
    sweep, trace, user,
};
use crate::measure::provenance::Identity;
use crate::scenario::Named;
use crate::systems::{AnySystem, Registry};

/// A program with all commands of Hopwise and systems of its own.
///
/// ```no_run
/// use std::process::ExitCode;
///
/// use hopwise_harness::app::Program;
/// use hopwise_harness::scenario::Named;
/// # use hopwise_harness::systems::{AnySystem, Registered};
/// # const SYSTEMS: &[&dyn AnySystem] = &[];
///
/// const SCENARIOS: &[Named] = &[Named {
///     name: "mine",
///     source: "# A thousand nodes of my own\nsystem = \"own\"\nnodes = 1000\n",
/// }];
///
/// fn main() -> ExitCode {
///     // const SYSTEMS: &[&dyn AnySystem] = hopwise_harness::systems![OwnSystem];
///     Program::new("own", env!("CARGO_PKG_VERSION")).systems(SYSTEMS).scenarios(SCENARIOS).main()
/// }
/// ```
#[derive(Debug)]
pub struct Program {
    identity: Identity,
    systems: Vec<&'static dyn AnySystem>,
    scenarios: Vec<Named>,
}

impl Program {
    /// A program of this name and version, which runs the systems that come with Hopwise.
    #[must_use]
    pub fn new(name: &'static str, version: &'static str) -> Program {
        let identity = Identity { name, version };
        Program { identity, systems: Vec::new(), scenarios: Vec::new() }
    }

    /// Adds systems: a list from [`systems!`](macro@crate::systems). The first one is the
    /// default of `system`.
    #[must_use]
    pub fn systems(mut self, systems: &[&'static dyn AnySystem]) -> Program {
        self.systems.extend(systems);
        self
    }

    /// Adds named scenarios. One with the name of a built-in scenario replaces it: `default`, for
    /// instance, which runs if no scenario is named.
    #[must_use]
    pub fn scenarios(mut self, scenarios: &[Named]) -> Program {
        self.scenarios.extend(scenarios);
        self
    }

    /// Runs the command in the arguments of the process.
    #[must_use]
    pub fn main(self) -> ExitCode {
        self.run(std::env::args_os()).into()
    }

    /// Runs the command in `arguments`. The first is the path of the program.
    #[must_use]
    pub fn run(self, arguments: impl IntoIterator<Item = OsString>) -> Exit {
        let Program { identity: program, systems, scenarios } = self;
        let registry = Registry::with(&systems, &scenarios);
        let env = Environment { program, registry };
        let command = match Cli::parse_for(&env, arguments) {
            Ok(cli) => cli.into_command(),
            Err(exit) => return exit,
        };
        match command {
            Command::Run(run) => run_command(&env, &run),
            Command::Sweep(sweep) => sweep_command(&env, &sweep),
            Command::Compare(compare) => compare_command(&env, &compare),
            Command::Stress(asked) => stress_command(&env, &asked),
            Command::Diff(asked) => diff_command(&env, &asked),
            Command::Plan(asked) => plan::plan(&env, &asked.request(), asked.options()),
            Command::Report(asked) => match asked.request() {
                Request::Page(request) => report::report(&env, &request),
                Request::Fill(request) => fill::fill(&env, &request),
            },
            Command::Trace(asked) => trace_command(&env, &asked),
            Command::Serve(asked) => {
                serve::serve(&env, &asked.options(), asked.watch(), asked.is_quiet())
            }
            Command::User(UserCommand::Add(asked)) => {
                let (new, path) = asked.into_parts();
                user::add(&env, new, &path)
            }
            Command::List => list::list(&env),
            Command::Explain(asked) => explain::explain(&env, asked.key()),
            Command::Completions { shell } => documents::completions(&env, shell),
            Command::Man { folder } => documents::manual(&env, &folder),
        }
    }
}

fn run_command(env: &Environment, run: &Run) -> Exit {
    let target = match run.target() {
        Ok(target) => target,
        Err(why) => return env.refuse(why),
    };
    match (run.scenario(&env.registry), run.seeds()) {
        (Ok(scenario), Some(seeds)) => {
            campaign::campaign(env, &scenario, seeds, run.assertions(), run.options())
        }
        (Ok(scenario), None) => run::run(env, &scenario, &run.request(target.as_ref())),
        (Err(error), _) => env.refuse(error),
    }
}

fn sweep_command(env: &Environment, sweep: &Sweep) -> Exit {
    match sweep.plan(&env.registry) {
        Ok(plan) => sweep::sweep(env, &plan, sweep.threads(), sweep.assertions(), sweep.options()),
        Err(error) => env.refuse(error),
    }
}

fn trace_command(env: &Environment, asked: &Trace) -> Exit {
    match asked.request(&env.registry) {
        Ok(request) => trace::trace(env, &request, asked.options()),
        Err(why) => env.refuse(why),
    }
}

fn stress_command(env: &Environment, asked: &Stress) -> Exit {
    match (asked.options(), asked.target()) {
        (Ok(options), Ok(target)) => {
            let (assertions, output) = (asked.assertions(), asked.output());
            stress::stress(env, &options, assertions, output, target.as_ref())
        }
        (Err(why), _) | (_, Err(why)) => env.refuse(why),
    }
}

fn diff_command(env: &Environment, asked: &Diff) -> Exit {
    match asked.sides() {
        Ok(Some([a, b])) => diff::diff(env, a, b, &asked.options()),
        Ok(None) => diff::alternate(env, &asked.alternation(), &asked.options()),
        Err(why) => env.refuse(why),
    }
}

fn compare_command(env: &Environment, compare: &Compare) -> Exit {
    match compare.plan(&env.registry) {
        Ok(plan) => compare::compare(env, &plan, compare.options()),
        Err(error) => env.refuse(error),
    }
}
