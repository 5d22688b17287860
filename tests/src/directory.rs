//! A ring of nodes that keep references, in memory, with the items that each node holds.
//!
//! **Invariant:** everything follows from the seed.

use std::sync::Arc;
use std::time::Duration;

use hopwise_kernel::directory::{self, DirectoryConfig, DirectoryNode};
use hopwise_kernel::drive::Memory;
use hopwise_kernel::drive::memory::DELAY;
use hopwise_kernel::items::{
    self, Holdings, IndexLimits, Match, Names, PublishingConfig, Query, ResponderConfig, Text,
    TransferConfig, WordIndex, WordLimits,
};
use hopwise_kernel::node::TimeoutPolicy;
use hopwise_kernel::ring::fingers::Shape;
use hopwise_kernel::ring::{self, Ring, RingConfig, RingNode};
use hopwise_kernel::{Address, Id, Node, Peer, Rng};

use crate::central::{query, text, token_of};
use crate::forge::{Forge, Script};
use crate::ring::{owner_in, sorted};

/// Number of nodes at the start.
pub const NODES: u32 = 24;
/// All places, including those of nodes that join later.
pub const PLACES: u32 = NODES + 8;
/// Nodes that keep each reference.
pub const REPLICAS: u8 = 3;
/// Length of successor lists.
pub const SUCCESSORS: u8 = 6;
/// Size of each item.
pub const ITEM_BYTES: u16 = 600;
/// Number of items.
pub const ITEMS: u32 = 40;
/// Time over which nodes publish all their items.
pub const SPREAD: Duration = Duration::from_secs(5);
/// Time between two publications of an item.
pub const REFRESH: Duration = Duration::from_secs(20);
/// References that are not renewed expire after this.
pub const LIFETIME: Duration = Duration::from_secs(70);
/// Queries without an answer fail after this.
pub const DEADLINE: Duration = Duration::from_secs(5);
/// Longer than any query between live nodes takes.
pub const A_MOMENT: Duration = Duration::from_millis(50);
/// Time after which a ring has recovered from lost nodes.
pub const HEALING: Duration = Duration::from_secs(60);

/// The token of all queries of a script.
const OF_SCRIPT: u64 = u64::MAX;

/// The size of a ring of these nodes.
#[derive(Clone, Copy, Debug)]
struct Size {
    nodes: u32,
    items: u32,
}

/// The event type of these nodes.
pub type Event = directory::Event<ring::Event>;

/// Configuration of the nodes.
#[derive(Clone, Debug)]
pub struct Config {
    /// The underlying ring.
    pub ring: RingConfig,
    /// The directory itself.
    pub store: DirectoryConfig,
}

/// The default configuration of these tests.
#[must_use]
pub fn config() -> Config {
    Config { ring: ring_config(), store: store_config() }
}

fn store_config() -> DirectoryConfig {
    DirectoryConfig {
        transfers: Arc::new(TransferConfig {
            item_bytes: ITEM_BYTES,
            fetch: true,
            timeout: TimeoutPolicy::Adaptive,
        }),
        responder: ResponderConfig {
            limits: IndexLimits { names: 500, entries: 1000, entries_per_name: 50 },
            lifetime: LIFETIME,
        },
        words: None,
        publishing: PublishingConfig { spread: SPREAD, refresh: REFRESH },
        replicas: REPLICAS,
        deadline: DEADLINE,
    }
}

/// The default configuration, but items are published under their words as well.
#[must_use]
pub fn by_words() -> Config {
    let mut config = config();
    config.store.words = Some(WordLimits { references: 500, per_word: 300 });
    config
}

/// The default configuration, but items are published only once.
#[must_use]
pub fn published_once() -> Config {
    let hours = Duration::from_secs(100 * 3600);
    let mut config = config();
    config.store.publishing.refresh = hours;
    config.store.responder.lifetime = hours;
    config
}

/// The default configuration of the underlying ring.
#[must_use]
pub fn ring_config() -> RingConfig {
    let shape = Shape::for_ring(1, NODES as usize, SUCCESSORS.into());
    RingConfig { shape, successors: SUCCESSORS, deadline: DEADLINE, ..RingConfig::default() }
}

