//! The program `exact`, among the benches: `cargo bench` runs it, too.
//!
//! **Invariant:** passes on `--save` alone; other arguments are for other benches.

use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let save = std::env::args().filter(|argument| argument == "--save");
    match Command::new(env!("CARGO_BIN_EXE_exact")).args(save).status() {
        Ok(status) => ExitCode::from(status.code().map_or(1, |code| code as u8)),
        Err(error) => {
            eprintln!("exact: {error}");
            ExitCode::FAILURE
        }
    }
}
