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
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ColorChoice, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use hopwise_kernel::codec::VERSION;

use super::target::TargetFlags;
use super::values::{assignment, count};
use crate::commands::Environment;
use crate::commands::assertion::Assertions;
use crate::commands::campaign::Seeds;
use crate::commands::compare::{self, Subject, storage};
use crate::commands::diff::{self, Alternation, Tolerance, Tolerances};
use crate::commands::options::{Exit, RunOptions};
use crate::commands::standard_output::StandardOutput;
use crate::commands::sweep::{Plan, PlanError, REPEATS_MAX, Vary};
use crate::scenario::{Scenario, ScenarioError, shortened};
use crate::serve::{NewUser, Options as ServeOptions};
use crate::stress;
use crate::systems::Registry;
use crate::target;

/// The scenario that runs if none is named.
const DEFAULT_SCENARIO: &str = "default";
/// The scenario whose load goes to `--target` if none is named.
const TARGET_SCENARIO: &str = "ycsb-a";
/// The scenario that is compared if none is named, in which engine, and with how many nodes.
const COMPARE_SCENARIO: &str = "compare";
const COMPARE_STORAGE_SCENARIO: &str = "compare-storage";
const COMPARE_ENGINE: &str = "sim";
const COMPARED_NODES: [u32; 4] = [256, 1024, 4096, 16384];

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
    /// Make a page of saved results, with their figures
    Report(super::report::Report),
    /// Say which parameters to run a system with, for a given load and what must hold
    Plan(Box<super::plan::Plan>),
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

/// `hopwise run`.
#[derive(Args, Debug, Default)]
#[command(mut_arg("target", |target| target.conflicts_with_all(["seeds", "events"])))]
pub struct Run {
    /// A named scenario (see list) or a file [default: default]
    #[arg(value_name = "SCENARIO | FILE.toml")]
    scenario: Option<String>,
    #[command(flatten)]
    values: Values,
    /// Threads that run nodes (threads); 0: as many as help, one per core at most
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    threads: Option<String>,
    /// Run once with each seed from A to B - 1 and list the seeds that fail; simulator only. --json
    /// then lists the failing seeds, and only their results are kept
    #[arg(long, value_name = "A..B", conflicts_with = "seed")]
    seeds: Option<Seeds>,
    /// Write all that happens to a CSV file: who joined and departed, and each lookup of the measured
    /// phase. Compressed if the name ends in .gz
    #[arg(long, value_name = "FILE", conflicts_with = "seeds")]
    events: Option<PathBuf>,
    #[command(flatten)]
    target: TargetFlags,
    #[command(flatten)]
    assertions: Assertions,
    #[command(flatten)]
    options: RunOptions,
}

impl Run {
    /// Loads the scenario.
    ///
    /// # Errors
    ///
    /// If it is invalid.
    pub fn scenario(&self, registry: &Registry) -> Result<Scenario, ScenarioError> {
        let default = if self.target.is_unused() { DEFAULT_SCENARIO } else { TARGET_SCENARIO };
        let source = self.scenario.as_deref().unwrap_or(default);
        let threads = self.threads.iter().map(|threads| ("threads".to_owned(), threads.clone()));
        let overrides: Vec<_> = threads.chain(self.values.overrides()).collect();
        registry.load(source, &overrides)
    }

    /// Where the load goes, if nodes run elsewhere.
    ///
    /// # Errors
    ///
    /// If an address is wrong.
    pub fn target(&self) -> Result<Option<target::Options>, String> {
        self.target.options()
    }

    /// The seeds to run with, if several were asked for.
    #[must_use]
    pub fn seeds(&self) -> Option<&Seeds> {
        self.seeds.as_ref()
    }

    /// What each run must reach.
    #[must_use]
    pub fn assertions(&self) -> &Assertions {
        &self.assertions
    }

    /// The file for events, if there is one.
    #[must_use]
    pub fn events(&self) -> Option<&Path> {
        self.events.as_deref()
    }

