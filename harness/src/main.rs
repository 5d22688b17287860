//! The `hopwise` command.

use std::process::ExitCode;

use hopwise_harness::app::Program;

fn main() -> ExitCode {
    Program::new("hopwise", env!("CARGO_PKG_VERSION")).main()
}
