//! The program as a user starts it: its files, streams and exit statuses.
//!
//! **Invariant:** each test works in a folder of its own and uses only the command line.

mod compare;
mod diff;
mod files;
mod fill;
mod freeze;
mod memory;
mod paths;
mod plan;
mod report;
mod requests;
mod status;
mod streams;
mod stress;
mod sweep;
mod trace;
mod watch;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A short simulated run.
const SHORT: &str = "run steady --engine sim --nodes 16 --set workload.lookups_per_s=50 --duration 200ms \
                     --set phases.warmup=0s --threads 1";

/// A short simulated run whose churn is [`TRACE`].
const TRACE_SCENARIO: &str = "
    engine = \"sim\"
    nodes = 4
    threads = 1
    churn = { model = \"trace\", file = \"trace.txt\" }
    phases = { warmup = \"0s\", measure = \"200ms\" }
    ring.successors = 2
    workload.lookups_per_s = 50.0
";
/// The file `trace.txt` of [`TRACE_SCENARIO`].
const TRACE: &str = "0 a up\n0 b up\n0 c up\n0 d up\n";

/// A working directory that is removed at the end.
struct Workplace(PathBuf);

impl Workplace {
    fn new(test: &str) -> Workplace {
        let name = format!("hopwise-command-line-{test}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).expect("the folder is new");
        Workplace(path)
    }

    fn path(&self) -> &Path {
        &self.0
    }

    /// The program with `arguments`, separated by spaces, to be started here.
    fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hopwise"));
        command.current_dir(&self.0).args(arguments.split_whitespace()).stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    fn hopwise(&self, arguments: &str) -> Output {
        self.command(arguments).output().expect("the program starts")
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().expect("it has one")).expect("it can be created");
        fs::write(path, text).expect("it can be written");
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap_or_else(|why| panic!("{name}: {why}"))
    }

    /// The sorted names in a folder; none if there is no such folder.
    fn names_in(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.0.join(folder)).into_iter().flatten();
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        let mut names: Vec<String> =
            names.map(|name| name.into_string().expect("a plain name")).collect();
        names.sort();
        names
    }
}

impl Drop for Workplace {
    fn drop(&mut self) {
        let removed = fs::remove_dir_all(&self.0);
        assert!(removed.is_ok() || std::thread::panicking(), "{removed:?}");
    }
}

fn status(output: &Output) -> i32 {
    output.status.code().expect("it ended by itself")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
