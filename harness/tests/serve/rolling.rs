//! Two versions of the wire format in one ring, and processes that are replaced one by one.

use std::process::Command;
use std::thread;
use std::time::Duration;

use hopwise_harness::base::wall_clock::WallClock;

use super::target::{number, outcome, run};
use super::{PATIENCE, Server, get, wait_until};

/// Keys that are written before the first process is replaced, and read after the last one.
const KEYS: u32 = 100;
/// One of so many operations may fail, with an answer that says so: other tests keep the machine busy, and a live
/// node may be taken for dead. Without them none does, as `.ci/clients/run` checks.
const PER_FAILURE: u64 = 50;
/// Copies that do not move for this time have all arrived.
const QUIET: Duration = Duration::from_secs(3);

/// The value of a line of `INFO`.
fn info(server: &Server, name: &str) -> u64 {
    let text = get::<String>(&mut server.connect(), "INFO");
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|value| value.trim().parse().ok()).unwrap_or_else(|| panic!("{name}: {text}"))
}

/// Waits until no copies move any more.
fn settle(servers: &[Server]) {
    let repairs = || servers.iter().map(|server| info(server, "repairs")).sum::<u64>();
    let from = WallClock::start();
    let (mut before, mut since) = (repairs(), WallClock::start());
    while since.elapsed() < QUIET && from.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(500));
        let now = repairs();
        if now != before {
            (before, since) = (now, WallClock::start());
        }
    }
}

fn sockets(server: &Server) -> (u64, u64) {
    (info(server, "wire_newest_sockets"), info(server, "wire_older_sockets"))
}

/// Processes of the versions 3, 3, 4 and 4, whose nodes are one ring.
fn four(options: &str) -> Vec<Server> {
    let first = Server::start(&format!("--nodes 10 --threads 1 --wire 3 {options}"));
    let others = [3, 4, 4].map(|wire| {
        let join = first.address;
        Server::start(&format!("--nodes 10 --threads 1 --wire {wire} --join {join} {options}"))
    });
    [first].into_iter().chain(others).collect()
}

#[test]
fn nodes_say_what_they_speak() {
    let servers = four("");
    assert_eq!([0, 1, 2, 3].map(|at| info(&servers[at], "wire_version")), [3, 3, 4, 4]);
    // The new ones find each other out, and write to the old ones as these read.
    for new in &servers[2..] {
        wait_until("a new version between new processes", || {
            let (newest, older) = sockets(new);
            newest >= 2 && older >= 2
        });
    }
    for old in &servers[..2] {
        assert_eq!(sockets(old), (0, 0), "it knows one version");
    }
    // All serve all keys.
    for (at, server) in servers.iter().enumerate() {
        get::<String>(&mut server.connect(), &format!("SET k{at} v{at}"));
    }
    for server in &servers {
        for at in 0..4 {
            let value = get::<String>(&mut server.connect(), &format!("GET k{at}"));
            assert_eq!(value, format!("v{at}"));
        }
    }
}

#[test]
fn a_sealed_ring_of_both_versions_holds_together() {
    let key = super::TemporaryFile::new("rolling-key");
    std::fs::write(key.path(), "a secret of thirty-two bytes or so").expect("it can be written");
    let servers = four(&format!("--cluster-key {}", key.path()));
    wait_until("a new version between new processes", || sockets(&servers[2]).0 >= 2);
    get::<String>(&mut servers[3].connect(), "SET k v");
    assert_eq!(get::<String>(&mut servers[0].connect(), "GET k"), "v");
}

#[test]
fn a_wire_version_that_is_not_spoken_is_refused() {
    for wire in ["2", "5"] {
        let output = Command::new(env!("CARGO_BIN_EXE_hopwise"))
            .args(["serve", "--listen", "127.0.0.1:0", "--wire", wire])
            .output()
            .expect("the program starts");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert!(errors.contains("write 3 or 4"), "{errors}");
    }
}

#[test]
fn processes_are_replaced_one_by_one_and_nothing_fails() {
    let mut servers = four("");
    let mut client = servers[0].connect();
    for at in 0..KEYS {
        get::<String>(&mut client, &format!("SET before{at} {at} EX 3600"));
    }
    let targets: Vec<String> = servers.iter().map(|server| server.address.to_string()).collect();
    let load = thread::spawn(move || {
        run(&format!(
            "ycsb-a --target {} --connections 8 --rate 100 --duration 35s --set store.population=200 \
             --set store.keys={{distribution='uniform'}} --set phases.warmup=0s \
             --set expect.completed=0.9",
            targets.join(",")
        ))
    });
    for at in 0..servers.len() {
        settle(&servers);
        let (address, join) = (servers[at].address, servers[(at + 1) % servers.len()].address);
        let old = servers.remove(at);
        old.signal(libc::SIGTERM);
        let (status, errors) = old.wait();
        assert_eq!(status.code(), Some(0), "{errors}");
        let new = Server::start_at(address, &format!("--nodes 10 --threads 1 --join {join}"));
        servers.insert(at, new);
    }
    let (status, outcome) = outcome(&load.join().expect("it ends"));
    // 4: the machine is so busy that the load was late.
    assert!(status == 0 || status == 4, "{status}: {outcome:#}");
    assert_eq!(number(&outcome, "/lookups/incorrect"), 0, "{outcome:#}");
    assert_eq!(number(&outcome, "/store/durability/lost"), 0, "{outcome:#}");
    // What was in progress on a connection that closed has no answer.
    let errors = outcome.pointer("/target/errors").and_then(|it| it.as_object());
    let told = errors.into_iter().flatten().filter_map(|(_, count)| count.as_u64()).sum::<u64>();
    let completed = number(&outcome, "/lookups/completed");
    assert!(told <= completed / PER_FAILURE, "{outcome:#}");
    let broken = number(&outcome, "/target/broken");
    assert!(broken >= 4, "each process had clients: {outcome:#}");
    assert!(number(&outcome, "/lookups/failed") <= 4 * broken + told, "{outcome:#}");
    for server in &servers {
        wait_until("the new version everywhere", || {
            let (newest, older) = sockets(server);
            newest >= 4 && older == 0
        });
    }
    let mut client = servers[2].connect();
    for at in 0..KEYS {
        assert_eq!(get::<u32>(&mut client, &format!("GET before{at}")), at);
    }
}
