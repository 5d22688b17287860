//! A ring of nodes that store values, in memory.
//!
//! **Invariant:** everything follows from the seed.

use std::sync::Arc;
use std::time::Duration;

use hopwise_kernel::drive::Memory;
use hopwise_kernel::drive::memory::DELAY;
use hopwise_kernel::node::Secret;
use hopwise_kernel::ring::fingers::Shape;
use hopwise_kernel::ring::{self, Ring, RingConfig, RingNode};
use hopwise_kernel::store::{
    self, Change, Condition, Lifetime, Name, ReadOutcome, StoreConfig, StoreLimits, StoreNode,
    Stored, Version, Write, WriteOutcome,
};
use hopwise_kernel::{Address, Id, Node, Peer, Rng};

use crate::forge::{Forge, Script};
use crate::ring::{owner_in, sorted};

/// Number of nodes at the start.
pub const NODES: u32 = 24;
/// All places, including those of nodes that join later.
pub const PLACES: u32 = NODES + 8;
/// Length of successor lists.
pub const SUCCESSORS: u8 = 6;
/// Operations without an answer fail after this.
pub const DEADLINE: Duration = Duration::from_secs(5);
/// Time after which a ring has recovered from lost nodes, and all copies are where they belong.
pub const HEALING: Duration = Duration::from_secs(30);
/// Longer than any operation between live nodes takes.
pub const A_MOMENT: Duration = Duration::from_millis(100);

/// The event type of these nodes.
pub type Event = store::Event<ring::Event>;

/// The default configuration of these tests.
#[must_use]
pub fn config() -> StoreConfig {
    StoreConfig {
        limits: StoreLimits { items: 1_000, bytes: 200_000 },
        deadline: DEADLINE,
        repair: Some(Duration::from_secs(2)),
        ..StoreConfig::default()
    }
}

/// The default configuration, with room for values that nodes provide themselves.
#[must_use]
pub fn by_reference() -> StoreConfig {
    StoreConfig { provided: Some(StoreLimits { items: 100, bytes: 50_000 }), ..config() }
}

/// A put of a value, whatever was there.
#[must_use]
pub fn put(key: Id) -> Write {
    Write {
        name: Name::value(key),
        change: Change::Put,
        condition: Condition::Always,
        lifetime: Lifetime::Default,
        tag: 0,
    }
}

fn ring_config(nodes: u32, successors: u8) -> RingConfig {
    let shape = Shape::for_ring(1, nodes as usize, successors.into());
    RingConfig { shape, successors, deadline: DEADLINE, ..RingConfig::default() }
}

/// A ring of nodes that store values.
#[derive(Debug)]
pub struct StoreRing {
    /// The nodes, each in its own place.
    pub memory: Memory<StoreNode<RingNode>>,
    ring: Arc<RingConfig>,
    config: Arc<StoreConfig>,
    /// Whether the clocks and the secrets of the nodes differ.
    is_skewed: bool,
    /// The number of nodes at the start.
    nodes: u32,
}

impl StoreRing {
    /// Links nodes in the first `count` places to a ring.
    #[must_use]
    pub fn new(count: u32, config: StoreConfig, seed: u64) -> StoreRing {
        StoreRing::with_clocks(count, config, seed, false)
    }

    /// As [`new`](Self::new). If it `is_skewed`, the clocks of nodes differ by nearly as much as they may,
    /// and so do their secrets: nodes seldom know the cookie that they need.
    #[must_use]
    pub fn with_clocks(count: u32, config: StoreConfig, seed: u64, is_skewed: bool) -> StoreRing {
        let memory = Memory::new(PLACES as usize, seed);
        let ring = ring_config(NODES, SUCCESSORS);
        let mut store = StoreRing {
            memory,
            ring: Arc::new(ring),
            config: Arc::new(config),
            is_skewed,
            nodes: NODES,
        };
        store.link(count);
        store
    }

    /// Links few nodes with small tables to a ring.
    #[must_use]
    pub fn small(seed: u64) -> StoreRing {
        const NODES: u32 = 8;
        const SUCCESSORS: u8 = 4;
        const REQUESTS: usize = 1024;
        let config = StoreConfig {
            limits: StoreLimits { items: 48, bytes: 8_000 },
            provided: Some(StoreLimits { items: 8, bytes: 2_000 }),
            references_per_key: 8,
            in_progress: 8,
            ..config()
        };
        let mut store = StoreRing {
            memory: Memory::with_requests(NODES as usize, REQUESTS, seed),
            ring: Arc::new(ring_config(NODES, SUCCESSORS)),
            config: Arc::new(config),
            is_skewed: false,
            nodes: NODES,
        };
        store.link(NODES);
        store
    }

