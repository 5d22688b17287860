//! A central index and its peers in memory, with the items that each peer holds.
//!
//! **Invariant:** everything follows from the seed.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use hopwise_kernel::central::{self, CentralConfig, CentralNode};
use hopwise_kernel::codec::Framed;
use hopwise_kernel::drive::Memory;
use hopwise_kernel::drive::memory::DELAY;
use hopwise_kernel::items::{
    Event, Found, Holdings, IndexLimits, Match, Names, PublishingConfig, Query, ResponderConfig,
    Text, TransferConfig,
};
use hopwise_kernel::node::{Cookie, TimeoutPolicy};
use hopwise_kernel::{Address, Codec as _, Peer, Rng, items};

use crate::forge::{Forge, Script};

/// The server's place. Peers take the places after it.
pub const SERVER: u32 = 0;
/// Number of peers.
pub const PEERS: u32 = 12;
/// Peers that hold each item.
pub const HOLDERS_OF_EACH: usize = 3;
/// Size of each item.
pub const ITEM_BYTES: u16 = 600;
/// Time over which peers publish all their items.
pub const SPREAD: Duration = Duration::from_secs(5);
/// Time between two publications of an item.
pub const REFRESH: Duration = Duration::from_secs(20);
/// Entries that are not renewed expire after this.
pub const LIFETIME: Duration = Duration::from_secs(70);
/// Queries without an answer fail after this.
pub const DEADLINE: Duration = Duration::from_secs(2);
/// Longer than any round trip.
pub const A_MOMENT: Duration = Duration::from_millis(20);
/// The items' names.
pub const NAMES: [&str; 10] = [
    "amber",
    "amber river",
    "amber river stone",
    "river",
    "river amber",
    "riverside",
    "stone",
    "stone bridge over the river",
    "zebra",
    "zebra crossing",
];

/// What queries look for.
const PIECES: [&str; 8] =
    ["amber", "river", "stone", "ri", "r", "zebra c", "river stone", "no such"];

/// Entries of an index with all items of all peers.
pub const ALL_ENTRIES: usize = NAMES.len() * HOLDERS_OF_EACH;

/// Converts a string to a text.
///
/// # Panics
///
/// If it is empty or too long.
#[must_use]
pub fn text(from: &str) -> Text {
    Text::new(from.as_bytes()).expect("the text is short and not empty")
}

/// A query.
#[must_use]
pub fn query(how: Match, from: &str) -> Query {
    Query { how, text: text(from) }
}

/// The default configuration of these tests.
#[must_use]
pub fn config() -> CentralConfig {
    CentralConfig {
        transfers: Arc::new(TransferConfig {
            item_bytes: ITEM_BYTES,
            fetch: true,
            timeout: TimeoutPolicy::Adaptive,
        }),
        responder: ResponderConfig {
            limits: IndexLimits { names: 100, entries: 1000, entries_per_name: 50 },
            lifetime: LIFETIME,
        },
        publishing: PublishingConfig { spread: SPREAD, refresh: REFRESH },
        deadline: DEADLINE,
    }
}

/// A server and its peers, which hold items.
#[derive(Debug)]
pub struct Central {
    /// The nodes, each in its own place.
    pub memory: Memory<CentralNode>,
    peers: u32,
    config: Arc<CentralConfig>,
    names: Arc<Names>,
}

impl Central {
    /// Starts all nodes. Nothing is published yet.
    #[must_use]
    pub fn new(config: CentralConfig, seed: u64) -> Central {
        Central::on(Memory::new(1 + PEERS as usize, seed), PEERS, config)
    }

    /// Starts a server and few peers, with small tables, and waits until everything is published.
    #[must_use]
    pub fn small(seed: u64) -> Central {
        const PEERS: u32 = 4;
        const REQUESTS: usize = 1024;
        let limits = IndexLimits { names: 24, entries: 64, entries_per_name: 8 };
        let responder = ResponderConfig { limits, ..config().responder };
        let memory = Memory::with_requests(1 + PEERS as usize, REQUESTS, seed);
        let mut central = Central::on(memory, PEERS, CentralConfig { responder, ..config() });
        central.memory.run_for(SPREAD + A_MOMENT);
        central
    }

    fn on(memory: Memory<CentralNode>, peers: u32, config: CentralConfig) -> Central {
        let names = Arc::new(Names::new(NAMES.map(text)));
        let mut central = Central { memory, peers, config: Arc::new(config), names };
        for node in 0..=peers {
            central.put(node);
            central.memory.with(node, |it, cx| it.start_linked(cx));
        }
        central
    }

    /// Starts all nodes and waits until everything is published.
    #[must_use]
    pub fn published(seed: u64) -> Central {
        let mut central = Central::new(config(), seed);
        central.memory.run_for(SPREAD + A_MOMENT);
        central
    }

