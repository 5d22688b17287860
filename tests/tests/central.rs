//! A central index and its peers: what they promise, in memory.
//!
//! **Invariant:** every answer is compared with who really holds what.

use std::sync::Arc;
use std::time::Duration;

use hopwise_kernel::central::{CentralConfig, CentralNode};
use hopwise_kernel::context::{Drop, Found};
use hopwise_kernel::items::{
    Hit, HitList, IndexLimits, Match, Names, PublishingConfig, Query, RegistrarConfig,
    SharingConfig, Shelf, Text,
};
use hopwise_kernel::message::{Class, Cookie, Peers, Purpose};
use hopwise_kernel::rpc::TimeoutPolicy;
use hopwise_kernel::{Address, Event, Id, Message, Node, Peer, RequestId, Rng};
use hopwise_tests::Memory;
use hopwise_tests::forge::{Forge, Script};
use hopwise_tests::memory::DELAY;
use proptest::collection::vec;
use proptest::prelude::*;

/// The server's place; peers have those after it.
const SERVER: u32 = 0;
const PEERS: u32 = 12;
const HOLDERS_OF_EACH: usize = 3;
const ITEM_BYTES: u16 = 600;
const SPREAD: Duration = Duration::from_secs(5);
const REFRESH: Duration = Duration::from_secs(20);
const LIFETIME: Duration = Duration::from_secs(70);
const DEADLINE: Duration = Duration::from_secs(2);
/// Longer than any message and its reply take.
const A_MOMENT: Duration = Duration::from_millis(20);
const NAMES: [&str; 10] = [
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

fn text(from: &str) -> Text {
    Text::new(from.as_bytes()).expect("tests name things briefly")
}

fn query(how: Match, from: &str) -> Query {
    Query { how, text: text(from) }
}

fn config() -> CentralConfig {
    CentralConfig {
        sharing: Arc::new(SharingConfig {
            item_bytes: ITEM_BYTES,
            fetch: true,
            timeout: TimeoutPolicy::Adaptive,
        }),
        registrar: RegistrarConfig {
            limits: IndexLimits { names: 100, entries: 1000, entries_per_name: 50 },
            lifetime: LIFETIME,
        },
        publishing: PublishingConfig { spread: SPREAD, refresh: REFRESH },
        deadline: DEADLINE,
    }
}

/// A server and its peers, and who holds what.
struct Central {
    memory: Memory<CentralNode>,
    config: Arc<CentralConfig>,
    names: Arc<Names>,
}

impl Central {
    /// All there, nothing published yet.
    fn new(config: CentralConfig, seed: u64) -> Central {
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
    fn published(seed: u64) -> Central {
        let mut central = Central::new(config(), seed);
        central.memory.run_for(SPREAD + A_MOMENT);
        central
    }

    /// Puts the server or a peer into its place, not yet a member.
    fn put(&mut self, node: u32) {
        let server = self.memory.peer(SERVER);
        let config = Arc::clone(&self.config);
        let shelf = Shelf::new(Arc::clone(&self.names), shelf_of(node).into());
        self.memory.put(node, |me, rng| match node {
            SERVER => CentralNode::server(me, config, rng),
            _ => CentralNode::peer(me, server, shelf, config, rng),
        });
    }

    fn entries(&self) -> usize {
        self.memory.node(SERVER).map_or(0, CentralNode::entries)
    }

    /// Asks from a peer, and says what it was told until the moment has passed.
    fn ask(&mut self, node: u32, query: Query, patience: Duration) -> Vec<Event<'static>> {
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
            .max_by_key(|&(score, item)| (score, std::cmp::Reverse(text(NAMES[item as usize]))));
        let (_, item) = name?;
        let holders = holders_of(item).filter(|&node| counts(node));
        Some((text(NAMES[item as usize]), holders.map(|node| self.memory.peer(node)).collect()))
    }

    /// Asks for everything in every way, and compares with the truth.
    fn assert_exact(&mut self, counts: impl Fn(u32) -> bool + Copy) {
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
                let had = shelf_of(asker).iter().any(|&item| text(NAMES[item as usize]) == name);
                let from = if had { self.memory.peer(asker) } else { best.holder };
                assert!(*holder == from && *bytes == ITEM_BYTES, "{query:?}");
            }
        }
    }
}

