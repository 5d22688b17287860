//! The `hopwise` command.

use std::process::ExitCode;

use clap::Parser;
use hopwise_harness::app::cli::{Cli, Command, Compare, Run, Sweep};
use hopwise_harness::commands::options::Exit;
use hopwise_harness::commands::{campaign, compare, run, sweep};
use hopwise_harness::scenario::library;

fn main() -> ExitCode {
    let exit = match Cli::parse().into_command() {
        Command::Run(run) => run_command(&run),
        Command::Sweep(sweep) => sweep_command(&sweep),
        Command::Compare(compare) => compare_command(&compare),
        Command::List => list_command(),
    };
    exit.into()
}

fn run_command(run: &Run) -> Exit {
    match run.scenario() {
        Ok(scenario) => match run.seeds() {
            Some(seeds) => campaign::campaign(&scenario, seeds, run.options()),
            None => run::run(&scenario, run.options()),
        },
        Err(error) => {
            eprintln!("hopwise: {error}");
            Exit::BadRequest
        }
    }
}

fn sweep_command(sweep: &Sweep) -> Exit {
    match sweep.plan() {
        Ok(plan) => sweep::sweep(&plan, sweep.threads(), sweep.options()),
        Err(error) => {
            eprintln!("hopwise: {error}");
            Exit::BadRequest
        }
    }
}

fn compare_command(compare: &Compare) -> Exit {
    match compare.plan() {
        Ok(runs) => compare::compare(&runs, compare.options()),
        Err(error) => {
            eprintln!("hopwise: {error}");
            Exit::BadRequest
        }
    }
}

fn list_command() -> Exit {
    let width = library::SCENARIOS.iter().map(|named| named.name.len()).max().unwrap_or(0);
    for named in &library::SCENARIOS {
        println!("{:width$}  {}", named.name, named.description());
    }
    Exit::Success
}
