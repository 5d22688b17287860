//! All commands by name, with their numbers of arguments.
//!
//! **Invariant:** the only list of commands; parsing, access control and `COMMAND` read it.

use std::ops::RangeInclusive;

use super::arguments::Arguments;
use super::{Command, dht, session, strings};
use crate::resp::{Reply, Request};

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
