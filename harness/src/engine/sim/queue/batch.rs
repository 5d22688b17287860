//! Batches of events: keys, messages in flight and commands.
//!
//! **Invariant:** a key and its content are in the same batch.

use std::fmt;

use hopwise_kernel::base::Peers;
use hopwise_kernel::node::{Arena, MessageOf, ParkedOf, Span};
use hopwise_kernel::{Peer, Protocol, Time};

use super::key::{EventKind, Key};
use crate::engine::sim::costs::LookupNumber;

/// A command of the director to a node. Questions are of type `Q`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Command<Q> {
    Insert { peer: Peer },
    Join { bootstraps: Span, chooses_place: bool },
    Depart { graceful: bool },
    Ask { question: Q, token: u64, lookup: LookupNumber },
}

/// A message in flight. Its borrowed data lies in the batch's arena.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InFlight<M> {
    pub(crate) envelope: Envelope,
    pub(crate) message: M,
}

/// What the simulator knows of a message besides its content.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Envelope {
    pub(crate) from: Peer,
    /// The lookup that caused the message.
    pub(crate) lookup: LookupNumber,
    pub(crate) to_prefix: u64,
}

/// Initial capacity of contents, some 5 KiB. It avoids many small reallocations in a thousand
/// slots.
const ROOM_MESSAGES: usize = 16;
const ROOM_PEERS: usize = 128;

/// The contents of events: messages of the protocol `P` and commands.
pub(super) struct Contents<P: Protocol, Q> {
    messages: Vec<InFlight<ParkedOf<P>>>,
    commands: Vec<Command<Q>>,
    arena: Arena,
}

impl<P: Protocol, Q: Copy> Contents<P, Q> {
    /// Empty contents with room for those of a usual tick.
    pub(super) fn with_room() -> Contents<P, Q> {
        Contents {
            messages: Vec::with_capacity(ROOM_MESSAGES),
            commands: Vec::new(),
            arena: Arena::with_capacity(ROOM_PEERS),
        }
    }

    #[inline]
    pub(super) fn add_message(
        &mut self,
        envelope: Envelope,
        message: &MessageOf<'_, P>,
    ) -> EventKind {
        let message = P::park(message, &mut self.arena);
        self.messages.push(InFlight { envelope, message });
        EventKind::Message(self.messages.len() as u32 - 1)
    }

    pub(super) fn add_command(&mut self, command: Command<Q>) -> EventKind {
        self.commands.push(command);
        EventKind::Command(self.commands.len() as u32 - 1)
    }

    fn add_join(&mut self, bootstraps: Peers<'_>, chooses_place: bool) -> EventKind {
        let bootstraps = self.arena.keep_peers(bootstraps);
        self.add_command(Command::Join { bootstraps, chooses_place })
    }

    /// Copies the content of an event from `from`. Timers have none.
    #[inline]
    pub(super) fn add_copy(&mut self, kind: EventKind, from: &Contents<P, Q>) -> EventKind {
        match kind {
            EventKind::NodeTimer | EventKind::RequestTimer(_) | EventKind::ServiceEnd => kind,
            EventKind::Command(index) => match from.commands[index as usize] {
                Command::Join { bootstraps, chooses_place } => {
                    self.add_join(from.arena.peers(bootstraps), chooses_place)
                }
                command => self.add_command(command),
            },
            EventKind::Message(index) => {
                let it = &from.messages[index as usize];
                let message = P::recall(&it.message, &from.arena);
                self.add_message(it.envelope, &message)
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.messages.clear();
        self.commands.clear();
        self.arena.clear();
    }
}

impl<P: Protocol, Q> Default for Contents<P, Q> {
    fn default() -> Contents<P, Q> {
        Contents { messages: Vec::new(), commands: Vec::new(), arena: Arena::default() }
    }
}

impl<P: Protocol, Q> fmt::Debug for Contents<P, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (messages, commands) = (self.messages.len(), self.commands.len());
        write!(f, "{messages} messages, {commands} commands")
    }
}

/// Events with their contents.
#[derive(Debug)]
pub(crate) struct Batch<P: Protocol, Q> {
    pub(super) keys: Vec<Key>,
    /// The earliest time of all keys.
    pub(super) earliest: Time,
    pub(super) contents: Contents<P, Q>,
}

impl<P: Protocol, Q> Default for Batch<P, Q> {
    fn default() -> Batch<P, Q> {
        Batch { keys: Vec::new(), earliest: Time::NEVER, contents: Contents::default() }
    }
}

impl<P: Protocol, Q: Copy> Batch<P, Q> {
    pub(crate) fn push_command(&mut self, key: Key, command: Command<Q>) {
        let kind = self.contents.add_command(command);
        self.push(Key { kind, ..key });
    }

    /// Adds the command to join through `bootstraps`, or to choose a place.
    pub(crate) fn push_join(&mut self, key: Key, bootstraps: &[Peer], chooses_place: bool) {
        let kind = self.contents.add_join(Peers::Table(bootstraps), chooses_place);
        self.push(Key { kind, ..key });
    }

    pub(crate) fn push_message(
        &mut self,
        key: Key,
        envelope: Envelope,
        message: &MessageOf<'_, P>,
    ) {
        let kind = self.contents.add_message(envelope, message);
        self.push(Key { kind, ..key });
    }

    /// The message with this index.
    ///
    /// # Panics
    ///
    /// If no key of this batch has the index.
    #[inline]
    pub(crate) fn in_flight(&self, index: u32) -> &InFlight<ParkedOf<P>> {
        &self.contents.messages[index as usize]
    }

    /// The message of an event of this batch, if the event is one.
    #[inline]
    pub(crate) fn in_flight_of(&self, kind: EventKind) -> Option<&InFlight<ParkedOf<P>>> {
        match kind {
            EventKind::Message(index) => self.contents.messages.get(index as usize),
            _ => None,
        }
    }

    /// A message of this batch in the form that nodes handle.
    #[inline]
    pub(crate) fn message(&self, it: &InFlight<ParkedOf<P>>) -> MessageOf<'_, P> {
        P::recall(&it.message, &self.contents.arena)
    }

    /// The command with this index.
    ///
    /// # Panics
    ///
    /// If no key of this batch has the index.
    pub(crate) fn command(&self, index: u32) -> Command<Q> {
        self.contents.commands[index as usize]
    }

    /// The peers of a command of this batch.
    pub(crate) fn peers(&self, span: Span) -> Peers<'_> {
        self.contents.arena.peers(span)
    }

    /// The keys, in order if this batch was [opened](super::Queue::open_next).
    #[inline]
    pub(crate) fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// The earliest time of all keys.
    pub(crate) fn earliest(&self) -> Time {
        self.earliest
    }

    /// Empties the batch without freeing memory.
    pub(crate) fn clear(&mut self) {
        self.keys.clear();
        self.earliest = Time::NEVER;
        self.contents.clear();
    }

    fn push(&mut self, key: Key) {
        self.earliest = self.earliest.min(key.time);
        self.keys.push(key);
    }
}
