//! The memory of a run that is not alone in its process.

use std::fs;

use super::{Workplace, status, stderr};

/// The peaks of a run with many nodes and of one with few.
fn peaks(here: &Workplace, threads: u32) -> [Option<u64>; 2] {
    let folder = format!("out-{threads}");
    let ran = here.hopwise(&format!(
        "sweep steady --engine sim --vary nodes=20000,16 --set workload.lookups_per_s=50 \
         --duration 100ms --set phases.warmup=0s --threads {threads} --out {folder} --quiet"
    ));
    assert_eq!(status(&ran), 0, "{}", stderr(&ran));
    [20000, 16].map(|nodes| {
        let outcome = here.read(&format!("{folder}/runs/nodes={nodes},seed=1/outcome.json"));
        let outcome: serde_json::Value = serde_json::from_str(&outcome).expect("it is JSON");
        outcome["engine"].get("peak_rss_bytes").map(|peak| peak.as_u64().expect("a number"))
    })
}

#[test]
fn the_peak_is_that_of_the_run() {
    let here = Workplace::new("peak");
    assert_eq!(peaks(&here, 2), [None, None], "runs at the same time share the memory");
    let in_turn = peaks(&here, 1);
    // Not every system allows to reset the peak.
    match fs::write("/proc/self/clear_refs", "5") {
        Ok(()) => {
            let [large, small] = in_turn.map(|peak| peak.expect("a peak"));
            assert!(small < large, "{small} bytes after {large}");
        }
        Err(_) => assert_eq!(in_turn, [None, None]),
    }
}
