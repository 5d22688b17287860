//! The `hopwise` command.

use std::process::ExitCode;

use clap::Parser;
use hopwise_harness::cli::{Cli, Command, Exit, Run, RunOptions};
use hopwise_harness::{Scenario, library};

fn main() -> ExitCode {
    let exit = match Cli::parse().into_command() {
        Command::Run(run) => run_command(&run),
        Command::List => list_command(),
    };
    exit.into()
}

fn run_command(run: &Run) -> Exit {
    match run.scenario() {
        Ok(scenario) => execute(&scenario, run.options()),
        Err(error) => {
            eprintln!("hopwise: {error}");
            Exit::BadRequest
        }
    }
}

fn execute(scenario: &Scenario, _options: &RunOptions) -> Exit {
    print!("{}", scenario.to_toml());
    Exit::Success
}

fn list_command() -> Exit {
    let width = library::SCENARIOS.iter().map(|named| named.name.len()).max().unwrap_or(0);
    for named in &library::SCENARIOS {
        println!("{:width$}  {}", named.name, named.description());
    }
    Exit::Success
}
