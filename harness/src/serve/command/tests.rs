//! Requests as commands.
//!
//! **Invariant:** nothing is carried out.

use std::time::Duration;

use hopwise_kernel::Address;
use hopwise_kernel::store::{Condition, Lifetime};
use proptest::prelude::*;

use super::{Action, Command, Keyed, Put, Session, Shape, is_known, names, parse};
use crate::resp::Reply;

fn parsed(line: &str) -> Result<Command, Reply> {
    let request = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
    parse(request, 10_000).map(|(_, command)| command)
}

fn keyed(line: &str) -> Keyed {
    match parsed(line) {
        Ok(Command::Keyed(keyed)) => keyed,
        other => panic!("{line}: {other:?}"),
    }
}

fn put(line: &str) -> Put {
    match keyed(line).parts.remove(0).action {
        Action::Put(put) => put,
        other => panic!("{line}: {other:?}"),
    }
}

fn error(line: &str) -> String {
    match parsed(line) {
        Err(Reply::Error(text)) => text,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn the_table_is_sorted() {
    assert!(names().is_sorted_by(|a, b| a < b));
    assert!(names().all(is_known));
    assert!(!is_known("GET"));
}

#[test]
fn set_takes_its_options_in_any_order() {
    let plain = put("SET k v");
    assert_eq!((plain.lifetime, plain.condition), (Lifetime::Default, Condition::Always));
    let all = put("set k v GET EX 5 NX");
    assert_eq!(all.lifetime, Lifetime::Of(Duration::from_secs(5)));
    assert_eq!((all.condition, all.wants_old), (Condition::Absent, true));
    assert_eq!(put("set k v xx keepttl").lifetime, Lifetime::Keep);
    assert_eq!(put("set k v PXAT 10500").lifetime, Lifetime::Of(Duration::from_millis(500)));
    assert_eq!(put("setex k 2 v").lifetime, Lifetime::Of(Duration::from_secs(2)));
    for line in ["set k v NX XX", "set k v EX", "set k v EX 1 KEEPTTL", "set k v FOO"] {
        assert_eq!(error(line), "ERR syntax error", "{line}");
    }
    for line in ["set k v EX 0", "set k v PX -1", "set k v EX 9223372036854775807"] {
        assert_eq!(error(line), "ERR invalid expire time in 'set' command", "{line}");
    }
    let long = "x".repeat(1001);
    let why = "ERR value is 1001 bytes long; at most 1000 are stored";
    assert_eq!(error(&format!("set k {long}")), why);
}

#[test]
fn keys_that_repeat_are_handled_once() {
    let set = keyed("mset a 1 b 2 a 3");
    let values = set.parts.iter().map(|part| (part.name.as_slice(), &part.action));
    let put = |value: &str| Action::Put(put(&format!("set k {value}")));
    let (three, two) = (put("3"), put("2"));
    assert_eq!(values.collect::<Vec<_>>(), [(&b"a"[..], &three), (b"b", &two)]);
    assert_eq!(keyed("del a b a").parts.len(), 2);
    assert_eq!(keyed("exists a b a").parts.len(), 3);
    let many = format!("mget {}", vec!["k"; 1025].join(" "));
    assert_eq!(error(&many), "ERR 1025 keys; at most 1024 are taken");
}

#[test]
fn lives_that_are_over_delete() {
    assert_eq!(keyed("expire k 0").parts[0].action, Action::Delete);
    assert_eq!(keyed("expireat k 9").parts[0].action, Action::Delete);
    let expire = keyed("expireat k 11");
    assert_eq!(expire.parts[0].action, Action::Expire(Duration::from_secs(1)));
    assert_eq!(expire.shape, Shape::Count);
}

#[test]
fn the_commands_of_the_hash_table_read_addresses_and_counts() {
    let address = Address::new([10, 0, 0, 1], 80, 7);
    let announced = keyed("hopwise.announce k 10.0.0.1:80/7");
    assert_eq!(announced.parts[0].action, Action::Announce(address));
    for wrong in ["x", "10.0.0.1", "[::1]:80", "0.0.0.0:80", "10.0.0.1:0", "10.0.0.1:80/x"] {
        assert!(error(&format!("hopwise.announce k {wrong}")).starts_with("ERR invalid address"));
    }
    let crash = Session::Crash { count: 3, over: Duration::from_secs(2) };
    assert_eq!(parsed("hopwise.crash 3 over 2"), Ok(Command::Session(crash)));
    for wrong in ["-1", "x", "1 over -1", "1 over 999999999"] {
        assert!(error(&format!("hopwise.crash {wrong}")).starts_with("ERR value is not"));
    }
}

#[test]
fn what_is_wrong_is_said_as_redis_does() {
    let unknown = "ERR unknown command 'FOO', with args beginning with: 'a' 'b' ";
    assert_eq!(error("FOO a b"), unknown);
    assert_eq!(error("get"), "ERR wrong number of arguments for 'get' command");
    assert_eq!(error("incrby k x"), "ERR value is not an integer or out of range");
    assert_eq!(error("decrby k -9223372036854775808"), error("incrby k x"));
    assert!(error(&format!("FOO {}", "x ".repeat(1000))).len() < 400);
    assert_eq!(error("hello 4"), "NOPROTO unsupported protocol version");
}

#[test]
fn passwords_are_not_shown() {
    let hello = parsed("hello 3 auth me secret setname x").expect("it is right");
    assert!(!format!("{hello:?}").contains("secret"), "{hello:?}");
}

proptest! {
    #[test]
    fn no_arguments_cause_a_panic(
        at in 0..names().len(),
        rest in proptest::collection::vec(
            prop_oneof![
                "[-0-9]{0,21}".prop_map(String::into_bytes),
                "(EX|PX|EXAT|PXAT|NX|XX|GET|OVER|AUTH|SETNAME|ID|COUNT)".prop_map(String::into_bytes),
                proptest::collection::vec(any::<u8>(), 0..20),
            ],
            0..6,
        ),
    ) {
        let name = names().nth(at).unwrap_or_default().as_bytes().to_vec();
        let _ = parse([vec![name], rest].concat(), u64::MAX);
    }
}