    fn link(&mut self, count: u32) {
        let ring = sorted((0..count).map(|node| self.memory.peer(node)));
        for node in 0..count {
            self.insert(node);
            self.memory.with(node, |it, cx| {
                it.with_router(cx, |ring_node, cx| ring_node.start_linked(cx, &ring));
            });
        }
    }

    /// Puts a node into its place. It is not yet a member.
    pub fn insert(&mut self, node: u32) {
        let (ring, mut config) = (Arc::clone(&self.ring), Arc::clone(&self.config));
        if self.is_skewed {
            let most_us = u64::try_from(config.skew.as_micros()).unwrap_or(u64::MAX) * 9 / 10;
            let start_us = config.start_us + u64::from(node) * 0x9e37_79b9 % most_us.max(1);
            let secret = Secret::random(&mut Rng::new(node.into(), 9));
            config = Arc::new(StoreConfig { start_us, secret, ..(*config).clone() });
        }
        self.memory.put(node, |me, rng| StoreNode::new(RingNode::new(me, ring, rng), config));
    }

    /// Makes a node join the ring of which the node in place `bootstrap` is a member.
    pub fn join(&mut self, node: u32, bootstrap: u32) {
        let bootstrap = self.memory.peer(bootstrap);
        self.memory.with(node, |it, cx| {
            it.with_router(cx, |ring_node, cx| ring_node.join(cx, &[bootstrap]));
        });
    }

    /// Makes a node leave the ring, and removes it.
    pub fn leave(&mut self, node: u32) {
        self.memory.with(node, |it, cx| it.leave(cx, RingNode::leave));
        self.memory.remove(node);
    }

    /// All members, in ascending order of identifiers.
    #[must_use]
    pub fn ring(&self) -> Vec<Peer> {
        let members = self.memory.nodes().filter(|it| it.router().is_member());
        sorted(members.map(Node::peer))
    }

    /// The places of the nodes that should keep an item: its owner's and those of the next members.
    #[must_use]
    pub fn keepers(&self, key: Id) -> Vec<u32> {
        let ring = self.ring();
        let owner = owner_in(&ring, key);
        let at = ring.iter().position(|&peer| peer == owner).expect("the owner is a member");
        let replicas = usize::from(self.config.replicas).min(ring.len());
        (0..replicas).map(|steps| ring[(at + steps) % ring.len()].address.slot.into()).collect()
    }

    /// The places of the nodes that hold the value of `key`, and the versions that they hold.
    #[must_use]
    pub fn held(&self, key: Id) -> Vec<(u32, Version)> {
        let now = self.memory.now();
        let held = self.memory.nodes().filter_map(|node| {
            Some((node.peer().address.slot.into(), node.version_of(now, Name::value(key))?))
        });
        held.collect()
    }

    /// Starts a write at a node. Its end carries `token`.
    pub fn write(&mut self, node: u32, write: &Write, value: &[u8], token: u64) -> bool {
        self.memory.with(node, |it, cx| it.write(cx, write, value, token)) == Some(true)
    }

    /// Starts a read at a node. Its end carries `token`.
    pub fn read(&mut self, node: u32, key: Id, token: u64) -> bool {
        self.memory.with(node, |it, cx| it.read(cx, Name::value(key), token)) == Some(true)
    }

    /// Starts a read at a node, which asks the node in place `owner` first. Its end carries `token`.
    pub fn read_from(&mut self, node: u32, owner: u32, key: Id, token: u64) -> bool {
        let (owner, name) = (self.memory.peer(owner), Name::value(key));
        self.memory.with(node, |it, cx| it.read_from(cx, owner, name, token)) == Some(true)
    }

    /// Starts a write at a node that keeps the value itself. Its end carries `token`.
    pub fn publish(&mut self, node: u32, write: &Write, value: &[u8], token: u64) -> bool {
        self.memory.with(node, |it, cx| it.publish(cx, write, value, token)) == Some(true)
    }

    /// Starts a read at a node of a value that another node keeps. Its end carries `token`.
    pub fn fetch(&mut self, node: u32, key: Id, token: u64) -> bool {
        self.memory.with(node, |it, cx| it.fetch(cx, key, token)) == Some(true)
    }

