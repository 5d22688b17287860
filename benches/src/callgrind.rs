//! Counts the instructions of a program's function by running the program under valgrind's tool
//! callgrind.
//!
//! **Invariant:** nothing is written; the count is read from valgrind's final output.

use std::fmt;
use std::io;
use std::path::Path;
use std::process::Command;

/// An error that prevents a count.
#[derive(Debug)]
pub enum CountError {
    /// `valgrind` was not found. Install it to count instructions.
    NoValgrind,
    /// Valgrind could not be started, or the program failed under it. Contains the error output.
    Failed(String),
    /// The function was not entered: it was inlined, or its name does not match.
    NotEntered(String),
}

impl fmt::Display for CountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CountError::NoValgrind => write!(f, "valgrind is not installed"),
            CountError::Failed(said) => write!(f, "valgrind failed: {said}"),
            CountError::NotEntered(function) => {
                write!(f, "no function that matches {function} was entered")
            }
        }
    }
}

impl std::error::Error for CountError {}

/// Counts the instructions that `program`, called with `arguments`, executes in the functions that
/// match `function` and in their callees. In `function`, `*` stands for any characters.
///
/// # Errors
///
/// See [`CountError`].
pub fn count(program: &Path, arguments: &[&str], function: &str) -> Result<u64, CountError> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(format!("--toggle-collect={function}"))
        .arg(program)
        .args(arguments)
        .output()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => CountError::NoValgrind,
            _ => CountError::Failed(error.to_string()),
        })?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(CountError::Failed(said.into_owned()));
    }
    match collected(&said) {
        Some(0) => Err(CountError::NotEntered(function.to_owned())),
        Some(count) => Ok(count),
        None => Err(CountError::Failed(said.into_owned())),
    }
}

/// Reads the number in a line like `==4711== Collected : 524292`.
fn collected(said: &str) -> Option<u64> {
    let mut counts = said.lines().filter_map(|line| line.split_once("Collected :"));
    counts.next_back()?.1.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callgrind_output_is_read() {
        let said = "==47== Events    : Ir\n==47== Collected : 524292\n==47== \n";
        assert_eq!(collected(said), Some(524_292));
        assert_eq!(collected("==47== Collected :\n"), None);
        assert_eq!(collected("valgrind: cannot start\n"), None);
    }
}
