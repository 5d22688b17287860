//! The paths in scenarios and on the command line.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use super::{TRACE, TRACE_SCENARIO, Workplace, status, stderr};

#[test]
fn a_result_is_repeated_from_anywhere() {
    let here = Workplace::new("anywhere");
    here.write("there/scenario.toml", TRACE_SCENARIO);
    here.write("there/trace.txt", TRACE);
    here.write("set/trace.txt", TRACE);
    fs::create_dir(here.path().join("elsewhere")).expect("it is new");
    for set in ["", "--set churn.file=set/trace.txt"] {
        let ran = here.hopwise(&format!("run there/scenario.toml {set} --out out --quiet"));
        assert_eq!(status(&ran), 0, "{}", stderr(&ran));
        let outcome: serde_json::Value =
            serde_json::from_str(&here.read("out/outcome.json")).expect("it is JSON");
        let file = outcome["scenario"]["churn"]["file"].as_str().expect("a path");
        assert!(file.starts_with('/'), "{file}");
        let mut again = here.command("run ../out/scenario.toml --out again --quiet");
        let again = again.current_dir(here.path().join("elsewhere")).output().expect("it starts");
        assert_eq!(status(&again), 0, "{}", stderr(&again));
    }
}

#[test]
fn a_file_is_found_beside_its_scenario_in_any_working_directory() {
    let here = Workplace::new("not-utf-8");
    let odd = here.path().join(OsStr::from_bytes(b"odd\xff"));
    fs::create_dir_all(odd.join("there")).expect("it is new");
    fs::write(odd.join("there/scenario.toml"), TRACE_SCENARIO).expect("it can be written");
    fs::write(odd.join("there/trace.txt"), TRACE).expect("it can be written");
    let mut command = here.command("run there/scenario.toml --out out --quiet");
    let ran = command.current_dir(odd).output().expect("it starts");
    assert_eq!(status(&ran), 0, "{}", stderr(&ran));
}

#[test]
fn the_command_that_repeats_a_failing_seed_works_anywhere() {
    let here = Workplace::new("replay");
    here.write("there/scenario.toml", &format!("{TRACE_SCENARIO}expect.correct = 1.0\n"));
    here.write("there/trace.txt", TRACE);
    // No lookups, so the expectation cannot hold.
    let none = "--set workload.lookups_per_s=0.000001";
    let ran = here.hopwise(&format!("run there/scenario.toml {none} --seeds 1..2 --out out"));
    assert_eq!(status(&ran), 3, "{}", stderr(&ran));
    let campaign: serde_json::Value =
        serde_json::from_str(&here.read("out/campaign.json")).expect("it is JSON");
    let replay = campaign["failing"][0]["replay"].as_str().expect("a command");
    let arguments = replay.strip_prefix("hopwise ").expect("the program");
    let mut again = here.command(arguments);
    let again = again.current_dir(here.path().join("there")).output().expect("it starts");
    assert_eq!(status(&again), 3, "{}", stderr(&again));
}
