//! All commands by name, with their numbers of arguments.
//!
//! **Invariant:** the only list of commands; parsing, access control and `COMMAND` read it.

use std::ops::RangeInclusive;

use super::arguments::Arguments;
use super::{Command, dht, session, strings};
use crate::serve::protocol::{Reply, Request};

/// The bytes of a request that an error repeats.
const MAX_REPEATED: usize = 128;
/// Any number of arguments.
const MANY: usize = usize::MAX;

/// A command.
struct Entry {
    name: &'static str,
    /// How many arguments it takes, without its name.
    arguments: RangeInclusive<usize>,
    build: fn(Arguments) -> Result<Command, Reply>,
}

/// The command of this name.
const fn entry(
    name: &'static str,
    arguments: RangeInclusive<usize>,
    build: fn(Arguments) -> Result<Command, Reply>,
) -> Entry {
    Entry { name, arguments, build }
}

/// Sorted by name.
static COMMANDS: &[Entry] = &[
    entry("auth", 1..=2, session::auth),
    entry("client", 1..=MANY, session::client),
    entry("command", 0..=MANY, session::command),
    entry("config", 1..=MANY, session::config),
    entry("dbsize", 0..=0, session::db_size),
    entry("decr", 1..=1, strings::decrement),
    entry("decrby", 2..=2, strings::decrement_by),
    entry("del", 1..=MANY, strings::delete),
    entry("echo", 1..=1, session::echo),
    entry("exists", 1..=MANY, strings::exists),
    entry("expire", 2..=2, strings::expire),
    entry("expireat", 2..=2, strings::expire_at),
    entry("get", 1..=1, strings::read),
    entry("getset", 2..=2, strings::get_and_set),
    entry("hello", 0..=MANY, session::hello),
    entry("hopwise.announce", 1..=2, dht::announce),
    entry("hopwise.bootstrap", 0..=0, dht::bootstrap),
    entry("hopwise.crash", 1..=3, dht::crash),
    entry("hopwise.lookup", 1..=1, dht::lookup),
    entry("hopwise.providers", 1..=1, dht::providers),
    entry("hopwise.receive", 1..=1, dht::receive),
    entry("hopwise.send", 2..=2, dht::send),
    entry("hopwise.topology", 0..=0, dht::topology),
    entry("incr", 1..=1, strings::increment),
    entry("incrby", 2..=2, strings::increment_by),
    entry("info", 0..=MANY, session::info),
    entry("mget", 1..=MANY, strings::read_all),
    entry("mset", 2..=MANY, strings::set_all),
    entry("persist", 1..=1, strings::persist),
    entry("pexpire", 2..=2, strings::expire_ms),
    entry("pexpireat", 2..=2, strings::expire_at_ms),
    entry("ping", 0..=1, session::ping),
    entry("psetex", 3..=3, strings::set_for_ms),
    entry("pttl", 1..=1, strings::remaining_ms),
    entry("quit", 0..=MANY, session::quit),
    entry("reset", 0..=0, session::reset),
    entry("select", 1..=1, session::select),
    entry("set", 2..=MANY, strings::set),
    entry("setex", 3..=3, strings::set_for_seconds),
    entry("setnx", 2..=2, strings::set_if_absent),
    entry("ttl", 1..=1, strings::remaining),
    entry("unlink", 1..=MANY, strings::delete),
];

/// The names of all commands, sorted.
pub(crate) fn names() -> impl ExactSizeIterator<Item = &'static str> {
    COMMANDS.iter().map(|entry| entry.name)
}

/// Whether there is a command of this name, written in small letters.
pub(crate) fn is_known(name: &str) -> bool {
    find(name).is_some()
}

/// Reads a request that is not empty, and returns the name of the command and what it asks. `now_ms` is
/// the time of day, in milliseconds since 1970.
///
/// # Errors
///
/// The reply, if there is no such command or its arguments are wrong.
pub(crate) fn parse(request: Request, now_ms: u64) -> Result<(&'static str, Command), Reply> {
    let mut words = request.into_iter();
    let name = words.next().unwrap_or_default();
    let small = String::from_utf8_lossy(&name).to_ascii_lowercase();
    let Some(entry) = find(&small) else { return Err(unknown(&name, words)) };
    if !entry.arguments.contains(&words.len()) {
        let why = format!("ERR wrong number of arguments for '{}' command", entry.name);
        return Err(Reply::error(why));
    }
    Ok((entry.name, (entry.build)(Arguments::new(words, now_ms))?))
}

fn find(name: &str) -> Option<&'static Entry> {
    let at = COMMANDS.binary_search_by_key(&name, |entry| entry.name).ok()?;
    COMMANDS.get(at)
}

/// As Redis says it: the name and the first arguments, cut.
fn unknown(name: &[u8], arguments: impl Iterator<Item = Vec<u8>>) -> Reply {
    let shown = |bytes: &[u8]| {
        String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_REPEATED)]).into_owned()
    };
    let mut text = format!("ERR unknown command '{}', with args beginning with: ", shown(name));
    let start = text.len();
    for argument in arguments {
        if text.len() - start >= MAX_REPEATED {
            break;
        }
        text += &format!("'{}' ", shown(&argument));
    }
    Reply::Error(text)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hopwise_kernel::Address;
    use hopwise_kernel::store::{Condition, Lifetime};
    use proptest::prelude::*;

    use super::*;
    use crate::serve::command::{Action, Keyed, Put, Session, Shape};

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
        assert!(COMMANDS.is_sorted_by(|a, b| a.name < b.name));
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
            assert!(
                error(&format!("hopwise.announce k {wrong}")).starts_with("ERR invalid address")
            );
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
            at in 0..COMMANDS.len(),
            rest in proptest::collection::vec(
                prop_oneof![
                    "[-0-9]{0,21}".prop_map(String::into_bytes),
                    "(EX|PX|EXAT|PXAT|NX|XX|GET|OVER|AUTH|SETNAME|ID|COUNT)".prop_map(String::into_bytes),
                    proptest::collection::vec(any::<u8>(), 0..20),
                ],
                0..6,
            ),
        ) {
            let name = COMMANDS[at].name.as_bytes().to_vec();
            let _ = parse([vec![name], rest].concat(), u64::MAX);
        }
    }
}