    /// Writes at a node, and waits for the end. Other events are lost.
    ///
    /// # Panics
    ///
    /// If the write is not started, or does not end in time.
    pub fn write_now(&mut self, node: u32, write: &Write, value: &[u8]) -> WriteOutcome {
        self.memory.events().for_each(drop);
        assert!(self.write(node, write, value, 77), "a member starts a write");
        self.end_of_write()
    }

    /// As [`write_now`](Self::write_now), but the node keeps the value itself.
    ///
    /// # Panics
    ///
    /// If the write is not started, or does not end in time.
    pub fn publish_now(&mut self, node: u32, write: &Write, value: &[u8]) -> WriteOutcome {
        self.memory.events().for_each(drop);
        assert!(self.publish(node, write, value, 77), "a member starts a write");
        self.end_of_write()
    }

    fn end_of_write(&mut self) -> WriteOutcome {
        let end = self.memory.now() + DEADLINE + Duration::from_secs(2);
        while self.memory.now() < end {
            self.memory.run_for(Duration::from_millis(5));
            for (_, event) in self.memory.events() {
                if let Event::Wrote(end) = event
                    && end.token == 77
                {
                    return end.outcome;
                }
            }
        }
        panic!("the write has not ended");
    }

    /// Reads at a node, and waits for the end. Other events are lost.
    ///
    /// # Panics
    ///
    /// If the read is not started, or does not end in time.
    pub fn read_now(&mut self, node: u32, key: Id) -> (ReadOutcome, Vec<u8>) {
        self.memory.events().for_each(drop);
        assert!(self.read(node, key, 78), "a member starts a read");
        self.end_of_read()
    }

    /// As [`read_now`](Self::read_now), of a value that another node keeps.
    ///
    /// # Panics
    ///
    /// If the read is not started, or does not end in time.
    pub fn fetch_now(&mut self, node: u32, key: Id) -> (ReadOutcome, Vec<u8>) {
        self.memory.events().for_each(drop);
        assert!(self.fetch(node, key, 78), "a member starts a read");
        self.end_of_read()
    }

    fn end_of_read(&mut self) -> (ReadOutcome, Vec<u8>) {
        let end = self.memory.now() + DEADLINE + Duration::from_secs(2);
        while self.memory.now() < end {
            self.memory.run_for(Duration::from_millis(5));
            for (_, event, payload) in self.memory.reports() {
                if let Event::Read(end) = event
                    && end.token == 78
                {
                    return (end.outcome, payload.to_vec());
                }
            }
        }
        panic!("the read has not ended");
    }

    /// Reads at a node, and returns the value; `None` if it is absent.
    ///
    /// # Panics
    ///
    /// If the read fails.
    pub fn value(&mut self, node: u32, key: Id) -> Option<Vec<u8>> {
        match self.read_now(node, key) {
            (ReadOutcome::Found { .. }, value) => Some(value),
            (ReadOutcome::Absent, _) => None,
            (outcome, _) => panic!("{key} was not read: {outcome:?}"),
        }
    }

    /// Writes the same value to each key, from different nodes.
    ///
    /// # Panics
    ///
    /// If a write is not acknowledged.
    pub fn fill(&mut self, keys: &[Id], value: &[u8]) {
        let members: Vec<u32> = self.ring().iter().map(|peer| peer.address.slot.into()).collect();
        for (at, &key) in keys.iter().enumerate() {
            let outcome = self.write_now(members[at % members.len()], &put(key), value);
            assert!(matches!(outcome, WriteOutcome::Done { .. }), "{key}: {outcome:?}");
        }
    }

    /// Puts the same value under each key at its keepers, without messages.
    ///
    /// # Panics
    ///
    /// If a node has no room.
    pub fn preload(&mut self, keys: &[Id], value: &[u8]) {
        let now = self.memory.now();
        for (number, &key) in (1..).zip(keys) {
            let version = Version { number, writer: 0 };
            for node in self.keepers(key) {
                let has_room = self
                    .memory
                    .with(node, |it, _| it.preload(now, Name::value(key), version, value));
                assert_eq!(has_room, Some(true), "{node} has room");
            }
        }
    }

    /// Begins a random operation on one of the `keys` at a node. Returns whether it was started.
    pub fn begin_any(&mut self, node: u32, keys: &[Id], script: &mut Script<'_>) -> bool {
        let key = keys[script.below(keys.len())];
        let value = [script.byte(); 100];
        let (change, length) = match script.below(8) {
            6 => return self.fetch(node, key, 1),
            7 => return self.publish(node, &put(key), &value, 1),
            0 => return self.read(node, key, 1),
            1 => return self.memory.with(node, |it, cx| it.list(cx, key, 1)) == Some(true),
            2 => (Change::Add(1), 0),
            3 => (Change::Delete, 0),
            _ => (Change::Put, script.below(value.len())),
        };
        self.write(node, &Write { change, ..put(key) }, &value[..length], 1)
    }

