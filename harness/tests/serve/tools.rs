//! Redis's own tools. Skipped where they are not installed.

use std::process::{Command, Output};

use super::Server;

/// Runs a tool against the server; `None` if it is not installed.
fn run(tool: &str, server: &Server, arguments: &[&str]) -> Option<Output> {
    let port = server.address.port().to_string();
    match Command::new(tool).args(["-h", "127.0.0.1", "-p", &port]).args(arguments).output() {
        Ok(output) => Some(output),
        Err(why) => {
            eprintln!("skipped: {tool}: {why}");
            None
        }
    }
}

#[test]
fn redis_cli_speaks_both_versions() {
    let server = Server::start("--nodes 16");
    for version in ["-2", "-3"] {
        for (line, expected) in [
            ("set k v", "OK\n"),
            ("get k", "v\n"),
            ("incr k", "ERR value is not an integer or out of range\n\n"),
            ("mget k none", "v\n\n"),
            ("config get save", "save\n\n"),
            ("ttl k", "-1\n"),
        ] {
            let words: Vec<&str> = [version].into_iter().chain(line.split(' ')).collect();
            let Some(output) = run("redis-cli", &server, &words) else { return };
            let text = String::from_utf8_lossy(&output.stdout);
            // Versions of the tool differ in empty lines.
            let significant = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert_eq!(significant(&text), significant(expected), "{version} {line}");
        }
    }
}

#[test]
fn redis_benchmark_finds_no_fault() {
    let server = Server::start("--nodes 32 --threads 2");
    let arguments = "-t ping,set,get,incr,mset -n 2000 -c 20 -P 4 -r 500 -q";
    let words: Vec<&str> = arguments.split(' ').collect();
    let Some(output) = run("redis-benchmark", &server, &words) else { return };
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = format!("{} {text}", String::from_utf8_lossy(&output.stderr));
    if errors.contains("TRYAGAIN") {
        // The tool stops at the first error, also at one that asks to try again.
        eprintln!("skipped: the machine is too busy: {errors}");
        return;
    }
    assert!(output.status.success(), "{text} {errors}");
    for test in ["PING_INLINE", "SET", "GET", "INCR", "MSET"] {
        assert!(text.contains(&format!("{test}: ")) || text.contains(test), "{text}");
    }
    assert!(!errors.contains("Error"), "{errors}");
}
