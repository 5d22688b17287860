//! A complete overlay of one's own: nodes of many colors, found by random walks.
//!
//! A question walks from neighbor to neighbor until it meets a node of the color that it asks for. Nodes
//! exchange random neighbors all the time, so that links to dead nodes wash out.

use std::{process::ExitCode, time::Duration};

use hopwise_harness::scenario::{Impossible, Key, Scenario, Section, require};
use hopwise_harness::workload::{Presence, Workload};
use hopwise_harness::{app::Program, network::Network, plug::*, systems};
use hopwise_kernel::codec::{Body, Framed, WireError, Writer, read_exact};
use hopwise_kernel::{Context, Id, Node, Peer, Protocol, Rng, Time, base::PackedPeer, node::*};
use serde::{Deserialize, Serialize};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

fn main() -> ExitCode {
    Program::new("own", env!("CARGO_PKG_VERSION")).systems(systems![Colors]).main()
}

// What nodes say to each other. All messages have the same fields, which keeps their bytes simple.
const HELLO: u8 = 1; // Looks for a neighbor for its origin: walks until its TTL is spent.
const WELCOME: u8 = 2; // Answers a hello: the sender has taken the origin as a neighbor.
const WALK: u8 = 3; // Looks for a node of a color for its origin.
const FOUND: u8 = 4; // Answers a walk: the sender is such a node.

#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Message {
    kind: u8,
    ttl: u8,
    hops: u8,
    color: u8,
    request: [u8; 8],
    origin: PackedPeer,
}

#[derive(Clone, Copy, Debug)]
struct ColorProtocol;

type Cx<'a> = Context<'a, ColorProtocol>;

impl Protocol for ColorProtocol {
    type Message<'a> = Message;
    type Parked = Message;
    type Event = NodeEvent<Id>;
    type Requests = Requests<Question>;
    const CLASSES: &'static [Class] = &[Class::lookup("lookup"), Class::maintenance("hello")];

    fn class(message: &Message) -> usize {
        usize::from(message.kind < WALK)
    }

    fn park(message: &Message, _: &mut Arena) -> Message {
        *message
    }

    fn recall(parked: &Message, _: &Arena) -> Message {
        *parked
    }
}

impl Body for ColorProtocol {
    fn write(message: &Message, out: &mut Writer<'_>) -> Option<u8> {
        out.put(message).map(|()| message.kind)
    }

    fn read(kind: u8, payload: &[u8]) -> Result<Message, WireError> {
        let message = *read_exact::<Message>(payload)?;
        let is_sound = message.kind == kind && (HELLO..=FOUND).contains(&kind);
        is_sound.then_some(message).ok_or(WireError::BadValue)
    }
}

/// A question in flight, at the node that asks.
#[derive(Clone, Copy, Debug)]
struct Question {
    token: u64,
    color: u8,
    deadline: Time,
    timeouts: u32,
}

impl RequestKind for Question {}

const NEIGHBORS: usize = 8;
const GOSSIP: Duration = Duration::from_secs(1); // Mean time between two hellos of a node.
const PATIENCE: Duration = Duration::from_secs(2); // A walk is lost by then; four are tried.

#[derive(Debug)]
struct Walker {
    me: Peer,
    colors: ColorSection,
    neighbors: [Option<Peer>; NEIGHBORS],
    is_member: bool,
}

impl Walker {
    fn meet(&mut self, cx: &mut Cx<'_>, peer: Peer) {
        if peer.id != self.me.id && !self.neighbors.contains(&Some(peer)) {
            let free = self.neighbors.iter().position(Option::is_none);
            let at = free.unwrap_or_else(|| cx.rng.below(NEIGHBORS as u64) as usize);
            self.neighbors[at] = Some(peer);
        }
    }

    fn forward(&self, cx: &mut Cx<'_>, message: Message) {
        let known = self.neighbors.iter().flatten().count() as u64;
        if let Some(&next) = self.neighbors.iter().flatten().nth(cx.rng.below(known) as usize) {
            cx.world.send(self.me, next, &message);
        }
    }

    fn start(&mut self, cx: &mut Cx<'_>) {
        self.is_member = true;
        cx.world.arm_node(cx.node, cx.now + cx.rng.jitter(GOSSIP));
    }

    fn hello(&self) -> Message {
        let origin = self.me.into();
        Message { kind: HELLO, ttl: 5, hops: 0, color: 0, request: [0; 8], origin }
    }

    fn ask(&self, cx: &mut Cx<'_>, question: Question) -> bool {
        let Some(request) = cx.request(self.me, 0, question, PATIENCE) else { return false };
        let (color, request, ttl) = (question.color, request.0.to_be_bytes(), self.colors.walk);
        self.forward(cx, Message { kind: WALK, ttl, hops: 1, color, request, ..self.hello() });
        true
    }
}

impl Node for Walker {
    type Protocol = ColorProtocol;

    fn peer(&self) -> Peer {
        self.me
    }