/// A ring of nodes that hold items and keep references.
#[derive(Debug)]
pub struct Directory {
    /// The nodes, each in its own place.
    pub memory: Memory<DirectoryNode<RingNode>>,
    ring: Arc<RingConfig>,
    config: Arc<DirectoryConfig>,
    names: Arc<Names>,
    size: Size,
}

impl Directory {
    /// Links nodes in the first `count` places to a ring. Nothing is published yet.
    #[must_use]
    pub fn new(count: u32, config: Config, seed: u64) -> Directory {
        let size = Size { nodes: NODES, items: ITEMS };
        let mut directory = Directory::on(Memory::new(PLACES as usize, seed), config, size);
        directory.link(count);
        directory
    }

    /// Links a ring and waits until everything is published.
    #[must_use]
    pub fn published(config: Config, seed: u64) -> Directory {
        let mut stored = Directory::new(NODES, config, seed);
        stored.memory.run_for(SPREAD + A_MOMENT);
        stored
    }

    /// Links a small ring of nodes with small tables and few items, which are also published under
    /// their words. Waits until everything is published.
    #[must_use]
    pub fn small(seed: u64) -> Directory {
        const SIZE: Size = Size { nodes: 8, items: 4 };
        const SUCCESSORS: u8 = 4;
        const REQUESTS: usize = 1024;
        let mut config = config();
        config.ring.shape = Shape::for_ring(1, SIZE.nodes as usize, SUCCESSORS.into());
        config.ring.successors = SUCCESSORS;
        config.store.responder.limits = IndexLimits { names: 6, entries: 16, entries_per_name: 6 };
        config.store.words = Some(WordLimits { references: 32, per_word: 11 });
        let memory = Memory::with_requests(SIZE.nodes as usize, REQUESTS, seed);
        let mut directory = Directory::on(memory, config, SIZE);
        directory.link(SIZE.nodes);
        directory.memory.run_for(SPREAD + A_MOMENT);
        directory
    }

    fn on(memory: Memory<DirectoryNode<RingNode>>, config: Config, size: Size) -> Directory {
        let names = Arc::new(Names::new((0..size.items).map(name_of)));
        let (ring, config) = (Arc::new(config.ring), Arc::new(config.store));
        Directory { memory, ring, config, names, size }
    }

    fn link(&mut self, count: u32) {
        let ring = sorted((0..count).map(|node| self.memory.peer(node)));
        for node in 0..count {
            self.put(node);
            self.memory.with(node, |it, cx| {
                it.with_router(cx, |ring_node, cx| ring_node.start_linked(cx, &ring));
            });
        }
    }

    /// Puts a node into its place. It is not yet a member.
    pub fn put(&mut self, node: u32) {
        let holdings = Holdings::new(Arc::clone(&self.names), items_in(self.size, node).into());
        let (ring, config) = (Arc::clone(&self.ring), Arc::clone(&self.config));
        self.memory.put(node, |me, rng| {
            DirectoryNode::new(RingNode::new(me, ring, rng), holdings, config, rng)
        });
    }

    /// Makes a node join the ring of which `bootstrap` is a member.
    pub fn join(&mut self, node: u32, bootstrap: Peer) {
        self.memory.with(node, |it, cx| {
            it.with_router(cx, |ring_node, cx| ring_node.join(cx, &[bootstrap]));
        });
    }

    /// Makes a node leave the ring. It stays in its place.
    pub fn leave(&mut self, node: u32) {
        self.memory.with(node, |it, cx| it.leave(cx, RingNode::leave));
    }

    /// All members, in ascending order of identifiers.
    #[must_use]
    pub fn ring(&self) -> Vec<Peer> {
        let members = self.memory.nodes().filter(|it| it.router().is_member());
        sorted(members.map(Node::peer))
    }

    /// The nodes that should keep references to an item: its owner and the owner's successors.
    #[must_use]
    pub fn keepers(&self, item: u32) -> Vec<Peer> {
        self.keepers_of(key_of(item))
    }

    fn keepers_of(&self, key: Id) -> Vec<Peer> {
        let ring = self.ring();
        let owner = owner_in(&ring, key);
        let at = ring.iter().position(|&peer| peer == owner).expect("the owner is a member");
        let replicas = usize::from(self.config.replicas).min(ring.len());
        (0..replicas).map(|steps| ring[(at + steps) % ring.len()]).collect()
    }

