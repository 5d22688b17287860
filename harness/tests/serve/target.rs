//! `hopwise run --target`: load from outside, and its judge.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

use super::accounts::add;
use super::{Server, TemporaryFile, get};

/// A few seconds of load on few keys, which are therefore written often.
const SCENARIO: &str = "--set store.population=50 --set workload.in_flight=20 \
                        --set phases.lookups=3000 --set phases.warmup=0s";

/// Runs `hopwise run` with these arguments, separated by spaces.
pub(super) fn run(arguments: &str) -> Output {
    run_as(None, arguments)
}

/// As [`run`], with a password in the environment.
fn run_as(password: Option<(&str, &str)>, arguments: &str) -> Output {
    let folder = TemporaryFolder::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hopwise"));
    command.arg("run").args(arguments.split_whitespace()).args(["--json", "-", "--quiet", "--out"]);
    command.arg(&folder.0);
    command.env_remove("HOPWISE_TARGET_USER").env_remove("HOPWISE_TARGET_PASSWORD");
    if let Some((user, password)) = password {
        command.env("HOPWISE_TARGET_USER", user).env("HOPWISE_TARGET_PASSWORD", password);
    }
    command.output().expect("the program runs")
}

struct TemporaryFolder(std::path::PathBuf);

impl TemporaryFolder {
    fn new() -> TemporaryFolder {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("hopwise-target-{}-{number}", std::process::id());
        TemporaryFolder(std::env::temp_dir().join(name))
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // It may not have been written.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The status and the outcome.
pub(super) fn outcome(output: &Output) -> (i32, Value) {
    let status = output.status.code().expect("it ends by itself");
    let errors = String::from_utf8_lossy(&output.stderr);
    let outcome = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|why| panic!("{why}: status {status}, {errors}"));
    (status, outcome)
}

/// The status and the message of a run that was refused.
fn refusal(output: &Output) -> (i32, String) {
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().expect("it ends by itself"), errors)
}

pub(super) fn number(outcome: &Value, path: &str) -> u64 {
    outcome.pointer(path).and_then(Value::as_u64).unwrap_or_else(|| panic!("{path}: {outcome:#}"))
}

#[test]
fn a_ring_is_driven_and_found_correct() {
    let server = Server::start("--nodes 32 --threads 2");
    for operations in ["ycsb-a", "ycsb-d", "ycsb-f"] {
        let arguments = format!("{operations} --target {} {SCENARIO}", server.address);
        let (status, outcome) = outcome(&run(&arguments));
        assert_eq!(status, 0, "{outcome:#}");
        assert_eq!(number(&outcome, "/lookups/completed"), 3000, "{operations}");
        assert_eq!(number(&outcome, "/lookups/incorrect"), 0, "{operations}");
        assert!(number(&outcome, "/store/durability/keys") >= 50, "{operations}");
        assert_eq!(number(&outcome, "/store/durability/lost"), 0, "{operations}");
        assert_eq!(number(&outcome, "/target/keys_unread"), 0, "{operations}");
        // The keys are written before, and vanish.
        let prefix = outcome.pointer("/target/key_prefix").and_then(Value::as_str);
        let key = format!("{}0", prefix.expect("it is there"));
        let ttl = get::<i64>(&mut server.connect(), &format!("TTL {key}"));
        assert!((1..=3600).contains(&ttl), "{key}: {ttl}");
    }
}

#[test]
fn an_open_loop_beyond_the_capacity_sheds_and_loses_nothing() {
    let server = Server::start("--nodes 32 --threads 2");
    let arguments = format!(
        "ycsb-a --target {} --rate 3x --duration 2s --set store.population=500",
        server.address
    );
    let (_, outcome) = outcome(&run(&arguments));
    assert!(number(&outcome, "/lookups/shed") > 0, "{outcome:#}");
    assert_eq!(number(&outcome, "/lookups/incorrect"), 0, "{outcome:#}");
    assert_eq!(number(&outcome, "/store/durability/lost"), 0, "{outcome:#}");
}

