//! Exit status 3 and what standard error says about it.

use super::{SHORT, Workplace, status, stderr};

#[test]
fn what_did_not_hold_is_said_on_standard_error() {
    let here = Workplace::new("unmet");
    let unmet = "--set expect.completed=1 --set network.loss=0.5 --set network.timeout=200ms \
                 --set expect.failed=0 --set phases.measure=2s";
    for options in ["", "--quiet", "--json -", "--quiet --json -"] {
        let ran = here.hopwise(&format!("{SHORT} {unmet} {options}"));
        assert_eq!(status(&ran), 3, "{}", stderr(&ran));
        let expected = "expect.failed: at most 0 was expected, but got 0.";
        assert!(stderr(&ran).contains(expected), "{options}: {}", stderr(&ran));

        let seeds = here.hopwise(&format!("{SHORT} {unmet} --seeds 1..3 {options}"));
        assert_eq!(status(&seeds), 3, "{}", stderr(&seeds));
        assert!(stderr(&seeds).contains("2 of 2 seeds failed"), "{}", stderr(&seeds));
        assert!(stderr(&seeds).contains(expected), "{options}: {}", stderr(&seeds));

        let sweep = SHORT.replace("run ", "sweep ");
        let sweep = here.hopwise(&format!("{sweep} {unmet} --vary seed=1,2 {options}"));
        assert_eq!(status(&sweep), 3, "{}", stderr(&sweep));
        assert!(stderr(&sweep).contains("2 of 2 runs"), "{}", stderr(&sweep));
        assert!(stderr(&sweep).contains(expected), "{options}: {}", stderr(&sweep));
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
