//! Standard output and standard error: closed pipes and full disks.

use std::fs::File;
use std::io::pipe;
use std::process::{Output, Stdio};

use super::{SHORT, Workplace, status, stderr};

/// Every command that writes to standard output.
fn commands() -> Vec<String> {
    let simulated = "steady --engine sim --nodes 16 --rate 50 --duration 200ms \
                     --set phases.warmup=0s --threads 1";
    let more = [
        "list",
        "explain",
        "--help",
        "run --help",
        "--version",
        "compare --systems ring --nodes 16 --set phases.measure=1s --out out",
        "compare --systems ring --nodes 16 --set phases.measure=1s --out out --json -",
    ];
    let runs = ["", "--json -", "--seeds 1..3", "--seeds 1..3 --json -"];
    let sweeps = ["", "--json -", "--repeat 2"];
    more.into_iter()
        .map(str::to_owned)
        .chain(runs.map(|more| format!("{SHORT} --out out {more}")))
        .chain(sweeps.map(|more| format!("sweep {simulated} --out out {more}")))
        .collect()
}

/// Runs `command` with this standard output.
fn run(here: &Workplace, command: &str, output: impl Into<Stdio>) -> Output {
    let child = here.command(command).stdout(output).stderr(Stdio::piped()).spawn();
    child.expect("the program starts").wait_with_output().expect("it ends")
}

#[test]
fn a_closed_pipe_is_no_error() {
    let here = Workplace::new("closed-pipe");
    for command in commands() {
        let (reader, writer) = pipe().expect("a pipe");
        drop(reader);
        let ran = run(&here, &command, writer);
        assert_eq!(status(&ran), 0, "{command}: {}", stderr(&ran));
        assert!(!stderr(&ran).contains("pipe"), "{command}: {}", stderr(&ran));
    }
    let files = here.names_in("out");
    for name in ["outcome.json", "campaign.json", "sweep.json", "compare.json"] {
        assert!(files.iter().any(|file| file == name), "{name} is missing: {files:?}");
    }
}

#[test]
fn a_full_disk_is_an_error() {
    let here = Workplace::new("full-disk");
    let full = || File::options().write(true).open("/dev/full").expect("it is there");
    for command in commands() {
        let ran = run(&here, &command, full());
        assert_eq!(status(&ran), 1, "{command}: {}", stderr(&ran));
        assert!(stderr(&ran).contains("standard output"), "{command}: {}", stderr(&ran));
    }
    let ran = here.hopwise(&format!("{SHORT} --quiet --json /dev/full"));
    assert_eq!(status(&ran), 1);
    assert!(stderr(&ran).contains("/dev/full"), "{}", stderr(&ran));
}

#[test]
fn messages_that_nobody_reads_change_no_status() {
    let here = Workplace::new("no-reader");
    for (command, expected) in
        [(SHORT, 0), ("run nothing", 2), ("run --nothing", 2), ("explain nothing", 2)]
    {
        let (reader, writer) = pipe().expect("a pipe");
        drop(reader);
        let mut command = here.command(command);
        let ran = command.stdout(Stdio::null()).stderr(writer).status().expect("it ends");
        assert_eq!(ran.code(), Some(expected), "{command:?}");
    }
}
