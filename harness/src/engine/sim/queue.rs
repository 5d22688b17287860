//! What is to happen in one shard, in exact order.
//!
//! A calendar queue (Brown, *Calendar queues*, CACM 31(10), 1988) of two wheels and a heap for the
//! rest:
//!
//! ```text
//! near     1,024 ticks of 2^17 ns, from the next one on (0.13 s)
//! far      1,024 blocks of 1,024 ticks (137 s), moved to near one by one
//! beyond   everything later
//! ```
//!
//! An event is appended to the slot of its tick and sorted only when that tick is opened, so that
//! whatever is in flight lies in long rows of memory, written and read in order. What comes for the
//! open tick or an earlier one goes into a heap beside it.
//!
//! **Invariant:** events leave in the order of their [`Key`]s.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use hopwise_kernel::message::{Borrowed, Peers};
use hopwise_kernel::{Message, Peer, Time};

use crate::workload::Question;

const TICK_BITS: u32 = 17;
const SLOT_BITS: u32 = 10;
const SLOTS: usize = 1 << SLOT_BITS;

/// When, where, and what; the order of events is that of their keys.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Key {
    pub(super) time: Time,
    /// The place of the node that it happens to.
    pub(super) place: u32,
    /// Where it comes from: see [`source`].
    pub(super) source: u32,
    /// Counts what comes from that source.
    pub(super) sequence: u64,
    pub(super) what: What,
}

/// What a key stands for. Places in a [`Batch`] depend on the number of shards, so they must never
/// decide an order: `source` and `sequence` do, before.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum What {
    Command(u32),
    NodeTimer,
    RequestTimer(u32),
    Letter(u32),
}

/// Values of [`Key::source`].
pub(super) mod source {
    /// The director.
    pub(in super::super) const DIRECTOR: u32 = 0;
    /// The node's own timers.
    pub(in super::super) const TIMER: u32 = 1;

    /// A message from the node in this place.
    pub(in super::super) const fn node(place: u32) -> u32 {
        place + 2
    }
}

/// What the director wants of a node.
#[derive(Clone, Copy, Debug)]
pub(super) enum Command {
    Insert { peer: Peer },
    Join { bootstrap: Peer },
    Depart { graceful: bool },
    Ask { question: Question, token: u64 },
}

/// A message on its way, without what it borrows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Letter {
    pub(super) from: Peer,
    pub(super) to_prefix: u64,
    /// Without what it borrows.
    pub(super) message: Message<'static>,
    /// Where in the batch its peers or its payload lie.
    start: u32,
    length: u32,
}

/// Room in fresh contents, some 5 KiB: growing step by step would go on for long, as each of a
/// thousand slots has to meet its fullest tick.
const ROOM_LETTERS: usize = 16;
const ROOM_PEERS: usize = 128;

/// What keys stand for.
#[derive(Debug, Default)]
struct Contents {
    letters: Vec<Letter>,
    commands: Vec<Command>,
    peers: Vec<Peer>,
    bytes: Vec<u8>,
}

impl Contents {
    /// Empty, with room for what most ticks bring.
    fn with_room() -> Contents {
        Contents {
            letters: Vec::with_capacity(ROOM_LETTERS),
            peers: Vec::with_capacity(ROOM_PEERS),
            ..Contents::default()
        }
    }

    fn add_letter(&mut self, from: Peer, to_prefix: u64, message: &Message<'_>) -> What {
        let (message, borrowed) = message.detach();
        let (start, length) = match borrowed {
            Borrowed::Nothing => (0, 0),
            Borrowed::Peers(peers) => {
                self.peers.extend(peers.iter());
                (self.peers.len() - peers.len(), peers.len())
            }
            Borrowed::Payload(bytes) => {
                self.bytes.extend_from_slice(bytes);
                (self.bytes.len() - bytes.len(), bytes.len())
            }
        };
        let (start, length) = (start as u32, length as u32);
        self.letters.push(Letter { from, to_prefix, message, start, length });
        What::Letter(self.letters.len() as u32 - 1)
    }

    fn add_command(&mut self, command: Command) -> What {
        self.commands.push(command);
        What::Command(self.commands.len() as u32 - 1)
    }