    /// Puts the server or a peer into its place. It is not yet a member.
    pub fn put(&mut self, node: u32) {
        let server = self.memory.peer(SERVER);
        let config = Arc::clone(&self.config);
        let holdings = Holdings::new(Arc::clone(&self.names), items_among(self.peers, node).into());
        self.memory.put(node, |me, rng| match node {
            SERVER => CentralNode::server(me, config, rng),
            _ => CentralNode::peer(me, server, holdings, config, rng),
        });
    }

    /// Entries at the server: 0 if it is absent.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.memory.node(SERVER).map_or(0, CentralNode::entries)
    }

    /// Sends a query from a peer, waits for `patience`, and returns the query's events.
    ///
    /// # Panics
    ///
    /// If the peer cannot ask, or if there is any other event.
    pub fn ask(&mut self, node: u32, query: Query, patience: Duration) -> Vec<Event> {
        let token = self.memory.rng().next_u64();
        let begun = self.memory.with(node, |it, cx| it.ask(cx, query, token));
        assert!(begun == Some(true), "a member accepts a query");
        self.memory.run_for(patience);
        let events: Vec<_> = self.memory.events().collect();
        assert!(events.iter().all(|(who, event)| *who == node && token_of(event) == Some(token)));
        events.into_iter().map(|(_, event)| event).collect()
    }

    /// The best match among the items of the peers that `counts` accepts, with its holders.
    fn best(&self, query: &Query, counts: impl Fn(u32) -> bool) -> Option<(Text, Vec<Peer>)> {
        let name = (0..NAMES.len() as u32)
            .filter(|&item| holders_among(self.peers, item).any(&counts))
            .filter_map(|item| Some((query.score(NAMES[item as usize].as_bytes())?, item)))
            .max_by_key(|&(score, item)| (score, Reverse(text(NAMES[item as usize]))));
        let (_, item) = name?;
        let holders = holders_among(self.peers, item).filter(|&node| counts(node));
        Some((text(NAMES[item as usize]), holders.map(|node| self.memory.peer(node)).collect()))
    }

    /// Sends queries of every kind and compares the answers with the items of the peers that
    /// `counts` accepts.
    ///
    /// # Panics
    ///
    /// If an answer is wrong.
    pub fn assert_exact(&mut self, counts: impl Fn(u32) -> bool + Copy) {
        for how in Match::ALL {
            for piece in PIECES {
                self.assert_answer(query(how, piece), counts);
            }
        }
    }

    /// Checks that the index has all entries and no others, and sends some queries of every kind.
    ///
    /// # Panics
    ///
    /// If the index or an answer is wrong.
    pub fn assert_intact(&mut self) {
        assert_eq!(self.entries(), ALL_ENTRIES);
        let index = self.memory.node(SERVER).and_then(CentralNode::index).expect("it is there");
        for at in 0..index.slots() {
            let Some((hit, _)) = index.at(self.memory.now(), at) else { continue };
            let item = (0..NAMES.len() as u32).find(|&item| text(NAMES[item as usize]) == hit.name);
            let mut holders = item.into_iter().flat_map(|item| holders_among(self.peers, item));
            assert!(holders.any(|node| self.memory.peer(node) == hit.holder), "{hit:?}");
        }
        for (how, piece) in Match::ALL.into_iter().cycle().zip(PIECES) {
            self.assert_answer(query(how, piece), |_| true);
        }
    }

    fn assert_answer(&mut self, query: Query, counts: impl Fn(u32) -> bool + Copy) {
        let asker = (1..=self.peers).find(|&node| counts(node)).expect("a peer is present");
        let truth = self.best(&query, counts);
        let events = self.ask(asker, query, A_MOMENT);
        let Some(Event::Found(found)) = events.first() else { panic!("{events:?}") };
        assert!((found.hops, found.timeouts) == (1, 0), "{query:?}: {found:?}");
        assert!(found.best.is_some() == truth.is_some(), "{query:?}: {found:?}");
        assert!((found.hits > 0) == truth.is_some(), "{query:?}: {found:?}");
        let Some((name, holders)) = truth else { return };
        let best = found.best.expect("just checked");
        assert!(best.name == name && holders.contains(&best.holder), "{query:?}");
        let Some(Event::Fetched { holder, bytes, .. }) = events.get(1) else {
            panic!("{query:?}: {events:?}")
        };
        let mut its = items_among(self.peers, asker).into_iter();
        let had = its.any(|item| text(NAMES[item as usize]) == name);
        let from = if had { self.memory.peer(asker) } else { best.holder };
        assert!(*holder == from && *bytes == ITEM_BYTES, "{query:?}");
    }

    /// Plays a script of [`Forge`] datagrams to its end; see [`attack`].
    ///
    /// # Panics
    ///
    /// If a check fails.
    pub fn endure(&mut self, script: &[u8], recorded: &Recorded) {
        let nodes: Vec<Peer> = (0..=self.peers).map(|node| self.memory.peer(node)).collect();
        let stranger = Address::new([127, 0, 0, 2], 9, 0);
        let forge = Forge { ring: &nodes, stranger, genuine: &recorded.datagrams };
        let (mut script, mut datagram) = (Script::new(script), Vec::new());
        while !script.is_over() {
            let from = forge.datagram::<central::Central>(&mut script, &mut datagram);
            if !recorded.publishes_with_a_seen_cookie(&datagram) {
                self.memory.inject_bytes(from, nodes[0].address, &datagram);
            }
            self.memory.run_for(script.pause());
        }
        self.memory.run_for(A_MOMENT);
        assert_eq!(self.memory.events().count(), 0);
        assert!(self.memory.nodes().all(CentralNode::is_member));
        self.assert_intact();
    }
}

