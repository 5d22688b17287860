//! Compares the exact figures of simulations with `results/baseline/`; with `--save`, writes them there.
//!
//! Exit status: 0 all are equal; 2 a scenario cannot be run; 3 a figure has moved.
//!
//! **Invariant:** arguments for other benches are ignored.

use std::process::ExitCode;

use hopwise_benches::exact;

fn main() -> ExitCode {
    let save = std::env::args().any(|argument| argument == "--save");
    match exact::check(save) {
        Ok(exit) => exit.into(),
        Err(why) => {
            eprintln!("exact: {why}");
            ExitCode::from(2)
        }
    }
}
