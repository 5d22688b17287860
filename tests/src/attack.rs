//! A ring under attack, and checks of its laws.
//!
//! A [`Script`] defines the attack: datagrams of every kind that a [`Forge`] makes, pauses between
//! them, and lookups that the ring has to answer meanwhile. The attacker sends from any address,
//! the nodes' own included, and replays earlier datagrams. It sees no request in flight, and never
//! answers one.
//!
//! **Invariant:** a script has the same result on every machine.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hopwise_kernel::drive::Memory;
use hopwise_kernel::drive::memory::DELAY;
use hopwise_kernel::ring::fingers::Shape;
use hopwise_kernel::ring::{Event, LookupMode, Ring, RingConfig, RingNode};
use hopwise_kernel::{Address, Id, Peer, Rng};

use crate::forge::{Forge, Script};
use crate::ring::{LinkedRing, Tables, owner_in, sorted};

/// The size of a ring under attack.
#[derive(Clone, Copy, Debug)]
struct Size {
    /// Members.
    nodes: u32,
    successors: u8,
    /// Requests that may be in flight.
    requests: usize,
}

const LARGE: Size = Size { nodes: 24, successors: 4, requests: 32 * 1024 };
const SMALL: Size = Size { nodes: 8, successors: 3, requests: 1024 };
/// Nodes that join and depart before the attack.
const GUESTS: u32 = 2;
const SEED: u64 = 1;
/// The attacker's own socket.
const STRANGER: Address = Address::new([127, 0, 0, 2], 9, 0);
/// Longer than any lookup between live nodes takes.
const PATIENCE: Duration = Duration::from_secs(1);

/// Datagrams, each with its sender's address.
type Datagrams = Vec<(Address, Vec<u8>)>;

/// A ring under attack.
#[derive(Debug)]
pub struct Attack {
    memory: Memory<RingNode>,
    ring: Vec<Peer>,
    before: Vec<Tables>,
    /// What the attacker has recorded.
    genuine: Arc<Datagrams>,
    lookups: u64,
    answers: u64,
    buffer: Vec<u8>,
}

impl Attack {
    /// Creates a ring with exact tables.
    #[must_use]
    pub fn new() -> Attack {
        static GENUINE: OnceLock<Arc<Datagrams>> = OnceLock::new();
        Attack::on(LARGE, GENUINE.get_or_init(|| history(LARGE).into()))
    }

    /// Creates a small ring with exact tables.
    #[must_use]
    pub fn small() -> Attack {
        Attack::on(SMALL, &history(SMALL).into())
    }

    fn on(size: Size, genuine: &Arc<Datagrams>) -> Attack {
        let mut memory = ring(size);
        // The recorded datagrams must not reveal future random numbers.
        *memory.rng() = Rng::new(SEED, 1);
        let (ring, before) = (memory.members(), memory.tables());
        Attack {
            memory,
            ring,
            before,
            genuine: Arc::clone(genuine),
            lookups: 0,
            answers: 0,
            buffer: Vec::with_capacity(16 * 1024),
        }
    }

    /// Starts again from the state of `start`, which is as this attack was at first.
    pub fn restart(&mut self, start: &Attack) {
        self.memory.clone_from(&start.memory);
        (self.lookups, self.answers) = (0, 0);
    }

    /// Plays a script to its end.
    ///
    /// # Panics
    ///
    /// If the ring breaks one of its laws: no table changes, whatever departures are forged; every
    /// lookup names the owner; no node declares another one dead.
    pub fn play(&mut self, script: &[u8]) {
        let mut script = Script::new(script);
        while !script.is_over() {
            match script.below(8) {
                0 => self.pass(DELAY * (1 << script.below(12))),
                1 => self.look_up(&mut script),
                _ => self.strike(&mut script),
            }
        }
        self.pass(PATIENCE);
        assert_eq!(self.answers, self.lookups, "a lookup was lost");
    }

    /// Allocates all memory in advance.
    pub fn make_room(&mut self) {
        self.memory.make_room();
    }

    /// The ring, without the attack.
    #[must_use]
    pub fn into_memory(self) -> Memory<RingNode> {
        self.memory
    }

