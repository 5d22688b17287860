//! `hopwise report`: pages and figures of saved results.

use std::fs;

use super::{SHORT, Workplace};

/// Runs the short scenario with more arguments, and keeps its results in `out`.
fn run(work: &Workplace, out: &str, more: &str) {
    let ran = work.hopwise(&format!("{SHORT} --quiet --out {out} {more}"));
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

/// The status, the standard output and the standard error.
fn report(work: &Workplace, arguments: &str) -> (Option<i32>, String, String) {
    let output = work.hopwise(&format!("report {arguments}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// The charts of a page, as JSON.
fn charts(page: &str) -> serde_json::Value {
    let (_, after) = page.split_once("id=\"chart-data\">").expect("it has charts");
    let (json, _) = after.split_once("</script>").expect("the element ends");
    serde_json::from_str(json).expect("it is JSON")
}

fn ids(charts: &serde_json::Value) -> Vec<&str> {
    let all = charts.as_array().expect("a list");
    all.iter().map(|chart| chart["id"].as_str().expect("each has one")).collect()
}

#[test]
fn a_run_becomes_one_page_that_needs_nothing_else() {
    let work = Workplace::new("report");
    run(&work, "one", "");
    let (status, said, error) = report(&work, "one");
    assert_eq!((status, said.as_str()), (Some(0), "one/report.html\n"), "{error}");
    let page = work.read("one/report.html");
    assert!(page.len() < 400_000, "{} bytes", page.len());
    for outside in ["src=", "href=\"http", "url(", "@import"] {
        let own = page.split("<script").next().expect("the part before the scripts");
        assert!(!own.contains(outside), "{outside}");
    }
    let charts = charts(&page);
    let ids = ids(&charts);
    for id in ["latency", "hops", "lookups", "nodes", "maintenance-time"] {
        assert!(ids.contains(&id), "{id}: {ids:?}");
    }
    let hops = &charts[1]["series"];
    assert_eq!(
        (hops[0]["style"].as_str(), hops[1]["dashed"].as_bool()),
        (Some("bars"), Some(true))
    );
    let all: f64 = hops[0]["y"].as_array().expect("a list").iter().filter_map(|y| y.as_f64()).sum();
    assert!((all - 100.0).abs() < 1e-6, "{all} % of lookups");

    let (status, _, error) = report(&work, "one");
    assert_eq!(status, Some(2), "it is there already");
    assert!(error.contains("--force"), "{error}");
    assert_eq!(report(&work, "one --force --quiet"), (Some(0), String::new(), String::new()));
}

#[test]
fn figures_for_a_paper_are_svg() {
    let work = Workplace::new("report-figures");
    run(&work, "one", "");
    let (status, said, error) = report(&work, "one --figures figures --out page.html");
    assert_eq!(status, Some(0), "{error}");
    let names = work.names_in("figures");
    assert_eq!(said.lines().count(), 1 + names.len());
    assert!(names.contains(&"latency.svg".to_owned()), "{names:?}");
    for name in names {
        let svg = work.read(&format!("figures/{name}"));
        assert!(svg.starts_with("<svg width=\"324\"") && svg.contains("font-size"), "{name}");
    }
}

#[test]
fn twenty_runs_lie_over_each_other() {
    let work = Workplace::new("report-overlay");
    run(&work, "all/run-01", "");
    let outcome = work.read("all/run-01/outcome.json");
    for number in 2..=20 {
        let other = outcome.replacen("\"seed\": 1", &format!("\"seed\": {number}"), 2);
        work.write(&format!("all/run-{number:02}/outcome.json"), &other);
        work.write(&format!("all/run-{number:02}/series.csv"), &work.read("all/run-01/series.csv"));
    }
    let (status, _, error) = report(&work, "all --out page.html");
    assert_eq!(status, Some(0), "{error}");
    let page = work.read("page.html");
    assert!(page.len() < 3_000_000, "{} bytes", page.len());
    let charts = charts(&page);
    let names: Vec<&str> = charts[0]["series"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|series| series["name"].as_str().expect("each has one"))
        .collect();
    assert_eq!((names.len(), names[0], names[19]), (20, "steady, seed 1", "steady, seed 20"));
}

#[test]
fn a_sweep_and_a_comparison_end_with_their_report() {
    let work = Workplace::new("report-sweep");
    let short = "--engine sim --nodes 16 --duration 200ms --set phases.warmup=0s \
                 --set workload.lookups_per_s=50 --out all";
    let two = "--vary ring.successors=4,8 --vary ring.base=2,4 --repeat 2";
    let ran = work.hopwise(&format!("sweep steady {short} {two}"));
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(said.ends_with("report: all/report.html\n"), "{said}");
    let all = charts(&work.read("all/report.html"));
    let first = &all[0];
    assert_eq!((first["kind"].as_str(), ids(&all)[1]), (Some("heat"), "latency-p50-us-curves"));
    assert_eq!(all[1]["series"].as_array().map(Vec::len), Some(2));
    assert!(all[1]["series"][0]["low"].is_array(), "bands of confidence");

    let one = "--systems ring,central --nodes 16,32 --out compared --set phases.measure=1s \
               --set phases.warmup=1s";
    let ran = work.hopwise(&format!("compare {one}"));
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(said.ends_with("report: compared/report.html\n"), "{said}");
    assert!(ids(&charts(&work.read("compared/report.html"))).contains(&"messages"));
}

#[test]
fn names_from_results_never_become_markup() {
    let work = Workplace::new("report-hostile");
    run(&work, "one", "");
    let hostile = "</script><img src=x onerror=alert(1)>";
    let outcome = work.read("one/outcome.json");
    let outcome = outcome.replacen("\"name\": \"steady\"", &format!("\"name\": \"{hostile}\""), 1);
    work.write("one/outcome.json", &outcome);
    assert_eq!(report(&work, "one").0, Some(0));
    let page = work.read("one/report.html");
    assert!(!page.contains("<img") && page.contains("&lt;img"), "it is a text");
}

#[test]
fn what_is_no_result_is_named() {
    let work = Workplace::new("report-wrong");
    run(&work, "one", "");
    let outcome = work.read("one/outcome.json");
    fs::create_dir(work.path().join("empty")).expect("it is new");
    work.write("old.json", &outcome.replacen("\"schema_version\": 1", "\"schema_version\": 7", 1));
    work.write("cut.json", &outcome[..outcome.len() / 2]);
    work.write("other.json", "{\"schema_version\": 1}");
    work.write("text.json", "hello");
    work.write("cut/outcome.json", &outcome);
    work.write("cut/series.csv", "t_s,length_s\n1.0,abc\n");
    let sweep = work.hopwise(
        "sweep steady --engine sim --nodes 16 --duration 200ms --set phases.warmup=0s \
         --vary ring.base=2,4 --out sweep --quiet",
    );
    assert!(sweep.status.success());
    for (wrong, expected) in [
        ("nowhere", "cannot read nowhere"),
        ("empty", "has no result"),
        ("old.json", "schema_version 7; this program reads 1"),
        ("cut.json", "was it cut off"),
        ("other.json", "no result that a report knows"),
        ("text.json", "no JSON document"),
        ("cut", "series.csv"),
        ("one sweep", "only runs can be overlaid"),
    ] {
        let (status, said, error) = report(&work, &format!("{wrong} --out page.html"));
        assert_eq!((status, said.as_str()), (Some(2), ""), "{wrong}: {error}");
        assert!(error.contains(expected), "{wrong}: {error}");
        assert!(!work.path().join("page.html").exists(), "{wrong}");
    }
    assert_eq!(report(&work, "").0, Some(2), "a result is missing");
}