/// What each peer holds: the items go round.
fn shelf_of(node: u32) -> Vec<u32> {
    if node == SERVER {
        return Vec::new();
    }
    (0..NAMES.len() as u32).filter(|&item| holders_of(item).any(|holder| holder == node)).collect()
}

fn holders_of(item: u32) -> impl Iterator<Item = u32> {
    (0..HOLDERS_OF_EACH as u32).map(move |copy| 1 + (item * 5 + copy * 3) % PEERS)
}

fn token_of(event: &Event<'_>) -> Option<u64> {
    match event {
        Event::Found(Found { token, .. })
        | Event::LookupFailed { token, .. }
        | Event::Fetched { token, .. }
        | Event::FetchFailed { token } => Some(*token),
        _ => None,
    }
}

const ALL_ENTRIES: usize = NAMES.len() * HOLDERS_OF_EACH;

#[test]
fn what_is_published_is_found_and_fetched() {
    let mut central = Central::published(1);
    assert_eq!(central.entries(), ALL_ENTRIES);
    central.assert_exact(|_| true);
    for node in 1..=PEERS {
        assert_eq!(central.memory.node(node).map(CentralNode::entries), Some(1));
    }
    assert!(!central.memory.node(SERVER).is_none_or(|server| !server.is_server()));
}

/// What is renewed stays, and what it costs does not grow: one question and one answer an item.
#[test]
fn everything_is_renewed_once_per_refresh() {
    const ROUNDS: u32 = 20;
    let mut central = Central::published(2);
    central.memory.run_for(REFRESH);
    let before = central.memory.sent(Class::Publish);
    central.memory.run_for(REFRESH * ROUNDS);
    let sent = central.memory.sent(Class::Publish) - before;
    assert_eq!(sent, 2 * u64::from(ROUNDS) * ALL_ENTRIES as u64);
    assert_eq!(central.entries(), ALL_ENTRIES);
    central.assert_exact(|_| true);
}

/// No peer ever says anything to another but to fetch.
#[test]
fn a_query_is_one_round_trip_and_a_transfer() {
    let mut central = Central::published(3);
    let asker = (1..=PEERS).find(|&node| !shelf_of(node).contains(&0)).expect("some do not");
    // The first question needs a cookie, and so does the first transfer from a holder.
    central.ask(asker, query(Match::Exact, "amber"), A_MOMENT);
    let count =
        |central: &Central| [Class::Lookup, Class::Transfer].map(|it| central.memory.sent(it));
    let before = count(&central);
    central.ask(asker, query(Match::Exact, "amber"), A_MOMENT);
    let after = count(&central);
    assert_eq!(after[0] - before[0], 2);
    assert_eq!(after[1] - before[1], 4);
}

#[test]
fn a_crashed_server_stops_everything_and_one_that_returns_empty_is_filled_again() {
    let mut central = Central::published(4);
    central.memory.remove(SERVER);
    for node in 1..=PEERS {
        let events = central.ask(node, query(Match::Prefix, "amber"), DEADLINE + A_MOMENT);
        let [Event::LookupFailed { timeouts, .. }] = events[..] else { panic!("{events:?}") };
        assert!(timeouts > 0, "the server was asked in vain");
    }
    let before = central.memory.sent(Class::Publish);
    central.memory.run_for(REFRESH * 10);
    let in_vain = central.memory.sent(Class::Publish) - before;
    assert!(in_vain >= 9 * ALL_ENTRIES as u64, "they go on trying: {in_vain}");
    assert!(in_vain <= 14 * ALL_ENTRIES as u64, "but no more often: {in_vain}");

    central.put(SERVER);
    central.memory.with(SERVER, |it, cx| it.join(cx));
    assert_eq!(
        central.memory.events().map(|(_, event)| event).collect::<Vec<_>>(),
        [Event::Joined]
    );
    assert_eq!(central.entries(), 0);
    central.memory.run_for(REFRESH + A_MOMENT);
    assert_eq!(central.entries(), ALL_ENTRIES);
    central.assert_exact(|_| true);
}

