//! Requests that are nearly right, and messages that help.

use super::{SHORT, Workplace, status, stderr};

#[test]
fn names_and_keys_are_found_in_any_case() {
    let here = Workplace::new("case");
    let upper = SHORT.replace("steady", "STEADY").replace("phases.warmup", "Phases.Warmup");
    let ran = here.hopwise(&format!("{upper} --set RING.successors=4 --out out --quiet"));
    assert_eq!(status(&ran), 0, "{}", stderr(&ran));
    assert!(here.read("out/scenario.toml").contains("successors = 4"));
    let sweep = upper.replace("run ", "sweep ");
    let ran = here.hopwise(&format!("{sweep} --vary Seed=5,6 --out sweep --quiet"));
    assert_eq!(status(&ran), 0, "{}", stderr(&ran));
    assert_eq!(here.names_in("sweep/runs"), ["seed=5", "seed=6"]);
    for key in ["Ring.Successors", "SUCCESSORS"] {
        assert_eq!(status(&here.hopwise(&format!("explain {key}"))), 0, "{key}");
    }
}

#[test]
fn wrong_requests_are_told_what_to_write() {
    let here = Workplace::new("wrong");
    for (request, expected) in [
        ("run --set =5", "the key is missing: write KEY=VALUE"),
        ("sweep --vary =5", "the key is missing: write KEY=VALUE"),
        ("run --set fault.99999999999999999999.kind=crash", "write an index from 0 to 0"),
        ("run --set FAULT.99999999999999999999.KIND=crash", "write an index from 0 to 0"),
        ("run --set fault.1.kind=crash", "write an index from 0 to 0"),
    ] {
        let ran = here.hopwise(request);
        assert_eq!(status(&ran), 2, "{}", stderr(&ran));
        assert!(stderr(&ran).contains(expected), "{request}: {}", stderr(&ran));
    }
}

#[test]
fn long_names_are_not_repeated_whole() {
    let here = Workplace::new("long");
    let long = "x".repeat(100_000);
    here.write("key.toml", &format!("{} = 5\n", "x".repeat(1_000_000)));
    here.write("value.toml", &format!("system = \"{}\"\n", "x".repeat(1_000_000)));
    for request in [
        format!("run {long}"),
        format!("run {long}.toml"),
        format!("run --set {long}=5"),
        format!("run --set nodes={long}"),
        format!("explain {long}"),
        format!("compare --systems {long}"),
        format!("run --set {long}"),
        format!("run --seeds {long}"),
        format!("run --{long}"),
        "run key.toml".to_owned(),
        "run value.toml".to_owned(),
    ] {
        let ran = here.hopwise(&request);
        let (told, request) = (stderr(&ran), &request[..request.len().min(40)]);
        assert_eq!(status(&ran), 2, "{request}");
        assert!(told.len() < 2000 && told.contains("… ("), "{request}: {} bytes", told.len());
    }
}

#[test]
fn files_may_start_with_a_byte_order_mark() {
    let here = Workplace::new("mark");
    let general = "engine = \"sim\"\nnodes = 4\nthreads = 1\nring.successors = 2\n\
                   phases = { warmup = \"0s\", measure = \"200ms\" }\n\
                   workload.lookups_per_s = 50.0\n";
    let marked = |name: &str, text: &str| here.write(name, &format!("\u{feff}{text}"));
    marked("trace", "0 a up\n0 b up\n0 c up\n0 d up\n");
    marked("places", "0 1\n1 1\n2 2\n5 5\n");
    marked("matrix", "0 1 1 1\n1 0 1 1\n1 1 0 1\n1 1 1 0\n");
    marked("graph", "0 1\n1 2\n2 3\n3 0\n");
    for (name, more) in [
        ("plain", ""),
        ("churn", "churn = { model = \"trace\", file = \"trace\" }\n"),
        (
            "near",
            "network.latency = { model = \"coordinates\", file = \"places\", unit = \"ms\" }\n",
        ),
        ("far", "network.latency = { model = \"matrix\", file = \"matrix\", unit = \"ms\" }\n"),
        ("flood", "system = \"flood\"\nflood = { graph = \"file\", file = \"graph\" }\n"),
    ] {
        marked(&format!("{name}.toml"), &format!("{general}{more}"));
        let ran = here.hopwise(&format!("run {name}.toml --out out --quiet"));
        assert_eq!(status(&ran), 0, "{name}: {}", stderr(&ran));
    }
}

#[test]
fn few_descriptors_get_advice_for_the_sockets_in_use() {
    let here = Workplace::new("descriptors");
    let program = env!("CARGO_BIN_EXE_hopwise");
    let told = |set: &str| {
        let script = format!("ulimit -n 64; exec {program} run steady --nodes 16 {set} --quiet");
        let mut shell = std::process::Command::new("sh");
        let ran = shell.args(["-c", &script]).current_dir(here.path()).output().expect("a shell");
        assert_eq!(status(&ran), 2, "{}", stderr(&ran));
        stderr(&ran)
    };
    let shared = told("--threads 2");
    assert!(shared.contains("ulimit -n 66` or use fewer threads"), "{shared}");
    assert!(!shared.contains("per-node") && !shared.contains("per-core"), "{shared}");
    let per_node = told("--set udp.sockets=per-node");
    assert!(per_node.contains("write udp.sockets = \"per-core\""), "{per_node}");
}

#[test]
fn shells_and_manuals_know_all_commands() {
    let here = Workplace::new("documents");
    for shell in ["bash", "zsh", "fish"] {
        let ran = here.hopwise(&format!("completions {shell}"));
        assert_eq!(status(&ran), 0, "{}", stderr(&ran));
        let script = String::from_utf8_lossy(&ran.stdout).into_owned();
        assert!(script.contains("hopwise") && script.contains("sweep"), "{shell}");
    }
    assert_eq!(status(&here.hopwise("completions dos")), 2);
    let ran = here.hopwise("man pages");
    assert_eq!(status(&ran), 0, "{}", stderr(&ran));
    assert!(here.read("pages/hopwise-run.1").contains("SCENARIO"));
    assert!(here.read("pages/hopwise-diff.1").contains("tolerance"));
}

#[test]
fn colours_are_there_when_asked_for() {
    let here = Workplace::new("colours");
    let ran = here.hopwise(&format!("{SHORT} --quiet --out one"));
    assert_eq!(status(&ran), 0, "{}", stderr(&ran));
    let has_colours = |more: &str| {
        let shown = here.hopwise(&format!("diff one one {more}"));
        String::from_utf8_lossy(&shown.stdout).contains('\u{1b}')
    };
    assert!(has_colours("--color always"));
    assert!(!has_colours("") && !has_colours("--color never"));
}
