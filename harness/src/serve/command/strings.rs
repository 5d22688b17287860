//! Redis's commands on values and on how long they live.
//!
//! **Invariant:** a value over [`MAX_VALUE`] bytes is refused here.

use std::collections::HashSet;
use std::time::Duration;

use hopwise_kernel::store::operation::MAX_VALUE;
use hopwise_kernel::store::{Condition, Lifetime};

use super::arguments::{Arguments, integer, not_an_integer, syntax_error};
use super::keyed::{Action, Keyed, Part, Put, Shape};
use super::{Command, MAX_KEYS};
use crate::resp::Reply;

type Built = Result<Command, Reply>;

/// Milliseconds in a second.
const SECOND: u64 = 1000;

/// `GET key`
pub(super) fn read(mut from: Arguments) -> Built {
    one(from.bytes()?, Action::Read, Shape::Value)
}

/// `MGET key …`
pub(super) fn read_all(from: Arguments) -> Built {
    each(from.all(), Action::Read, Shape::Values)
}

/// `EXISTS key …`
pub(super) fn exists(from: Arguments) -> Built {
    each(from.all(), Action::Read, Shape::Count)
}

/// `DEL key …`
pub(super) fn delete(from: Arguments) -> Built {
    let mut seen = HashSet::new();
    let names = from.all().into_iter().filter(|name| seen.insert(name.clone())).collect();
    each(names, Action::Delete, Shape::Count)
}

/// `SET key value [NX | XX] [GET] [EX s | PX ms | EXAT s | PXAT ms | KEEPTTL]`
pub(super) fn set(mut from: Arguments) -> Built {
    let (name, value) = (from.bytes()?, value(from.bytes()?)?);
    let (mut condition, mut lifetime, mut wants_old) = (None, None, false);
    while let Some(word) = from.word() {
        match word.as_str() {
            "NX" if condition.is_none() => condition = Some(Condition::Absent),
            "XX" if condition.is_none() => condition = Some(Condition::Present),
            "GET" if !wants_old => wants_old = true,
            "KEEPTTL" if lifetime.is_none() => lifetime = Some(Lifetime::Keep),
            "EX" | "PX" | "EXAT" | "PXAT" if lifetime.is_none() => {
                let number = from.integer()?;
                let length = life(&word, number, from.now_ms())
                    .filter(|_| number > 0)
                    .ok_or_else(|| invalid_expire("set"))?;
                lifetime = Some(Lifetime::Of(length));
            }
            _ => return Err(syntax_error()),
        }
    }
    let put = Put {
        value,
        lifetime: lifetime.unwrap_or(Lifetime::Default),
        condition: condition.unwrap_or(Condition::Always),
        wants_old,
    };
    one(name, Action::Put(put), Shape::Set)
}

/// `SETNX key value`
pub(super) fn set_if_absent(mut from: Arguments) -> Built {
    let (name, value) = (from.bytes()?, value(from.bytes()?)?);
    let put = Put { condition: Condition::Absent, ..always(value) };
    one(name, Action::Put(put), Shape::Count)
}

/// `SETEX key seconds value`
pub(super) fn set_for_seconds(from: Arguments) -> Built {
    set_for(from, "EX", "setex")
}

/// `PSETEX key milliseconds value`
pub(super) fn set_for_ms(from: Arguments) -> Built {
    set_for(from, "PX", "psetex")
}

/// `GETSET key value`
pub(super) fn get_and_set(mut from: Arguments) -> Built {
    let (name, value) = (from.bytes()?, value(from.bytes()?)?);
    one(name, Action::Put(Put { wants_old: true, ..always(value) }), Shape::Set)
}

/// `MSET key value …`. Of a key that is there several times, the last value is set.
pub(super) fn set_all(from: Arguments) -> Built {
    let all = from.all();
    if all.len() % 2 == 1 {
        return Err(Reply::error("ERR wrong number of arguments for 'mset' command"));
    }
    let mut pairs = all.into_iter();
    let mut parts: Vec<Part> = Vec::new();
    while let (Some(name), Some(bytes)) = (pairs.next(), pairs.next()) {
        parts.push(Part::new(name, Action::Put(always(value(bytes)?))));
    }
    let mut seen = HashSet::new();
    parts.reverse();
    parts.retain(|part| seen.insert(part.key));
    bounded(parts, Shape::Ok)
}

/// `INCR key`
pub(super) fn increment(mut from: Arguments) -> Built {
    one(from.bytes()?, Action::Add(1), Shape::Sum)
}

