//! `hopwise diff`, and assertions about figures.

use super::{SHORT, Workplace};

/// Runs the short scenario with more arguments, and keeps its results in `out`.
fn run(work: &Workplace, out: &str, more: &str) {
    let ran = work.hopwise(&format!("{SHORT} --quiet --out {out} {more}"));
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

/// The status and the standard output.
fn diff(work: &Workplace, arguments: &str) -> (Option<i32>, String) {
    let output = work.hopwise(&format!("diff {arguments}"));
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn a_default_that_costs_more_maintenance_is_named() {
    let work = Workplace::new("diff");
    run(&work, "old", "--set phases.warmup=20s");
    run(&work, "new", "--set phases.warmup=20s --set ring.stabilize=100ms");
    let (status, text) = diff(&work, "old new");
    assert_eq!(status, Some(3), "{text}");
    assert!(text.contains("ring.stabilize: \"1s\" in A, \"100ms\" in B"), "{text}");
    assert!(text.contains("regression: steady: maintenance.bytes +"), "{text}");
    let (status, text) = diff(&work, "old/outcome.json old --exact");
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("the same traces") && text.ends_with("no regression\n"), "{text}");
    assert_eq!(diff(&work, "new old").0, Some(0), "it needs less");
    assert_eq!(diff(&work, "new old --exact").0, Some(3), "it has moved");
    assert_eq!(diff(&work, "old new --tolerance 10000%").0, Some(0));
}

#[test]
fn other_programs_read_it() {
    let work = Workplace::new("diff-formats");
    run(&work, "old", "");
    run(&work, "new", "--set ring.stabilize=500ms");
    for format in ["json", "github-action-benchmark", "bencher"] {
        let (_, text) = diff(&work, &format!("old new --format {format}"));
        let value: serde_json::Value = serde_json::from_str(&text).expect(format);
        assert!(text.contains("maintenance.bytes"), "{value}");
    }
    let (_, text) = diff(&work, "old new --format markdown");
    assert!(text.contains("| figure | A | B | change |"), "{text}");
}

#[test]
fn two_programs_run_in_turn() {
    let work = Workplace::new("diff-run");
    let program = env!("CARGO_BIN_EXE_hopwise");
    std::fs::write(work.path().join("short.toml"), super::TRACE_SCENARIO).expect("it is writable");
    std::fs::write(work.path().join("trace.txt"), super::TRACE).expect("it is writable");
    let asked = format!("--run {program} {program} short.toml --time 1s --out both --quiet");
    let (status, text) = diff(&work, &asked);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("simulated with the same seeds; the same traces"), "{text}");
    assert!(work.path().join("both/old-7/outcome.json").exists());
    let asked = format!("--run {program} ./nothing short.toml --time 1s --out other --quiet");
    assert_eq!(diff(&work, &asked).0, Some(2));
}

#[test]
fn wrong_sides_are_refused() {
    let work = Workplace::new("diff-wrong");
    run(&work, "one", "");
    std::fs::create_dir(work.path().join("empty")).expect("it is new");
    for wrong in ["one", "one empty", "one nowhere", "one one one", "one one --tolerance fast"] {
        let output = work.hopwise(&format!("diff {wrong}"));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{wrong}: {said}");
        assert!(!said.is_empty() && output.stdout.is_empty(), "{wrong}");
    }
}

#[test]
fn assertions_decide_the_status() {
    let work = Workplace::new("assert");
    let run = |more: &str| work.hopwise(&format!("{SHORT} --quiet {more}"));
    assert_eq!(run("--assert hops.mean<100 --assert latency.p99<1min").status.code(), Some(0));
    let failed = run("--assert hops.mean<100 --assert lookups.correct_ratio>100%");
    let said = String::from_utf8_lossy(&failed.stderr).into_owned();
    assert_eq!(failed.status.code(), Some(3), "{said}");
    assert!(said.contains("lookups.correct_ratio: more than 100 % was expected"), "{said}");
    assert_eq!(run("--assert hop.mean<1").status.code(), Some(2));
    let sweep = SHORT.replace("run", "sweep").replace("--threads 1", "--vary nodes=8,16");
    let swept = work.hopwise(&format!("{sweep} --assert hops.mean>9 --quiet --out swept"));
    let said = String::from_utf8_lossy(&swept.stderr).into_owned();
    assert_eq!(swept.status.code(), Some(3), "{said}");
    assert!(said.contains("2 of 2 runs did not hold") && said.contains("hops.mean"), "{said}");
    // The runs are kept, and judged anew.
    let swept = work.hopwise(&format!("{sweep} --assert hops.mean<9 --quiet --out swept"));
    assert_eq!(swept.status.code(), Some(0), "{}", String::from_utf8_lossy(&swept.stderr));
}
