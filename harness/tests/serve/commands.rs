//! Every command, once.

use std::collections::HashMap;
use std::thread;
use std::time::Duration;

use hopwise_harness::base::wall_clock::WallClock;
use redis::Value;

use super::{Server, ask, error, get};

#[test]
fn values_are_set_read_and_deleted() {
    let server = Server::start("--nodes 32");
    let c = &mut server.connect();
    assert_eq!(get::<Option<String>>(c, "GET k"), None);
    assert_eq!(get::<String>(c, "SET k v"), "OK");
    assert_eq!(get::<String>(c, "GET k"), "v");
    assert_eq!(get::<Option<String>>(c, "SET k w NX"), None);
    assert_eq!(get::<String>(c, "SET k w XX"), "OK");
    assert_eq!(get::<String>(c, "SET k x GET"), "w");
    assert_eq!(get::<String>(c, "GETSET k y"), "x");
    assert_eq!(get::<u32>(c, "SETNX k z"), 0);
    assert_eq!(get::<u32>(c, "SETNX l z"), 1);
    assert_eq!(get::<u32>(c, "EXISTS k l m k"), 3);
    assert_eq!(get::<String>(c, "MSET a 1 b 2 a 3"), "OK");
    assert_eq!(
        get::<Vec<Option<String>>>(c, "MGET a b none"),
        [Some("3".to_owned()), Some("2".to_owned()), None]
    );
    assert_eq!(get::<u32>(c, "DEL a b none"), 2);
    assert_eq!(get::<u32>(c, "UNLINK k"), 1);
    assert_eq!(get::<Option<String>>(c, "GET k"), None);
    let long = "x".repeat(1001);
    let why = error(c, &format!("SET k {long}"));
    assert!(why.contains("value is 1001 bytes long; at most 1000 are stored"), "{why}");
    assert_eq!(get::<String>(c, &format!("SET k {}", &long[1..])), "OK");
    assert_eq!(get::<String>(c, "GET k"), long[1..]);
}

#[test]
fn numbers_are_counted() {
    let server = Server::start("--nodes 32");
    let c = &mut server.connect();
    assert_eq!(get::<i64>(c, "INCR n"), 1);
    assert_eq!(get::<i64>(c, "INCRBY n 41"), 42);
    assert_eq!(get::<i64>(c, "DECR n"), 41);
    assert_eq!(get::<i64>(c, "DECRBY n 50"), -9);
    assert_eq!(get::<String>(c, "GET n"), "-9");
    assert_eq!(get::<i64>(c, "TTL n"), -1);
    get::<String>(c, "SET n 9223372036854775807 EX 100");
    assert!(error(c, "INCR n").contains("overflow"));
    get::<String>(c, "SET n text");
    assert!(error(c, "INCR n").contains("value is not an integer or out of range"));
}

#[test]
fn values_live_as_long_as_they_are_told() {
    let server = Server::start("--nodes 32");
    let c = &mut server.connect();
    assert_eq!(get::<i64>(c, "TTL k"), -2);
    get::<String>(c, "SET k v");
    assert_eq!((get::<i64>(c, "TTL k"), get::<i64>(c, "PTTL k")), (-1, -1));
    assert_eq!(get::<u32>(c, "EXPIRE k 100"), 1);
    assert!((99..=100).contains(&get::<i64>(c, "TTL k")));
    get::<String>(c, "SET k w KEEPTTL");
    assert!((99..=100).contains(&get::<i64>(c, "TTL k")));
    assert_eq!(get::<u32>(c, "PERSIST k"), 1);
    assert_eq!((get::<u32>(c, "PERSIST k"), get::<i64>(c, "TTL k")), (0, -1));
    assert_eq!(get::<u32>(c, "EXPIRE none 100"), 0);
    get::<String>(c, "SETEX k 100 v");
    assert!(get::<i64>(c, "PTTL k") > 99_000);
    assert_eq!(get::<u32>(c, "EXPIRE k 0"), 1);
    assert_eq!(get::<Option<String>>(c, "GET k"), None);
    get::<String>(c, "SET short v PX 300");
    assert_eq!(get::<Option<String>>(c, "GET short").as_deref(), Some("v"));
    thread::sleep(Duration::from_millis(400));
    assert_eq!(get::<Option<String>>(c, "GET short"), None);
    assert_eq!(get::<Option<String>>(c, "SET short v NX").as_deref(), Some("OK"));
}

#[test]
fn connections_have_names_and_versions() {
    let server = Server::start("--nodes 8");
    let c = &mut server.connect();
    assert_eq!(get::<String>(c, "PING"), "PONG");
    assert_eq!(get::<String>(c, "PING hello"), "hello");
    assert_eq!(get::<String>(c, "ECHO hello"), "hello");
    assert_eq!(get::<String>(c, "SELECT 0"), "OK");
    assert!(error(c, "SELECT 1").contains("DB index is out of range"));
    assert_eq!(get::<String>(c, "CLIENT SETNAME me"), "OK");
    assert_eq!(get::<String>(c, "CLIENT GETNAME"), "me");
    assert_eq!(get::<String>(c, "CLIENT SETINFO LIB-NAME test"), "OK");
    let number = get::<i64>(c, "CLIENT ID");
    for line in ["CLIENT INFO", "CLIENT LIST"] {
        let text = get::<String>(c, line);
        assert!(text.starts_with(&format!("id={number} addr=127.0.0.1:")), "{text}");
        assert!(text.contains(" name=me resp=3"), "{text}");
    }
    let hello = get::<HashMap<String, Value>>(c, "HELLO 2");
    assert_eq!(hello.get("proto"), Some(&Value::Int(2)));
    let hello = get::<HashMap<String, Value>>(c, "HELLO 3 SETNAME you");
    assert_eq!(hello.get("proto"), Some(&Value::Int(3)));
    assert_eq!(get::<String>(c, "CLIENT GETNAME"), "you");
    assert!(error(c, "HELLO 4").contains("unsupported protocol version"));
    assert!(error(c, "AUTH secret").contains("without any password configured"));
    assert_eq!(get::<String>(c, "RESET"), "RESET");
    assert_eq!(get::<Option<String>>(c, "CLIENT GETNAME"), None);
    assert_eq!(get::<String>(c, "QUIT"), "OK");
    assert!(ask::<String>(c, "PING").is_err());
}

