//! Carried protocols: the inner part's actions reach the world as the outer protocol's.
//!
//! **Invariant:** the inner part is called only through [`Context::carry`].

use std::time::Duration;

use hopwise_kernel::central::{self, Central};
use hopwise_kernel::directory::{self, ANSWER_CUT, Directory, WORD_FULL};
use hopwise_kernel::flood::{self, Flood};
use hopwise_kernel::items::request::{Kind, Publication};
use hopwise_kernel::items::{self, Items, Match, Query, Text};
use hopwise_kernel::node::{
    Carries, Context, Cookie, DropReason, EventOf, MessageOf, Protocol, RequestHandle, RequestId,
    RequestTables, World,
};
use hopwise_kernel::ring::message::{Purpose, Stage};
use hopwise_kernel::ring::{self, Ring};
use hopwise_kernel::{Id, Peer, Rng, Time};

const CAPACITY: usize = 7;
const NODE: u32 = 3;
const WAIT: Duration = Duration::from_secs(1);
const KIND: Kind = Kind::Publish(Publication { index: 0, word: None, cookie: Cookie(0) });

/// A world that records all calls.
struct Record<P: Protocol> {
    sent: Vec<String>,
    armed: Vec<(RequestHandle, Time)>,
    disarmed: Vec<RequestHandle>,
    nodes_armed: Vec<(u32, Time)>,
    reports: Vec<(u32, EventOf<P>, Vec<u8>)>,
    dropped: Vec<DropReason>,
}

impl<P: Protocol> Default for Record<P> {
    fn default() -> Record<P> {
        Record {
            sent: Vec::new(),
            armed: Vec::new(),
            disarmed: Vec::new(),
            nodes_armed: Vec::new(),
            reports: Vec::new(),
            dropped: Vec::new(),
        }
    }
}

impl<P: Protocol> World<P> for Record<P> {
    fn send(&mut self, _from: Peer, _to: Peer, message: &MessageOf<'_, P>) {
        self.sent.push(format!("{message:?}"));
    }

    fn arm_node(&mut self, node: u32, at: Time) {
        self.nodes_armed.push((node, at));
    }

    fn arm_request(&mut self, request: RequestHandle, at: Time) {
        self.armed.push((request, at));
    }

    fn disarm_request(&mut self, request: RequestHandle) {
        self.disarmed.push(request);
    }

    fn report(&mut self, node: u32, event: EventOf<P>, payload: &[u8]) {
        self.reports.push((node, event, payload.to_vec()));
    }

    fn count_drop(&mut self, reason: DropReason) {
        self.dropped.push(reason);
    }
}

