//! The program where memory is short: it refuses what cannot fit, and ends with a message and a status.
//!
//! **Invariant:** the memory of this process is not limited, only that of the programs it starts.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// The exit status and what the program wrote to standard error, with so much address space.
fn run(address_space_kib: u64, arguments: &str) -> (Option<i32>, String) {
    let program = env!("CARGO_BIN_EXE_hopwise");
    let line = format!("ulimit -v {address_space_kib}; exec {program} {arguments}");
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let nth = RUNS.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("hopwise-memory-{}-{nth}", std::process::id()));
    std::fs::create_dir(&folder).expect("the folder is new");
    let mut shell = Command::new("sh");
    let output = shell.args(["-c", &line]).current_dir(&folder).output().expect("a shell starts");
    std::fs::remove_dir_all(&folder).expect("it is ours");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn what_joins_would_need_is_refused_with_what_to_write() {
    for engine in ["sim", "udp"] {
        let arguments = format!(
            "run --engine {engine} --quiet --set churn.model=poisson --set churn.joins_per_s=1e6 \
             --set phases.measure=100s"
        );
        let (status, message) = run(2_000_000, &arguments);
        assert_eq!(status, Some(2), "{message}");
        assert!(message.contains("write churn.joins_per_s = "), "{message}");
    }
    let faults = "--set fault=[{kind=\\\"join\\\",count=9000000}]";
    let (status, message) = run(2_000_000, &format!("run --engine sim --quiet {faults}"));
    assert_eq!(status, Some(2), "{message}");
    assert!(message.contains("write fault.0.count = "), "{message}");
    let load = "run --engine sim --quiet --set workload.lookups_per_s=1e9 \
                --set network.latency.model=constant";
    let (status, message) = run(2_000_000, load);
    assert_eq!(status, Some(2), "{message}");
    assert!(message.contains("write workload.lookups_per_s = "), "{message}");
}

/// The list of faults, once it is read, is larger than all that is allowed.
#[test]
fn a_failed_allocation_ends_the_program_with_a_message() {
    const FAULTS: usize = 100_000;
    let file = std::env::temp_dir().join(format!("hopwise-memory-{}.toml", std::process::id()));
    let fault = "[[fault]]\nkind = \"join\"\ncount = 1\n";
    let text = String::from("engine = \"sim\"\nnodes = 10\n") + &fault.repeat(FAULTS);
    std::fs::write(&file, text).expect("the temporary folder can be written");
    let (status, message) = run(80_000, &format!("run {} --quiet", file.display()));
    std::fs::remove_file(&file).expect("it is ours");
    assert_eq!(status, Some(1), "{message}");
    assert!(message.starts_with("hopwise: out of memory: "), "{message}");
    assert!(message.ends_with("a shorter run\n"), "{message}");
}

#[test]
fn a_small_run_fits_into_little() {
    let (status, message) =
        run(700_000, "run --engine sim --nodes 100 --threads 1 --duration 1s --rate 10 --quiet");
    assert_eq!(status, Some(0), "{message}");
}
