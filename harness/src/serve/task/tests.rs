//! Commands against a model of the nodes, which carries out calls at once.
//!
//! **Invariant:** plain tables; no network.

use std::collections::HashMap;
use std::time::Duration;

use hopwise_kernel::store::{
    Change, Condition, Lifetime, Name, ReadOutcome, Refusal, Version, WriteOutcome,
};
use hopwise_kernel::{Address, Peer, Time};

use super::nodes::{Call, End, Nodes};
use super::outcome::{EffectKind, Life};
use super::tasks::{Caller, Finished, PARTS_AT_A_TIME, Tasks};
use super::{DEADLINE, KEPT};
use crate::resp::Reply;
use crate::serve::command::{Command, parse};

/// Nodes that carry out calls at once, on one table.
#[derive(Default)]
struct Model {
    items: HashMap<Name, (Version, Vec<u8>, u8)>,
    last: u64,
    ends: Vec<(u64, End)>,
    /// The most calls in progress.
    most: usize,
    refuses: bool,
    is_silent: bool,
    /// Writes whose ends are not known, and how many reads later they take effect.
    unknown: u32,
    delayed: Option<(u32, hopwise_kernel::store::Write, Vec<u8>)>,
    /// Written by others between a read and the write after it.
    interfere: u32,
}

impl Model {
    fn write(&mut self, write: &hopwise_kernel::store::Write, value: &[u8]) -> WriteOutcome {
        self.last += 1;
        let version = Version { number: self.last, writer: 0 };
        let old = self.items.get(&write.name).cloned();
        let is_met = match write.condition {
            Condition::Always => true,
            Condition::Absent => old.is_none(),
            Condition::Present => old.is_some(),
            Condition::Version(at) => old.as_ref().is_some_and(|old| old.0 == at),
        };
        if !is_met {
            let version = old.map_or(Version::NONE, |old| old.0);
            return WriteOutcome::ConditionFailed { version };
        }
        let existed = old.is_some();
        let mut sum = 0;
        let value = match write.change {
            Change::Put => Some(value.to_vec()),
            Change::Delete => None,
            Change::Touch => old.as_ref().map(|old| old.1.clone()),
            Change::Add(number) => {
                let text = old.as_ref().map_or("0".into(), |old| String::from_utf8_lossy(&old.1));
                match text.parse::<i64>() {
                    Ok(before) => sum = before + number,
                    Err(_) => return WriteOutcome::Refused(Refusal::NotANumber),
                }
                Some(sum.to_string().into_bytes())
            }
        };
        let tag = match write.lifetime {
            Lifetime::Keep => old.map_or(write.tag, |old| old.2),
            _ => write.tag,
        };
        match value {
            Some(value) => self.items.insert(write.name, (version, value, tag)),
            None => self.items.remove(&write.name),
        };
        WriteOutcome::Done { version, sum, existed }
    }
}

impl Nodes for Model {
    fn start(&mut self, call: Call<'_>, token: u64) -> Option<u32> {
        if self.refuses {
            return None;
        }
        if self.is_silent {
            return Some(7);
        }
        let end = match call {
            Call::Read(name) => {
                if let Some((left, write, value)) = self.delayed.take() {
                    if left == 0 {
                        self.write(&write, &value);
                    } else {
                        self.delayed = Some((left - 1, write, value));
                    }
                }
                let item = self.items.get(&name).cloned();
                if self.interfere > 0 {
                    self.interfere -= 1;
                    self.last += 1;
                    let version = Version { number: self.last, writer: 9 };
                    self.items.insert(name, (version, b"other".to_vec(), KEPT));
                }
                match item {
                    None => End::Read(ReadOutcome::Absent, Vec::new()),
                    Some((version, value, tag)) => {
                        let remaining = Duration::from_millis(1600);
                        End::Read(ReadOutcome::Found { version, remaining, tag }, value)
                    }
                }
            }
            Call::Write(write, value) if self.unknown > 0 => {
                self.delayed = Some((self.unknown, write, value.to_vec()));
                End::Wrote(WriteOutcome::Unknown { answered: 2, needed: 3 })
            }
            Call::Write(write, value) => End::Wrote(self.write(&write, value)),
            Call::List(key) => {
                let names = self.items.keys().filter(|name| name.key == key);
                let all: Vec<Address> = names.filter_map(|name| name.provider).collect();
                End::Listed(Ok(all.len() as u16), all)
            }
            Call::Lookup(_) => End::Found(Peer::default(), 3),
            Call::Send(..) => End::Sent,
        };
        self.ends.push((token, end));
        self.most = self.most.max(self.ends.len());
        Some(7)
    }
}