    fn handle_message(&mut self, cx: &mut Cx<'_>, from: Peer, message: Message) {
        let Message { kind, ttl, hops, color, request, origin } = message;
        let (id, origin) = (RequestId(u64::from_be_bytes(request)), origin.to_peer());
        match kind {
            WELCOME => {
                self.meet(cx, from);
                if !self.is_member {
                    self.start(cx);
                    cx.report(NodeEvent::Joined);
                }
            }
            FOUND => {
                let Some(request) = cx.match_reply_from_any(id, |_| true) else { return };
                let Question { token, timeouts, .. } = request.kind;
                let (answer, hops, under_suspicion) = (from.id, hops.into(), false);
                cx.report(NodeEvent::Answered { token, answer, hops, timeouts, under_suspicion });
            }
            _ if !self.is_member => cx.world.count_drop(DropReason::NotMember),
            WALK if self.colors.color_of(self.me.id) == color => {
                cx.world.send(self.me, origin, &Message { kind: FOUND, ..message });
            }
            _ if ttl > 0 && self.neighbors[0].is_some() => {
                let hops = hops.saturating_add(1);
                self.forward(cx, Message { ttl: ttl - 1, hops, ..message });
            }
            HELLO => {
                self.meet(cx, origin);
                cx.world.send(self.me, origin, &Message { kind: WELCOME, ..message });
            }
            _ => {}
        }
    }

    fn handle_timeout(&mut self, cx: &mut Cx<'_>) {
        if self.is_member {
            self.start(cx);
            self.forward(cx, self.hello());
        } else {
            cx.report(NodeEvent::JoinFailed);
        }
    }

    fn handle_request_timeout(&mut self, cx: &mut Cx<'_>, handle: RequestHandle) {
        let Some(request) = cx.take_expired(handle) else { return };
        let question = Question { timeouts: request.kind.timeouts + 1, ..request.kind };
        if cx.now >= question.deadline || !self.ask(cx, question) {
            cx.report(NodeEvent::Failed { token: question.token, timeouts: question.timeouts });
        }
    }
}

// What a scenario says of it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ColorSection {
    count: u8,
    walk: u8,
}

impl ColorSection {
    fn color_of(&self, id: Id) -> u8 {
        (id.prefix() % u64::from(self.count)) as u8
    }
}

impl Default for ColorSection {
    fn default() -> ColorSection {
        ColorSection { count: 10, walk: 200 }
    }
}

impl Section for ColorSection {
    const NAME: &'static str = "colors";
    const KEYS: &'static [Key] = &[
        Key::table("colors", "Nodes of many colors, found by random walks."),
        Key::integer("colors.count", "a whole number from 1 to 255", "How many colors there are."),
        Key::integer("colors.walk", "a whole number from 1 to 255", "Most steps of a walk."),
    ];

    fn check(&self, _: &Scenario) -> Result<(), Impossible> {
        require(self.count >= 1, "colors.count")?;
        require(self.walk >= 1, "colors.walk")
    }
}

// What is asked, and which answers are right.
impl Workload for ColorSection {
    const NAME: &'static str = "colors";
    type Question = u8;
    type Answer = Id;
    type Truth = Presence<u8>;

    fn new(scenario: &Scenario, _: &[u32]) -> Result<ColorSection, String> {
        Ok(scenario.section::<ColorSection>().clone())
    }

    fn draw(&self, rng: &mut Rng) -> u8 {
        rng.below(self.count.into()) as u8
    }

    fn truth(&self, members: impl Iterator<Item = (Id, u32)>, at: Time) -> Presence<u8> {
        let colors = self.clone();
        Presence::new(members, at, move |color, node| colors.color_of(node) == *color)
    }
}

// The system: how nodes are built and asked; and their invariant.
#[derive(Clone, Debug)]
struct Colors(ColorSection);

impl System for Colors {
    type Node = Walker;
    type Codec = Framed<ColorProtocol>;
    type Workload = ColorSection;
    type Checker = EachNode<Walker>;
    type Section = ColorSection;
    const NAME: &'static str = "colors";

    fn new(setting: &Setting<'_, ColorSection>) -> Result<Colors, String> {
        Ok(Colors(setting.workload.clone()))
    }

    fn node(&self, _host: u32, me: Peer, _: &mut Rng) -> Walker {
        Walker { me, colors: self.0.clone(), neighbors: [None; NEIGHBORS], is_member: false }
    }

    fn start_linked(&self, node: &mut Walker, cx: &mut Cx<'_>, members: &[Peer], _rank: usize) {
        for _ in 0..NEIGHBORS {
            let at = cx.rng.below(members.len() as u64) as usize;
            node.meet(cx, members[at]);
        }
        node.start(cx);
    }

    fn join(&self, node: &mut Walker, cx: &mut Cx<'_>, bootstraps: &[Peer]) {
        for &bootstrap in bootstraps {
            cx.world.send(node.me, bootstrap, &node.hello());
        }
        cx.world.arm_node(cx.node, cx.now + PATIENCE);
    }

    fn ask(&self, node: &mut Walker, cx: &mut Cx<'_>, color: u8, token: u64) -> bool {
        node.ask(cx, Question { token, color, deadline: cx.now + 4 * PATIENCE, timeouts: 0 })
    }

    fn node_event(event: NodeEvent<Id>, _payload: &[u8]) -> Option<NodeEvent<Id>> {
        Some(event)
    }

    fn entries(&self, node: &Walker) -> usize {
        node.neighbors.iter().flatten().count()
    }

    fn checker(_: &Scenario, _: &Network, _places: u32) -> Option<EachNode<Walker>> {
        let keeps = |node: &Walker| !node.neighbors.contains(&Some(node.me));
        Some(EachNode::new("no node is a neighbor of itself", keeps))
    }
}

#[test]
fn keeps_what_every_system_owes_its_drivers() {
    println!("{}", hopwise_harness::conformance::<Colors>());
}