    /// Plays a script of [`Forge`] datagrams to its end while members read and write.
    ///
    /// # Panics
    ///
    /// If operations and their ends differ in number, or if a table exceeds its limits.
    pub fn play(&mut self, script: &[u8], genuine: &[(Address, Vec<u8>)]) {
        let nodes: Vec<Peer> = (0..self.nodes).map(|node| self.memory.peer(node)).collect();
        let stranger = Address::new([127, 0, 0, 2], 9, 0);
        let forge = Forge { ring: &nodes, stranger, genuine };
        let (mut script, mut datagram) = (Script::new(script), Vec::with_capacity(16 * 1024));
        let (mut begun, mut ended) = (0, 0);
        let keys: Vec<Id> = (0..8).map(|number| Id::of_name(&[number])).collect();
        while !script.is_over() {
            if script.below(4) == 0 {
                let node = script.below(nodes.len()) as u32;
                begun += u64::from(self.begin_any(node, &keys, &mut script));
            }
            let from = forge.datagram::<Stored<Ring>>(&mut script, &mut datagram);
            self.memory.inject_bytes(from, nodes[0].address, &datagram);
            self.memory.run_for(script.pause());
            ended += self.ends();
        }
        // Until all have ended, and no longer than that may take.
        let end = self.memory.now() + DEADLINE + A_MOMENT;
        while ended < begun && self.memory.now() < end {
            self.memory.run_for(A_MOMENT);
            ended += self.ends();
        }
        assert!(begun == ended, "{begun} operations, {ended} ends");
        let limits = self.config.limits;
        for node in self.memory.nodes() {
            assert!(node.items() <= limits.items && node.bytes() <= limits.bytes);
            let limits = self.config.provided.unwrap_or(StoreLimits { items: 0, bytes: 0 });
            assert!(node.provided() <= limits.items && node.provided_bytes() <= limits.bytes);
        }
    }

    /// Number of operations that have ended since the last call.
    pub fn ends(&mut self) -> u64 {
        let is_end = |(_, event): &(u32, Event)| {
            matches!(event, Event::Wrote(_) | Event::Read(_) | Event::Listed(_))
        };
        self.memory.events().filter(is_end).count() as u64
    }

    /// Records all datagrams sent while nodes read and write, each with its sender's address. Then waits
    /// until all these operations have ended.
    ///
    /// # Panics
    ///
    /// If operations and their ends differ in number.
    pub fn record(&mut self, duration: Duration) -> Vec<(Address, Vec<u8>)> {
        let end = self.memory.now() + duration;
        let keys: Vec<Id> = (0..8).map(|number| Id::of_name(&[number])).collect();
        let (mut begun, mut sent) = (0, Vec::new());
        while self.memory.now() < end {
            let mut script = [0; 8];
            self.memory.rng().fill(&mut script);
            let node = self.memory.rng().below(self.nodes.into()) as u32;
            begun += u64::from(self.begin_any(node, &keys, &mut Script::new(&script)));
            for _ in 0..100 {
                sent.extend(self.memory.in_flight().map(|it| (it.from, it.bytes.to_vec())));
                self.memory.run_for(DELAY);
            }
        }
        // A value can look like a reference to a node that is not there. A fetch waits long for that node.
        let (end, mut ended) = (self.memory.now() + DEADLINE + A_MOMENT, self.ends());
        while ended < begun && self.memory.now() < end {
            self.memory.run_for(A_MOMENT);
            ended += self.ends();
        }
        assert!(begun == ended, "{begun} operations, {ended} ends");
        sent
    }

    /// Waits until the ring has healed, but no longer than that may take.
    pub fn heal_early(&mut self) {
        let end = self.memory.now() + HEALING * 2;
        while !self.is_whole() && self.memory.now() < end {
            self.memory.run_for(A_MOMENT * 5);
        }
    }

    /// Whether all nodes are members with the right neighbors and have all items of their ranges.
    fn is_whole(&self) -> bool {
        let ring = self.ring();
        let next = ring.iter().cycle().skip(1);
        ring.len() == self.nodes as usize
            && ring.iter().zip(next).all(|(peer, next)| {
                let node = self.memory.node(peer.address.slot.into());
                node.is_some_and(|it| {
                    it.is_ready() && it.is_idle() && it.router().successors().first() == Some(next)
                })
            })
    }

