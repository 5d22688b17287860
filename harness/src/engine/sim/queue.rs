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
//! An event is appended to the batch of its tick and sorted only when that tick is opened, so that
//! whatever is in flight lies in long rows of memory, written and read in order. What comes for the
//! open tick or an earlier one goes into a heap beside it.
//!
//! **Invariant:** events leave in the order of their [`Key`]s.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use hopwise_kernel::message::{Borrowed, Peers};
use hopwise_kernel::{Id, Message, Peer, Time};

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
    Lookup { key: Id, token: u64 },
}

/// A message on its way, without what it borrows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Letter {
    pub(super) from: Peer,
    pub(super) to_prefix: u64,
    message: Message<'static>,
    /// Where in the batch its peers or its payload lie.
    start: u32,
    length: u32,
}

/// Events in no order, with all that belongs to them.
#[derive(Debug)]
pub(super) struct Batch {
    keys: Vec<Key>,
    /// Of all keys.
    earliest: Time,
    /// Most batches hold timers only, and need no room for more.
    contents: Option<Box<Contents>>,
}

/// What the keys of a batch stand for.
#[derive(Debug, Default)]
struct Contents {
    letters: Vec<Letter>,
    commands: Vec<Command>,
    peers: Vec<Peer>,
    bytes: Vec<u8>,
}

impl Default for Batch {
    fn default() -> Batch {
        Batch { keys: Vec::new(), earliest: Time::NEVER, contents: None }
    }
}

impl Batch {
    #[inline]
    pub(super) fn push_timer(&mut self, key: Key) {
        self.earliest = self.earliest.min(key.time);
        self.keys.push(key);
    }

    pub(super) fn push_command(&mut self, key: Key, command: Command) {
        let contents = self.contents.get_or_insert_default();
        let what = What::Command(contents.commands.len() as u32);
        contents.commands.push(command);
        self.push_timer(Key { what, ..key });
    }

    pub(super) fn push_letter(
        &mut self,
        key: Key,
        from: Peer,
        to_prefix: u64,
        message: &Message<'_>,
    ) {
        let contents = self.contents.get_or_insert_default();
        let what = What::Letter(contents.letters.len() as u32);
        let (message, borrowed) = message.detach();
        let (start, length) = match borrowed {
            Borrowed::Nothing => (0, 0),
            Borrowed::Peers(peers) => {
                contents.peers.extend(peers.iter());
                (contents.peers.len() - peers.len(), peers.len())
            }
            Borrowed::Payload(bytes) => {
                contents.bytes.extend_from_slice(bytes);
                (contents.bytes.len() - bytes.len(), bytes.len())
            }
        };
        let (start, length) = (start as u32, length as u32);
        contents.letters.push(Letter { from, to_prefix, message, start, length });
        self.push_timer(Key { what, ..key });
    }

    /// # Panics
    ///
    /// If no key of this batch stands for that letter.
    #[inline]
    pub(super) fn letter(&self, index: u32) -> &Letter {
        &self.contents().letters[index as usize]
    }

    /// The message of one of this batch's letters.
    #[inline]
    pub(super) fn message(&self, letter: &Letter) -> Message<'_> {
        let range = letter.start as usize..(letter.start + letter.length) as usize;
        let borrowed = match letter.message {
            Message::Deliver { .. } => Borrowed::Payload(&self.contents().bytes[range]),
            _ if letter.length > 0 => Borrowed::Peers(Peers::Table(&self.contents().peers[range])),
            _ => return letter.message,
        };
        letter.message.attach(borrowed)
    }

    /// # Panics
    ///
    /// If no key of this batch stands for that command.
    pub(super) fn command(&self, index: u32) -> Command {
        self.contents().commands[index as usize]
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
        if let Some(Contents { letters, commands, peers, bytes }) = self.contents.as_deref_mut() {
            letters.clear();
            commands.clear();
            peers.clear();
            bytes.clear();
        }
    }

    fn contents(&self) -> &Contents {
        self.contents.as_ref().expect("a key stands for something in here")
    }

    /// Copies one event of `other`.
    fn copy(&mut self, other: &Batch, key: Key) {
        match key.what {
            What::NodeTimer | What::RequestTimer(_) => self.push_timer(key),
            What::Command(index) => self.push_command(key, other.command(index)),
            What::Letter(index) => {
                let letter = other.letter(index);
                self.push_letter(key, letter.from, letter.to_prefix, &other.message(letter));
            }
        }
    }
}

/// Memory of batches that are over, for those to come.
#[derive(Debug, Default)]
struct Spare {
    keys: Vec<Vec<Key>>,
    #[expect(clippy::vec_box, reason = "handed from batch to batch by its pointer")]
    contents: Vec<Box<Contents>>,
}

impl Spare {
    fn keep(&mut self, mut batch: Batch) {
        batch.clear();
        self.keys.push(batch.keys);
        self.contents.extend(batch.contents);
    }

