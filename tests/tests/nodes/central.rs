//! The guarantees of a central index and its peers, in memory.
//!
//! **Invariant:** every answer is compared with the items that peers really hold.

use std::time::Duration;

use hopwise_kernel::central::{CentralCodec, CentralNode, Message};
use hopwise_kernel::codec::{BUNDLE_HEADER_BYTES, Body, Envelope, Framed, WireError};
use hopwise_kernel::directory::{self, Directory};
use hopwise_kernel::drive::Memory;
use hopwise_kernel::drive::memory::DELAY;
use hopwise_kernel::flood::{self, Flood};
use hopwise_kernel::items::protocol::INDEX_FULL;
use hopwise_kernel::items::{self, Event, Found, Hit, HitList, Hits, Match, Topic};
use hopwise_kernel::node::{Cookie, DropReason, MessageOf, RequestId};
use hopwise_kernel::ring::message::Purpose;
use hopwise_kernel::ring::{self, Ring};
use hopwise_kernel::{Address, Codec, Id, Peer, Rng};
use hopwise_tests::central::{
    A_MOMENT, ALL_ENTRIES, Central, DEADLINE, HOLDERS_OF_EACH, LIFETIME, NAMES, PEERS, REFRESH,
    SERVER, SPREAD, attack, config, holders_of, items_of, query, text,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// The attacker's own socket.
const STRANGER: Address = Address::new([127, 0, 0, 2], 9, 0);

#[test]
fn published_items_are_found_and_fetched() {
    let mut central = Central::published(1);
    assert_eq!(central.entries(), ALL_ENTRIES);
    central.assert_exact(|_| true);
    for node in 1..=PEERS {
        assert_eq!(central.memory.node(node).map(CentralNode::entries), Some(1));
    }
    assert!(central.memory.node(SERVER).is_some_and(CentralNode::is_server));
}

/// Renewed entries stay. The cost does not grow: one request and one reply per entry.
#[test]
fn everything_is_renewed_once_per_refresh() {
    const ROUNDS: u32 = 20;
    let mut central = Central::published(2);
    central.memory.run_for(REFRESH);
    let before = central.memory.sent("publish");
    central.memory.run_for(REFRESH * ROUNDS);
    let sent = central.memory.sent("publish") - before;
    assert_eq!(sent, 2 * u64::from(ROUNDS) * ALL_ENTRIES as u64);
    assert_eq!(central.entries(), ALL_ENTRIES);
    central.assert_exact(|_| true);
}

/// Peers send each other nothing but transfers.
#[test]
fn a_query_is_one_round_trip_and_a_transfer() {
    let mut central = Central::published(3);
    let asker = (1..=PEERS).find(|&node| !items_of(node).contains(&0)).expect("a non-holder");
    // The first query needs a cookie, and so does the first transfer from a holder.
    central.ask(asker, query(Match::Exact, "amber"), A_MOMENT);
    let count = |central: &Central| ["lookup", "transfer"].map(|it| central.memory.sent(it));
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
        let [Event::NotFound { timeouts, .. }] = events[..] else { panic!("{events:?}") };
        assert!(timeouts > 0, "requests to the server timed out");
    }
    let before = central.memory.sent("publish");
    central.memory.run_for(REFRESH * 10);
    let in_vain = central.memory.sent("publish") - before;
    assert!(in_vain >= 9 * ALL_ENTRIES as u64, "peers keep trying: {in_vain}");
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
fn entries_of_a_crashed_peer_expire() {
    let mut central = Central::published(5);
    let gone = 4;
    central.memory.remove(gone);
    assert!(!items_of(gone).is_empty());
    central.memory.run_for(LIFETIME + A_MOMENT);
    assert_eq!(central.entries(), ALL_ENTRIES - items_of(gone).len());
    central.assert_exact(|node| node != gone);
}

/// Until a crashed holder's entry expires, the peer tries another holder.
#[test]
fn a_silent_holder_is_skipped() {
    let mut central = Central::published(6);
    let item = 8;
    let mut holders: Vec<u32> = holders_of(item).collect();
    let last = holders.pop().expect("there are three");
    let asker = (1..=PEERS).find(|&node| !items_of(node).contains(&item)).expect("a non-holder");
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
fn a_departure_removes_its_entries() {
    let mut central = Central::published(7);
    let gone = 3;
    central.memory.with(gone, |it, cx| it.leave(cx));
    assert_eq!(central.memory.node(gone).map(CentralNode::is_member), Some(false));
    let begun = central.memory.with(gone, |it, cx| it.ask(cx, query(Match::Exact, "amber"), 1));
    assert_eq!(begun, Some(false), "a departed node accepts no query");
    central.memory.run_for(DEADLINE);
    assert_eq!(central.entries(), ALL_ENTRIES - items_of(gone).len());
    central.assert_exact(|node| node != gone);
    // It rejoins with the same items.
    central.memory.with(gone, |it, cx| it.join(cx));
    central.memory.run_for(SPREAD + A_MOMENT);
    assert_eq!(
        central.memory.events().map(|(_, event)| event).collect::<Vec<_>>(),
        [Event::Joined]
    );
    assert_eq!(central.entries(), ALL_ENTRIES);
    central.assert_exact(|_| true);
}

/// The server accepts a departure only if the peer no longer answers.
#[test]
fn forged_departures_remove_nothing() {
    let mut central = Central::published(8);
    let (server, victim) = (central.memory.peer(SERVER), central.memory.peer(3));
    let pretenders = [
        victim,
        Peer { address: STRANGER, ..victim },
        Peer { id: Id::from_bytes([7; 20]), ..victim },
    ];
    for from in pretenders {
        central.memory.inject(from, server, &Message::Leave);
        central.memory.run_for(DEADLINE);
        assert_eq!(central.entries(), ALL_ENTRIES);
    }
    assert_eq!(central.memory.dropped(DropReason::UnknownPeer), 2);
}

#[test]
fn a_join_ends_with_or_without_an_answer() {
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

/// A full index refuses new entries and still serves those it has.
#[test]
fn a_full_index_refuses_entries_and_still_answers() {
    let mut small = config();
    small.responder.limits.entries = 7;
    let mut central = Central::new(small, 10);
    central.memory.run_for(SPREAD * 4);
    assert_eq!(central.entries(), 7);
    assert!(central.memory.dropped(INDEX_FULL) > 0);
    let events = central.ask(1, query(Match::Substring, "e"), DEADLINE);
    assert!(matches!(events[..], [Event::Found(Found { hits: 7, .. }), _]), "{events:?}");
}

/// A peer that has not proved its address gets no entry, and no reply longer than its request.
#[test]
fn a_stranger_without_a_cookie_only_gets_a_cookie() {
    let mut central = Central::published(11);
    let (server, victim) = (central.memory.peer(SERVER), central.memory.peer(2));
    let (request, cookie) = (RequestId(9), Cookie(77));
    let how = Match::Substring;
    let find = items::Message::Find { request, cookie, query: query(how, "a") };
    let publish = items::Message::Publish { request, cookie, name: text("forged") };
    let fetch = items::Message::Fetch { request, cookie, name: text("amber") };
    let holder = central.memory.peer(holders_of(0).next().expect("there are three"));
    for (to, message) in [(server, find), (server, publish), (holder, fetch)] {
        let message = Message::Items(message);
        central.memory.inject(Peer { address: victim.address, id: Id::ZERO }, to, &message);
        central.memory.run_for(DELAY);
        let lengths: Vec<usize> = central.memory.in_flight().map(|it| it.bytes.len()).collect();
        let asked = BUNDLE_HEADER_BYTES + CentralCodec::default().length(&message);
        assert!(lengths.len() == 1 && lengths[0] <= asked, "{lengths:?}");
        central.memory.run_for(A_MOMENT);
    }
    assert_eq!(central.entries(), ALL_ENTRIES);
    let events = central.ask(1, query(Match::Exact, "forged"), A_MOMENT);
    assert!(matches!(events[..], [Event::Found(Found { best: None, hits: 0, .. })]), "{events:?}");
}

/// A server that always demands a new cookie does not keep a peer busy for ever.
#[test]
fn a_server_that_keeps_demanding_cookies_is_given_up() {
    let mut central = Central::published(12);
    central.memory.run_for(REFRESH);
    let (asker, server) = (1, central.memory.peer(SERVER));
    central.memory.remove(SERVER);
    let me = central.memory.peer(asker);
    central.memory.with(asker, |it, cx| it.ask(cx, query(Match::Exact, "zebra"), 1));
    let mut replies = 0;
    let end = central.memory.now() + DEADLINE * 2;
    while central.memory.now() < end {
        let asked: Vec<RequestId> = asked_of(&central.memory, server, me.id).collect();
        central.memory.run_for(DELAY);
        for request in asked {
            replies += 1;
            let (topic, cookie) = (Topic::Find, Cookie(replies));
            let reply = items::Message::CookieReply { request, topic, cookie };
            central.memory.inject(server, me, &Message::Items(reply));
        }
        central.memory.run_for(DELAY);
    }
    let events: Vec<_> = central.memory.events().map(|(_, event)| event).collect();
    assert!(matches!(events[..], [Event::NotFound { token: 1, .. }]), "{events:?}");
    assert!(replies > 2, "the server sent {replies} cookies");
}

#[test]
fn a_holder_that_keeps_demanding_cookies_is_skipped() {
    let mut central = Central::published(16);
    let item = 8;
    let asker = (1..=PEERS).find(|&node| !items_of(node).contains(&item)).expect("a non-holder");
    let me = central.memory.peer(asker);
    let holders: Vec<Peer> = holders_of(item).map(|node| central.memory.peer(node)).collect();
    holders_of(item).for_each(|node| central.memory.remove(node));
    let wanted = query(Match::Exact, NAMES[item as usize]);
    central.memory.with(asker, |it, cx| it.ask(cx, wanted, 1));
    let (mut replies, end) = (0, central.memory.now() + DEADLINE * 4);
    while central.memory.now() < end {
        let mut asked = Vec::new();
        for &holder in &holders {
            asked.extend(asked_of(&central.memory, holder, me.id).map(|request| (holder, request)));
        }
        central.memory.run_for(DELAY);
        for (holder, request) in asked {
            replies += 1;
            let (topic, cookie) = (Topic::Fetch, Cookie(replies));
            let reply = items::Message::CookieReply { request, topic, cookie };
            central.memory.inject(holder, me, &Message::Items(reply));
        }
        central.memory.run_for(DELAY);
    }
    let events: Vec<_> = central.memory.events().map(|(_, event)| event).collect();
    assert!(matches!(events[..], [Event::Found(_), Event::FetchFailed { token: 1 }]), "{events:?}");
    assert_eq!(replies, 2 * HOLDERS_OF_EACH as u64, "each holder gets one retry with its cookie");
}

/// The requests in flight from `from` to `to`.
fn asked_of(memory: &Memory<CentralNode>, to: Peer, from: Id) -> impl Iterator<Item = RequestId> {
    memory.in_flight().filter_map(move |datagram| {
        let (envelope, message) = CentralCodec::default().parse(datagram.bytes).ok()?.next()?;
        let is_it = envelope.from_id == from && envelope.to_slot == to.address.slot;
        match message {
            Message::Items(
                items::Message::Find { request, .. } | items::Message::Fetch { request, .. },
            ) if is_it => Some(request),
            _ => None,
        }
    })
}

/// The server drops and counts messages meant for peers, and peers those meant for the server.
#[test]
fn messages_for_others_are_dropped_and_counted() {
    let mut central = Central::published(13);
    let stranger = Peer { id: Id::ZERO, address: STRANGER };
    let (request, cookie, name) = (RequestId(3), Cookie(1), text("forged"));
    let for_peers = [
        items::Message::Published { request },
        items::Message::Found { request, hits: Hits::default() },
        items::Message::Fetch { request, cookie, name },
        items::Message::Item { request, payload: b"anything" },
        items::Message::CookieReply { request, topic: Topic::Find, cookie },
    ]
    .map(Message::Items);
    let for_the_server = [
        Message::Leave,
        Message::Items(items::Message::Publish { request, cookie, name }),
        Message::Items(items::Message::Find { request, cookie, query: query(Match::Exact, "a") }),
    ];
    let (server, peer) = (central.memory.peer(SERVER), central.memory.peer(1));
    for (to, messages) in [(server, &for_peers[..]), (peer, &for_the_server)] {
        for message in messages {
            central.memory.inject(stranger, to, message);
        }
        central.memory.inject(Peer { address: stranger.address, ..to }, to, &messages[0]);
    }
    central.memory.run_for(A_MOMENT);
    let count = for_peers.len() + for_the_server.len();
    assert_eq!(central.memory.dropped(DropReason::NotForThisKind), count as u64);
    assert_eq!(central.memory.dropped(DropReason::FromSelf), 2);
    assert_eq!(central.entries(), ALL_ENTRIES);
    assert_eq!(central.memory.events().count(), 0);
}

/// The server and the peers refuse and count messages of other systems.
#[test]
fn messages_of_other_systems_are_refused_and_counted() {
    let mut central = Central::published(17);
    let stranger = Peer { id: Id::ZERO, address: STRANGER };
    let request = RequestId(3);
    let hit = Hit { holder: stranger, name: text("forged") };
    let before = central.memory.counters().messages;
    for to in [central.memory.peer(SERVER), central.memory.peer(1)] {
        let envelope = Envelope::new(stranger, to);
        let cookie = Cookie(1);
        let others = [
            bytes_of::<Ring>(&envelope, ring::Message::Notify),
            bytes_of::<Ring>(&envelope, ring::Message::Introduce { peer: stranger }),
            bytes_of::<Ring>(
                &envelope,
                ring::Message::Neighbors { request, cookie, purpose: Purpose::Join },
            ),
            bytes_of::<Ring>(
                &envelope,
                ring::Message::Deliver { request, key: Id::ZERO, payload: b"mail" },
            ),
            bytes_of::<Directory<Ring>>(
                &envelope,
                directory::MessageWith::Copy { hit, word: None, copies: 3, lifetime_ms: 1_000 },
            ),
            bytes_of::<Flood>(
                &envelope,
                flood::Message::SearchHit { search: request, hit, hops: 1 },
            ),
            bytes_of::<Flood>(&envelope, flood::Message::Connect { request }),
            bytes_of::<Flood>(&envelope, flood::Message::Seek { origin: stranger, ttl: 3 }),
        ];
        let refused = |central: &Central| -> u64 {
            WireError::ALL.iter().map(|&reason| central.memory.refused(reason)).sum()
        };
        let refused_before = refused(&central);
        for bytes in &others {
            central.memory.inject_bytes(STRANGER, to.address, bytes);
        }
        central.memory.run_for(DELAY);
        assert_eq!(refused(&central) - refused_before, others.len() as u64);
    }
    // One of them has the kind of a departure, but another length.
    assert_eq!(central.memory.refused(WireError::BadLength), 2);
    assert_eq!(central.memory.counters().messages, before);
    assert_eq!(central.entries(), ALL_ENTRIES);
    assert_eq!(central.memory.events().count(), 0);
}

/// A datagram with this one message of any system.
fn bytes_of<P: Body>(envelope: &Envelope, message: MessageOf<'_, P>) -> Vec<u8> {
    let (codec, mut bytes) = (Framed::<P>::default(), vec![0; 1024]);
    let length = codec.write_datagram(envelope, &message, &mut bytes).expect("it is valid");
    bytes.truncate(length);
    bytes
}

/// The server lists only holders that do not exist. This is the worst that it can do.
#[test]
fn a_lying_server_costs_a_bounded_number_of_messages() {
    let mut central = Central::published(14);
    let (asker, server) = (1, central.memory.peer(SERVER));
    let me = central.memory.peer(asker);
    central.memory.with(asker, |it, cx| it.ask(cx, query(Match::Prefix, "nowhere"), 5));
    let asked: Vec<RequestId> = asked_of(&central.memory, server, me.id).collect();
    let mut lies = HitList::default();
    let holder = Peer { id: Id::ZERO, address: STRANGER };
    while lies.push(&Hit { holder, name: text("nowhere") }) {}
    let before = central.memory.sent("transfer");
    for &request in asked.iter().cycle().take(3) {
        let found = items::Message::Found { request, hits: lies.hits() };
        central.memory.inject(server, me, &Message::Items(found));
    }
    central.memory.run_for(DEADLINE * 10);
    let sent = central.memory.sent("transfer") - before;
    assert!((1..=6).contains(&sent), "three holders, twice each: {sent}");
    let events: Vec<_> = central.memory.events().map(|(_, event)| event).collect();
    assert!(matches!(events[..], [Event::Found(_), Event::FetchFailed { token: 5 }]), "{events:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn hostile_messages_change_nothing(script in vec(any::<u8>(), 0..4096), seed in 0..1000_u64) {
        attack(&script, seed);
    }
}

#[test]
fn a_long_attack_changes_nothing() {
    let mut script = vec![0; 1 << 20];
    Rng::new(15, 0).fill(&mut script);
    attack(&script, 15);
}
