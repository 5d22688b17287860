//! What viewers are told, as server-sent events with JSON.
//!
//! | event | when | data |
//! |---|---|---|
//! | `hello` | first | [`Hello`]: the run, its members |
//! | `frame` | every 50 ms | [`Frame`]: what has happened since the last one |
//! | `figures` | every second of the run | [`Figures`] |
//! | `pace` | when it changes | a [`Command`] |
//! | `end` | last | a [`Verdict`] |
//!
//! Positions on the ring are the highest 32 bits of identifiers, times are seconds.
//!
//! **Invariant:** a text is one event, complete.

use std::mem;

use hopwise_kernel::drive::Tapped;
use hopwise_kernel::{Id, Time};
use serde::Serialize;

use super::SMALL;
use super::layout::Layout;
use super::members::position;
use super::pace::Command;
use crate::measure::health::Neighborhood;

/// The most messages of a frame.
const MESSAGES_MAX: usize = 1500;

/// What a run is.
#[derive(Clone, Debug, Serialize)]
pub struct About {
    /// Its name.
    pub title: String,
    /// The scenario in sentences.
    pub words: Vec<String>,
    /// Whether it is a simulation, which has a pace.
    pub is_simulated: bool,
    /// The lookups per second that are expected.
    #[serde(skip)]
    pub lookups_per_s: f64,
    /// Its figures.
    pub layout: Layout,
}

/// The first event.
#[derive(Debug, Serialize)]
pub(super) struct Hello<'a> {
    #[serde(flatten)]
    pub(super) about: &'a About,
    /// Rings of at most this many nodes show their tables.
    pub(super) small: usize,
    /// The kinds of messages, and whether they are part of lookups.
    pub(super) classes: Vec<(&'static str, bool)>,
    pub(super) is_ring: bool,
    pub(super) members: Vec<u32>,
    /// One member in so many is drawn.
    pub(super) one_in: u64,
    pub(super) command: Option<Command>,
}

/// What has happened since the last frame.
#[derive(Debug, Serialize, Default)]
pub(super) struct Frame {
    #[serde(serialize_with = "seconds")]
    pub(super) at: Time,
    pub(super) phase: &'static str,
    /// Who joined and departed, in order.
    pub(super) changes: Vec<(Change, u32)>,
    messages: Vec<Message>,
    pub(super) tables: Vec<NodeTables>,
}

/// What has become of a node.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Change {
    Joined,
    Left,
    Crashed,
}

/// A message: its class, sender, receiver, time, arrival (−1: lost; none: unknown) and lookup.
#[derive(Debug, Serialize)]
struct Message(u8, u32, u32, f64, Option<f64>, Option<u32>);

/// The tables of a node of a ring.
#[derive(Debug, Serialize)]
pub struct NodeTables {
    node: u32,
    predecessor: Option<u32>,
    successors: Vec<u32>,
    fingers: Vec<u32>,
}

/// How a run has ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Verdict {
    /// In words.
    pub text: String,
    /// Whether all went well.
    pub is_good: bool,
}

/// The figures of a second, in the order of the [`Layout`].
#[derive(Clone, Debug, Serialize)]
pub(super) struct Figures {
    pub(super) at: f64,
    pub(super) phase: &'static str,
    pub(super) values: Vec<Option<f64>>,
}

impl Hello<'_> {
    pub(super) fn text(&self) -> String {
        event("hello", self)
    }
}

impl Frame {
    pub(super) fn text(&self) -> String {
        event("frame", self)
    }

    /// Takes what is to be told. What is left has the same time.
    pub(super) fn take(&mut self) -> Frame {
        let left = Frame { at: self.at, phase: self.phase, ..Frame::default() };
        mem::replace(self, left)
    }

    /// Adds messages, as far as there is room.
    pub(super) fn add_messages(&mut self, messages: impl IntoIterator<Item = Tapped>) {
        let room = MESSAGES_MAX - self.messages.len();
        self.messages.extend(messages.into_iter().take(room).map(|it| {
            let arrives = it.arrives.map(|at| if at == Time::NEVER { -1.0 } else { in_s(at) });
            let lookup = it.lookup.map(|number| (number ^ (number >> 32)) as u32);
            Message(it.class, position(it.from), position(it.to), in_s(it.sent), arrives, lookup)
        }));
    }
}

impl NodeTables {
    /// The tables of the nodes of a shard; none if there are more nodes than a small ring has.
    #[must_use]
    pub fn of<'n>(nodes: impl Iterator<Item = (Id, Neighborhood<'n>)>) -> Vec<NodeTables> {
        let tables = nodes.take(SMALL + 1).map(|(id, tables)| NodeTables::new(id, &tables));
        let tables: Vec<NodeTables> = tables.collect();
        if tables.len() > SMALL { Vec::new() } else { tables }
    }

    fn new(node: Id, tables: &Neighborhood<'_>) -> NodeTables {
        let mut fingers = Vec::new();
        if let Some(table) = tables.fingers {
            table.each(&mut |finger| fingers.extend(finger.entry.map(|entry| position(entry.id))));
        }
        fingers.dedup();
        NodeTables {
            node: position(node),
            predecessor: tables.predecessor.map(|peer| position(peer.id)),
            successors: tables.successors.iter().map(|peer| position(peer.id)).collect(),
            fingers,
        }
    }
}

impl Figures {
    pub(super) fn text(&self) -> String {
        event("figures", self)
    }
}

/// The pace has changed.
pub(super) fn pace(command: Command) -> String {
    event("pace", &command)
}

/// The run has ended.
pub(super) fn end(verdict: &Verdict) -> String {
    event("end", verdict)
}

fn event(name: &str, data: &impl Serialize) -> String {
    let data = serde_json::to_string(data).expect("all keys are texts");
    format!("event: {name}\ndata: {data}\n\n")
}

fn in_s(time: Time) -> f64 {
    time.since(Time::ZERO).as_secs_f64()
}

fn seconds<S: serde::Serializer>(time: &Time, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(in_s(*time))
}