    fn batch(&mut self) -> Batch {
        Batch { keys: self.keys.pop().unwrap_or_default(), ..Batch::default() }
    }

    /// Gives `batch` room for more than timers.
    fn furnish(&mut self, batch: &mut Batch) {
        if batch.contents.is_none() {
            batch.contents = self.contents.pop();
        }
    }
}

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Queue {
    /// The tick that was opened last.
    tick: u64,
    near: Wheel,
    far: Wheel,
    beyond: Batch,
    late: BinaryHeap<Reverse<Key>>,
    /// What the keys of `late` stand for.
    late_batch: Batch,
    spare: Spare,
    /// Apart, because a block holds a thousand times as many events as a tick.
    far_spare: Spare,
}

impl Queue {
    pub(super) fn new() -> Queue {
        Queue {
            tick: 0,
            near: Wheel::new(),
            far: Wheel::new(),
            beyond: Batch::default(),
            late: BinaryHeap::new(),
            late_batch: Batch::default(),
            spare: Spare::default(),
            far_spare: Spare::default(),
        }
    }

    /// Enters a timer.
    #[inline]
    pub(super) fn enter_timer(&mut self, key: Key) {
        self.enter(key, |batch, _| batch.push_timer(key));
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
        self.enter(key, |batch, spare| {
            spare.furnish(batch);
            batch.push_letter(key, from, to_prefix, message);
        });
    }

    /// Has `fill` enter an event in the batch of its time.
    #[inline]
    fn enter(&mut self, key: Key, fill: impl FnOnce(&mut Batch, &mut Spare)) {
        let tick = tick_of(key.time);
        if tick <= self.tick {
            let keys = self.late_batch.keys.len();
            fill(&mut self.late_batch, &mut self.spare);
            self.late.extend(self.late_batch.keys[keys..].iter().map(|&key| Reverse(key)));
            return;
        }
        let (block, now) = (tick >> SLOT_BITS, self.tick >> SLOT_BITS);
        if tick - self.tick <= SLOTS as u64 {
            fill(self.near.slot(tick, &mut self.spare), &mut self.spare);
        } else if block - now < SLOTS as u64 {
            fill(self.far.slot(block, &mut self.far_spare), &mut self.far_spare);
        } else {
            fill(&mut self.beyond, &mut self.far_spare);
        }
    }

    /// Takes over all events of `batch`, and empties it.
    pub(super) fn take(&mut self, batch: &mut Batch) {
        for &key in &batch.keys {
            self.enter(key, |to, spare| {
                if !matches!(key.what, What::NodeTimer | What::RequestTimer(_)) {
                    spare.furnish(to);
                }
                to.copy(batch, key);
            });
        }
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
        single.copy(&self.late_batch, key);
        single.keys.first().copied()
    }

    /// Puts the events of the next tick that has any into `open`, sorted; false if there is none.
    /// All of `open` and all late events are over. Call it no sooner than that tick has come: what
    /// comes for an earlier one is late, and late events are slow.
    pub(super) fn open_next(&mut self, open: &mut Batch) -> bool {
        open.clear();
        self.late_batch.clear();
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
                let mut batch = if beyond == Some(start) {
                    std::mem::take(&mut self.beyond)
                } else {
                    self.far.remove(start >> SLOT_BITS)
                };
                self.take(&mut batch);
                self.far_spare.keep(batch);
                continue;
            }
            let Some(tick) = near else { return false };
            self.tick = tick;
            self.spare.keep(std::mem::replace(open, self.near.remove(tick)));
            open.keys.sort_unstable();
            return true;
        }
    }
}

/// Batches of the next [`SLOTS`] numbers, going round.
#[derive(Debug)]
struct Wheel {
    slots: Vec<Batch>,
    occupied: [u64; SLOTS / 64],
}

impl Wheel {
    fn new() -> Wheel {
        let slots = (0..SLOTS).map(|_| Batch::default()).collect();
        Wheel { slots, occupied: [0; SLOTS / 64] }
    }

    #[inline]
    fn slot(&mut self, number: u64, spare: &mut Spare) -> &mut Batch {
        let slot = number as usize % SLOTS;
        let (word, bit) = (slot / 64, 1 << (slot % 64));
        if self.occupied[word] & bit == 0 {
            self.occupied[word] |= bit;
            self.slots[slot] = spare.batch();
        }
        &mut self.slots[slot]
    }

    fn remove(&mut self, number: u64) -> Batch {
        let slot = number as usize % SLOTS;
        self.occupied[slot / 64] &= !(1 << (slot % 64));
        std::mem::take(&mut self.slots[slot])
    }

    fn earliest(&self, number: u64) -> Time {
        self.slots[number as usize % SLOTS].earliest
    }

    /// The first number after `number` with a batch, at most [`SLOTS`] further.
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
    use hopwise_kernel::RequestId;
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