#[test]
fn what_a_crashed_peer_held_lapses() {
    let mut central = Central::published(5);
    let gone = 4;
    central.memory.remove(gone);
    assert!(!shelf_of(gone).is_empty());
    central.memory.run_for(LIFETIME + A_MOMENT);
    assert_eq!(central.entries(), ALL_ENTRIES - shelf_of(gone).len());
    central.assert_exact(|node| node != gone);
}

/// Before it lapses, another holder is tried.
#[test]
fn who_does_not_answer_is_passed_over() {
    let mut central = Central::published(6);
    let item = 8;
    let mut holders: Vec<u32> = holders_of(item).collect();
    let last = holders.pop().expect("there are three");
    let asker = (1..=PEERS).find(|&node| !shelf_of(node).contains(&item)).expect("some do not");
    holders.iter().for_each(|&node| central.memory.remove(node));
    let events = central.ask(asker, query(Match::Exact, NAMES[item as usize]), DEADLINE * 2);
    let [Event::Found(found), Event::Fetched { holder, .. }] = events[..] else {
        panic!("{events:?}")
    };
    assert!(usize::from(found.hits) == HOLDERS_OF_EACH && holder == central.memory.peer(last));
    central.memory.remove(last);
    let events = central.ask(asker, query(Match::Exact, NAMES[item as usize]), DEADLINE * 8);
    assert!(matches!(events[..], [Event::Found(_), Event::FetchFailed { .. }]), "{events:?}");
}

#[test]
fn who_leaves_takes_its_entries_along() {
    let mut central = Central::published(7);
    let gone = 3;
    central.memory.with(gone, |it, cx| it.leave(cx));
    assert_eq!(central.memory.node(gone).map(CentralNode::is_member), Some(false));
    let begun = central.memory.with(gone, |it, cx| it.ask(cx, query(Match::Exact, "amber"), 1));
    assert_eq!(begun, Some(false), "who has left asks nothing");
    central.memory.run_for(DEADLINE);
    assert_eq!(central.entries(), ALL_ENTRIES - shelf_of(gone).len());
    central.assert_exact(|node| node != gone);
    // It comes back as it was.
    central.memory.with(gone, |it, cx| it.join(cx));
    central.memory.run_for(SPREAD + A_MOMENT);
    assert_eq!(
        central.memory.events().map(|(_, event)| event).collect::<Vec<_>>(),
        [Event::Joined]
    );
    assert_eq!(central.entries(), ALL_ENTRIES);
    central.assert_exact(|_| true);
}

/// A departure is believed of who is silent, and of nobody else.
#[test]
fn forged_departures_remove_nothing() {
    let mut central = Central::published(8);
    let (server, victim) = (central.memory.peer(SERVER), central.memory.peer(3));
    let leave = Message::Leave { predecessor: None, successors: Peers::NONE };
    let stranger = Address::new([127, 0, 0, 2], 9, 0);
    let pretenders = [
        victim,
        Peer { address: stranger, ..victim },
        Peer { id: Id::from_bytes([7; 20]), ..victim },
    ];
    for from in pretenders {
        central.memory.inject(from, server, &leave);
        central.memory.run_for(DEADLINE);
        assert_eq!(central.entries(), ALL_ENTRIES);
    }
    assert_eq!(central.memory.dropped(Drop::UnknownPeer), 2);
}

#[test]
fn a_join_ends_with_the_servers_answer_or_without() {
    let mut central = Central::published(9);
    let node = 5;
    central.put(node);
    let before = central.memory.node(node).map(CentralNode::is_member);
    central.memory.with(node, |it, cx| it.join(cx));
    central.memory.run_for(A_MOMENT);
    assert_eq!(before, Some(false));
    assert_eq!(central.memory.node(node).map(CentralNode::is_member), Some(true));
    assert_eq!(
        central.memory.events().map(|(_, event)| event).collect::<Vec<_>>(),
        [Event::Joined]
    );

    central.memory.remove(SERVER);
    central.put(node);
    central.memory.with(node, |it, cx| it.join(cx));
    central.memory.run_for(Duration::from_secs(60));
    assert_eq!(central.memory.node(node).map(CentralNode::is_member), Some(false));
    let events: Vec<_> = central.memory.events().collect();
    assert_eq!(events, [(node, Event::JoinFailed)]);
}

