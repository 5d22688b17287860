//! `hopwise report --fill`: tables and figures of documents.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{Workplace, status, stderr};

const DOCUMENT: &str = "\
# Hops

<!-- table from data/ours.csv, theirs.csv by n
n = {n:,}
hops = {hops:.2}
theirs = {theirs}
-->
<!-- end of table -->

<!-- figure hops.svg from data/ours.csv
x: nodes = {n}
y: hops
ours = {hops}
-->
![Hops](hops.svg)
";

fn workplace(test: &str) -> Workplace {
    let work = Workplace::new(test);
    work.write("doc/page.md", DOCUMENT);
    work.write("doc/data/ours.csv", "n,hops\n1000,4.98\n10000,6.64\n");
    work.write("doc/theirs.csv", "# From a paper.\nn,theirs\n1e4,6.6\n1000,5.0\n");
    work
}

/// The documents of this repository that are filled.
#[test]
fn committed_documents_hold() {
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("../results");
    let output = Command::new(env!("CARGO_BIN_EXE_hopwise"))
        .current_dir(&results)
        .args(["report", "--fill", "--check", "README.md", "literature.md"])
        .output()
        .expect("the program starts");
    assert_eq!(status(&output), 0, "in results/: {}", stderr(&output));
}

#[test]
fn documents_are_filled_and_checked() {
    let work = workplace("fill");
    let checked = work.hopwise("report --fill doc/page.md --check");
    assert_eq!(status(&checked), 3);
    let said = stderr(&checked);
    for expected in [
        "doc/page.md:3: the table differs",
        "doc/page.md:10: the figure hops.svg differs",
        "hopwise report --fill doc/page.md",
    ] {
        assert!(said.contains(expected), "{said}");
    }
    assert_eq!((work.read("doc/page.md").as_str(), work.names_in("doc").len()), (DOCUMENT, 3));

    let filled = work.hopwise("report --fill doc/page.md");
    assert_eq!(status(&filled), 0, "{}", stderr(&filled));
    assert_eq!(String::from_utf8_lossy(&filled.stdout), "doc/hops.svg\ndoc/page.md\n");
    let rows =
        "| n | hops | theirs |\n|---|---|---|\n| 1,000 | 4.98 | 5.0 |\n| 10,000 | 6.64 | 6.6 |\n";
    let end = "<!-- end of table -->";
    assert_eq!(work.read("doc/page.md"), DOCUMENT.replace(end, &format!("{rows}{end}")));
    assert!(work.read("doc/hops.svg").starts_with("<svg width=\"324\""));

    assert_eq!(status(&work.hopwise("report --fill doc/page.md --check")), 0);
    let again = work.hopwise("report --fill doc/page.md");
    assert_eq!((status(&again), again.stdout), (0, Vec::new()), "nothing is left to write");
    work.write("doc/data/ours.csv", "n,hops\n1000,4.98\n10000,6.65\n");
    assert_eq!(status(&work.hopwise("report --fill doc/page.md --check")), 3);
}

#[test]
fn nothing_is_written_if_a_marker_is_wrong() {
    let work = workplace("fill-wrong");
    work.write(
        "other.md",
        &DOCUMENT.replace("{theirs}", "{their}").replace("theirs.csv", "doc/theirs.csv"),
    );
    work.write("data/ours.csv", "n,hops\n1000,4.98\n");
    let filled = work.hopwise("report --fill doc/page.md other.md missing.md");
    assert_eq!(status(&filled), 2);
    let said = stderr(&filled);
    assert!(said.contains("other.md:6: no column their: write theirs, "), "{said}");
    assert!(said.contains("cannot read missing.md"), "{said}");
    assert_eq!((work.read("doc/page.md").as_str(), work.names_in("doc").len()), (DOCUMENT, 3));
    fs::remove_file(work.path().join("doc/theirs.csv")).expect("it is there");
    let filled = work.hopwise("report --fill doc/page.md");
    assert!(stderr(&filled).contains("doc/page.md:3: cannot read theirs.csv"), "{filled:?}");
}

#[test]
fn filling_takes_no_results() {
    let work = workplace("fill-options");
    for wrong in [
        "one --fill doc/page.md",
        "--fill doc/page.md --force",
        "--fill doc/page.md --out page.html",
        "--fill",
        "one --check",
    ] {
        assert_eq!(status(&work.hopwise(&format!("report {wrong}"))), 2, "{wrong}");
    }
    let help = work.hopwise("report --help");
    assert!(
        String::from_utf8_lossy(&help.stdout).contains("<!-- table from "),
        "the syntax is there"
    );
}
