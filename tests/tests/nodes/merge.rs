//! Rings that fall apart, and become one again.
//!
//! **Invariant:** every test sets its seed, and has the same result on every machine.

use std::time::Duration;

use hopwise_kernel::drive::Memory;
use hopwise_kernel::node::RequestId;
use hopwise_kernel::ring::fingers::Shape;
use hopwise_kernel::ring::message::{Lookup, MAX_HOP_BUDGET, Purpose, Stage};
use hopwise_kernel::ring::{Event, Message, RingCodec, RingConfig, RingNode};
use hopwise_kernel::{Codec, Id, Node, Peer};
use hopwise_tests::LinkedRing;

/// One round of stabilize, on average.
const ROUND: Duration = Duration::from_secs(1);
/// Rounds until each side is a ring of its own, and until one ring is left once the network heals.
const ROUNDS_APART: u32 = 20;
const ROUNDS_TO_HEAL: u32 = 30;
/// How long the network is cut, in rounds.
const CUT: u32 = 60;
/// A hundred were tried: see `results/partitions.md`.
const SEEDS: u64 = 6;

/// A ring in a network that can be cut.
struct Overlay {
    memory: Memory<RingNode>,
    config: RingConfig,
    /// The side of each place.
    side_of: fn(u32) -> u32,
    is_cut: bool,
    /// Rounds between two replacements of a node; 0: none is replaced.
    pause: u32,
    /// How long a cut lasts, in rounds.
    length: u32,
    rounds: u32,
}

impl Overlay {
    fn new(nodes: usize, successors: u8, seed: u64) -> Overlay {
        let shape = Shape::for_ring(1, nodes, successors.into());
        let config = RingConfig { shape, successors, ..RingConfig::default() };
        let mut memory = Memory::linked(nodes, config, seed);
        memory.run_for(ROUND * 2);
        Overlay { memory, config, side_of: |_| 0, is_cut: false, pause: 0, length: CUT, rounds: 0 }
    }

    fn cut(&mut self, side_of: fn(u32) -> u32, is_cut: fn(u32, u32) -> bool) {
        (self.side_of, self.is_cut) = (side_of, true);
        self.memory.set_cut(Some(is_cut));
    }

    fn heal(&mut self) {
        (self.side_of, self.is_cut) = (|_| 0, false);
        self.memory.set_cut(None);
    }

    /// The members of each side that has any, each side in ascending order of identifiers. During a cut, a
    /// node whose contacts were all on other sides cannot find its own side, and is left out.
    fn sides(&self) -> Vec<Vec<Peer>> {
        let mut sides = vec![Vec::new(); 3];
        let is_stranded = |node: &&RingNode| self.is_cut && node.entries() == 0;
        let members = self.memory.nodes().filter(|node| node.is_member() && !is_stranded(node));
        for peer in members.map(Node::peer) {
            sides[(self.side_of)(peer.address.slot.into()) as usize].push(peer);
        }
        sides.iter_mut().for_each(|side: &mut Vec<Peer>| side.sort_by_key(|peer| peer.id));
        sides.retain(|side| !side.is_empty());
        sides
    }

    /// The members of `ring` whose first successor or predecessor is wrong.
    fn wrong_in(&self, ring: &[Peer]) -> usize {
        let count = ring.len();
        let is_wrong = |&at: &usize| {
            let node = self.memory.node(ring[at].address.slot.into()).expect("members are there");
            let (next, before) = (ring[(at + 1) % count], ring[(at + count - 1) % count]);
            node.successors().first() != Some(&next) || node.predecessor() != Some(before)
        };
        (0..count).filter(is_wrong).count()
    }

    fn is_exact(&self) -> bool {
        self.sides().iter().all(|side| self.wrong_in(side) == 0)
    }

    fn run(&mut self, rounds: u32) {
        for _ in 0..rounds {
            self.rounds += 1;
            if self.pause > 0 && self.rounds.is_multiple_of(self.pause) {
                self.replace_one();
            }
            self.memory.run_for(ROUND);
            self.memory.events().for_each(drop);
        }
    }

    /// Crashes a random node. A new one joins in its place through a member of its side.
    fn replace_one(&mut self) {
        let members = self.memory.members();
        let mut any = || members[self.memory.rng().below(members.len() as u64) as usize];
        let gone = u32::from(any().address.slot);
        let is_near = |peer: Peer| {
            let place = peer.address.slot.into();
            place != gone && (self.side_of)(place) == (self.side_of)(gone)
        };
        let Some(through) = (0..100).map(|_| any()).find(|&it| is_near(it)) else { return };
        self.memory.remove(gone);
        let (config, id) = (self.config, Id::random(self.memory.rng()));
        self.memory.put(gone, |me, rng| RingNode::new(Peer { id, ..me }, config, rng));
        self.memory.with(gone, |it, cx| it.join(cx, &[through]));
    }

