//! The `hopwise` command.

use std::process::ExitCode;

use hopwise_harness::app::{ExitWithoutMemory, Program};

#[global_allocator]
static ALLOCATOR: ExitWithoutMemory = ExitWithoutMemory::of("hopwise");

fn main() -> ExitCode {
    Program::new("hopwise", env!("CARGO_PKG_VERSION")).main()
}