    /// Members that hold an item, in ascending order of identifiers.
    #[must_use]
    pub fn live_holders(&self, item: u32) -> Vec<Peer> {
        let holds =
            |peer: &Peer| holders_in(self.size, item).any(|node| self.memory.peer(node) == *peer);
        self.ring().into_iter().filter(holds).collect()
    }

    /// The holders of an item that a node knows of, in ascending order of identifiers.
    #[must_use]
    pub fn known_holders(&self, keeper: Peer, item: u32) -> Vec<Peer> {
        let Some(node) = self.memory.node(keeper.address.slot.into()) else { return Vec::new() };
        let (index, name) = (node.index(), name_of(item));
        let mut holders: Vec<Peer> = (0..index.slots())
            .filter_map(|place| index.at(self.memory.now(), place))
            .filter(|(hit, _)| hit.name == name)
            .map(|(hit, _)| hit.holder)
            .collect();
        holders.sort_by_key(|peer| peer.id);
        holders
    }

    /// The names that a node keeps under a word with each holder, in order.
    #[must_use]
    pub fn known_under(&self, keeper: Peer, word: &str) -> Vec<(Text, Peer)> {
        let node = self.memory.node(keeper.address.slot.into());
        let Some(words) = node.and_then(DirectoryNode::words) else { return Vec::new() };
        let mut known: Vec<(Text, Peer)> = (0..words.slots())
            .filter_map(|place| words.at(self.memory.now(), place))
            .filter(|(hit, number, _)| items::words::word(&hit.name, *number) == Some(text(word)))
            .map(|(hit, ..)| (hit.name, hit.holder))
            .collect();
        known.sort_by_key(|(name, holder)| (*name, holder.id));
        known
    }

    /// The nodes that should keep references under this word: its owner and the owner's successors.
    #[must_use]
    pub fn keepers_of_word(&self, word: &str) -> Vec<Peer> {
        self.keepers_of(Id::of_name(word.as_bytes()))
    }

    /// Checks that only the keepers of each item have references to it, and to all its live
    /// holders.
    ///
    /// # Panics
    ///
    /// If not.
    pub fn assert_kept_exactly(&self) {
        for item in 0..self.size.items {
            let keepers = self.keepers(item);
            let holders = self.live_holders(item);
            for peer in self.ring() {
                let known = self.known_holders(peer, item);
                let expected = if keepers.contains(&peer) { &holders[..] } else { &[] };
                assert!(known == expected, "item {item} at {peer:?}: {} entries", known.len());
            }
        }
    }

    /// Whether all nodes are members with the right neighbors, and the keepers of each item know its
    /// holders and no others.
    fn is_whole(&self) -> bool {
        let ring = self.ring();
        let next = ring.iter().cycle().skip(1);
        ring.len() == self.size.nodes as usize
            && ring.iter().zip(next).all(|(peer, next)| {
                let node = self.memory.node(peer.address.slot.into()).map(DirectoryNode::router);
                node.is_some_and(|it| it.successors().first() == Some(next))
            })
            && (0..self.size.items).all(|item| {
                let holders = self.live_holders(item);
                self.keepers(item).into_iter().all(|it| self.known_holders(it, item) == holders)
            })
    }

    /// Queries an item from every member at once, waits for `patience`, and checks that each finds
    /// all holders, or three if there are more, and fetches the item.
    ///
    /// # Panics
    ///
    /// If not.
    pub fn assert_found(&mut self, item: u32, patience: Duration) {
        let found = self.ask_all(query(Match::Exact, &name(item)), patience);
        found.iter().for_each(|(asker, events)| self.assert_complete(item, *asker, events));
    }

    /// Queries one item from every member, every item from some, and checks as
    /// [`assert_found`](Self::assert_found).
    ///
    /// # Panics
    ///
    /// If one does not find what it should.
    pub fn assert_all_found_by_some(&mut self) {
        let (items, names) = (self.size.items, self.names());
        let query = |node: u32| Query { how: Match::Exact, text: names[(node % items) as usize] };
        for (asker, events) in self.ask_each(query, A_MOMENT) {
            self.assert_complete(asker % items, asker, &events);
        }
    }