#[test]
fn the_server_describes_itself() {
    let server = Server::start("--nodes 32 --replicas 2 --threads 2");
    let c = &mut server.connect();
    let settings = get::<HashMap<String, String>>(c, "CONFIG GET save appendonly");
    assert_eq!(settings.get("appendonly").map(String::as_str), Some("no"));
    assert_eq!(settings.len(), 2);
    assert!(get::<u32>(c, "COMMAND COUNT") >= 40);
    assert_eq!(get::<Vec<Value>>(c, "COMMAND"), []);
    assert_eq!(get::<HashMap<String, Value>>(c, "COMMAND DOCS").len(), 0);
    let unknown = error(c, "FLY high");
    assert!(
        unknown.contains("unknown command 'FLY', with args beginning with: 'high'"),
        "{unknown}"
    );
    assert!(error(c, "GET").contains("wrong number of arguments for 'get' command"));
    (0..20).for_each(|at| assert_eq!(get::<String>(c, &format!("SET k{at} v")), "OK"));
    let is_published = |c: &mut _| get::<u64>(c, "DBSIZE") == 20;
    let from = WallClock::start();
    while !is_published(c) {
        assert!(from.elapsed() < super::PATIENCE);
        thread::sleep(Duration::from_millis(20));
    }
    let topology = get::<HashMap<String, Value>>(c, "HOPWISE.TOPOLOGY");
    assert_eq!(topology.get("nodes"), Some(&Value::Int(32)));
    assert_eq!(topology.get("replicas"), Some(&Value::Int(2)));
    assert_eq!(topology.get("items"), Some(&Value::Int(40)));
    let info = get::<String>(c, "INFO");
    assert!(info.contains("\r\nnodes:32\r\n") && info.contains("\r\nitems:40\r\n"), "{info}");
    let page = server.metrics_page();
    assert!(page.contains("\nhopwise_nodes{shard=\"1\"} 16\n"), "{page}");
    assert!(page.contains("\nhopwise_user_requests_total{user=\"default\"}"), "{page}");
    assert!(page.ends_with("# EOF\n"), "{page}");
}

#[test]
fn the_hash_table_answers() {
    let server = Server::start("--nodes 32 --threads 2");
    let c = &mut server.connect();
    let owner = get::<HashMap<String, Value>>(c, "HOPWISE.LOOKUP k");
    let names = ["owner", "address", "hops", "latency_us"];
    assert!(names.iter().all(|name| owner.contains_key(*name)), "{owner:?}");
    assert_eq!(get::<Vec<String>>(c, "HOPWISE.PROVIDERS k"), [""; 0]);
    assert_eq!(get::<String>(c, "HOPWISE.ANNOUNCE k 10.0.0.1:80"), "OK");
    assert_eq!(get::<String>(c, "HOPWISE.ANNOUNCE k 10.0.0.1:80/2"), "OK");
    assert_eq!(get::<String>(c, "HOPWISE.ANNOUNCE k"), "OK");
    let mut all = get::<Vec<String>>(c, "HOPWISE.PROVIDERS k");
    all.sort();
    assert_eq!((all.len(), &all[0], &all[1]), (3, &"10.0.0.1:80".into(), &"10.0.0.1:80/2".into()));
    assert!(all[2].starts_with("127.0.0.1:"), "the client's own address");
    assert!(error(c, "HOPWISE.ANNOUNCE k nowhere").contains("invalid address"));
}

#[test]
fn messages_reach_all_that_receive_them() {
    let server = Server::start("--nodes 32 --threads 2");
    let mut receivers: Vec<_> = (0..4).map(|_| server.plain()).collect();
    for (at, receiver) in receivers.iter_mut().enumerate() {
        if at % 2 == 1 {
            receiver.send(b"HELLO 3\r\n");
            while receiver.line() != "*0" {}
        }
        receiver.send(b"HOPWISE.RECEIVE room\r\n");
        let lines = [(); 6].map(|()| receiver.line());
        assert_eq!(lines, ["*3", "$15", "hopwise.receive", "$4", "room", ":1"]);
    }
    let c = &mut server.connect();
    assert_eq!(get::<String>(c, "HOPWISE.SEND elsewhere lost"), "OK");
    assert_eq!(get::<String>(c, "HOPWISE.SEND room hello"), "OK");
    for (at, receiver) in receivers.iter_mut().enumerate() {
        let lines = [(); 7].map(|()| receiver.line());
        let head = if at % 2 == 1 { ">3" } else { "*3" };
        assert_eq!(lines, [head, "$15", "hopwise.message", "$4", "room", "$5", "hello"]);
    }
}