    /// The ring.
    #[must_use]
    pub fn memory(&self) -> &Memory<RingNode> {
        &self.memory
    }

    fn strike(&mut self, script: &mut Script<'_>) {
        let forge = Forge { ring: &self.ring, stranger: STRANGER, genuine: &self.genuine };
        let from = forge.datagram::<Ring>(script, &mut self.buffer);
        self.memory.inject_bytes(from, self.ring[0].address, &self.buffer);
    }

    fn look_up(&mut self, script: &mut Script<'_>) {
        let node = self.ring[script.below(self.ring.len())].address.slot;
        let key = Id::random(self.memory.rng());
        let token = self.lookups;
        let begun = self.memory.with(node.into(), |node, cx| node.lookup(cx, key, token));
        assert_eq!(begun, Some(true), "a member accepts a lookup");
        self.lookups += 1;
    }

    fn pass(&mut self, duration: Duration) {
        self.memory.run_for(duration);
        for (_, event) in self.memory.events() {
            match event {
                Event::LookupDone(done) => {
                    let owner = owner_in(&self.ring, done.key);
                    assert_eq!(done.owner, owner, "{done:?}");
                    self.answers += 1;
                }
                Event::Received { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        for (me, before) in self.ring.iter().zip(&self.before) {
            let node = self.memory.node(me.address.slot.into()).expect("no node is removed");
            let fingers = before.fingers.iter().copied();
            assert_eq!(node.predecessor(), before.predecessor, "predecessor of {me:?}");
            assert_eq!(node.successors(), before.successors, "successors of {me:?}");
            assert!(node.fingers().entries().eq(fingers), "fingers of {me:?}");
        }
    }
}

impl Default for Attack {
    fn default() -> Attack {
        Attack::new()
    }
}

/// Creates the ring. Some members look up recursively, others iteratively.
fn ring(size: Size) -> Memory<RingNode> {
    let places = size.nodes + GUESTS;
    let mut memory = Memory::with_requests(places as usize, size.requests, SEED);
    let ring = sorted((0..size.nodes).map(|node| memory.peer(node)));
    for node in 0..size.nodes {
        memory.insert(node, config(size, node));
        memory.with(node, |it, cx| it.start_linked(cx, &ring));
    }
    memory
}

fn config(size: Size, node: u32) -> RingConfig {
    let modes = [LookupMode::Recursive, LookupMode::Iterative];
    let shape = Shape::for_ring(1, size.nodes as usize, size.successors.into());
    let lookup = modes[node as usize % modes.len()];
    RingConfig { shape, successors: size.successors, lookup, ..RingConfig::default() }
}

/// Datagrams of every kind that nodes sent before the attack. Some are from two nodes that joined
/// and are gone: one left, one crashed.
fn history(size: Size) -> Datagrams {
    const A_WHILE: Duration = Duration::from_secs(3);
    let mut memory = ring(size);
    let mut history = Vec::new();
    let bootstrap = memory.peer(0);
    let guests = size.nodes..size.nodes + GUESTS;
    for node in guests.clone() {
        memory.insert(node, config(size, node));
        memory.with(node, |it, cx| it.join(cx, &[bootstrap]));
    }
    record(&mut memory, A_WHILE, &mut history);
    for node in 0..guests.end {
        let key = Id::random(memory.rng());
        memory.with(node, |it, cx| it.lookup(cx, key, 0));
        memory.with(node, |it, cx| it.send_to_key(cx, key, b"to whom it concerns", 1));
    }
    record(&mut memory, A_WHILE, &mut history);
    memory.with(guests.start, |it, cx| it.leave(cx));
    guests.for_each(|node| memory.remove(node));
    record(&mut memory, A_WHILE, &mut history);
    history
}

/// Runs the ring for `duration` and records all datagrams sent.
fn record(memory: &mut Memory<RingNode>, duration: Duration, history: &mut Datagrams) {
    let end = memory.now() + duration;
    while memory.now() < end {
        history.extend(memory.in_flight().map(|it| (it.from, it.bytes.to_vec())));
        // Just long enough for all datagrams in flight to arrive.
        memory.run_for(DELAY);
    }
}