const CALLER: Caller = Caller { connection: Some(1), sequence: 0, user: 0, reserved: 0 };

fn begin(tasks: &mut Tasks, line: &str) {
    let request = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
    match parse(request, 0) {
        Ok((_, Command::Keyed(keyed))) => tasks.begin(Time::ZERO, CALLER, keyed),
        other => panic!("{line}: {other:?}"),
    }
}

fn finish(tasks: &mut Tasks, model: &mut Model, line: &str) -> Finished {
    begin(tasks, line);
    for _ in 0..10_000 {
        tasks.start(Time::ZERO, model);
        for (token, end) in std::mem::take(&mut model.ends) {
            tasks.on_end(Time::ZERO, token, end);
        }
        if let Some(finished) = tasks.take_finished().pop() {
            return finished;
        }
    }
    panic!("{line} does not end");
}

fn text(reply: &Reply) -> String {
    let mut bytes = Vec::new();
    reply.write(Default::default(), &mut bytes);
    String::from_utf8_lossy(&bytes).trim_end().replace("\r\n", " ")
}

#[test]
fn commands_do_what_redis_does() {
    let (mut tasks, mut model) = (Tasks::default(), Model::default());
    for (line, expected) in [
        ("get k", "$-1"),
        ("ttl k", ":-2"),
        ("set k v", "+OK"),
        ("ttl k", ":-1"),
        ("get k", "$1 v"),
        ("set k w NX", "$-1"),
        ("setnx k w", ":0"),
        ("set k w XX", "+OK"),
        ("set k x GET", "$1 w"),
        ("set k y NX GET", "$1 x"),
        ("set new y XX GET", "$-1"),
        ("set new y GET", "$-1"),
        ("getset new z", "$1 y"),
        ("exists k new k none", ":3"),
        ("mget k none new", "*3 $1 x $-1 $1 z"),
        ("persist k", ":0"),
        ("expire k 5", ":1"),
        ("expire none 5", ":0"),
        ("ttl k", ":2"),
        ("pttl k", ":1600"),
        ("persist k", ":1"),
        ("ttl k", ":-1"),
        ("incr k", "-ERR value is not an integer or out of range"),
        ("incr n", ":1"),
        ("incrby n 41", ":42"),
        ("decr n", ":41"),
        ("mset a 1 b 2 a 3", "+OK"),
        ("mget a b", "*2 $1 3 $1 2"),
        ("del a b none a", ":2"),
        ("expire n -1", ":1"),
        ("get n", "$-1"),
        ("hopwise.announce k 10.0.0.1:80", "+OK"),
        ("hopwise.announce k 10.0.0.1:80/3", "+OK"),
        ("hopwise.send k hello", "+OK"),
    ] {
        assert_eq!(text(&finish(&mut tasks, &mut model, line).reply), expected, "{line}");
    }
    let providers = text(&finish(&mut tasks, &mut model, "hopwise.providers k").reply);
    assert!(providers.contains(" 10.0.0.1:80 ") || providers.ends_with(" 10.0.0.1:80"));
    let owner = text(&finish(&mut tasks, &mut model, "hopwise.lookup k").reply);
    assert!(owner.starts_with("*8 $5 owner "), "{owner}");
    assert_eq!((tasks.len(), tasks.calls()), (0, 0));
}

#[test]
fn effects_say_what_has_changed() {
    let (mut tasks, mut model) = (Tasks::default(), Model::default());
    let five = Life::For(Duration::from_secs(5));
    for (line, expected) in [
        ("set k value", Some(EffectKind::Stored(5, Life::Kept))),
        ("set k v EX 5", Some(EffectKind::Stored(1, five))),
        ("set k vv KEEPTTL", Some(EffectKind::Stored(2, Life::AsBefore))),
        ("set l vv KEEPTTL", Some(EffectKind::Stored(2, Life::Kept))),
        ("incrby n 10", Some(EffectKind::Stored(2, Life::Kept))),
        ("incr n", Some(EffectKind::Stored(2, Life::AsBefore))),
        ("expire k 5", Some(EffectKind::Touched(five))),
        ("persist k", Some(EffectKind::Touched(Life::Kept))),
        ("set k v NX", None),
        ("del k", Some(EffectKind::Deleted)),
        ("get k", None),
    ] {
        let effects = finish(&mut tasks, &mut model, line).effects;
        assert_eq!(effects.first().map(|effect| effect.kind), expected, "{line}");
    }
}

