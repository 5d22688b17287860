//! A central index and its peers in memory, and who really holds what.
//!
//! **Invariant:** everything follows from the seed.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use hopwise_kernel::central::{self, CentralConfig, CentralNode};
use hopwise_kernel::drive::Memory;
use hopwise_kernel::drive::memory::DELAY;
use hopwise_kernel::items::{
    Event, Found, Holdings, IndexLimits, Match, Names, PublishingConfig, Query, ResponderConfig,
    Text, TransferConfig,
};
use hopwise_kernel::node::TimeoutPolicy;
use hopwise_kernel::{Address, Peer, Rng};

use crate::forge::{Forge, Script};

/// The server's place; peers have those after it.
pub const SERVER: u32 = 0;
/// How many peers there are.
pub const PEERS: u32 = 12;
/// Peers that hold each item.
pub const HOLDERS_OF_EACH: usize = 3;
/// Size of each item.
pub const ITEM_BYTES: u16 = 600;
/// How long it takes peers to publish all they have.
pub const SPREAD: Duration = Duration::from_secs(5);
/// How long it takes them to do so again.
pub const REFRESH: Duration = Duration::from_secs(20);
/// What is not renewed lapses so much later.
pub const LIFETIME: Duration = Duration::from_secs(70);
/// Queries without an answer by then fail.
pub const DEADLINE: Duration = Duration::from_secs(2);
/// Longer than any message and its reply take.
pub const A_MOMENT: Duration = Duration::from_millis(20);
/// The items.
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

/// Entries of an index that knows everything.
pub const ALL_ENTRIES: usize = NAMES.len() * HOLDERS_OF_EACH;

/// A text.
///
/// # Panics
///
/// If it is none.
#[must_use]
pub fn text(from: &str) -> Text {
    Text::new(from.as_bytes()).expect("tests name things briefly")
}

/// A query.
#[must_use]
pub fn query(how: Match, from: &str) -> Query {
    Query { how, text: text(from) }
}

/// How the index works unless a test says otherwise.
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

/// A server and its peers, and who holds what.
#[derive(Debug)]
pub struct Central {
    /// The world they are in; each has its own place.
    pub memory: Memory<CentralNode>,
    config: Arc<CentralConfig>,
    names: Arc<Names>,
}

impl Central {
    /// All there, nothing published yet.
    #[must_use]
    pub fn new(config: CentralConfig, seed: u64) -> Central {
        let names = Arc::new(Names::new(NAMES.map(text)));
        let memory = Memory::new(1 + PEERS as usize, seed);
        let mut central = Central { memory, config: Arc::new(config), names };
        for node in 0..=PEERS {
            central.put(node);
            central.memory.with(node, |it, cx| it.start_linked(cx));
        }
        central
    }

    /// All there, everything published.
    #[must_use]
    pub fn published(seed: u64) -> Central {
        let mut central = Central::new(config(), seed);
        central.memory.run_for(SPREAD + A_MOMENT);
        central
    }

    /// Puts the server or a peer into its place, not yet a member.
    pub fn put(&mut self, node: u32) {
        let server = self.memory.peer(SERVER);
        let config = Arc::clone(&self.config);
        let holdings = Holdings::new(Arc::clone(&self.names), items_of(node).into());
        self.memory.put(node, |me, rng| match node {
            SERVER => CentralNode::server(me, config, rng),
            _ => CentralNode::peer(me, server, holdings, config, rng),
        });
    }

