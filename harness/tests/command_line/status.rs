//! Exit status 3 and what standard error says about it.

use super::{SHORT, Workplace, status, stderr};

/// Expects more of a lossy network than it gives.
const UNMET: &str = "--set network.loss=0.5 --set network.timeout=200ms --set expect.failed=0 \
                     --set phases.measure=2s";
const WHY: &str = "expect.failed: at most 0 was expected, but got 0.";

#[test]
fn what_did_not_hold_is_said_on_standard_error() {
    let here = Workplace::new("unmet");
    for options in ["", "--quiet", "--json -", "--quiet --json -"] {
        let ran = here.hopwise(&format!("{SHORT} {UNMET} {options}"));
        assert_eq!(status(&ran), 3, "{}", stderr(&ran));
        assert!(stderr(&ran).contains(WHY), "{options}: {}", stderr(&ran));
    }
}

#[test]
fn which_of_several_runs_did_not_hold_is_said_on_standard_error() {
    let here = Workplace::new("unmet-runs");
    let runs = [
        (format!("{SHORT} {UNMET} --seeds 1..3"), "2 of 2 seeds failed; the first: seed 1: "),
        (
            format!("{} {UNMET} --vary seed=1,2", SHORT.replace("run ", "sweep ")),
            "2 of 2 runs did not hold; the first: seed=",
        ),
    ];
    for (command, which) in runs {
        let ran = here.hopwise(&format!("{command} --quiet --json -"));
        assert_eq!(status(&ran), 3, "{}", stderr(&ran));
        assert!(stderr(&ran).contains(which) && stderr(&ran).contains(WHY), "{}", stderr(&ran));
    }
}

#[test]
fn of_no_lookups_nothing_was_measured() {
    let here = Workplace::new("nothing-measured");
    let ran = here
        .hopwise(&format!("{SHORT} --set workload.lookups_per_s=1e-6 --set expect.correct=0.5"));
    assert_eq!(status(&ran), 3, "{}", stderr(&ran));
    let expected = "expect.correct: at least 0.5 was expected, but nothing was measured";
    assert!(stderr(&ran).contains(expected), "{}", stderr(&ran));
}