#[test]
fn what_is_read_and_then_written_is_tried_again() {
    let (mut tasks, mut model) = (Tasks::default(), Model::default());
    model.interfere = 3;
    assert_eq!(text(&finish(&mut tasks, &mut model, "set k v GET").reply), "$5 other");
    model.interfere = u32::MAX;
    let reply = text(&finish(&mut tasks, &mut model, "set k v GET").reply);
    assert_eq!(reply, "-TRYAGAIN the value kept changing");
}

#[test]
fn a_command_with_many_keys_goes_on_at_64_of_them() {
    let (mut tasks, mut model) = (Tasks::default(), Model::default());
    let line = (0..1000).map(|key| format!(" {key} v")).collect::<String>();
    let reply = finish(&mut tasks, &mut model, &format!("mset{line}")).reply;
    assert_eq!((text(&reply).as_str(), model.items.len()), ("+OK", 1000));
    assert_eq!(model.most, PARTS_AT_A_TIME);
}

#[test]
fn every_command_ends() {
    let (mut tasks, mut model) = (Tasks::default(), Model::default());
    model.refuses = true;
    let refused = text(&finish(&mut tasks, &mut model, "mset a 1 b 2").reply);
    assert!(refused.starts_with("-TRYAGAIN the nodes here"), "{refused}");
    model = Model { is_silent: true, ..Model::default() };
    begin(&mut tasks, "mget a b");
    begin(&mut tasks, "incr a");
    tasks.start(Time::ZERO, &mut model);
    assert_eq!(tasks.expire(Time::ZERO), Time::ZERO + DEADLINE);
    // What writes is not done twice, what reads is.
    tasks.on_crash(Time::ZERO, 6);
    assert!(tasks.take_finished().is_empty());
    tasks.on_crash(Time::ZERO, 7);
    let crashed = tasks.take_finished();
    let why = "-TRYAGAIN the write is not confirmed: its origin has crashed";
    assert_eq!(crashed.iter().map(|it| text(&it.reply)).collect::<Vec<_>>(), [why]);
    tasks.start(Time::ZERO, &mut model);
    assert_eq!(tasks.expire(Time::ZERO + DEADLINE), Time::NEVER);
    let late = text(&tasks.take_finished().remove(0).reply);
    assert_eq!(late, "-TRYAGAIN the command did not end within 10 s: 0 of 2 keys are done");
    assert_eq!(tasks.len(), 0);
}

#[test]
fn a_plain_write_that_is_not_confirmed_is_looked_for_and_not_written_again() {
    let not_confirmed = "-TRYAGAIN the write is not confirmed: 2 of 3 nodes have it";
    for (line, unknown, expected) in [
        ("set k v", 1, "+OK"),
        ("set k v EX 5", 5, "+OK"),
        ("mset k v", 3, "+OK"),
        ("set k v", 1000, not_confirmed),
        ("set k v NX", 1, not_confirmed),
        ("set k v GET", 1, not_confirmed),
        ("incr k", 1, not_confirmed),
        ("del k", 1, not_confirmed),
    ] {
        let (mut tasks, mut now) = (Tasks::default(), Time::ZERO);
        let mut model = Model { unknown, ..Model::default() };
        begin(&mut tasks, line);
        let finished = loop {
            tasks.start(now, &mut model);
            for (token, end) in std::mem::take(&mut model.ends) {
                tasks.on_end(now, token, end);
            }
            if let Some(finished) = tasks.take_finished().pop() {
                break finished;
            }
            let next = tasks.expire(now);
            now = now.max(if tasks.has_work() { now } else { next });
        };
        assert_eq!(text(&finished.reply), expected, "{line}");
        let is_confirmed = expected == "+OK";
        assert_eq!(finished.effects.len(), usize::from(is_confirmed), "{line}");
        assert!(!is_confirmed || model.last == 1, "{line}: written {} times", model.last);
        assert!(now < Time::ZERO + DEADLINE && tasks.expire(now) == Time::NEVER, "{line}");
    }
}
