//! What a comparison takes from a scenario of the user's.

use super::{Workplace, status, stderr};

#[test]
fn it_runs_in_the_simulator_unless_udp_is_asked_for() {
    let here = Workplace::new("compare-engine");
    let scenario = "engine = \"udp\"\nphases = { warmup = \"100ms\", measure = \"200ms\" }\n\
                    workload.lookups_per_s = 50.0\n";
    here.write("own.toml", scenario);
    for (options, engine) in [("", "sim"), ("--engine udp", "udp"), ("--set engine=udp", "udp")] {
        let compare = format!("compare own.toml --systems ring --nodes 16 --out out {options}");
        let ran = here.hopwise(&compare);
        assert_eq!(status(&ran), 0, "{}", stderr(&ran));
        let outcome = here.read("out/runs/ring-16-no-crash/outcome.json");
        assert!(outcome.contains(&format!("\"engine\": \"{engine}\"")), "{options}");
    }
}

#[test]
fn a_wrong_setting_is_told_once() {
    let here = Workplace::new("compare-once");
    let wrong = "--set churn.model=trace --set churn.file=missing";
    let ran = here.hopwise(&format!("compare --systems ring --nodes 16,32 {wrong} --out out"));
    assert_eq!(status(&ran), 2, "{}", stderr(&ran));
    assert_eq!(stderr(&ran).matches("cannot be read").count(), 1, "{}", stderr(&ran));
    assert!(stderr(&ran).contains("5 more runs failed in the same way"), "{}", stderr(&ran));
}

#[test]
fn what_differs_between_the_runs_cannot_be_set() {
    let here = Workplace::new("compare-set");
    for (set, instead) in [("nodes=5", "--nodes"), ("system=ring", "--systems")] {
        let ran = here.hopwise(&format!("compare --set {set}"));
        assert_eq!(status(&ran), 2, "{}", stderr(&ran));
        assert!(stderr(&ran).contains(&format!("write {instead} ")), "{}", stderr(&ran));
    }
}

#[test]
fn both_ways_to_store_are_compared() {
    let here = Workplace::new("compare-storage");
    let small = "--nodes 64 --sizes 16 --set store.population=100 --set phases.measure=2s";
    let ran = here.hopwise(&format!("compare --what storage {small} --json - --out out"));
    assert_eq!(status(&ran), 0, "{}", stderr(&ran));
    let printed = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert_eq!(printed, here.read("out/compare.json"), "the document instead of the table");
    assert!(
        printed.contains("\"what\": \"storage\"") && printed.contains("\"way\": \"reference\"")
    );
    let table = here.read("out/compare.txt");
    assert!(
        table.contains("\ndirect        16  100.0") && table.contains("\nreference     16  100.0")
    );
    for run in ["direct-16-put", "direct-16-get-50-crashed", "reference-16-get-10-left"] {
        let outcome = here.read(&format!("out/runs/{run}/outcome.json"));
        assert!(outcome.contains("\"bytes_per_operation\""), "{run}");
    }
}

#[test]
fn flags_of_another_comparison_are_refused() {
    let here = Workplace::new("compare-flags");
    for (wrong, instead) in [
        ("--sizes 16", "--what storage"),
        ("--what storage --systems ring", "--systems"),
        ("--what storage --nodes 64,128", "write --nodes N"),
        ("--what storage --set store.kind=direct", "both are compared"),
        ("--what storage --set system=central", "system"),
        ("--what words", "storage"),
    ] {
        let ran = here.hopwise(&format!("compare {wrong}"));
        assert_eq!(status(&ran), 2, "{wrong}: {}", stderr(&ran));
        assert!(stderr(&ran).contains(instead), "{wrong}: {}", stderr(&ran));
    }
}
