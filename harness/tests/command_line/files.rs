//! Folders and files of results.

use std::fs::File;
use std::process::Child;
use std::thread;
use std::time::Duration;

use super::{SHORT, Workplace, status, stderr};

/// What a run writes into its folder.
const FILES: [&str; 4] = ["latency.hgrm", "outcome.json", "scenario.toml", "series.csv"];

#[test]
fn two_outputs_into_one_file_are_refused() {
    let here = Workplace::new("one-file");
    here.write("real", "");
    std::os::unix::fs::symlink("real", here.path().join("link")).expect("it can be made");
    for options in [
        "--events same --json same",
        "--events real --json link",
        "--events out/outcome.json",
        "--events ./out/series.csv",
        "--json out/series.csv",
        "--events -",
    ] {
        let ran = here.hopwise(&format!("{SHORT} --quiet --out out {options}"));
        assert_eq!(status(&ran), 2, "{options}: {}", stderr(&ran));
        assert!(stderr(&ran).contains("write another file") || options.ends_with('-'), "{options}");
    }
    for options in ["--events a.csv --json b.json", "--events /dev/null --json /dev/null"] {
        let ran = here.hopwise(&format!("{SHORT} --quiet --out out {options}"));
        assert_eq!(status(&ran), 0, "{options}: {}", stderr(&ran));
    }
}

#[test]
fn every_run_has_a_folder_of_its_own() {
    let here = Workplace::new("own-folder");
    let quiet = format!("{SHORT} --quiet");
    let start = || here.command(&quiet).spawn().expect("the program starts");
    let runs: Vec<Child> = (0..4).map(|_| start()).collect();
    for mut run in runs {
        assert!(run.wait().expect("it ends").success());
    }
    for _ in 0..4 {
        assert_eq!(status(&here.hopwise(&quiet)), 0);
    }
    let folders = here.names_in("results/runs");
    assert_eq!(folders.len(), 8, "{folders:?}");
    for folder in folders {
        assert_eq!(here.names_in(&format!("results/runs/{folder}")), FILES);
    }
}

#[test]
fn a_run_that_fails_leaves_nothing() {
    let here = Workplace::new("fails");
    let bad = "--set churn.model=trace --set churn.file=missing --json new.json --out out";
    let failed = here.hopwise(&format!("{SHORT} {bad}"));
    assert_eq!(status(&failed), 2, "{}", stderr(&failed));
    assert_eq!(here.names_in("."), Vec::<String>::new());
}

#[test]
fn a_folder_takes_one_run_at_a_time() {
    let here = Workplace::new("one-at-a-time");
    assert_eq!(status(&here.hopwise(&format!("{SHORT} --out out --quiet"))), 0);
    let before = here.read("out/outcome.json");
    // As a run that writes into the folder holds it.
    let folder = File::open(here.path().join("out")).expect("it is there");
    folder.lock().expect("it is free");
    for command in [
        SHORT.to_owned(),
        format!("{SHORT} --seeds 1..3"),
        "sweep steady --engine sim --nodes 16 --duration 200ms".to_owned(),
        "compare --systems ring --nodes 16".to_owned(),
    ] {
        let second = here.hopwise(&format!("{command} --out out"));
        assert_eq!(status(&second), 2, "{command}: {}", stderr(&second));
        assert!(stderr(&second).contains("another run"), "{}", stderr(&second));
    }
    assert_eq!(here.read("out/outcome.json"), before);
    assert_eq!(here.names_in("out"), FILES);
    drop(folder);
    assert_eq!(status(&here.hopwise(&format!("{SHORT} --out out --quiet"))), 0);
}

#[test]
fn a_killed_run_blocks_nothing() {
    let here = Workplace::new("killed");
    let long = format!("{SHORT} --set phases.measure=99h --out out --json new.json --quiet");
    let mut run = here.command(&long).spawn().expect("the program starts");
    while !here.path().join("out").is_dir() {
        assert!(run.try_wait().expect("it can be asked").is_none(), "it runs for years");
        thread::sleep(Duration::from_millis(5));
    }
    // Time to check that it can write.
    thread::sleep(Duration::from_secs(1));
    run.kill().expect("it runs");
    run.wait().expect("it ends");
    assert_eq!(here.names_in("."), ["out"]);
    assert_eq!(here.names_in("out"), Vec::<String>::new());
    let next = here.hopwise(&format!("{SHORT} --out out --json new.json --quiet"));
    assert_eq!(status(&next), 0, "{}", stderr(&next));
    assert_eq!(here.read("new.json"), here.read("out/outcome.json"));
}

#[test]
fn what_cannot_be_written_is_refused_before_the_work() {
    let here = Workplace::new("refused");
    here.write("file", "not a folder");
    let no_file = "missing/result.json";
    for command in [
        SHORT.to_owned(),
        // Hours of work, if it started.
        "run million --engine sim --duration 9h --seeds 1..9".to_owned(),
        "sweep million --engine sim --duration 9h".to_owned(),
        "compare --nodes 1e5 --set phases.measure=9h".to_owned(),
    ] {
        for (target, named) in [
            ("--out file", "file"),
            ("--out /proc", "/proc"),
            ("--json missing/result.json --out out", no_file),
        ] {
            let refused = here.hopwise(&format!("{command} {target}"));
            assert_eq!(status(&refused), 2, "{command}: {}", stderr(&refused));
            assert!(stderr(&refused).contains(named), "{}", stderr(&refused));
        }
    }
    assert_eq!(here.names_in("."), ["file"]);
}