#[test]
fn a_server_is_stressed_from_outside() {
    let server = Server::start("--nodes 32 --threads 2");
    let folder = TemporaryFolder::new();
    let arguments = format!(
        "stress --target {} --workload ycsb-b --set store.population=50 --connections 5 --from 100 \
         --to 200 --step 200ms --hold 1s --max-time 1min --slo p99<10s,success>50% --quiet --json -",
        server.address
    );
    let mut command = Command::new(env!("CARGO_BIN_EXE_hopwise"));
    command.args(arguments.split_whitespace()).arg("--out").arg(&folder.0);
    let (status, found) = outcome(&command.output().expect("the program runs"));
    assert_eq!(status, 0, "{found:#}");
    assert_eq!(found["knee"]["per_s"], 200.0, "{found:#}");
    assert_eq!(found["held"]["stages"].as_array().map(Vec::len), Some(4), "{found:#}");
    assert_eq!((number(&found, "/held/incorrect"), number(&found, "/held/anomalies")), (0, 0));
    assert!(found["costs"]["get_us"].is_null(), "the nodes are in another process: {found:#}");
}

#[test]
fn users_and_passwords_are_told_to_the_server_and_nobody_else() {
    let file = TemporaryFile::new("target-users");
    let added = add(file.path(), "ann", "a secret@1", "--keys app:");
    assert_eq!(added, (Some(0), String::new()));
    let server = Server::start(&format!("--nodes 32 --threads 2 --users {}", file.path()));
    let at = server.address;
    // Each password takes the server a while.
    let scenario = format!("{SCENARIO} --connections 3");
    let known =
        run(&format!("ycsb-a --target redis://ann:a%20secret%401@{at} --prefix app: {scenario}"));
    assert!(!String::from_utf8_lossy(&known.stdout).contains("secret"));
    assert_eq!(outcome(&known).0, 0);
    let known =
        run_as(Some(("ann", "a secret@1")), &format!("--target {at} --prefix app: {scenario}"));
    assert!(!String::from_utf8_lossy(&known.stdout).contains("secret"));
    assert_eq!(outcome(&known).0, 0);
    for (target, expected) in [
        (format!("redis://ann:wrong-secret@{at} --prefix app:"), "WRONGPASS"),
        (format!("{at}"), "NOAUTH"),
        // The prefix is another one.
        (format!("redis://ann:a%20secret%401@{at}"), "NOPERM"),
    ] {
        let (status, errors) = refusal(&run(&format!("ycsb-a --target {target} {scenario}")));
        assert_eq!(status, 2, "{errors}");
        let names_it = errors.contains(expected) && errors.contains(&at.to_string());
        assert!(names_it && !errors.contains("secret"), "{errors}");
    }
}

#[test]
fn what_makes_no_sense_from_outside_is_refused() {
    let fake = Fake::start(Kind::Honest);
    for (arguments, expected) in [
        ("store-churn --set start='linked'", "churn.model"),
        ("default", "store: with --target"),
        ("ycsb-a --engine sim", "engine = \"sim\""),
        ("ycsb-a --set network.loss=0.1", "network.loss"),
        ("ycsb-a --set workload.lookup_interval=1s", "workload.lookup_interval"),
    ] {
        let (status, errors) = refusal(&run(&format!("{arguments} --target {}", fake.address)));
        assert!(status == 2 && errors.contains(expected), "{status}: {errors}");
    }
    let nobody = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port");
    let (status, errors) = refusal(&run(&format!("ycsb-a --target {nobody}")));
    assert!(status == 2 && errors.contains(&nobody.to_string()), "{status}: {errors}");
}

#[test]
fn connections_that_break_are_replaced_and_their_writes_are_unknown() {
    let fake = Fake::start(Kind::Breaking(150));
    // The first address is of no use.
    let nobody = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port");
    let arguments = format!(
        "ycsb-a --target {nobody},{} {SCENARIO} --connections 8 --set expect.completed=0.5",
        fake.address
    );
    let (status, outcome) = outcome(&run(&arguments));
    assert_eq!(status, 0, "{outcome:#}");
    assert!(number(&outcome, "/target/broken") > 3, "{outcome:#}");
    assert!(number(&outcome, "/target/failed_connects") > 0, "{outcome:#}");
    assert!(number(&outcome, "/store/writes/unknown") > 0, "{outcome:#}");
    assert_eq!(number(&outcome, "/lookups/incorrect"), 0, "{outcome:#}");
    assert_eq!(number(&outcome, "/store/durability/lost"), 0, "{outcome:#}");
}