    fn message(&self, letter: &Letter) -> Message<'_> {
        let range = letter.start as usize..(letter.start + letter.length) as usize;
        let borrowed = match letter.message {
            Message::Deliver { .. } | Message::Found { .. } | Message::Item { .. } => {
                Borrowed::Payload(&self.bytes[range])
            }
            _ if letter.length > 0 => Borrowed::Peers(Peers::Table(&self.peers[range])),
            _ => return letter.message,
        };
        letter.message.attach(borrowed)
    }

    fn clear(&mut self) {
        self.letters.clear();
        self.commands.clear();
        self.peers.clear();
        self.bytes.clear();
    }
}

/// Events in a row, with all that belongs to them.
#[derive(Debug)]
pub(super) struct Batch {
    keys: Vec<Key>,
    /// Of all keys.
    earliest: Time,
    contents: Contents,
}

impl Default for Batch {
    fn default() -> Batch {
        Batch { keys: Vec::new(), earliest: Time::NEVER, contents: Contents::default() }
    }
}

impl Batch {
    pub(super) fn push_command(&mut self, key: Key, command: Command) {
        let what = self.contents.add_command(command);
        self.push(Key { what, ..key });
    }

    pub(super) fn push_letter(
        &mut self,
        key: Key,
        from: Peer,
        to_prefix: u64,
        message: &Message<'_>,
    ) {
        let what = self.contents.add_letter(from, to_prefix, message);
        self.push(Key { what, ..key });
    }

    /// # Panics
    ///
    /// If no key of this batch stands for that letter.
    #[inline]
    pub(super) fn letter(&self, index: u32) -> &Letter {
        &self.contents.letters[index as usize]
    }

    /// The letter that `what` stands for, if it is one of this batch's.
    #[inline]
    pub(super) fn letter_of(&self, what: What) -> Option<&Letter> {
        match what {
            What::Letter(index) => self.contents.letters.get(index as usize),
            _ => None,
        }
    }

    /// The message of one of this batch's letters.
    #[inline]
    pub(super) fn message(&self, letter: &Letter) -> Message<'_> {
        self.contents.message(letter)
    }

    /// # Panics
    ///
    /// If no key of this batch stands for that command.
    pub(super) fn command(&self, index: u32) -> Command {
        self.contents.commands[index as usize]
    }

    /// The keys; in order if this batch was [opened](Queue::open_next).
    #[inline]
    pub(super) fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// No key is earlier.
    pub(super) fn earliest(&self) -> Time {
        self.earliest
    }

    /// Empties it, keeping the memory.
    pub(super) fn clear(&mut self) {
        self.keys.clear();
        self.earliest = Time::NEVER;
        self.contents.clear();
    }

    fn push(&mut self, key: Key) {
        self.earliest = self.earliest.min(key.time);
        self.keys.push(key);
    }
}

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Queue {
    /// The tick that was opened last.
    tick: u64,
    near: Wheel,
    far: Wheel,
    beyond: Slot,
    /// Apart for each wheel: what is in flight has letters, what is far away has hardly any.
    near_spare: Spare,
    far_spare: Spare,
    late: BinaryHeap<Reverse<Key>>,
    late_contents: Contents,
}

impl Queue {
    pub(super) fn new() -> Queue {
        Queue {
            tick: 0,
            near: Wheel::new(),
            far: Wheel::new(),
            beyond: Slot::default(),
            near_spare: Spare::default(),
            far_spare: Spare::default(),
            late: BinaryHeap::new(),
            late_contents: Contents::default(),
        }
    }

    /// Enters a timer.
    #[inline]
    pub(super) fn enter_timer(&mut self, key: Key) {
        if let Some((slot, spare)) = self.slot(key.time) {
            slot.push(key, spare);
        } else {
            self.late.push(Reverse(key));
        }
    }

    /// Enters a message.
    #[inline]
    pub(super) fn enter_letter(
        &mut self,
        key: Key,
        from: Peer,
        to_prefix: u64,
        message: &Message<'_>,
    ) {
        self.enter(key, |contents| contents.add_letter(from, to_prefix, message));
    }

    /// Takes over all events of `batch`, and empties it.
    pub(super) fn take(&mut self, batch: &mut Batch) {
        batch.keys.iter().for_each(|&key| self.take_one(key, &batch.contents));
        batch.clear();
    }