/// Enters requests, sends, arms, reports and drops as the items part, and checks that the world
/// receives all of it as `P`'s.
fn carries<P: Carries<Items>>(
    wrapped: MessageOf<'static, P>,
    event: EventOf<P>,
    own_before_items: usize,
) where
    EventOf<P>: PartialEq,
{
    let (mut world, mut rng) = (Record::<P>::default(), Rng::new(1, 0));
    let mut requests = P::Requests::with_capacity(CAPACITY);
    let now = Time::from_ns(5);
    let mut cx =
        Context { now, node: NODE, rng: &mut rng, requests: &mut requests, world: &mut world };
    let (from, to) = (Peer::default(), Peer::default());
    let ids: Vec<RequestId> = cx.carry(|cx: &mut Context<'_, Items>| {
        cx.world.send(from, to, &items::Message::Published { request: RequestId(9) });
        cx.world.arm_node(cx.node, cx.now + WAIT);
        cx.report(items::Event::JoinFailed);
        cx.world.report(cx.node, items::Event::JoinFailed, b"beside it");
        cx.world.count_drop(items::protocol::INDEX_FULL);
        cx.world.count_drop(DropReason::Unmatched);
        (0..CAPACITY).map(|_| cx.request(to, 0, KIND, WAIT).expect("there is room")).collect()
    });
    let full = cx.carry(|cx: &mut Context<'_, Items>| cx.request(to, 0, KIND, WAIT));
    assert_eq!(full, None, "a full table refuses");
    let taken = cx.carry(|cx: &mut Context<'_, Items>| cx.match_reply(ids[2], to, |_| true));
    assert_eq!(taken.map(|it| (it.id, it.node)), Some((ids[2], NODE)));

    assert_eq!(world.sent, [format!("{wrapped:?}")]);
    assert_eq!(world.nodes_armed, [(NODE, now + WAIT)]);
    let payloads = [vec![], b"beside it".to_vec()];
    assert_eq!(world.reports, payloads.map(|payload| (NODE, event, payload)));
    let own = world.dropped[0];
    let names: Vec<&str> = DropReason::names(P::DROPS).collect();
    assert_eq!(names[own.index()], "index_full", "a carried reason keeps its name");
    assert_eq!(world.dropped[1..], [DropReason::Unmatched, DropReason::Overload]);
    let first = own_before_items as u32;
    let handles = (first..).take(CAPACITY).map(RequestHandle);
    assert!(world.armed.iter().copied().eq(handles.map(|handle| (handle, now + WAIT))));
    assert_eq!(world.disarmed, [RequestHandle(first + 2)]);
    for &(handle, _) in &world.armed {
        let node = (handle != world.disarmed[0]).then_some(NODE);
        assert_eq!(requests.node_of(handle), node, "each handle maps to its node");
    }
}

#[test]
fn items_are_carried_by_a_central_index() {
    let message = items::Message::Published { request: RequestId(9) };
    let message = central::Message::Items(message);
    carries::<Central>(message, items::Event::JoinFailed, CAPACITY);
}

#[test]
fn items_are_carried_by_flooding_peers() {
    let message = items::Message::Published { request: RequestId(9) };
    let message = flood::Message::Items(message);
    carries::<Flood>(message, items::Event::JoinFailed, CAPACITY);
}

#[test]
fn items_are_carried_by_a_store() {
    let message = items::Message::Published { request: RequestId(9) };
    let message = directory::MessageWith::Items(message);
    let event = directory::Event::Items(items::Event::JoinFailed);
    carries::<Directory<Ring>>(message, event, 0);
}

/// A store lists its router's drop reasons and classes after those of items.
#[test]
fn a_directory_has_the_classes_and_reasons_of_items_and_of_its_router() {
    let expected = [Items::CLASSES, Ring::CLASSES].concat();
    assert_eq!(Directory::<Ring>::CLASSES, expected);
    let drops = Directory::<Ring>::DROPS;
    let own = &["word_full", "answer_cut"];
    assert_eq!(drops, [Items::DROPS, own, Ring::DROPS].concat());
    let named = |reason: DropReason| drops.get(reason.index() - DropReason::COMMON.len());
    assert_eq!(named(WORD_FULL), Some(&"word_full"));
    assert_eq!(named(ANSWER_CUT), Some(&"answer_cut"));
}

/// A query starts work and a hit does not, in whichever system they travel.
#[test]
fn a_carried_message_starts_work_as_it_does_alone() {
    let text = Text::new(b"name").expect("a short text");
    let query = Query { how: Match::Exact, text };
    let find = items::Message::Find { request: RequestId(9), cookie: Cookie(0), query };
    let publish = items::Message::Published { request: RequestId(9) };
    for (message, expected) in [(find, true), (publish, false)] {
        assert_eq!(Items::starts_work(&message), expected);
        assert_eq!(Central::starts_work(&central::Message::Items(message)), expected);
        assert_eq!(Flood::starts_work(&flood::Message::Items(message)), expected);
        let stored: directory::Message<'_, Ring> = directory::MessageWith::Items(message);
        assert_eq!(Directory::<Ring>::starts_work(&stored), expected);
    }
    for (purpose, expected) in [(Purpose::User, true), (Purpose::FixFingers, false)] {
        let (request, key) = (RequestId(9), Id::ZERO);
        let step =
            ring::Message::FindNext { request, purpose, key, limit: key, stage: Stage::Route };
        assert_eq!(Ring::starts_work(&step), expected);
        assert_eq!(Directory::<Ring>::starts_work(&directory::MessageWith::Router(step)), expected);
    }
}
