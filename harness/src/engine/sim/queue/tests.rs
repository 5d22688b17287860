//! The queue compared with a list that is sorted before each event is taken.
//!
//! **Invariant:** every event and its content leave as they entered.

use hopwise_kernel::Id;
use hopwise_kernel::Peer;
use hopwise_kernel::base::Peers;
use hopwise_kernel::node::RequestId;
use hopwise_kernel::ring::{Message, Ring};
use proptest::prelude::*;

use super::*;

type RingQueue = Queue<Ring, ()>;
type RingBatch = Batch<Ring, ()>;

/// What a test does to a queue.
#[derive(Clone, Debug)]
enum Step {
    /// Adds an event this long after the last one taken.
    Enter { after_ns: u64, place: u32, sequence: u64 },
    /// Takes so many events.
    Take(usize),
}

fn step() -> impl Strategy<Value = Step> {
    // From the same nanosecond to well beyond the far wheel.
    let after =
        prop_oneof![Just(0_u64), 0..1000_u64, 0..1_u64 << 20, 0..1_u64 << 30, 0..1_u64 << 40];
    let enter = (after, 0..4_u32, 0..4_u64).prop_map(|(after_ns, place, sequence)| Step::Enter {
        after_ns,
        place,
        sequence,
    });
    prop_oneof![4 => enter, 1 => (0..8_usize).prop_map(Step::Take)]
}

/// A queue with the cursor that a shard keeps beside it.
struct Cursor {
    queue: RingQueue,
    open: RingBatch,
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
                let mut single = RingBatch::default();
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

fn content(batch: &RingBatch, key: Key) -> u64 {
    let EventKind::Message(index) = key.kind else { panic!("only messages are entered") };
    match batch.message(batch.in_flight(index)) {
        Message::Ping { request } => request.0,
        Message::Leave { successors, .. } => successors.iter().map(|peer| peer.id.prefix()).sum(),
        other => panic!("not entered: {other:?}"),
    }
}

proptest! {
    /// The model is a list that is sorted before each event is taken.
    #[test]
    fn events_leave_in_order_with_their_contents(
        steps in prop::collection::vec(step(), 1..200),
        least_delay_bits in 0_u32..30,
    ) {
        let least_delay = Duration::from_nanos(1 << least_delay_bits);
        let mut cursor = Cursor { queue: RingQueue::new(least_delay), open: RingBatch::default(), at: 0 };
        let mut model: Vec<(Key, u64)> = Vec::new();
        let (mut now, mut entered) = (Time::ZERO, 0);
        for step in steps.into_iter().chain([Step::Take(usize::MAX)]) {
            match step {
                Step::Enter { after_ns, place, sequence } => {
                    entered += 1;
                    let time = Time::from_ns(now.as_ns() + after_ns);
                    // Unique, as sources and sequences make keys in a simulation.
                    let sequence = sequence << 32 | entered;
                    let key = Key { time, place, source: 0, sequence, kind: EventKind::NodeTimer };
                    let peer = Peer { id: Id::from_parts(entered, Id::ZERO.tail()), ..Peer::default() };
                    let list = [peer; 3];
                    let message = if entered % 2 == 0 {
                        Message::Ping { request: RequestId(3 * entered) }
                    } else {
                        Message::Leave { predecessor: None, successors: Peers::Table(&list) }
                    };
                    let envelope = Envelope { from: peer, lookup: 0, to_prefix: 0 };
                    cursor.queue.enter_message(key, envelope, &message);
                    model.push((key, 3 * entered));
                }
                Step::Take(count) => {
                    for _ in 0..count {
                        model.sort_by_key(|&(key, _)| Reverse((key.time, key.place, key.sequence)));
                        let expected = model.pop();
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
