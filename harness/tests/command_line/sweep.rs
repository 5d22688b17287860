//! Which saved runs a sweep takes up.

use super::{TRACE, TRACE_SCENARIO, Workplace, status, stderr};

#[test]
fn runs_with_other_contents_of_their_files_are_run_again() {
    let here = Workplace::new("stale");
    here.write("scenario.toml", TRACE_SCENARIO);
    here.write("trace.txt", TRACE);
    let sweep = || {
        let ran = here.hopwise("sweep scenario.toml --vary seed=1,2 --out out");
        assert_eq!(status(&ran), 0, "{}", stderr(&ran));
        stderr(&ran)
    };
    let joins = || {
        let outcome = here.read("out/runs/seed=1/outcome.json");
        let outcome: serde_json::Value = serde_json::from_str(&outcome).expect("it is JSON");
        outcome["membership"]["joins"].as_u64()
    };
    sweep();
    assert_eq!(joins(), Some(0));
    assert!(sweep().contains("resuming: 2 of 2 runs are saved"));

    here.write("trace.txt", &format!("{TRACE}0.1 e up\n"));
    let told = sweep();
    assert!(told.contains("run again: 2, with other contents"), "{told}");
    assert_eq!(joins(), Some(1));
    assert!(sweep().contains("resuming: 2 of 2 runs are saved"));
}