    /// What to do with the result.
    #[must_use]
    pub fn options(&self) -> &RunOptions {
        &self.options
    }
}

/// `hopwise sweep`.
#[derive(Args, Debug, Default)]
#[command(mut_arg("json", |json| json.help("Write the table as JSON to a file, or with - to \
    standard output instead of a line per run")))]
#[command(mut_arg("out", |out| out.help("The folder for the results; complete runs in it are not \
    repeated [default: results/runs/TIME-sweep-SCENARIO]")))]
pub struct Sweep {
    /// A named scenario (see list) or a file [default: default]
    #[arg(value_name = "SCENARIO | FILE.toml")]
    scenario: Option<String>,
    /// A key and its values; the sweep runs every combination. Values are written as for --set. A
    /// comma within brackets, braces or quotes is part of a value
    #[arg(long = "vary", value_name = "KEY=VALUE,VALUE,...")]
    vary: Vec<Vary>,
    /// Run each combination N times, with seeds seed, seed + 1, ...
    #[arg(long, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = |text: &str| count(text, 1..=REPEATS_MAX))]
    repeat: u32,
    #[command(flatten)]
    values: Values,
    /// The number of runs at a time [default: one per core]; always 1 over UDP
    #[arg(long, value_name = "T")]
    threads: Option<NonZeroUsize>,
    #[command(flatten)]
    assertions: Assertions,
    #[command(flatten)]
    options: RunOptions,
}

impl Sweep {
    /// Plans the runs.
    ///
    /// # Errors
    ///
    /// If any of them is invalid.
    pub fn plan(&self, registry: &Registry) -> Result<Plan, PlanError> {
        let source = self.scenario.as_deref().unwrap_or(DEFAULT_SCENARIO);
        let values = self.values.overrides();
        let load = |varied: &[_]| registry.load(source, &[&values, varied].concat());
        let meant = |Vary { key, values }: &Vary| Vary {
            key: registry.schema().meant(key).into_owned(),
            values: values.clone(),
        };
        Plan::new(load, &self.vary.iter().map(meant).collect::<Vec<_>>(), self.repeat)
    }

    /// What each run must reach.
    #[must_use]
    pub fn assertions(&self) -> &Assertions {
        &self.assertions
    }

    /// Runs at a time, if that was asked for.
    #[must_use]
    pub fn threads(&self) -> Option<NonZeroUsize> {
        self.threads
    }

    /// What to do with the result.
    #[must_use]
    pub fn options(&self) -> &RunOptions {
        &self.options
    }
}

/// `hopwise compare`.
#[derive(Args, Debug, Default)]
#[command(mut_arg("json", |json| json.help("Write the comparison as JSON to a file, or with - to \
    standard output instead of the table")))]
#[command(mut_arg("out", |out| out.help("The folder for the results [default: \
    results/runs/TIME-compare]")))]
pub struct Compare {
    /// A named scenario (see list) or a file that says what all runs have in common
    /// [default: compare, compare-storage]
    #[arg(value_name = "SCENARIO | FILE.toml")]
    scenario: Option<String>,
    /// What is compared: systems, or the two ways to store a value (at the owner of its key, or at its
    /// writer with a reference at the owner)
    #[arg(long, value_name = "WHAT", value_enum, default_value_t)]
    what: What,
    /// The numbers of nodes to compare at; each run of a system has as many items as nodes. One number with
    /// --what storage [default: 256,1024,4096,16384; as the scenario says]
    #[arg(long, value_name = "N,N,...", value_delimiter = ',')]
    #[arg(value_parser = |text: &str| count(text, 8..=u32::MAX))]
    nodes: Option<Vec<u32>>,
    /// The sizes of values in bytes, with --what storage [default: 16,64,256,1000]
    #[arg(long, value_name = "N,N,...", value_delimiter = ',')]
    #[arg(value_parser = |text: &str| count(text, 16..=1000))]
    sizes: Option<Vec<u32>>,
    /// The systems to compare, in the order of the table [default: central,flood,ring]
    #[arg(long, value_name = "S,S,...", value_delimiter = ',')]
    systems: Vec<String>,
    /// Where the nodes run (engine): udp, sim [default: sim, whatever the scenario says]
    #[arg(long, value_name = "E")]
    engine: Option<String>,
    /// The seed of all random choices (seed)
    #[arg(long, value_name = "S", allow_hyphen_values = true)]
    seed: Option<String>,
    /// Set any value of the scenario that runs have in common, such as items.replicas=8
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
    #[command(flatten)]
    options: RunOptions,
}