    fn assert_complete(&self, item: u32, asker: u32, events: &[Event]) {
        let holders = self.live_holders(item);
        let Some(Event::Items(items::Event::Found(found))) = events.first() else {
            panic!("item {item}, asked at {asker}: {events:?}")
        };
        let shown = holders.len().min(3);
        assert!(usize::from(found.hits) == shown, "item {item}: {} hits", found.hits);
        let Some(best) = found.best else {
            assert!(holders.is_empty() && events.len() == 1, "nothing to fetch");
            return;
        };
        assert!(best.name == name_of(item) && holders.contains(&best.holder), "{best:?}");
        let Some(Event::Items(items::Event::Fetched { bytes, .. })) = events.get(1) else {
            panic!("{events:?}")
        };
        assert!(*bytes == ITEM_BYTES && events.len() == 2, "{events:?}");
    }

    fn names(&self) -> Vec<Text> {
        (0..self.size.items).map(name_of).collect()
    }

    /// Sends the same query from every member at once, waits for `patience`, and returns each
    /// member's events.
    ///
    /// # Panics
    ///
    /// If a member cannot ask, or if there is any other event.
    pub fn ask_all(&mut self, query: Query, patience: Duration) -> Vec<(u32, Vec<Event>)> {
        self.ask_each(|_| query, patience)
    }

    fn ask_each(
        &mut self,
        query: impl Fn(u32) -> Query,
        patience: Duration,
    ) -> Vec<(u32, Vec<Event>)> {
        self.memory.events().for_each(drop);
        let askers: Vec<u32> = self.ring().iter().map(|peer| peer.address.slot.into()).collect();
        for &node in &askers {
            let begun = self.memory.with(node, |it, cx| it.ask(cx, query(node), node.into()));
            assert!(begun == Some(true), "a member accepts a query");
        }
        self.memory.run_for(patience);
        // Verdicts about departures, some of which are refuted only now; what strangers send to keys; and
        // fetches of a script, which take long.
        let is_beside = |event: &Event| {
            use ring::Event::{DeclaredDead, Received, Refuted};
            match event {
                Event::Router(event) => {
                    matches!(event, DeclaredDead { .. } | Refuted { .. } | Received { .. })
                }
                Event::Items(event) => token_of(event) == Some(OF_SCRIPT),
                Event::LookupEnded(_) => false,
            }
        };
        let events: Vec<_> = self.memory.events().filter(|(_, it)| !is_beside(it)).collect();
        let is_its = |(who, event): &(u32, Event)| matches!(event, Event::Items(event) if token_of(event) == Some(u64::from(*who)));
        assert!(events.iter().all(is_its), "{events:?}");
        let told = |node: u32| {
            let its = events.iter().filter(|&&(who, _)| who == node);
            (node, its.map(|&(_, event)| event).collect())
        };
        askers.iter().map(|&node| told(node)).collect()
    }

    /// Plays a script of [`Forge`] datagrams to its end while members send queries.
    ///
    /// # Panics
    ///
    /// If queries and their ends differ in number, or if an index exceeds its limits.
    pub fn play(&mut self, script: &[u8], genuine: &[(Address, Vec<u8>)]) {
        let nodes: Vec<Peer> = (0..self.size.nodes).map(|node| self.memory.peer(node)).collect();
        let stranger = Address::new([127, 0, 0, 2], 9, 0);
        let forge = Forge { ring: &nodes, stranger, genuine };
        let (mut script, mut datagram) = (Script::new(script), Vec::with_capacity(16 * 1024));
        let (mut asked, mut ended) = (0, 0);
        let names = self.names();
        while !script.is_over() {
            if script.below(8) == 0 {
                let how = Match::ALL[script.below(4)];
                let query = Query { how, text: names[script.below(names.len())] };
                let node = script.below(nodes.len()) as u32;
                let begun = self.memory.with(node, |it, cx| it.ask(cx, query, OF_SCRIPT));
                asked += u64::from(begun == Some(true));
            }
            let from = forge.datagram::<directory::Directory<Ring>>(&mut script, &mut datagram);
            self.memory.inject_bytes(from, nodes[0].address, &datagram);
            self.memory.run_for(script.pause());
            ended += self.ends();
        }
        // Until all have ended, and no longer than that may take.
        let end = self.memory.now() + DEADLINE * 2;
        while ended < asked && self.memory.now() < end {
            self.memory.run_for(A_MOMENT);
            ended += self.ends();
        }
        assert!(asked == ended, "{asked} queries, {ended} ends");
        let limits = self.config.responder.limits;
        for node in self.memory.nodes() {
            let index = node.index();
            assert!(
                index.len() <= limits.entries as usize && index.names() <= limits.names as usize
            );
            let references = self.config.words.map_or(0, |limits| limits.references as usize);
            assert!(node.words().map_or(0, WordIndex::len) <= references);
        }
    }

