//! The command line: from arguments to a scenario and what to do with its result.
//!
//! Flags that set a value of the scenario are shorthands for `--set`, so a wrong value causes the
//! same error in a flag and in a file.
//!
//! **Invariant:** nothing is run here; a request that is wrong ends with
//! [`Exit::BadRequest`].

use std::borrow::Cow;
use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ColorChoice, CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::Shell;

use super::compare::Compare;
use super::diff::Diff;
use super::plan::Plan;
use super::run::Run;
use super::serve::Serve;
use super::stress::Stress;
use super::sweep::Sweep;
use super::trace::Trace;
use super::user::UserCommand;
use crate::commands::Environment;
use crate::commands::options::Exit;
use crate::commands::standard_output::StandardOutput;
use crate::scenario::shortened;

/// Runs thousands of nodes under load and churn, and checks the answer of every lookup.
///
/// Without a command, it runs the default scenario.
#[derive(Parser, Debug)]
pub struct Cli {
    /// Whether texts have colours: where the terminal has them, unless NO_COLOR is set; always; never
    #[arg(long, value_name = "WHEN", global = true, default_value = "auto", display_order = 900)]
    color: ColorChoice,
    #[command(subcommand)]
    command: Option<Command>,
}

impl Cli {
    /// Parses `arguments`. The first is the path of the program.
    ///
    /// # Errors
    ///
    /// The exit status, after a message or help, if they are invalid or request help.
    pub(super) fn parse_for(
        env: &Environment,
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Result<Cli, Exit> {
        Cli::try_parse_for(env, arguments).map_err(|error| {
            if error.use_stderr() {
                let text = error.render().to_string();
                let brief = with_short_words(&text);
                // If nobody reads the message, the status still says it.
                let _ = if brief == text {
                    error.print()
                } else {
                    std::io::stderr().write_all(brief.as_bytes())
                };
                Exit::BadRequest
            } else {
                let output = StandardOutput::default();
                output.take(|| error.print());
                env.status_of(output)
            }
        })
    }

    fn try_parse_for(
        env: &Environment,
        arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> Result<Cli, clap::Error> {
        Cli::from_arg_matches(&Cli::described(env).try_get_matches_from(arguments)?)
    }

    /// All commands and flags, under the name of the program and with its systems.
    pub(super) fn described(env: &Environment) -> clap::Command {
        let systems = env.registry.schema().system_names().join(", ");
        let name_systems = |command: clap::Command| {
            command.mut_arg("system", |system| {
                system.help(format!("The system to run (system): {systems}"))
            })
        };
        Cli::command()
            .name(env.program.name)
            .bin_name(env.program.name)
            .version(env.program.version)
            .mut_subcommand("run", name_systems)
            .mut_subcommand("sweep", name_systems)
            .mut_subcommand("trace", name_systems)
    }

    /// The command; `run` by default. From now on, texts have the colours that were asked for.
    #[must_use]
    pub fn into_command(self) -> Command {
        match self.color {
            ColorChoice::Auto => {}
            ColorChoice::Always => console::set_colors_enabled(true),
            ColorChoice::Never => console::set_colors_enabled(false),
        }
        self.command.unwrap_or_default()
    }
}

/// The commands of the program.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run a scenario and report what happened
    Run(Box<Run>),
    /// Run every combination of the values of some keys, and compare the figures
    Sweep(Box<Sweep>),
    /// Give the same items and queries to several systems, or the same values to both ways to store them, and
    /// compare what each needs
    Compare(Box<Compare>),
    /// Find what this server holds: raise the load until a service level breaks, hold the knee, go beyond it and
    /// back
    Stress(Box<Stress>),
    /// Compare two results, or two programs that run in turn: what changed, and whether it is more than noise
    Diff(Diff),
    /// Make a page of saved results, with their figures, or the tables of documents
    Report(super::report::Report),
    /// Show the path of a lookup of a simulated run, hop by hop
    Trace(Box<Trace>),
    /// Say which parameters to run a system with, for a given load and what must hold
    Plan(Box<Plan>),
    /// Keep nodes up and serve clients through the Redis protocol, until Ctrl-C
    Serve(Serve),
    /// Manage the users who may connect to a server
    #[command(subcommand)]
    User(UserCommand),
    /// List the named scenarios
    List,
    /// Explain a key of a scenario, or list all keys
    Explain(Explain),
    /// Print what completes commands and flags in a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Write manual pages, one for each command
    Man {
        /// The folder for the pages
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

impl Default for Command {
    fn default() -> Command {
        Command::Run(Box::default())
    }
}

/// `hopwise explain`.
#[derive(Args, Debug, Default)]
pub struct Explain {
    /// A key, such as ring.successors, or a section, such as ring
    key: Option<String>,
}

impl Explain {
    /// The key to explain; `None` lists all keys.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }
}

/// The text with its long words cut.
fn with_short_words(text: &str) -> String {
    text.split_inclusive(char::is_whitespace)
        .map(|word| match shortened(word.trim_end()) {
            Cow::Borrowed(_) => word.to_owned(),
            Cow::Owned(cut) => cut + &word[word.trim_end().len()..],
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;
    use crate::commands::compare::Subject;
    use crate::commands::options::{JsonTarget, RunOptions};
    use crate::scenario::{Load, Measure, Rate, Scenario, ScenarioError};
    use crate::systems::Registry;
    use crate::systems::ring::Ring;

    fn parse(
        arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> Result<Cli, clap::Error> {
        Cli::try_parse_for(&Environment::hopwise(), arguments)
    }

    fn scenario(run: &Run) -> Result<Scenario, ScenarioError> {
        run.scenario(&Registry::built_in())
    }

    fn run(arguments: &[&str]) -> Box<Run> {
        let words = ["hopwise"].iter().chain(arguments);
        match parse(words).expect("these arguments are right").into_command() {
            Command::Run(run) => run,
            _ => panic!("not a run"),
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
        assert!(parse(["hopwise", "list"]).is_ok());
        assert!(parse(["hopwise", "explain"]).is_ok());
        assert!(parse(["hopwise", "explain", "ring.successors"]).is_ok());
    }

    #[test]
    fn no_arguments_run_the_default_scenario() {
        let bare = run(&[]);
        assert_eq!(scenario(&bare), Registry::built_in().load("default", &[]));
        assert_eq!(bare.options(), &RunOptions::default());
        assert_eq!(scenario(&run(&["run"])), scenario(&bare));
    }

    #[test]
    fn flags_set_the_values_they_stand_for() {
        let run = run(&[
            "run",
            "saturate",
            "--nodes",
            "64",
            "--system",
            "ring",
            "--engine",
            "udp",
            "--duration",
            "3s",
            "--rate",
            "250",
            "--seed",
            "9",
            "--threads",
            "128",
            "--set",
            "ring.successors=8",
            "--set",
            "ring.base = 16",
        ]);
        let scenario = scenario(&run).expect("all of this is possible");
        assert_eq!((scenario.nodes, scenario.seed, scenario.threads), (64, 9, 128));
        assert_eq!(scenario.phases.measure, Measure::Lasting(core::time::Duration::from_secs(3)));
        let rate = Load::PerSecond(Rate::PerSecond(250.0));
        assert_eq!(scenario.workload.load, rate, "replaces the closed loop");
        let ring = scenario.section::<Ring>();
        assert_eq!((ring.successors, ring.base), (8, 16));
    }

    #[test]
    fn a_wrong_flag_value_gives_the_same_error_as_in_a_scenario() {
        for (flag, value, expected) in [
            ("--nodes", "-3", "nodes = -3 is not accepted: write a whole number from 1"),
            ("--duration", "30 parsecs", "phases.measure = \"30 parsecs\""),
            ("--engine", "tcp", "engine = \"tcp\" is not accepted: write \"udp\" or \"sim\""),
        ] {
            let error = scenario(&run(&["run", flag, value])).expect_err(value).to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_sweep_plans_every_combination_of_values() {
        let arguments = "hopwise sweep steady --nodes 64 --seed 5 --vary ring.successors=4,8 \
                         --vary workload.keys={distribution='zipf',exponent=1.1} --repeat 2 \
                         --threads 3 --out here";
        let words = arguments.split_whitespace();
        let command = parse(words).expect("these arguments are right").into_command();
        let Command::Sweep(sweep) = command else { panic!("not a sweep") };
        let plan = sweep.plan(&Registry::built_in()).expect("all of this is possible");
        let runs = plan
            .runs
            .iter()
            .map(|run| (run.scenario.section::<Ring>().successors, run.scenario.seed));
        assert_eq!(runs.collect::<Vec<_>>(), [(4, 5), (4, 6), (8, 5), (8, 6)]);
        assert!(plan.runs.iter().all(|run| run.scenario.nodes == 64));
        assert_eq!(sweep.threads(), NonZeroUsize::new(3));
        assert_eq!(sweep.options().out, Some("here".into()));
    }

    #[test]
    fn a_comparison_plans_the_named_systems_and_sizes() {
        let words = "hopwise compare --systems ring,flood --nodes 1e2,64".split_whitespace();
        let command = parse(words).expect("these arguments are right").into_command();
        let Command::Compare(compare) = command else { panic!("not a comparison") };
        let plan = compare.plan(&Registry::built_in()).expect("all of this is possible");
        let Subject::Systems(plan) = plan else { panic!("systems are compared by default") };
        let systems = plan.systems.iter().map(|system| system.name).collect::<Vec<_>>();
        assert_eq!(systems, ["ring", "flood"]);
        let sizes = plan.runs.iter().map(|run| run.scenario.nodes).collect::<Vec<_>>();
        assert_eq!(sizes, [[100; 6], [64; 6]].concat());
    }

    #[test]
    fn a_comparison_of_storage_has_one_number_of_nodes_and_several_sizes() {
        let plan = |words: &str| {
            let command = parse(words.split_whitespace()).expect("these are words of ours");
            let Command::Compare(compare) = command.into_command() else { panic!("another") };
            compare.plan(&Registry::built_in()).map_err(|error| error.to_string())
        };
        let all = plan("hopwise compare --what storage --nodes 64 --sizes 100,16");
        let Ok(Subject::Storage(all)) = all else { panic!("{all:?}") };
        assert_eq!(all.sizes, [16, 100]);
        assert!(all.runs.iter().all(|run| run.scenario.nodes == 64));
        for (wrong, instead) in [
            ("--what storage --systems ring", "--systems"),
            ("--what storage --nodes 64,128", "write --nodes N"),
            ("--sizes 16", "--what storage"),
            ("--what storage --set store.kind=direct", "both are compared"),
            ("--what storage --set workload.in_flight=4", "workload.lookups_per_s"),
        ] {
            let error = plan(&format!("hopwise compare {wrong}")).expect_err(wrong);
            assert!(error.contains(instead), "{error}");
        }
    }

    #[test]
    fn output_options_are_parsed() {
        let options = run(&["run", "--json", "-", "--out", "here", "--quiet"]);
        let expected =
            RunOptions { json: Some(JsonTarget::Stdout), out: Some("here".into()), quiet: true };
        assert_eq!(options.options(), &expected);
        let file = run(&["run", "--json", "a.json"]);
        assert_eq!(file.options().json, Some(JsonTarget::File("a.json".into())));
    }

    #[test]
    fn usage_errors_are_bad_requests() {
        for arguments in [
            &["rnu"][..],
            &["run", "--node", "3"],
            &["run", "--set", "nodes"],
            &["run", "--seeds", "7"],
            &["run", "--seeds", "7..7"],
            &["run", "--seeds", "1..9", "--seed", "1"],
            &["sweep", "--vary", "nodes"],
            &["sweep", "--vary", "nodes="],
            &["sweep", "--repeat", "0"],
            &["sweep", "--threads", "0"],
            &["compare", "--nodes", "4"],
            &["compare", "--nodes", "9.5"],
            &["sweep", "--repeat", "1e9"],
            &["compare", "--nodes", ""],
            &["run", "--target", "127.0.0.1:1", "--seeds", "1..9"],
            &["run", "--target", "127.0.0.1:1", "--events", "e.csv"],
            &["run", "--target", "127.0.0.1:1", "--connections", "0"],
            &["compare", "--what", "words"],
            &["compare", "--what", "storage", "--sizes", "15"],
            &["compare", "--what", "storage", "--sizes", "1001"],
        ] {
            let error =
                parse(["hopwise"].iter().chain(arguments)).expect_err("these arguments are wrong");
            assert_eq!(error.exit_code(), Exit::BadRequest as i32);
        }
    }
}