/// `DECR key`
pub(super) fn decrement(mut from: Arguments) -> Built {
    one(from.bytes()?, Action::Add(-1), Shape::Sum)
}

/// `INCRBY key number`
pub(super) fn increment_by(mut from: Arguments) -> Built {
    one(from.bytes()?, Action::Add(from.integer()?), Shape::Sum)
}

/// `DECRBY key number`
pub(super) fn decrement_by(mut from: Arguments) -> Built {
    let name = from.bytes()?;
    let number = integer(&from.bytes()?)?.checked_neg().ok_or_else(not_an_integer)?;
    one(name, Action::Add(number), Shape::Sum)
}

/// `EXPIRE key seconds`
pub(super) fn expire(from: Arguments) -> Built {
    expire_in(from, "EX", "expire")
}

/// `PEXPIRE key milliseconds`
pub(super) fn expire_ms(from: Arguments) -> Built {
    expire_in(from, "PX", "pexpire")
}

/// `EXPIREAT key time`
pub(super) fn expire_at(from: Arguments) -> Built {
    expire_in(from, "EXAT", "expireat")
}

/// `PEXPIREAT key time`
pub(super) fn expire_at_ms(from: Arguments) -> Built {
    expire_in(from, "PXAT", "pexpireat")
}

/// `PERSIST key`
pub(super) fn persist(mut from: Arguments) -> Built {
    one(from.bytes()?, Action::Persist, Shape::Count)
}

/// `TTL key`
pub(super) fn remaining(mut from: Arguments) -> Built {
    one(from.bytes()?, Action::Read, Shape::Remaining(SECOND))
}

/// `PTTL key`
pub(super) fn remaining_ms(mut from: Arguments) -> Built {
    one(from.bytes()?, Action::Read, Shape::Remaining(1))
}

fn one(name: Vec<u8>, action: Action, shape: Shape) -> Built {
    Ok(Command::Keyed(Keyed::one(name, action, shape)))
}

fn each(names: Vec<Vec<u8>>, action: Action, shape: Shape) -> Built {
    bounded(names.into_iter().map(|name| Part::new(name, action.clone())).collect(), shape)
}

fn bounded(parts: Vec<Part>, shape: Shape) -> Built {
    if parts.len() > MAX_KEYS {
        return Err(Reply::error(format!(
            "ERR {} keys; at most {MAX_KEYS} are taken",
            parts.len()
        )));
    }
    Ok(Command::Keyed(Keyed { parts, shape }))
}

fn always(value: Vec<u8>) -> Put {
    let (lifetime, condition) = (Lifetime::Default, Condition::Always);
    Put { value, lifetime, condition, wants_old: false }
}

fn value(bytes: Vec<u8>) -> Result<Vec<u8>, Reply> {
    if bytes.len() > MAX_VALUE {
        let length = bytes.len();
        let why = format!("ERR value is {length} bytes long; at most {MAX_VALUE} are stored");
        return Err(Reply::error(why));
    }
    Ok(bytes)
}

fn set_for(mut from: Arguments, unit: &str, command: &str) -> Built {
    let (name, number, value) = (from.bytes()?, from.integer()?, value(from.bytes()?)?);
    let length = life(unit, number, from.now_ms())
        .filter(|_| number > 0)
        .ok_or_else(|| invalid_expire(command))?;
    one(name, Action::Put(Put { lifetime: Lifetime::Of(length), ..always(value) }), Shape::Ok)
}

/// A time that has passed deletes the value.
fn expire_in(mut from: Arguments, unit: &str, command: &str) -> Built {
    let (name, number) = (from.bytes()?, from.integer()?);
    let length = life(unit, number, from.now_ms()).ok_or_else(|| invalid_expire(command))?;
    let action = if length.is_zero() { Action::Delete } else { Action::Expire(length) };
    one(name, action, Shape::Count)
}

/// The time from `now_ms` to the end of a life, in the unit of `EX`, `PX`, `EXAT` or `PXAT`; zero if it
/// has passed. `None` if it is out of range.
fn life(unit: &str, number: i64, now_ms: u64) -> Option<Duration> {
    let ms = if unit.starts_with('E') { number.checked_mul(SECOND as i64)? } else { number };
    let ms = u64::try_from(ms).unwrap_or(0);
    let left = if unit.ends_with("AT") { ms.saturating_sub(now_ms) } else { ms };
    Some(Duration::from_millis(left))
}

fn invalid_expire(command: &str) -> Reply {
    Reply::error(format!("ERR invalid expire time in '{command}' command"))
}