/// What is compared.
#[derive(ValueEnum, Clone, Copy, Default, Debug)]
enum What {
    #[default]
    Systems,
    Storage,
}

impl Compare {
    /// Plans the runs.
    ///
    /// # Errors
    ///
    /// If any of them is invalid.
    pub fn plan(&self, registry: &Registry) -> Result<Subject, compare::PlanError> {
        match self.what {
            What::Systems => self.plan_systems(registry).map(Subject::Systems),
            What::Storage => self.plan_storage(registry).map(Subject::Storage),
        }
    }

    fn plan_systems(&self, registry: &Registry) -> Result<compare::Plan, compare::PlanError> {
        if self.sizes.is_some() {
            let instead = "values have sizes with --what storage only; leave it out";
            return Err(compare::PlanError::NotWith { flag: "--sizes", instead });
        }
        compare::refuse_planned(registry, &self.set)?;
        let nodes = self.nodes.as_deref().unwrap_or(&COMPARED_NODES);
        compare::Plan::new(registry, &self.systems, nodes, |planned| {
            self.load(registry, COMPARE_SCENARIO, planned)
        })
    }

    fn plan_storage(&self, registry: &Registry) -> Result<storage::Plan, compare::PlanError> {
        let not_with = |flag, instead| Err(compare::PlanError::NotWith { flag, instead });
        if !self.systems.is_empty() {
            return not_with(
                "--systems",
                "--what storage compares ways to store on a ring; leave it out",
            );
        }
        let nodes = match self.nodes.as_deref() {
            None => None,
            Some(&[nodes]) => Some(nodes),
            Some(_) => {
                return not_with(
                    "--nodes",
                    "--what storage has one number of nodes; write --nodes N",
                );
            }
        };
        storage::refuse_planned(registry, &self.set)?;
        let sizes = self.sizes.as_deref().unwrap_or(&storage::DEFAULT_SIZES);
        storage::Plan::new(sizes, nodes, |planned| {
            self.load(registry, COMPARE_STORAGE_SCENARIO, planned)
        })
    }

    /// Loads the scenario that runs have in common, by default `usual`, with the values of one run.
    fn load(
        &self,
        registry: &Registry,
        usual: &str,
        planned: &[(String, String)],
    ) -> Result<Scenario, ScenarioError> {
        let source = self.scenario.as_deref().unwrap_or(usual);
        let engine = Some(self.engine.clone().unwrap_or_else(|| COMPARE_ENGINE.to_owned()));
        let shorthands = [("engine", &engine), ("seed", &self.seed)];
        let values = overrides(&shorthands, &self.set);
        // The planned values come last, so they override the others.
        registry.load(source, &[&values, planned].concat())
    }

    /// What to do with the result.
    #[must_use]
    pub fn options(&self) -> &RunOptions {
        &self.options
    }
}

/// `hopwise stress`.
#[derive(Args, Debug)]
#[command(mut_arg("json", |json| json.help("Write the findings as JSON to a file, or with - to \
    standard output instead of the report")))]
#[command(mut_arg("out", |out| out.help("The folder for the results [default: \
    results/runs/TIME-stress-WORKLOAD]")))]
#[command(mut_arg("target", |target| target.help("Drive the reads and writes of the workload into servers \
    that run, as run does")))]