#[test]
fn wrong_answers_are_found() {
    for (kind, verdict) in [
        (Kind::Honest, None),
        (Kind::Stale, Some("stale")),
        (Kind::Forgetful, Some("lost")),
        (Kind::Damaging, Some("phantom")),
    ] {
        let fake = Fake::start(kind);
        let (status, outcome) =
            outcome(&run(&format!("ycsb-a --target {} {SCENARIO}", fake.address)));
        assert_eq!(status, if verdict.is_some() { 3 } else { 0 }, "{outcome:#}");
        for name in ["stale", "lost", "phantom"] {
            let count = number(&outcome, &format!("/store/reads/{name}"));
            assert_eq!(count > 0, verdict == Some(name), "{name}: {outcome:#}");
        }
        let lost = number(&outcome, "/store/durability/lost");
        assert_eq!(lost > 0, verdict.is_some(), "{outcome:#}");
    }
}

#[test]
fn a_server_of_another_protocol_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let at = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // The client may have gone.
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let (status, errors) = refusal(&run(&format!("ycsb-a --target {at}")));
    assert!(status == 2 && errors.contains("not one of Redis"), "{status}: {errors}");
}

/// How a fake server answers.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Honest,
    /// Closes each connection after so many requests.
    Breaking(u32),
    /// Acknowledges every write, and keeps the first one of each key.
    Stale,
    /// Finds nothing.
    Forgetful,
    /// Returns values with another last byte.
    Damaging,
}

/// A server in this process that speaks just enough of the protocol.
struct Fake {
    address: SocketAddr,
}

impl Fake {
    /// A server, whose threads end with the process.
    fn start(kind: Kind) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let values: Arc<Mutex<HashMap<Vec<u8>, Vec<u8>>>> = Arc::default();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let values = values.clone();
                thread::spawn(move || serve(stream, kind, &values));
            }
        });
        Fake { address }
    }
}

/// Serves one client until it goes.
fn serve(
    mut stream: TcpStream,
    kind: Kind,
    values: &Mutex<HashMap<Vec<u8>, Vec<u8>>>,
) -> Option<()> {
    let mut input = BufReader::new(stream.try_clone().ok()?);
    for count in 0.. {
        let request = request(&mut input)?;
        let mut values = values.lock().ok()?;
        let reply = match request[0].as_slice() {
            b"PING" => b"+PONG\r\n".to_vec(),
            b"SET" => {
                let is_kept = kind == Kind::Stale || request.get(5).is_some();
                if !is_kept || !values.contains_key(&request[1]) {
                    values.insert(request[1].clone(), request[2].clone());
                }
                b"+OK\r\n".to_vec()
            }
            _ => match values.get(&request[1]).filter(|_| kind != Kind::Forgetful) {
                None => b"$-1\r\n".to_vec(),
                Some(value) => {
                    let mut value = value.clone();
                    if kind == Kind::Damaging
                        && let Some(last) = value.last_mut()
                    {
                        *last ^= 1;
                    }
                    let head = format!("${}\r\n", value.len());
                    [head.as_bytes(), &value, b"\r\n"].concat()
                }
            },
        };
        drop(values);
        if kind == Kind::Breaking(count) {
            return None;
        }
        stream.write_all(&reply).ok()?;
    }
    None
}

/// The next request, an array of strings.
fn request(input: &mut impl BufRead) -> Option<Vec<Vec<u8>>> {
    let number = |input: &mut dyn BufRead| {
        let mut line = String::new();
        input.read_line(&mut line).ok()?;
        line.trim_end().get(1..)?.parse::<usize>().ok()
    };
    let count = number(input)?;
    (0..count)
        .map(|_| {
            let length = number(input)?;
            let mut bytes = vec![0; length + 2];
            input.read_exact(&mut bytes).ok()?;
            bytes.truncate(length);
            Some(bytes)
        })
        .collect()
}