/// The index refuses what there is no room for, and serves what it has.
#[test]
fn a_full_index_refuses_and_serves_on() {
    let mut small = config();
    small.registrar.limits.entries = 7;
    let mut central = Central::new(small, 10);
    central.memory.run_for(SPREAD * 4);
    assert_eq!(central.entries(), 7);
    assert!(central.memory.dropped(Drop::IndexFull) > 0);
    let events = central.ask(1, query(Match::Substring, "e"), DEADLINE);
    assert!(matches!(events[..], [Event::Found(Found { hits: 7, .. }), _]), "{events:?}");
}

/// Nobody is entered, and nobody is answered at length, who has not shown that it receives.
#[test]
fn a_stranger_without_a_cookie_gets_nothing_but_one() {
    let mut central = Central::published(11);
    let (server, victim) = (central.memory.peer(SERVER), central.memory.peer(2));
    let (request, cookie) = (RequestId(9), Cookie(77));
    let how = Match::Substring;
    let find = Message::Find { request, cookie, query: query(how, "a") };
    let publish = Message::Publish { request, cookie, name: text("forged") };
    let fetch = Message::Fetch { request, cookie, name: text("amber") };
    let holder = central.memory.peer(holders_of(0).next().expect("there are three"));
    for (to, message) in [(server, find), (server, publish), (holder, fetch)] {
        central.memory.inject(Peer { address: victim.address, id: Id::ZERO }, to, &message);
        central.memory.run_for(DELAY);
        let lengths: Vec<usize> = central.memory.in_flight().map(|(_, it)| it.len()).collect();
        let asked = hopwise_kernel::wire::frame_bytes(&message);
        assert!(lengths.len() == 1 && lengths[0] <= 2 + asked, "{lengths:?}");
        central.memory.run_for(A_MOMENT);
    }
    assert_eq!(central.entries(), ALL_ENTRIES);
    let events = central.ask(1, query(Match::Exact, "forged"), A_MOMENT);
    assert!(matches!(events[..], [Event::Found(Found { best: None, hits: 0, .. })]), "{events:?}");
}

/// A server, or a holder, that wants ever new cookies does not keep anybody busy for ever.
#[test]
fn who_never_has_enough_cookies_is_left_alone() {
    let mut central = Central::published(12);
    central.memory.run_for(REFRESH);
    let (asker, server) = (1, central.memory.peer(SERVER));
    central.memory.remove(SERVER);
    let me = central.memory.peer(asker);
    central.memory.with(asker, |it, cx| it.ask(cx, query(Match::Exact, "zebra"), 1));
    let mut replies = 0;
    let end = central.memory.now() + DEADLINE * 2;
    while central.memory.now() < end {
        let purpose = Purpose::User;
        let asked: Vec<RequestId> = asked_of(&central.memory, server, me.id).collect();
        central.memory.run_for(DELAY);
        for request in asked {
            replies += 1;
            let cookie = Cookie(replies);
            let reply = Message::CookieReply { request, purpose, cookie };
            central.memory.inject(server, me, &reply);
        }
        central.memory.run_for(DELAY);
    }
    let events: Vec<_> = central.memory.events().map(|(_, event)| event).collect();
    assert!(matches!(events[..], [Event::LookupFailed { token: 1, .. }]), "{events:?}");
    assert!(replies > 2, "the server had its say");
}

/// The questions on their way from `from` to `to`.
fn asked_of(memory: &Memory<CentralNode>, to: Peer, from: Id) -> impl Iterator<Item = RequestId> {
    memory.in_flight().filter_map(move |(_, bytes)| {
        let bundle = hopwise_kernel::wire::Bundle::parse(bytes).ok()?;
        let frame = bundle.frames().next()?;
        let is_it = frame.from_id == from && frame.to_slot == to.address.slot;
        match frame.message {
            Message::Find { request, .. } if is_it => Some(request),
            _ => None,
        }
    })
}

