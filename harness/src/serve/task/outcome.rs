//! Outcomes of parts, and the reply that they make together.
//!
//! **Invariant:** every outcome has a reply; a failure says what is known.

use std::time::Duration;

use hopwise_kernel::store::{Refusal, Version};
use hopwise_kernel::{Address, Id, Peer};

use super::{KEPT, UNREACHABLE};
use crate::resp::Reply;
use crate::serve::command::Shape;

/// How a part ended.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Outcome {
    /// The value, if there is one.
    Value(Option<Found>),
    /// It did something, or not.
    Did(bool),
    /// The condition did not hold.
    Unmet,
    /// The value before.
    Old(Option<Vec<u8>>),
    /// The sum.
    Sum(i64),
    /// Providers, and how many there are.
    Providers(Vec<Address>),
    /// The owner, the hops to it, and the time it took.
    Owner(Peer, u8, Duration),
    /// It failed.
    Failed(String),
}

/// A value.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Found {
    pub(super) value: Vec<u8>,
    pub(super) remaining: Duration,
    pub(super) tag: u8,
}

/// A change of the store.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Effect {
    /// The key.
    pub(crate) key: Id,
    /// The version of the change.
    pub(crate) version: Version,
    /// What has changed.
    pub(crate) kind: EffectKind,
}

/// What has changed.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum EffectKind {
    /// There is a value of so many bytes.
    Stored(u64, Life),
    /// The value lives for another time.
    Touched(Life),
    /// There is no value.
    Deleted,
}

/// How long a value lives.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Life {
    /// Until it is deleted.
    Kept,
    /// For so long.
    For(Duration),
    /// As long as before.
    AsBefore,
}

/// The text of a refusal.
pub(super) fn refusal(why: Refusal) -> &'static str {
    match why {
        Refusal::Unreachable => UNREACHABLE,
        Refusal::Overloaded => "TRYAGAIN the owner of the key has too much to do",
        Refusal::Full => {
            "OOM the owner of the key has no room for the value, or the key has too many providers"
        }
        Refusal::NotANumber => "ERR value is not an integer or out of range",
        Refusal::Overflow => "ERR increment or decrement would overflow",
    }
}

/// The reply of a command whose parts ended like this.
pub(super) fn reply(shape: Shape, outcomes: Vec<Outcome>) -> Reply {
    if let Some(why) = outcomes.iter().find_map(|outcome| match outcome {
        Outcome::Failed(why) => Some(why),
        _ => None,
    }) {
        return Reply::error(why);
    }
    match shape {
        Shape::Values => Reply::Array(outcomes.into_iter().map(value).collect()),
        Shape::Count => Reply::count(outcomes.iter().filter(|outcome| did(outcome)).count()),
        _ => one(shape, outcomes),
    }
}

fn one(shape: Shape, outcomes: Vec<Outcome>) -> Reply {
    let Some(first) = outcomes.into_iter().next() else { return Reply::Null };
    match (shape, first) {
        (Shape::Ok, _) => Reply::OK,
        (Shape::Set, Outcome::Did(_)) => Reply::OK,
        (Shape::Remaining(unit_ms), Outcome::Value(found)) => Reply::Integer(match found {
            None => -2,
            Some(found) if found.tag == KEPT => -1,
            Some(found) => {
                let ms = u64::try_from(found.remaining.as_millis()).unwrap_or(u64::MAX);
                i64::try_from(ms.saturating_add(unit_ms / 2) / unit_ms).unwrap_or(i64::MAX)
            }
        }),
        (_, Outcome::Sum(sum)) => Reply::Integer(sum),
        (_, Outcome::Owner(owner, hops, latency)) => Reply::Map(vec![
            ("owner", Reply::bulk(format!("{:?}", owner.id))),
            ("address", Reply::bulk(owner.address.to_string())),
            ("hops", Reply::Integer(hops.into())),
            ("latency_us", Reply::Integer(i64::try_from(latency.as_micros()).unwrap_or(i64::MAX))),
        ]),
        (_, Outcome::Providers(all)) => {
            Reply::Array(all.into_iter().map(|address| Reply::bulk(shown(address))).collect())
        }
        (_, other) => value(other),
    }
}

fn value(outcome: Outcome) -> Reply {
    match outcome {
        Outcome::Value(Some(found)) => Reply::Bulk(found.value),
        Outcome::Old(Some(value)) => Reply::Bulk(value),
        _ => Reply::Null,
    }
}

fn did(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Did(true) | Outcome::Value(Some(_)))
}

/// An address as clients write it: without its slot, if it has a socket to itself.
fn shown(address: Address) -> String {
    let text = address.to_string();
    text.strip_suffix("/0").map_or(text.clone(), str::to_owned)
}