    /// Checks that all nodes are members, and that so many values can be written and read.
    ///
    /// # Panics
    ///
    /// If not.
    pub fn assert_works(&mut self, values: u32) {
        const VALUE: &[u8] = b"written after the attack";
        assert_eq!(self.ring().len(), self.nodes as usize, "all are members");
        let keys = keys(values);
        self.fill(&keys, VALUE);
        for (node, &key) in (0..self.nodes).cycle().step_by(7).zip(&keys) {
            assert_eq!(self.value(node, key).as_deref(), Some(VALUE));
        }
    }

    /// As [`assert_works`](Self::assert_works), with one value for each node, all written at once and then
    /// read at once.
    ///
    /// # Panics
    ///
    /// As [`assert_works`](Self::assert_works).
    pub fn assert_works_at_once(&mut self) {
        assert_eq!(self.ring().len(), self.nodes as usize, "all are members");
        self.memory.events().for_each(drop);
        let keys: Vec<Id> = (0..self.nodes).map(|node| Id::of_name(&[node as u8, 1])).collect();
        let first = u64::MAX - u64::from(self.nodes);
        for (node, &key) in (0..).zip(&keys) {
            assert!(self.write(node, &put(key), &[node as u8; 40], first + u64::from(node)));
        }
        let written = self.ends_of(first, |event, _| {
            matches!(event, Event::Wrote(end) if matches!(end.outcome, WriteOutcome::Done { .. }))
        });
        assert_eq!(written, self.nodes, "all values are written");
        for (node, &key) in (0..).zip(&keys) {
            let reader = (node * 3 + 1) % self.nodes;
            assert!(self.read(reader, key, first + u64::from(node)));
        }
        let read = self.ends_of(first, |event, value| match event {
            Event::Read(end) => {
                let node = (end.token - first) as u8;
                matches!(end.outcome, ReadOutcome::Found { .. }) && *value == [node; 40]
            }
            _ => false,
        });
        assert_eq!(read, self.nodes, "all values are read");
    }

    /// Waits for the ends of one operation at each node, with tokens from `first`. Returns how many ends
    /// are as they should be.
    fn ends_of(&mut self, first: u64, is_right: impl Fn(&Event, &[u8]) -> bool) -> u32 {
        let end = self.memory.now() + DEADLINE + A_MOMENT;
        let (mut ended, mut right) = (0, 0);
        while ended < self.nodes && self.memory.now() < end {
            self.memory.run_for(Duration::from_millis(2));
            for (_, event, value) in self.memory.reports() {
                let token = match event {
                    Event::Wrote(end) => end.token,
                    Event::Read(end) => end.token,
                    _ => 0,
                };
                if token >= first {
                    ended += 1;
                    right += u32::from(is_right(&event, value));
                }
            }
        }
        right
    }

    /// Checks that the keepers of each key hold one version of it, and returns how many other nodes
    /// hold one.
    ///
    /// # Panics
    ///
    /// If a keeper lacks a key or versions differ.
    pub fn assert_kept(&self, keys: &[Id]) -> usize {
        let mut others = 0;
        for &key in keys {
            let (keepers, held) = (self.keepers(key), self.held(key));
            for keeper in &keepers {
                assert!(held.iter().any(|(node, _)| node == keeper), "{keeper} lacks {key}");
            }
            assert!(held.iter().all(|(_, it)| *it == held[0].1), "{key}: {held:?}");
            others += held.len() - keepers.len();
        }
        others
    }
}

/// Attacks a store with arbitrary datagrams, then checks that it recovers.
///
/// # Panics
///
/// If [`StoreRing::play`] panics, or if values are not written and read after the ring has healed.
pub fn attack(script: &[u8], seed: u64) {
    let mut store = StoreRing::new(NODES, by_reference(), seed);
    let genuine = store.record(Duration::from_secs(2));
    // The recorded datagrams must not reveal future random numbers.
    *store.memory.rng() = Rng::new(seed, 1);
    store.play(script, &genuine);
    store.memory.run_for(HEALING * 2);
    assert_eq!(store.ends(), 0, "no operation ends twice");
    store.assert_works(20);
}

/// Distinct keys.
#[must_use]
pub fn keys(count: u32) -> Vec<Id> {
    (0..count).map(|number| Id::of_name(format!("key {number}").as_bytes())).collect()
}
