//! What `hopwise plan` answers.

use super::{Workplace, status, stderr};

#[test]
fn a_plan_recommends_a_scenario_that_runs() {
    let here = Workplace::new("plan");
    let asked = "plan --nodes 300 --session exponential:mean=20min --lookups-per-node 1/s --budget 1KiB/s \
                 --success 99% --p99 3s --memory 4KiB --data-loss 1e-3/year --set ring.base=4 \
                 --set ring.successors=8 --time 4s --out out";
    let ran = here.hopwise(asked);
    assert_eq!(status(&ran), 0, "{}", stderr(&ran));
    let printed = String::from_utf8_lossy(&ran.stdout).into_owned();
    for part in
        ["recommended   ring.base=4 ring.successors=8", "best points", "one step", "simulated "]
    {
        assert!(printed.contains(part), "{part}: {printed}");
    }
    assert!(printed.lines().all(|line| line.chars().count() <= 100), "{printed}");
    assert!(printed.starts_with(&here.read("out/plan.txt")));
    assert!(here.read("out/plan.svg").starts_with("<svg"));
    let json: serde_json::Value =
        serde_json::from_str(&here.read("out/plan.json")).expect("it is JSON");
    assert_eq!(json["chosen"]["meets_demands"], true);
    assert!(json["candidates"].as_array().is_some_and(|all| all.len() > 10));
    let short = "run out/plan.toml --quiet --duration 1s --set phases.warmup=0s";
    let again = here.hopwise(short);
    assert_eq!(status(&again), 0, "{}", stderr(&again));
}

#[test]
fn the_same_request_gives_the_same_plan() {
    let here = Workplace::new("plan-same");
    let plan = |out: &str| {
        let ran = here.hopwise(&format!("plan --nodes 1e5 --budget 100B/s --time 0s --out {out}"));
        assert_eq!(status(&ran), 0, "{}", stderr(&ran));
        let text = here.read(&format!("{out}/plan.txt"));
        // The last line tells how long it took.
        text.lines().filter(|line| !line.contains(" points in ")).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(plan("a"), plan("b"));
}

#[test]
fn what_cannot_be_met_is_told() {
    let here = Workplace::new("plan-nearest");
    let ran = here.hopwise("plan --nodes 1e6 --budget 1B/s --memory 4KiB --time 0s --out out");
    assert_eq!(status(&ran), 3, "{}", stderr(&ran));
    let printed = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(printed.contains("\nnearest ") && printed.contains("(--budget)"), "{printed}");
    assert!(!printed.contains("(--memory)"), "memory is not in the way: {printed}");
}

#[test]
fn a_wrong_request_is_told_what_to_write() {
    let here = Workplace::new("plan-wrong");
    for (wrong, instead) in [
        ("--nodes 10", "write a whole number from 100 to 1e9"),
        ("", "--nodes"),
        ("--nodes 1e4 --budget 20", "such as 20B/s"),
        ("--nodes 1e4 --success 101%", "or 99.9%"),
        ("--nodes 1e4 --p99 1", "such as 50ms"),
        ("--nodes 1e4 --memory lots", "or 4KiB"),
        ("--nodes 1e4 --data-loss 1e-9", "such as 1e-9/year"),
        ("--nodes 1e4 --lookups-per-node 3", "or 6/min"),
        ("--nodes 1e4 --session weekly", "exponential"),
        ("--nodes 1e4 --session weibull:mean=1h,shape=-1", "--session weibull:mean=1h,shape=-1"),
        ("--nodes 1e4 --latency queen", "--latency queen"),
        ("--nodes 1e4 --latency constant:x", "--latency constant:x"),
        ("--nodes 1e4 --system flood", "write ring"),
        ("--nodes 1e4 --system pastry", "ring"),
        ("--nodes 1e4 --set ring.base=3", "a power of two"),
        ("--nodes 1e4 --set ring.stabilize=off", "a plan needs a period"),
        ("--nodes 1e4 --set ring.bass=2", "ring.base"),
        ("--nodes 1e4 --set ring.lookup=iterative", "the model covers only \"recursive\""),
        ("--nodes 1e4 --set network.loss=0.1", "the model covers only"),
        ("--nodes 1e4 --time soon", "such as 60s"),
    ] {
        let ran = here.hopwise(&format!("plan {wrong}"));
        assert_eq!(status(&ran), 2, "{wrong}: {}", stderr(&ran));
        assert!(stderr(&ran).contains(instead), "{wrong}: {}", stderr(&ran));
    }
    assert!(here.names_in("results").is_empty(), "nothing is written");
}