pub struct Stress {
    /// A named scenario (see list) or a file: what is asked, and of which nodes [default: lookups of a ring,
    /// 1,000 nodes; with --target ycsb-a]
    #[arg(long, value_name = "NAME | FILE.toml")]
    workload: Option<String>,
    /// The service level: bounds on p50, p90, p99, p99.9, max, success, shed, failed or goodput. success is the
    /// share of right answers among all that was due
    #[arg(long, value_name = "LEVEL", default_value = "p99<50ms,success>99.9%")]
    slo: stress::Level,
    /// What grows: the load, with the same nodes, or the nodes, with the same load per node
    #[arg(long, value_name = "WHAT", value_enum, default_value_t)]
    ramp: stress::Ramp,
    /// The first load, in operations per second, or the first number of nodes [default: 0.7 of what a closed
    /// loop completes; the nodes of the workload]
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    from: Option<f64>,
    /// The highest load, or the highest number of nodes [default: no limit]
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    to: Option<f64>,
    /// How long each step is measured, after a warm-up of a third of it
    #[arg(long, value_name = "D", default_value = "3s", value_parser = humantime::parse_duration)]
    step: Duration,
    /// How long the knee is held, under churn
    #[arg(long, value_name = "D", default_value = "60s", value_parser = humantime::parse_duration)]
    hold: Duration,
    /// Let this process use no more memory, such as 4GiB [default: 80 % of what is free]
    #[arg(long, value_name = "SIZE")]
    max_memory: Option<String>,
    /// Take no longer
    #[arg(long, value_name = "D", default_value = "5min", value_parser = humantime::parse_duration)]
    max_time: Duration,
    /// How many nodes there are at the start (nodes)
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    nodes: Option<String>,
    #[command(flatten)]
    target: TargetFlags,
    /// Set any value of the workload, such as ring.successors=8
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
    #[command(flatten)]
    assertions: Assertions,
    #[command(flatten)]
    options: RunOptions,
}

impl Stress {
    /// What the user wants to know, and how it is found out.
    ///
    /// # Errors
    ///
    /// If the memory is not a size.
    pub fn options(&self) -> Result<stress::Options, String> {
        let max_memory = self.max_memory.as_deref().map(stress::memory_of).transpose();
        Ok(stress::Options {
            workload: self.workload.clone(),
            values: overrides(&[("nodes", &self.nodes)], &self.set),
            level: self.slo.clone(),
            ramp: self.ramp,
            from: self.from,
            to: self.to,
            step: self.step,
            hold: self.hold,
            max_memory: max_memory.map_err(|why| format!("--max-memory: {why}"))?,
            max_time: self.max_time,
        })
    }

    /// Where the load goes, if nodes run elsewhere.
    ///
    /// # Errors
    ///
    /// If an address is wrong.
    pub fn target(&self) -> Result<Option<target::Options>, String> {
        self.target.options()
    }

    /// What the knee must reach, when it is held.
    #[must_use]
    pub fn assertions(&self) -> &Assertions {
        &self.assertions
    }

    /// What to do with the findings.
    #[must_use]
    pub fn output(&self) -> &RunOptions {
        &self.options
    }
}

/// `hopwise diff`.
#[derive(Args, Debug)]
pub struct Diff {
    /// Two outcomes or folders of runs, the old one first. With --run: two programs, and a scenario
    /// [default: default]
    #[arg(value_name = "A B | OLD NEW [SCENARIO]", num_args = 2..=3, required = true)]
    sides: Vec<String>,
    /// Run both programs in turn, and compare what they measure
    #[arg(long)]
    run: bool,
    /// By how much any figure may be worse, or a certain one: 5%, latency.p99=10% [default: 2%]
    #[arg(long, value_name = "SHARE | FIGURE=SHARE")]
    tolerance: Vec<Tolerance>,
    /// Figures of simulations with the same seeds must be equal
    #[arg(long)]
    exact: bool,
    /// List the figures that have not changed, too
    #[arg(long)]
    all: bool,
    /// How to write it
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: diff::Format,
    /// With --run: begin no run after this time
    #[arg(long, value_name = "D", default_value = "5min", value_parser = humantime::parse_duration)]
    time: Duration,
    /// With --run: set any value of the scenario, such as ring.successors=8
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = assignment, requires = "run")]
    set: Vec<(String, String)>,
    /// With --run: the folder for the results [default: results/runs/TIME-diff-SCENARIO]
    #[arg(long, value_name = "DIR", requires = "run")]
    out: Option<PathBuf>,
    /// Show no progress
    #[arg(long)]
    quiet: bool,
}