    /// The first of the events that came for the open tick or before.
    #[inline]
    pub(super) fn first_late(&self) -> Option<Key> {
        self.late.peek().map(|&Reverse(key)| key)
    }

    /// When the first event after the open tick is due; [`Time::NEVER`] if there is none.
    pub(super) fn next_due(&self) -> Time {
        let near = self.near.next_after(self.tick).map(|tick| self.near.earliest(tick));
        let block = self.far.next_after(self.tick >> SLOT_BITS);
        let far = block.map(|block| self.far.earliest(block));
        near.into_iter().chain(far).fold(self.beyond.earliest, Time::min)
    }

    /// Takes that event out, into `single`, and gives its new key.
    pub(super) fn take_late(&mut self, single: &mut Batch) -> Option<Key> {
        let Reverse(key) = self.late.pop()?;
        single.clear();
        let what = match key.what {
            What::NodeTimer | What::RequestTimer(_) => key.what,
            What::Command(index) => {
                single.contents.add_command(self.late_contents.commands[index as usize])
            }
            What::Letter(index) => {
                let letter = &self.late_contents.letters[index as usize];
                let message = self.late_contents.message(letter);
                single.contents.add_letter(letter.from, letter.to_prefix, &message)
            }
        };
        Some(Key { what, ..key })
    }

    /// Puts the events of the next tick that has any into `open`, sorted; false if there is none.
    /// All of `open` and all late events are over. Call it no sooner than that tick has come: what
    /// comes for an earlier one is late, and late events are slow.
    pub(super) fn open_next(&mut self, open: &mut Batch) -> bool {
        open.clear();
        self.late_contents.clear();
        loop {
            let near = self.near.next_after(self.tick);
            let far = self.far.next_after(self.tick >> SLOT_BITS).map(|block| block << SLOT_BITS);
            let beyond = tick_of(self.beyond.earliest) >> SLOT_BITS << SLOT_BITS;
            let beyond = (self.beyond.earliest != Time::NEVER).then_some(beyond);
            let waiting = far.into_iter().chain(beyond).min();
            if let Some(start) = waiting
                && near.is_none_or(|tick| start <= tick)
            {
                // What lies in wheels further out comes nearer before its time.
                self.tick = self.tick.max(start.saturating_sub(1));
                let slot = if beyond == Some(start) {
                    std::mem::take(&mut self.beyond)
                } else {
                    self.far.remove(start >> SLOT_BITS)
                };
                let nothing = Contents::default();
                let contents = slot.contents.as_deref().unwrap_or(&nothing);
                for key in slot.chunks.iter().flatten() {
                    self.take_one(*key, contents);
                }
                self.far_spare.keep(slot);
                continue;
            }
            let Some(tick) = near else { return false };
            self.tick = tick;
            let mut slot = self.near.remove(tick);
            slot.chunks.iter().for_each(|chunk| open.keys.extend_from_slice(chunk));
            open.earliest = slot.earliest;
            if let Some(contents) = &mut slot.contents {
                std::mem::swap(&mut **contents, &mut open.contents);
            }
            self.near_spare.keep(slot);
            open.keys.sort_unstable();
            return true;
        }
    }

    /// Enters one event of another queue, or of this one's far end.
    fn take_one(&mut self, key: Key, from: &Contents) {
        match key.what {
            What::NodeTimer | What::RequestTimer(_) => self.enter_timer(key),
            What::Command(index) => {
                let command = from.commands[index as usize];
                self.enter(key, |contents| contents.add_command(command));
            }
            What::Letter(index) => {
                let letter = &from.letters[index as usize];
                self.enter_letter(key, letter.from, letter.to_prefix, &from.message(letter));
            }
        }
    }

    /// Enters an event; `add` puts what it stands for into the contents it is given.
    #[inline]
    fn enter(&mut self, key: Key, add: impl FnOnce(&mut Contents) -> What) {
        if let Some((slot, spare)) = self.slot(key.time) {
            let what = add(slot.contents.get_or_insert_with(|| spare.contents()));
            slot.push(Key { what, ..key }, spare);
        } else {
            let what = add(&mut self.late_contents);
            self.late.push(Reverse(Key { what, ..key }));
        }
    }