    /// The rounds, at most `most`, until all tables are exact.
    fn rounds_until_exact(&mut self, most: u32) -> Option<u32> {
        (1..=most).find(|_| {
            self.run(1);
            self.is_exact()
        })
    }

    /// Cuts the network for a while and lets it heal. Checks that each side becomes a ring, and that one ring
    /// is left in the end.
    fn fall_apart(mut self, side_of: fn(u32) -> u32, is_cut: fn(u32, u32) -> bool, seed: u64) {
        self.cut(side_of, is_cut);
        let apart = self.rounds_until_exact(ROUNDS_APART);
        let wrong: Vec<_> = self.sides().iter().map(|side| self.wrong_in(side)).collect();
        self.run(self.length - apart.unwrap_or(ROUNDS_APART));
        self.heal();
        let one = self.rounds_until_exact(ROUNDS_TO_HEAL);
        assert!(apart.is_some(), "seed {seed}: {wrong:?} nodes of the sides have a wrong neighbor");
        let wrong = self.wrong_in(&self.memory.members());
        assert!(one.is_some(), "seed {seed}: {wrong} nodes have a wrong neighbor");
    }
}

#[test]
fn halves_become_two_rings_and_then_one() {
    for seed in 0..SEEDS {
        let halves = |place| place % 2;
        Overlay::new(1000, 8, seed).fall_apart(halves, |a, b| a % 2 != b % 2, seed);
    }
}

#[test]
fn thirds_become_three_rings_and_then_one() {
    for seed in 0..SEEDS {
        Overlay::new(300, 8, seed).fall_apart(|place| place % 3, |a, b| a % 3 != b % 3, seed);
    }
}

#[test]
fn halves_become_one_ring_while_nodes_come_and_go() {
    for seed in 0..SEEDS {
        // Sessions of an hour.
        let overlay = Overlay { pause: 4, ..Overlay::new(1000, 8, seed) };
        let halves = |place| place % 2;
        overlay.fall_apart(halves, |a, b| a % 2 != b % 2, seed);
    }
}

/// Half of the nodes are replaced before the network heals.
#[test]
fn a_long_cut_heals_too() {
    for seed in 0..SEEDS {
        let overlay = Overlay { pause: 12, length: 1_800, ..Overlay::new(300, 8, seed) };
        overlay.fall_apart(|place| place % 2, |a, b| a % 2 != b % 2, seed);
    }
}

#[test]
fn a_node_that_was_cut_off_comes_back() {
    for seed in 0..SEEDS {
        let alone = |place| u32::from(place == 0);
        Overlay::new(100, 8, seed).fall_apart(alone, |a, b| (a == 0) != (b == 0), seed);
    }
}

/// One node reaches both sides all the time.
#[test]
fn sides_with_a_bridge_become_one_ring() {
    for seed in 0..SEEDS {
        let mut overlay = Overlay::new(300, 8, seed);
        overlay.cut(|place| place % 2, |a, b| a != 0 && b != 0 && a % 2 != b % 2);
        overlay.run(CUT);
        overlay.heal();
        let one = overlay.rounds_until_exact(ROUNDS_TO_HEAL);
        let wrong = overlay.wrong_in(&overlay.memory.members());
        assert!(one.is_some(), "seed {seed}: {wrong} nodes have a wrong neighbor");
    }
}

/// A stranger sends a lookup that says: its origin is the receiver, which asks for its own place. The lookup has the
/// name of a request of the receiver. No node acknowledges it. The receiver keeps its request all the same.
#[test]
fn a_forged_lookup_takes_no_request_away() {
    let shape = Shape::for_ring(1, 16, 4);
    let config = RingConfig { shape, successors: 4, stabilize: None, ..RingConfig::default() };
    let config = RingConfig { fix_fingers: None, ..config };
    let mut memory: Memory<RingNode> = Memory::linked(16, config, 1);
    let (victim, stranger) = (memory.peer(0), memory.peer(1));
    (1..16).for_each(|node| memory.remove(node));
    let far = victim.id.add(shape.start(shape.slots() - 1));
    memory.with(0, |node, cx| assert!(node.lookup(cx, far, 7)));
    let sent = memory.in_flight().next().expect("it has been sent").bytes.to_vec();
    let parsed = RingCodec::default().parse(&sent).expect("it is valid").next();
    let Some((_, Message::Lookup { lookup: mine, .. })) = parsed else { panic!("{parsed:?}") };
    let forged = Lookup { purpose: Purpose::Join, stage: Stage::Route, ..mine };
    assert_eq!((forged.origin, forged.budget), (victim, MAX_HOP_BUDGET - 1));
    memory.inject(stranger, victim, &Message::Lookup { request: RequestId(9), lookup: forged });
    memory.run_for(Duration::from_secs(120));
    let ends: Vec<_> = memory.events().map(|(_, event)| event).collect();
    assert!(matches!(ends[..], [Event::LookupFailed { token: 7, .. }]), "{ends:?}");
}