impl Diff {
    /// The results to compare; `None` if programs run.
    ///
    /// # Errors
    ///
    /// If there are not two.
    pub fn sides(&self) -> Result<Option<[&Path; 2]>, String> {
        match &*self.sides {
            _ if self.run => Ok(None),
            [a, b] => Ok(Some([Path::new(a), Path::new(b)])),
            more => Err(format!("{} is one too many: write two results, or --run", more[2])),
        }
    }

    /// The programs that run, and what.
    #[must_use]
    pub fn alternation(&self) -> Alternation {
        Alternation {
            programs: [0, 1].map(|which| PathBuf::from(&self.sides[which])),
            scenario: self.sides.get(2).map_or(DEFAULT_SCENARIO, String::as_str).to_owned(),
            set: self.set.clone(),
            time: self.time,
            options: RunOptions { json: None, out: self.out.clone(), quiet: self.quiet },
        }
    }

    /// How the comparison is judged and shown.
    #[must_use]
    pub fn options(&self) -> diff::Options {
        diff::Options {
            tolerances: Tolerances(self.tolerance.clone()),
            exact: self.exact,
            lists_all: self.all,
            format: self.format,
        }
    }
}

/// `hopwise serve`.
#[derive(Args, Debug)]
pub struct Serve {
    /// How many nodes run
    #[arg(long, value_name = "N", default_value_t = 100)]
    #[arg(value_parser = |text: &str| count(text, 1..=u32::MAX))]
    nodes: u32,
    /// Where clients connect; port 0: any that is free
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7379")]
    listen: SocketAddr,
    /// Threads that run nodes and serve clients; 0: one per core
    #[arg(long, value_name = "T", default_value_t = 0)]
    threads: usize,
    /// How many nodes keep each item
    #[arg(long, value_name = "R", default_value_t = 3)]
    replicas: u8,
    /// The address at which nodes send and receive; any but this machine's own needs --cluster-key
    #[arg(long, value_name = "IP", default_value = "127.0.0.1")]
    nodes_at: Ipv4Addr,
    /// Join the ring of a running server, which serves clients at this address. Several addresses, separated
    /// by commas, are tried in their order
    #[arg(long, value_name = "HOST:PORT,...", value_delimiter = ',')]
    join: Vec<SocketAddr>,
    /// A file with a secret that all servers of the ring share: nodes accept nothing without it
    #[arg(long, value_name = "FILE")]
    cluster_key: Option<PathBuf>,
    /// The users who may connect (see user add); without it, anybody on this machine
    #[arg(long, value_name = "FILE")]
    users: Option<PathBuf>,
    /// Show figures as OpenMetrics at this address, to this machine only
    #[arg(long, value_name = "ADDR")]
    metrics: Option<SocketAddr>,
    /// The newest version of the wire format that nodes speak: 3, for instance to go back to an older
    /// program, or 4. Nodes of both are one ring
    #[arg(long, value_name = "V", default_value_t = VERSION)]
    wire: u8,
    /// The seed of the identifiers of the nodes [default: any]
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// Do not say at the end what was open
    #[arg(long)]
    quiet: bool,
}