    /// Where events of this time are kept; nothing if its tick has been opened.
    #[inline]
    fn slot(&mut self, time: Time) -> Option<(&mut Slot, &mut Spare)> {
        let tick = tick_of(time);
        if tick <= self.tick {
            return None;
        }
        let (block, now) = (tick >> SLOT_BITS, self.tick >> SLOT_BITS);
        Some(if tick - self.tick <= SLOTS as u64 {
            (self.near.slot(tick), &mut self.near_spare)
        } else if block - now < SLOTS as u64 {
            (self.far.slot(block), &mut self.far_spare)
        } else {
            (&mut self.beyond, &mut self.far_spare)
        })
    }
}

/// Keys in one chunk, 4 KiB: a slot wastes less than one chunk, whatever it held before.
const CHUNK: usize = 128;

/// Events in no order, with all that belongs to them.
#[derive(Debug)]
struct Slot {
    chunks: Vec<Vec<Key>>,
    /// Of all keys.
    earliest: Time,
    /// Most slots hold timers only, and need no room for more.
    contents: Option<Box<Contents>>,
}

impl Default for Slot {
    fn default() -> Slot {
        Slot { chunks: Vec::new(), earliest: Time::NEVER, contents: None }
    }
}

impl Slot {
    #[inline]
    fn push(&mut self, key: Key, spare: &mut Spare) {
        self.earliest = self.earliest.min(key.time);
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => chunk.push(key),
            last => {
                if last.is_none() {
                    self.chunks = spare.rows.pop().unwrap_or_default();
                }
                let mut chunk = spare.chunk();
                chunk.push(key);
                self.chunks.push(chunk);
            }
        }
    }
}

/// Memory of slots that are over, for those to come.
#[derive(Debug, Default)]
struct Spare {
    chunks: Vec<Vec<Key>>,
    /// Rows of chunks, emptied.
    rows: Vec<Vec<Vec<Key>>>,
    #[expect(clippy::vec_box, reason = "handed from slot to slot by its pointer")]
    contents: Vec<Box<Contents>>,
}

impl Spare {
    fn keep(&mut self, mut slot: Slot) {
        slot.chunks.iter_mut().for_each(Vec::clear);
        self.chunks.append(&mut slot.chunks);
        self.rows.push(slot.chunks);
        if let Some(mut contents) = slot.contents {
            contents.clear();
            self.contents.push(contents);
        }
    }

    fn chunk(&mut self) -> Vec<Key> {
        self.chunks.pop().unwrap_or_else(|| Vec::with_capacity(CHUNK))
    }

    fn contents(&mut self) -> Box<Contents> {
        self.contents.pop().unwrap_or_else(|| Box::new(Contents::with_room()))
    }
}

/// Slots of the next [`SLOTS`] numbers, going round.
#[derive(Debug)]
struct Wheel {
    slots: Vec<Slot>,
    occupied: [u64; SLOTS / 64],
}

impl Wheel {
    fn new() -> Wheel {
        let slots = (0..SLOTS).map(|_| Slot::default()).collect();
        Wheel { slots, occupied: [0; SLOTS / 64] }
    }

    #[inline]
    fn slot(&mut self, number: u64) -> &mut Slot {
        let slot = number as usize % SLOTS;
        self.occupied[slot / 64] |= 1 << (slot % 64);
        &mut self.slots[slot]
    }

    fn remove(&mut self, number: u64) -> Slot {
        let slot = number as usize % SLOTS;
        self.occupied[slot / 64] &= !(1 << (slot % 64));
        std::mem::take(&mut self.slots[slot])
    }

    fn earliest(&self, number: u64) -> Time {
        self.slots[number as usize % SLOTS].earliest
    }

    /// The first number after `number` with a slot in use, at most [`SLOTS`] further.
    fn next_after(&self, number: u64) -> Option<u64> {
        let mut ahead = 1;
        while ahead <= SLOTS as u64 {
            let slot = (number + ahead) as usize % SLOTS;
            let bits = self.occupied[slot / 64] >> (slot % 64);
            if bits != 0 {
                let found = ahead + u64::from(bits.trailing_zeros());
                return (found <= SLOTS as u64).then_some(number + found);
            }
            ahead += 64 - slot as u64 % 64;
        }
        None
    }
}

