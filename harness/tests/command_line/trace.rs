//! `hopwise trace` and `hopwise run --trace-lookups`.

use serde_json::Value;

use super::{SHORT, Workplace, status, stderr};

/// The scenario of [`SHORT`] for `trace`.
const RUN: &str = "steady --nodes 16 --set workload.lookups_per_s=50 --duration 200ms \
                   --set phases.warmup=0s --threads 1";

/// The standard output of a command that succeeds.
fn said(work: &Workplace, arguments: &str) -> String {
    let output = work.hopwise(arguments);
    assert_eq!(status(&output), 0, "{arguments}: {}", stderr(&output));
    String::from_utf8(output.stdout).expect("it is a text")
}

fn document(text: &str) -> Value {
    serde_json::from_str(text).expect("it is JSON")
}

/// The columns of the lookups in a log.
fn lookups(csv: &str) -> Vec<Vec<String>> {
    let lookups = csv.lines().filter(|line| line.starts_with("lookup,"));
    lookups.map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

#[test]
fn a_run_saves_the_traces_that_the_command_shows() {
    let work = Workplace::new("trace-saved");
    let ran = said(&work, &format!("{SHORT} --trace-lookups 3 --out one --events e.csv"));
    assert!(!ran.contains("what happened"), "with --out they are in the folder");
    let saved = document(&work.read("one/traces.json"));
    assert_eq!(saved["schema_version"], 1);
    assert_eq!(saved["seed"], 1);
    let traces = saved["traces"].as_array().expect("a list");
    assert_eq!(traces.len(), 3);
    let logged = lookups(&work.read("e.csv"));
    for trace in traces {
        let number = trace["number"].to_string();
        let row = logged.iter().find(|row| row[11] == number).expect("it is in the log");
        assert_eq!(trace["messages"].to_string(), row[9]);
        let shown = document(&said(&work, &format!("trace {number} {RUN} --quiet --json")));
        assert_eq!(&shown["traces"][0], trace, "the same run, traced again");
    }
    let all = said(&work, "trace one");
    assert_eq!(all, said(&work, "trace one/traces.json"));
    assert_eq!(all.matches("what happened").count(), 3);
    assert_eq!(document(&said(&work, "trace one --json")), saved);
    for line in all.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    // A run without traces takes away those of an earlier one.
    said(&work, &format!("{SHORT} --quiet --out one"));
    assert!(!work.path().join("one/traces.json").exists());
}

#[test]
fn without_a_folder_the_traces_follow_the_report() {
    let work = Workplace::new("trace-text");
    let text = said(&work, &format!("{SHORT} --trace-lookups 2"));
    assert_eq!(text.matches("what happened").count(), 2);
    assert!(text.contains("; correct; the owner is"));
}

#[test]
fn the_slowest_lookup_is_found() {
    let work = Workplace::new("trace-slowest");
    said(&work, &format!("{SHORT} --quiet --out one --events e.csv"));
    let ns = |text: &str| text.parse::<u64>().expect("a time");
    let logged = lookups(&work.read("e.csv"));
    let latency = |row: &&Vec<String>| ns(&row[1]) - ns(&row[6]);
    let number = |row: &&Vec<String>| std::cmp::Reverse(ns(&row[11]));
    let slowest = logged.iter().max_by_key(|row| (latency(row), number(row))).expect("a lookup");
    let shown = document(&said(&work, &format!("trace slowest {RUN} --quiet --json")));
    assert_eq!(shown["traces"][0]["number"].to_string(), slowest[11]);
    let text = said(&work, &format!("trace slowest {RUN} --quiet"));
    assert!(
        text.starts_with(&format!("lookup {}: key {}", slowest[11], &slowest[4][..8])),
        "{text}"
    );
}

#[test]
fn detours_around_crashed_nodes_stand_out() {
    let work = Workplace::new("trace-detours");
    let text = said(&work, "trace slowest crash-half --nodes 64 --duration 12s --quiet");
    for mark in ["GONE: lookup from", "TIMEOUT: ", "DETOUR: lookup to", "answered", " timeout"] {
        assert!(text.contains(mark), "{mark}: {text}");
    }
    assert!(!text.contains('\u{1b}'), "no styles in a pipe");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn the_page_of_a_run_draws_its_traces() {
    let work = Workplace::new("trace-page");
    said(&work, &format!("{SHORT} --quiet --trace-lookups 25 --out one"));
    said(&work, "report one");
    let traced = document(&work.read("one/traces.json"));
    let count = traced["traces"].as_array().expect("a list").len();
    let page = work.read("one/report.html");
    assert!(page.contains("Lookups, hop by hop"));
    assert_eq!(page.matches("<svg viewBox").count(), count.min(20));
    assert_eq!(page.matches("what happened").count(), count.min(20), "the same as text");
    said(&work, &format!("{SHORT} --quiet --out two"));
    said(&work, "report two");
    assert!(!work.read("two/report.html").contains("hop by hop"));

    // What is in a file stays a text.
    let hostile = work.read("one/traces.json").replace("\"asked\"", "\"received\"");
    let hostile = hostile.replacen("\"message\":\"lookup\"", "\"message\":\"<img src=x>\"", 1);
    work.write("one/traces.json", &hostile);
    said(&work, "report one --force");
    assert!(!work.read("one/report.html").contains("<img"));
    work.write("one/traces.json", "{\"schema_version\":1,\"traces\":[{}]}");
    let broken = work.hopwise("report one --force");
    assert_eq!(status(&broken), 2);
    assert!(stderr(&broken).contains("traces.json"), "{}", stderr(&broken));
}

#[test]
fn what_cannot_be_traced_is_refused() {
    let work = Workplace::new("trace-wrong");
    said(&work, &format!("{SHORT} --quiet --out one"));
    work.write("old.json", "{\"schema_version\": 7, \"traces\": []}");
    work.write("cut.json", "{\"schema_ver");
    let udp = SHORT.replace("--engine sim", "--engine udp");
    for (wrong, expected) in [
        (format!("{udp} --trace-lookups 3"), "add --engine sim"),
        (format!("{SHORT} --trace-lookups 0"), "from 1 to 1000"),
        (format!("{SHORT} --trace-lookups 1001"), "from 1 to 1000"),
        (format!("{SHORT} --trace-lookups 3 --seeds 1..3"), "cannot be used with"),
        ("run --target 127.0.0.1:1 --trace-lookups 3".to_owned(), "cannot be used with"),
        (format!("{SHORT} --trace-lookups 3 --out one --events one/traces.json"), "another file"),
        (format!("trace slowest {RUN} --engine udp"), "add --engine sim"),
        (format!("trace 99999 {RUN} --quiet"), "there is no lookup 99999: this run has "),
        (format!("trace failed {RUN} --quiet"), "write slowest or a number"),
        (format!("trace incorrect {RUN} --quiet"), "write slowest or a number"),
        ("trace 0".to_owned(), "slowest, failed or incorrect"),
        ("trace -1".to_owned(), "-1"),
        ("trace nowhere".to_owned(), "\"nowhere\" is no lookup"),
        ("trace one".to_owned(), "--trace-lookups"),
        ("trace one steady".to_owned(), "leave out the scenario"),
        ("trace one --nodes 8".to_owned(), "leave out the scenario"),
        ("trace old.json".to_owned(), "schema_version 7"),
        ("trace cut.json".to_owned(), "no JSON document"),
        ("trace one/outcome.json".to_owned(), "has no traces"),
        ("trace slowest nowhere.toml".to_owned(), "nowhere.toml"),
        ("trace".to_owned(), "LOOKUP"),
    ] {
        let output = work.hopwise(&wrong);
        let error = stderr(&output);
        assert_eq!(status(&output), 2, "{wrong}: {error}");
        assert!(error.contains(expected), "{wrong}: {error}");
        assert!(output.stdout.is_empty(), "{wrong}");
    }
}

#[test]
fn the_command_is_known_everywhere() {
    let work = Workplace::new("trace-known");
    assert!(said(&work, "--help").contains("trace "));
    assert!(said(&work, "completions bash").contains("trace"));
    said(&work, "man pages");
    assert!(work.read("pages/hopwise-trace.1").contains("slowest, failed or incorrect"));
}