impl Serve {
    /// What the server is started with.
    #[must_use]
    pub fn options(&self) -> ServeOptions {
        ServeOptions {
            nodes: self.nodes,
            listen: self.listen,
            threads: self.threads,
            replicas: self.replicas,
            nodes_at: self.nodes_at,
            join: self.join.clone(),
            cluster_key: self.cluster_key.clone(),
            users: self.users.clone(),
            metrics: self.metrics,
            wire: self.wire,
            seed: self.seed,
        }
    }

    /// Whether nothing is said at the end.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }
}

/// `hopwise user`.
#[derive(Subcommand, Debug)]
pub enum UserCommand {
    /// Add a user to a users file. The password is typed, or read from standard input
    Add(UserAdd),
}

/// `hopwise user add`.
#[derive(Args, Debug)]
pub struct UserAdd {
    /// The name of the user
    name: String,
    /// The users file; created if there is none
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// The commands that the user may use [default: all]
    #[arg(long, value_name = "C,C,...", value_delimiter = ',')]
    commands: Vec<String>,
    /// The beginnings of the keys that the user may use [default: all keys]
    #[arg(long, value_name = "PREFIX,...", value_delimiter = ',')]
    keys: Vec<String>,
    /// The bytes of values that the user may store [default: no limit]
    #[arg(long, value_name = "N")]
    quota_bytes: Option<u64>,
    /// The requests that the user may send per second [default: no limit]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    requests_per_s: Option<u64>,
}

impl UserAdd {
    /// The user, and the file.
    pub(super) fn into_parts(self) -> (NewUser, PathBuf) {
        let UserAdd { name, file, commands, keys, quota_bytes, requests_per_s } = self;
        (NewUser { name, commands, keys, quota_bytes, requests_per_s }, file)
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

/// Values of the scenario that are set from the command line.
#[derive(Args, Debug, Default)]
struct Values {
    /// How many nodes there are at the start (nodes)
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    nodes: Option<String>,
    /// The system to run (system)
    #[arg(long, value_name = "S")]
    system: Option<String>,
    /// Where the nodes run (engine): udp, sim
    #[arg(long, value_name = "E")]
    engine: Option<String>,
    /// How long to measure (phases.measure), such as 30s
    #[arg(long, value_name = "D", allow_hyphen_values = true)]
    duration: Option<String>,
    /// Lookups per second, system-wide (workload.lookups_per_s)
    #[arg(long, value_name = "R", allow_hyphen_values = true)]
    rate: Option<String>,
    /// The seed of all random choices (seed)
    #[arg(long, value_name = "S", allow_hyphen_values = true)]
    seed: Option<String>,
    /// Set any value of the scenario, such as ring.successors=8
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
}

impl Values {
    /// All values as overrides. `--set` comes last, so it overrides the shorthands.
    fn overrides(&self) -> Vec<(String, String)> {
        let shorthands = [
            ("nodes", &self.nodes),
            ("system", &self.system),
            ("engine", &self.engine),
            ("phases.measure", &self.duration),
            ("workload.lookups_per_s", &self.rate),
            ("seed", &self.seed),
        ];
        overrides(&shorthands, &self.set)
    }
}

/// The shorthands that were given, and then what was `set`.
fn overrides(
    shorthands: &[(&str, &Option<String>)],
    set: &[(String, String)],
) -> Vec<(String, String)> {
    let given = shorthands
        .iter()
        .filter_map(|(key, value)| value.as_ref().map(|value| ((*key).to_owned(), value.clone())));
    given.chain(set.iter().cloned()).collect()
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
    use super::*;
    use crate::commands::options::JsonTarget;
    use crate::scenario::{Load, Measure, Rate};
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
        let options = run(&["run", "--json", "-", "--out", "here", "--quiet"]).options;
        let expected =
            RunOptions { json: Some(JsonTarget::Stdout), out: Some("here".into()), quiet: true };
        assert_eq!(options, expected);
        let file = run(&["run", "--json", "a.json"]).options.json;
        assert_eq!(file, Some(JsonTarget::File("a.json".into())));
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