    /// Entries at the server; none if it is not there.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.memory.node(SERVER).map_or(0, CentralNode::entries)
    }

    /// Asks from a peer, and says what it was told until so much time has passed.
    ///
    /// # Panics
    ///
    /// If it cannot ask, or anything else is told.
    pub fn ask(&mut self, node: u32, query: Query, patience: Duration) -> Vec<Event> {
        let token = self.memory.rng().next_u64();
        let begun = self.memory.with(node, |it, cx| it.ask(cx, query, token));
        assert!(begun == Some(true), "a member asks what it is told to");
        self.memory.run_for(patience);
        let events: Vec<_> = self.memory.events().collect();
        assert!(events.iter().all(|(who, event)| *who == node && token_of(event) == Some(token)));
        events.into_iter().map(|(_, event)| event).collect()
    }

    /// Who holds what fits best, of the peers that `counts`.
    fn best(&self, query: &Query, counts: impl Fn(u32) -> bool) -> Option<(Text, Vec<Peer>)> {
        let name = (0..NAMES.len() as u32)
            .filter(|&item| holders_of(item).any(&counts))
            .filter_map(|item| Some((query.score(NAMES[item as usize].as_bytes())?, item)))
            .max_by_key(|&(score, item)| (score, Reverse(text(NAMES[item as usize]))));
        let (_, item) = name?;
        let holders = holders_of(item).filter(|&node| counts(node));
        Some((text(NAMES[item as usize]), holders.map(|node| self.memory.peer(node)).collect()))
    }

    /// Asks for everything in every way, and compares with what the peers that `counts` hold.
    ///
    /// # Panics
    ///
    /// If an answer is not just that.
    pub fn assert_exact(&mut self, counts: impl Fn(u32) -> bool + Copy) {
        let pieces = ["amber", "river", "stone", "ri", "r", "zebra c", "river stone", "no such"];
        let asker = (1..=PEERS).find(|&node| counts(node)).expect("somebody is there");
        for how in Match::ALL {
            for query in pieces.map(|piece| query(how, piece)) {
                let truth = self.best(&query, counts);
                let events = self.ask(asker, query, A_MOMENT);
                let Some(Event::Found(found)) = events.first() else { panic!("{events:?}") };
                assert!((found.hops, found.timeouts) == (1, 0), "{query:?}: {found:?}");
                assert!(found.best.is_some() == truth.is_some(), "{query:?}: {found:?}");
                assert!((found.hits > 0) == truth.is_some(), "{query:?}: {found:?}");
                let Some((name, holders)) = truth else { continue };
                let best = found.best.expect("just checked");
                assert!(best.name == name && holders.contains(&best.holder), "{query:?}");
                let Some(Event::Fetched { holder, bytes, .. }) = events.get(1) else {
                    panic!("{query:?}: {events:?}")
                };
                let had = items_of(asker).iter().any(|&item| text(NAMES[item as usize]) == name);
                let from = if had { self.memory.peer(asker) } else { best.holder };
                assert!(*holder == from && *bytes == ITEM_BYTES, "{query:?}");
            }
        }
    }
}

/// Under attack by anything that a network can bring, forged departures and genuine datagrams again
/// included, no entry comes or goes, nobody is told anything it has not asked, and what it asks is
/// answered right.
///
/// # Panics
///
/// If not.
pub fn attack(script: &[u8], seed: u64) {
    let mut central = Central::published(seed);
    let genuine = record(&mut central, Duration::from_secs(2));
    central.memory.events().for_each(drop);
    // What the attacker has seen must not tell it what will be drawn.
    *central.memory.rng() = Rng::new(seed, 1);
    let nodes: Vec<Peer> = (0..=PEERS).map(|node| central.memory.peer(node)).collect();
    let stranger = Address::new([127, 0, 0, 2], 9, 0);
    let forge = Forge { ring: &nodes, stranger, genuine: &genuine };
    let (mut script, mut datagram) = (Script::new(script), Vec::new());
    while !script.is_over() {
        let from = forge.datagram::<central::Central>(&mut script, &mut datagram);
        central.memory.inject_bytes(from, nodes[0].address, &datagram);
        central.memory.run_for(DELAY * script.below(20) as u32);
    }
    central.memory.run_for(A_MOMENT);
    assert_eq!(central.memory.events().count(), 0);
    assert_eq!(central.entries(), ALL_ENTRIES);
    assert!((0..=PEERS).all(|node| central.memory.node(node).is_some_and(CentralNode::is_member)));
    central.assert_exact(|_| true);
}

/// All that is sent while peers ask, with who sends it.
fn record(central: &mut Central, duration: Duration) -> Vec<(Address, Vec<u8>)> {
    let end = central.memory.now() + duration;
    let mut sent = Vec::new();
    while central.memory.now() < end {
        let node = 1 + central.memory.rng().below(PEERS.into()) as u32;
        let item = central.memory.rng().below(NAMES.len() as u64) as usize;
        central.memory.with(node, |it, cx| it.ask(cx, query(Match::Words, NAMES[item]), 0));
        for _ in 0..100 {
            sent.extend(central.memory.in_flight().map(|it| (it.from, it.bytes.to_vec())));
            central.memory.run_for(DELAY);
        }
    }
    sent
}

/// What each peer holds: the items go round.
#[must_use]
pub fn items_of(node: u32) -> Vec<u32> {
    if node == SERVER {
        return Vec::new();
    }
    (0..NAMES.len() as u32).filter(|&item| holders_of(item).any(|holder| holder == node)).collect()
}

/// Who holds an item.
pub fn holders_of(item: u32) -> impl Iterator<Item = u32> {
    (0..HOLDERS_OF_EACH as u32).map(move |copy| 1 + (item * 5 + copy * 3) % PEERS)
}

/// The caller's name for the query that an event is about.
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
