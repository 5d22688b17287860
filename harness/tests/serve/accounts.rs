//! Users: passwords, rights, quotas and accounts.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use super::{Server, TemporaryFile, ask, error, get, wait_until};

/// Adds a user by the command line, with the password on standard input. Returns the status and what
/// was written to standard error.
pub(super) fn add(file: &str, name: &str, password: &str, options: &str) -> (Option<i32>, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_hopwise"))
        .args(["user", "add", name, "--file", file])
        .args(options.split_whitespace())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut input = child.stdin.take().expect("it is piped");
    // A program that refuses its arguments reads no password.
    let _ = input.write_all(format!("{password}\n").as_bytes());
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.stdout.is_empty());
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!errors.contains(password), "{errors}");
    (output.status.code(), errors)
}

#[test]
fn users_may_do_what_their_entry_says() {
    let file = TemporaryFile::new("rights");
    let done = (Some(0), String::new());
    assert_eq!(add(file.path(), "admin", "all of it", ""), done);
    let limited = "--commands get,SET,mget,hopwise.receive --keys a:,b:";
    assert_eq!(add(file.path(), "alice", "secret", limited), done);
    assert_eq!(add(file.path(), "small", "secret", "--quota-bytes 100"), done);
    assert_eq!(add(file.path(), "slow", "secret", "--requests-per-s 5"), done);
    let again = add(file.path(), "alice", "secret", "");
    assert!(again.0 == Some(2) && again.1.contains("there is a user alice already"), "{again:?}");
    let unknown = add(file.path(), "bob", "secret", "--commands fly");
    assert!(unknown.0 == Some(2) && unknown.1.contains("there is no command fly"), "{unknown:?}");
    let text = std::fs::read_to_string(file.path()).expect("it was written");
    assert!(text.contains("$argon2id$") && !text.contains("secret"), "{text}");

    let server = Server::start(&format!("--nodes 16 --users {}", file.path()));
    let mut plain = server.plain();
    for line in ["GET k", "PING", "INFO", "HELLO 3", "HOPWISE.CRASH 1", "CLIENT ID"] {
        plain.send(format!("{line}\r\n").as_bytes());
        let reply = plain.line();
        assert!(reply.starts_with("-NOAUTH"), "{line}: {reply}");
    }
    plain.send(
        b"AUTH alice wrong\r\nGET a:k\r\nAUTH nobody secret\r\nAUTH alice secret\r\nGET a:k\r\n",
    );
    let lines = [(); 5].map(|()| plain.line());
    assert!(lines[0].starts_with("-WRONGPASS") && lines[2] == lines[0], "{lines:?}");
    assert!(lines[1].starts_with("-NOAUTH"), "{lines:?}");
    assert_eq!(lines[3..], ["+OK", "$-1"]);

    let url = |user: &str| format!("redis://{user}:secret@{}/?protocol=resp3", server.address);
    assert!(server.open(&format!("redis://alice:wrong@{}/", server.address)).is_err());
    let alice = &mut server.open(&url("alice")).expect("the password is right");
    assert_eq!(get::<String>(alice, "SET a:k v"), "OK");
    assert_eq!(get::<String>(alice, "GET a:k"), "v");
    for line in ["SET c:k v", "MGET a:k c:k", "HOPWISE.RECEIVE c:k"] {
        let why = error(alice, line);
        assert!(why.contains("No permissions to access a key"), "{line}: {why}");
    }
    let why = error(alice, "DEL a:k");
    assert!(why.contains("User alice has no permissions to run the 'del' command"), "{why}");

    let small = &mut server.open(&url("small")).expect("the password is right");
    let value = "x".repeat(60);
    assert_eq!(get::<String>(small, &format!("SET s {value}")), "OK");
    let why = error(small, &format!("SET t {value}"));
    assert!(why.contains("the quota of 100 bytes is used up"), "{why}");
    assert_eq!(get::<u32>(small, "DEL s"), 1);
    // The thread that counts the key may hear of it later.
    let set = format!("SET t {value}");
    wait_until("room for a value", || ask::<String>(small, &set).is_ok());

    let slow = &mut server.open(&url("slow")).expect("the password is right");
    let refused = (0..20).find_map(|_| ask::<String>(slow, "PING").err());
    let why = refused.expect("20 are too many").to_string();
    assert!(why.contains("at most 5 requests per second"), "{why}");
}

/// The figures of each user in the reply to `INFO`, and those of all connections.
fn sums(info: &str) -> (BTreeMap<String, u64>, BTreeMap<String, u64>) {
    let (mut users, mut connections) = (BTreeMap::new(), BTreeMap::new());
    for line in info.lines() {
        let Some((name, value)) = line.split_once(':') else { continue };
        if name.starts_with("user_") {
            for (name, value) in value.split(',').filter_map(|pair| pair.split_once('=')) {
                *users.entry(name.to_owned()).or_default() +=
                    value.parse::<u64>().expect("a number");
            }
        } else if ["requests", "bytes_in", "bytes_out"].contains(&name) {
            connections.insert(name.to_owned(), value.parse().expect("a number"));
        }
    }
    (users, connections)
}

#[test]
fn the_accounts_of_all_users_add_up_to_what_the_connections_did() {
    let file = TemporaryFile::new("sums");
    add(file.path(), "a", "secret", "");
    add(file.path(), "b", "secret", "");
    let server = Server::start(&format!("--nodes 16 --threads 2 --users {}", file.path()));
    thread::scope(|scope| {
        for at in 0..6 {
            let url = format!("redis://{}:secret@{}/", ["a", "b"][at % 2], server.address);
            let mut c = server.open(&url).expect("the password is right");
            scope.spawn(move || {
                for key in 0..50 {
                    get::<String>(&mut c, &format!("SET {at}:{key} {}", "x".repeat(key + 1)));
                    get::<String>(&mut c, &format!("GET {at}:{key}"));
                    error(&mut c, "GET");
                }
            });
        }
    });
    let _ = server.open(&format!("redis://c:secret@{}/", server.address));
    let mut garbage = server.plain();
    garbage.send(b"GET k\r\n*x\r\n");
    garbage.rest();
    let mut c = server.open(&format!("redis://a:secret@{}/", server.address)).expect("right");
    // What other shards have done is published a moment later.
    thread::sleep(Duration::from_millis(600));
    let info = get::<String>(&mut c, "INFO");
    let (users, connections) = sums(&info);
    for (name, sum) in &connections {
        assert_eq!(users.get(name), Some(sum), "{name}: {info}");
    }
    assert_eq!(connections.len(), 3);
    assert!(connections["requests"] >= 900, "{info}");
    let lengths: u64 = (1..=50).sum();
    assert_eq!(users["bytes_stored"], 6 * lengths, "{info}");
    let page = server.metrics_page();
    for user in ["a", "b"] {
        let line = format!("hopwise_user_bytes_stored{{user=\"{user}\"}} {}", 3 * lengths);
        assert!(page.contains(&line), "{page}");
    }
}
