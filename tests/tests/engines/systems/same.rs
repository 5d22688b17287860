//! Simulations have the same result on any number of threads and in either message format.

use super::run::{ALL, ITEMS, WORDS, result, simulate};

const LOAD: &str = "
    nodes = 130
    workload = { lookups_per_s = 60.0, deadline = \"600ms\" }
    phases = { warmup = \"200ms\", measure = \"700ms\" }
";

const EVENTFUL: [&str; 3] = [
    "network = { latency = { model = \"exponential\", mean = \"20ms\" }, loss = 0.02 }
     churn = { model = \"sessions\", session = { distribution = \"exponential\", mean = \"5s\" },
               downtime = { distribution = \"exponential\", mean = \"1s\" } }
     fault = [{ at = \"200ms\", kind = \"crash\", target = \"busiest\", count = 1 },
              { at = \"500ms\", kind = \"return\", count = 1 }]",
    "network = { latency = { model = \"king\" }, loss = 0.01, duplication = 0.01 }
     churn = { model = \"poisson\", joins_per_s = 9.0, departures_per_s = 9.0 }",
    "start = \"joined\"
     network = { latency = { model = \"uniform\", min = \"10ms\", max = \"60ms\" }, loss = 0.01 }",
];

#[test]
fn any_number_of_threads_gives_the_same_result() {
    for system in ALL.into_iter().chain([WORDS]) {
        for eventful in EVENTFUL {
            let on = |threads| {
                let threads = format!("threads = {threads}");
                result(&simulate(&[system, ITEMS, LOAD, eventful, &threads]))
            };
            let one = on(1);
            for threads in [2, 3] {
                assert!(one == on(threads), "{threads} threads differ: {system}{eventful}");
            }
        }
    }
}

#[test]
fn messages_as_bytes_give_the_same_result() {
    for system in ALL.into_iter().chain([WORDS]) {
        for eventful in EVENTFUL {
            let with = |wire| {
                let wire = format!("threads = 1\nwire = {wire}");
                result(&simulate(&[system, ITEMS, LOAD, eventful, &wire]))
            };
            assert!(with(true) == with(false), "{system}{eventful}");
        }
    }
}