const fn tick_of(time: Time) -> u64 {
    time.as_ns() >> TICK_BITS
}

#[cfg(test)]
mod tests {
    use super::*;
    use hopwise_kernel::{Id, RequestId};
    use proptest::prelude::*;

    /// What a test does to a queue.
    #[derive(Clone, Debug)]
    enum Step {
        /// Enters an event so long after the last one taken.
        Enter { after_ns: u64, place: u32, sequence: u64 },
        /// Takes so many events.
        Take(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        // From the same nanosecond to well beyond the far wheel.
        let after =
            prop_oneof![Just(0_u64), 0..1000_u64, 0..1_u64 << 20, 0..1_u64 << 30, 0..1_u64 << 40];
        let enter = (after, 0..4_u32, 0..4_u64)
            .prop_map(|(after_ns, place, sequence)| Step::Enter { after_ns, place, sequence });
        prop_oneof![4 => enter, 1 => (0..8_usize).prop_map(Step::Take)]
    }

    /// A queue with the cursor that a shard keeps beside it.
    struct Cursor {
        queue: Queue,
        open: Batch,
        at: usize,
    }

    impl Cursor {
        fn next(&mut self) -> Option<(Key, u64)> {
            loop {
                let ready = self.open.keys().get(self.at).copied();
                let late = self.queue.first_late();
                if let Some(key) = late
                    && ready.is_none_or(|ready| key < ready)
                {
                    let mut single = Batch::default();
                    let key = self.queue.take_late(&mut single)?;
                    return Some((key, content(&single, key)));
                }
                if let Some(key) = ready {
                    self.at += 1;
                    return Some((key, content(&self.open, key)));
                }
                self.at = 0;
                if !self.queue.open_next(&mut self.open) {
                    return None;
                }
            }
        }
    }

    fn content(batch: &Batch, key: Key) -> u64 {
        let What::Letter(index) = key.what else { panic!("only letters are entered") };
        match batch.message(batch.letter(index)) {
            Message::Ping { request } => request.0,
            Message::Leave { successors, .. } => {
                successors.iter().map(|peer| peer.id.prefix()).sum()
            }
            other => panic!("not entered: {other:?}"),
        }
    }

    proptest! {
        /// The twin is a list that is sorted for each event taken.
        #[test]
        fn events_leave_in_order_with_what_belongs_to_them(steps in prop::collection::vec(step(), 1..200)) {
            let mut cursor = Cursor { queue: Queue::new(), open: Batch::default(), at: 0 };
            let mut twin: Vec<(Key, u64)> = Vec::new();
            let (mut now, mut entered) = (Time::ZERO, 0);
            for step in steps.into_iter().chain([Step::Take(usize::MAX)]) {
                match step {
                    Step::Enter { after_ns, place, sequence } => {
                        entered += 1;
                        let time = Time::from_ns(now.as_ns() + after_ns);
                        // Unique, as sources and sequences make keys in a simulation.
                        let sequence = sequence << 32 | entered;
                        let key = Key { time, place, source: 0, sequence, what: What::NodeTimer };
                        let peer = Peer { id: Id::from_parts(entered, Id::ZERO.tail()), ..Peer::default() };
                        let list = [peer; 3];
                        let message = if entered % 2 == 0 {
                            Message::Ping { request: RequestId(3 * entered) }
                        } else {
                            Message::Leave { predecessor: None, successors: Peers::Table(&list) }
                        };
                        cursor.queue.enter_letter(key, peer, 0, &message);
                        twin.push((key, 3 * entered));
                    }
                    Step::Take(count) => {
                        for _ in 0..count {
                            twin.sort_by_key(|&(key, _)| Reverse((key.time, key.place, key.sequence)));
                            let expected = twin.pop();
                            let found = cursor.next();
                            let plain = |(key, content): (Key, u64)| (key.time, key.sequence, content);
                            prop_assert_eq!(found.map(plain), expected.map(plain));
                            let Some((key, _)) = found else { break };
                            now = key.time;
                        }
                    }
                }
            }
        }
    }
}