/// What an attacker has recorded of an index and its peers.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Datagrams, each with its sender's address.
    datagrams: Vec<(Address, Vec<u8>)>,
    /// All eight bytes in a row that occur in them.
    eights: HashSet<[u8; 8]>,
}

impl Recorded {
    /// Records all datagrams sent while peers send queries.
    pub fn of(central: &mut Central) -> Recorded {
        let datagrams = record(central, Duration::from_secs(2));
        central.memory.events().for_each(drop);
        let eights = datagrams.iter().flat_map(|(_, bytes)| bytes.array_windows()).copied();
        Recorded { eights: eights.collect(), datagrams }
    }

    /// Whether `datagram` publishes with a cookie of a recorded datagram. An attacker on the path can
    /// do so in the name of the cookie's owner, and the server must believe it: a cookie proves an
    /// address and says nothing about the message.
    fn publishes_with_a_seen_cookie(&self, datagram: &[u8]) -> bool {
        let Ok(mut messages) = Framed::<central::Central>::default().parse(datagram) else {
            return false;
        };
        messages.any(|(_, message)| match message {
            central::Message::Items(items::Message::Publish { cookie, .. }) => {
                cookie != Cookie::default() && self.eights.contains(&cookie.0.to_be_bytes())
            }
            _ => false,
        })
    }
}

/// Attacks an index with arbitrary datagrams, forged departures and replayed datagrams included, but
/// without publications in the name of a peer whose cookie was seen. Then checks that no entry was
/// added or lost, that no peer had an event without a query, and that queries are answered correctly.
///
/// # Panics
///
/// If a check fails.
pub fn attack(script: &[u8], seed: u64) {
    let mut central = Central::published(seed);
    let recorded = Recorded::of(&mut central);
    // The recorded datagrams must not reveal future random numbers.
    *central.memory.rng() = Rng::new(seed, 1);
    central.endure(script, &recorded);
    central.assert_exact(|_| true);
}

/// Records all datagrams sent while peers send queries, each with its sender's address.
fn record(central: &mut Central, duration: Duration) -> Vec<(Address, Vec<u8>)> {
    let end = central.memory.now() + duration;
    let mut sent = Vec::new();
    while central.memory.now() < end {
        let node = 1 + central.memory.rng().below(central.peers.into()) as u32;
        let item = central.memory.rng().below(NAMES.len() as u64) as usize;
        central.memory.with(node, |it, cx| it.ask(cx, query(Match::Words, NAMES[item]), 0));
        for _ in 0..100 {
            sent.extend(central.memory.in_flight().map(|it| (it.from, it.bytes.to_vec())));
            central.memory.run_for(DELAY);
        }
    }
    sent
}

/// The items that a node holds: none for the server.
#[must_use]
pub fn items_of(node: u32) -> Vec<u32> {
    items_among(PEERS, node)
}

/// The peers that hold an item.
pub fn holders_of(item: u32) -> impl Iterator<Item = u32> {
    holders_among(PEERS, item)
}

/// The items that one of so many peers holds.
fn items_among(peers: u32, node: u32) -> Vec<u32> {
    let is_holder = |&item: &u32| holders_among(peers, item).any(|holder| holder == node);
    (0..NAMES.len() as u32).filter(is_holder).collect()
}

/// Those of so many peers that hold an item.
fn holders_among(peers: u32, item: u32) -> impl Iterator<Item = u32> {
    (0..HOLDERS_OF_EACH as u32).map(move |copy| 1 + (item * 5 + copy * 3) % peers)
}

/// The caller's token of the query that an event belongs to.
#[must_use]
pub const fn token_of(event: &Event) -> Option<u64> {
    match event {
        Event::Found(Found { token, .. })
        | Event::NotFound { token, .. }
        | Event::Fetched { token, .. }
        | Event::FetchFailed { token } => Some(*token),
        _ => None,
    }
}