/// Messages that only other kinds of nodes have use for are counted, by server and peers.
#[test]
fn messages_of_other_systems_are_dropped_and_counted() {
    let mut central = Central::published(13);
    let stranger = Peer { id: Id::ZERO, address: Address::new([127, 0, 0, 2], 9, 0) };
    let request = RequestId(3);
    let hit = Hit { holder: stranger, name: text("forged") };
    let others = [
        Message::Notify,
        Message::Introduce { peer: stranger },
        Message::Neighbors { request, cookie: Cookie(1), purpose: Purpose::Join },
        Message::Deliver { request, key: Id::ZERO, payload: b"mail" },
        Message::Copy { hit, copies: 3 },
        Message::SearchHit { search: request, hit, hops: 1 },
        Message::Connect { request },
        Message::Meet { origin: stranger, ttl: 3 },
    ];
    for to in [central.memory.peer(SERVER), central.memory.peer(1)] {
        for message in &others {
            central.memory.inject(stranger, to, message);
        }
        central.memory.inject(Peer { address: stranger.address, ..to }, to, &Message::Notify);
    }
    central.memory.run_for(A_MOMENT);
    assert_eq!(central.memory.dropped(Drop::NotForThisKind), 2 * others.len() as u64);
    assert_eq!(central.memory.dropped(Drop::FromSelf), 2);
    assert_eq!(central.entries(), ALL_ENTRIES);
    assert_eq!(central.memory.events().count(), 0);
}

/// Lists of holders that lead nowhere are told by the server itself: the worst that it can do.
#[test]
fn a_lying_server_costs_a_bounded_number_of_messages() {
    let mut central = Central::published(14);
    let (asker, server) = (1, central.memory.peer(SERVER));
    let me = central.memory.peer(asker);
    central.memory.with(asker, |it, cx| it.ask(cx, query(Match::Prefix, "nowhere"), 5));
    let asked: Vec<RequestId> = asked_of(&central.memory, server, me.id).collect();
    let mut lies = HitList::default();
    let holder = Peer { id: Id::ZERO, address: Address::new([127, 0, 0, 2], 9, 0) };
    while lies.push(&Hit { holder, name: text("nowhere") }) {}
    let before = central.memory.sent(Class::Transfer);
    for &request in asked.iter().cycle().take(3) {
        central.memory.inject(server, me, &Message::Found { request, hits: lies.hits() });
    }
    central.memory.run_for(DEADLINE * 10);
    let sent = central.memory.sent(Class::Transfer) - before;
    assert!((1..=6).contains(&sent), "three holders, twice each: {sent}");
    let events: Vec<_> = central.memory.events().map(|(_, event)| event).collect();
    assert!(matches!(events[..], [Event::Found(_), Event::FetchFailed { token: 5 }]), "{events:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Under attack by anything that a network can bring, forged departures and genuine datagrams
    /// again included, no entry comes or goes, nobody is told anything it has not asked, and what it
    /// asks is answered right.
    #[test]
    fn hostile_messages_change_nothing(script in vec(any::<u8>(), 0..4096), seed in 0..1000_u64) {
        let mut central = Central::published(seed);
        let genuine: Vec<(Address, Vec<u8>)> = record(&mut central, Duration::from_secs(2));
        central.memory.events().for_each(std::mem::drop);
        // What the attacker has seen must not tell it what will be drawn.
        *central.memory.rng() = Rng::new(seed, 1);
        let nodes: Vec<Peer> = (0..=PEERS).map(|node| central.memory.peer(node)).collect();
        let stranger = Address::new([127, 0, 0, 2], 9, 0);
        let forge = Forge { ring: &nodes, stranger, genuine: &genuine };
        let (mut script, mut datagram) = (Script::new(&script), Vec::new());
        while !script.is_over() {
            let from = forge.datagram(&mut script, &mut datagram);
            central.memory.inject_bytes(from, &datagram);
            central.memory.run_for(DELAY * script.below(20) as u32);
        }
        central.memory.run_for(A_MOMENT);
        prop_assert_eq!(central.memory.events().count(), 0);
        prop_assert_eq!(central.entries(), ALL_ENTRIES);
        for node in 0..=PEERS {
            let node = central.memory.node(node).expect("no node is taken away");
            prop_assert!(node.is_member(), "{:?}", Node::peer(node));
        }
        central.assert_exact(|_| true);
    }
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
            sent.extend(central.memory.in_flight().map(|(from, bytes)| (from, bytes.to_vec())));
            central.memory.run_for(DELAY);
        }
    }
    sent
}