    /// Number of queries that have ended since the last call.
    pub fn ends(&mut self) -> u64 {
        let is_end = |(_, event): &(u32, Event)| {
            use items::Event::{Found, NotFound};
            matches!(event, Event::Items(Found(_) | NotFound { .. }))
        };
        self.memory.events().filter(is_end).count() as u64
    }

    /// Records all datagrams sent while nodes send queries, each with its sender's address.
    pub fn record(&mut self, duration: Duration) -> Vec<(Address, Vec<u8>)> {
        let end = self.memory.now() + duration;
        let mut sent = Vec::new();
        while self.memory.now() < end {
            let node = self.memory.rng().below(self.size.nodes.into()) as u32;
            let item = self.memory.rng().below(self.size.items.into()) as u32;
            let query = query(Match::Exact, &name(item));
            self.memory.with(node, |it, cx| it.ask(cx, query, 0));
            for _ in 0..100 {
                sent.extend(self.memory.in_flight().map(|it| (it.from, it.bytes.to_vec())));
                self.memory.run_for(DELAY);
            }
        }
        self.memory.events().for_each(drop);
        sent
    }

    /// Waits until the ring has healed and everything is published again, but no longer than that may
    /// take.
    pub fn heal_early(&mut self) {
        let end = self.memory.now() + HEALING + REFRESH;
        while !self.is_whole() && self.memory.now() < end {
            self.memory.run_for(A_MOMENT * 10);
        }
    }

    /// Checks that every item is found; see [`assert_found`](Self::assert_found).
    ///
    /// # Panics
    ///
    /// If one is not.
    pub fn assert_all_found(&mut self) {
        (0..self.size.items).for_each(|item| self.assert_found(item, A_MOMENT));
    }
}

/// Attacks a ring with arbitrary datagrams, then checks that it recovers.
///
/// # Panics
///
/// If [`Directory::play`] panics, or if an item is not found after the ring has healed and everything
/// was published again.
pub fn attack(config: Config, script: &[u8], seed: u64) {
    let mut stored = Directory::published(config, seed);
    let genuine = stored.record(Duration::from_secs(3));
    // The recorded datagrams must not reveal future random numbers.
    *stored.memory.rng() = Rng::new(seed, 1);
    stored.play(script, &genuine);
    stored.memory.run_for(HEALING + REFRESH);
    assert_eq!(stored.ends(), 0, "no query ends twice");
    stored.assert_all_found();
}

/// The name of an item. No name is part of another.
#[must_use]
pub fn name(item: u32) -> String {
    format!("the item {}", 100 + item)
}

/// The name of an item as a text.
#[must_use]
pub fn name_of(item: u32) -> Text {
    text(&name(item))
}

/// The key of an item: its owner keeps the references.
#[must_use]
pub fn key_of(item: u32) -> Id {
    Id::of_name(name(item).as_bytes())
}

/// The holders of an item: one to five nodes.
pub fn holders_of(item: u32) -> impl Iterator<Item = u32> {
    holders_in(Size { nodes: NODES, items: ITEMS }, item)
}

/// The items that a node holds.
#[must_use]
pub fn items_of(node: u32) -> Vec<u32> {
    items_in(Size { nodes: NODES, items: ITEMS }, node)
}

fn holders_in(size: Size, item: u32) -> impl Iterator<Item = u32> {
    (0..=item % 5).map(move |copy| (item * 7 + copy * 5) % size.nodes)
}

fn items_in(size: Size, node: u32) -> Vec<u32> {
    (0..size.items).filter(|&item| holders_in(size, item).any(|holder| holder == node)).collect()
}

/// Number of all references, without copies.
#[must_use]
pub fn all_references() -> usize {
    (0..ITEMS).map(|item| holders_of(item).count()).sum()
}
