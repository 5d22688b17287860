//! The figures against a naive model: the definitions, word by word, on rings of few points.
//!
//! **Invariant:** the model shares no code with what it checks.

use std::collections::BTreeSet;

use hopwise_kernel::{Address, Distance, Id, Peer};
use proptest::prelude::*;

use super::*;

/// Points of the circle: few, so that tables are often right by chance.
const POINTS: u32 = 16;
/// A table has one finger for each of these arcs, in points: from start to end.
const ARCS: [(u32, u32); 3] = [(2, 4), (4, 8), (8, POINTS)];

fn id(point: u32) -> Id {
    Id::ZERO.add(Distance::multiple_of_power(point % POINTS, 156))
}

/// The peer at a point. It may have come back with another address.
fn peer(point: u32, address: u64) -> Peer {
    Peer { id: id(point), address: Address::from_bits(address + 1) }
}

/// A member and its tables, by points; each entry has a point and an address.
#[derive(Clone, Debug)]
struct Node {
    predecessor: Option<u32>,
    successors: Vec<(u32, u64)>,
    fingers: [Option<(u32, u64)>; ARCS.len()],
}

const LIST_MAX: usize = 3;

/// Nodes by point. All live members have address 0.
type Nodes = Vec<Option<Node>>;

fn nodes() -> impl Strategy<Value = Nodes> {
    let entry = || (0..POINTS, prop_oneof![9 => Just(0_u64), 1 => Just(1)]);
    let node = (
        prop::option::weighted(0.9, 0..POINTS),
        prop::collection::vec(entry(), 0..=LIST_MAX),
        prop::array::uniform3(prop::option::of(entry())),
    );
    let node = node.prop_map(|(predecessor, successors, fingers)| Node {
        predecessor,
        successors,
        fingers,
    });
    // In half of the cases most tables are exact.
    let nodes = prop::collection::vec(prop::option::weighted(0.6, node), POINTS as usize);
    (nodes, prop::collection::vec(prop::bool::weighted(0.7), POINTS as usize), any::<bool>())
        .prop_filter("a ring has members", |(nodes, ..)| nodes.iter().any(Option::is_some))
        .prop_map(|(mut nodes, mended, mend)| {
            let live = live(&nodes);
            for (point, node) in (0..POINTS).zip(&mut nodes) {
                if let Some(node) = node
                    && mend
                    && mended[point as usize]
                {
                    *node = exact(point, &live);
                }
            }
            nodes
        })
}

fn live(nodes: &Nodes) -> BTreeSet<u32> {
    (0..POINTS).filter(|&point| nodes[point as usize].is_some()).collect()
}

/// The members after a point, nearest first, without the one at the point.
fn clockwise(point: u32, live: &BTreeSet<u32>) -> Vec<u32> {
    (1..POINTS).map(|step| (point + step) % POINTS).filter(|it| live.contains(it)).collect()
}

fn exact(point: u32, live: &BTreeSet<u32>) -> Node {
    let others = clockwise(point, live);
    let first_in = |(start, end): (u32, u32)| {
        (start..end).map(|step| (point + step) % POINTS).find(|it| live.contains(it))
    };
    Node {
        predecessor: others.last().copied(),
        successors: others.iter().take(LIST_MAX).map(|&it| (it, 0)).collect(),
        fingers: ARCS.map(|arc| first_in(arc).map(|it| (it, 0))),
    }
}

struct FewFingers([Option<(u32, u64)>; ARCS.len()]);

impl Fingers for FewFingers {
    fn each(&self, visit: &mut dyn FnMut(Finger)) {
        for (slot, ((start, end), entry)) in ARCS.into_iter().zip(self.0).enumerate() {
            // Only the top 64 bits of a finger's identifier are known.
            let truncated = |(point, address)| {
                let whole = peer(point, address);
                Peer { id: Id::from_parts(whole.id.prefix(), Id::ZERO.tail()), ..whole }
            };
            visit(Finger {
                slot,
                start: Distance::multiple_of_power(start, 156),
                end: (end < POINTS).then(|| Distance::multiple_of_power(end, 156)),
                entry: entry.map(truncated),
            });
        }
    }
}

fn with_tables<T>(node: &Node, act: impl FnOnce(&Neighborhood<'_>) -> T) -> T {
    let successors: Vec<Peer> = node.successors.iter().map(|&(p, a)| peer(p, a)).collect();
    let fingers = FewFingers(node.fingers);
    act(&Neighborhood {
        predecessor: node.predecessor.map(|point| peer(point, 0)),
        successors: &successors,
        successors_max: LIST_MAX,
        fingers: Some(&fingers),
    })
}

/// Looks at some members: the sample and the findings.
fn look(nodes: &Nodes, which: impl Fn(u32) -> bool) -> (Members, Findings) {
    let points = live(nodes);
    let members = Members::new(points.iter().map(|&it| peer(it, 0)).rev());
    // What an earlier look left there must not matter.
    let mut ranks = vec![3, 1, 99];
    let mut look = Look::new(&members, &mut ranks);
    for (rank, &point) in points.iter().enumerate().filter(|(_, point)| which(**point)) {
        let node = nodes[point as usize].as_ref().expect("a member");
        with_tables(node, |tables| look.at(rank, tables));
    }
    let findings = look.findings();
    (members, findings)
}

fn naive_counts(
    pairs: impl Iterator<Item = (Option<(u32, u64)>, Option<u32>)>,
    live: &BTreeSet<u32>,
) -> Counts {
    let mut counts = Counts::default();
    for (entry, right) in pairs.filter(|(entry, right)| entry.is_some() || right.is_some()) {
        counts.places += 1;
        counts.wrong += u64::from(entry != right.map(|point| (point, 0)));
        let is_dead = |(point, address): (u32, u64)| address != 0 || !live.contains(&point);
        counts.dead += u64::from(entry.is_some_and(is_dead));
    }
    counts
}

fn naive_rings(nodes: &Nodes) -> u64 {
    let live = live(nodes);
    if live.len() == 1 {
        return 1;
    }
    let next = |point: u32| {
        let list = &nodes[point as usize].as_ref()?.successors;
        list.iter().find(|(it, address)| *address == 0 && live.contains(it)).map(|&(it, _)| it)
    };
    // The members that a member reaches and that lead back to it.
    let reached = |from: u32| {
        let mut seen = BTreeSet::new();
        let mut at = next(from);
        while let Some(point) = at
            && seen.insert(point)
        {
            at = next(point);
        }
        seen
    };
    let rings: BTreeSet<BTreeSet<u32>> = live
        .iter()
        .map(|&it| (it, reached(it)))
        .filter(|(it, seen)| seen.contains(it))
        .map(|it| it.1)
        .collect();
    rings.len() as u64
}

/// By number of members: the points' arcs that they claim, of all. An arc ends at its point.
fn naive_claims(nodes: &Nodes) -> Claims {
    let live = live(nodes);
    let claims_it = |member: u32, arc: u32| {
        let node = nodes[member as usize].as_ref().expect("a member");
        if live.len() == 1 {
            return true;
        }
        let Some(predecessor) = node.predecessor else { return false };
        let length = (member + POINTS - predecessor - 1) % POINTS + 1;
        (member + POINTS - arc) % POINTS < length
    };
    let mut arcs = [0.0; 4];
    for arc in 0..POINTS {
        let claimed = live.iter().filter(|&&member| claims_it(member, arc)).count();
        arcs[claimed.min(3)] += 1.0 / f64::from(POINTS);
    }
    let [none, one, two, more] = arcs;
    Claims { none, one, two, more }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn figures_are_those_of_the_naive_model(nodes in nodes()) {
        let (members, findings) = look(&nodes, |_| true);
        let sample = Sample::new(&members, &findings);
        let live = live(&nodes);
        let each = |point: &u32| (nodes[*point as usize].as_ref().expect("a member"), exact(*point, &live));
        let lists = |most: usize| {
            naive_counts(live.iter().map(each).flat_map(|(node, exact)| {
                (0..most).map(move |at| {
                    let right = exact.successors.get(at).map(|&(point, _)| point);
                    (node.successors.get(at).copied(), right)
                })
            }), &live)
        };
        prop_assert_eq!(sample.nodes, live.len() as u64);
        prop_assert_eq!(sample.first_successors, lists(1));
        prop_assert_eq!(sample.successors, lists(LIST_MAX));
        let fingers = naive_counts(live.iter().map(each).flat_map(|(node, exact)| {
            let right = exact.fingers.map(|it| it.map(|(point, _)| point));
            node.fingers.into_iter().zip(right)
        }), &live);
        prop_assert_eq!(sample.fingers, fingers);
        prop_assert_eq!(sample.rings, Some(naive_rings(&nodes)));
        let (claims, naive) = (sample.claims.expect("all were looked at"), naive_claims(&nodes));
        for (share, naive) in [
            (claims.none, naive.none),
            (claims.one, naive.one),
            (claims.two, naive.two),
            (claims.more, naive.more),
        ] {
            prop_assert!((share - naive).abs() < 1e-12, "{:?}, not {:?}", claims, naive);
        }
    }

    #[test]
    fn shards_that_look_at_parts_find_the_same(nodes in nodes(), parts in 1..5_u32) {
        let (members, whole) = look(&nodes, |_| true);
        let mut merged = Findings::default();
        for part in (0..parts).rev() {
            merged.merge(look(&nodes, |point| point % parts == part).1);
        }
        let (whole, merged) = (Sample::new(&members, &whole), Sample::new(&members, &merged));
        prop_assert_eq!(whole, merged);
        let (_, some) = look(&nodes, |point| point % 2 == 1);
        let sample = Sample::new(&members, &some);
        prop_assert_eq!(sample.rings.is_some(), sample.nodes == members.len() as u64);
        prop_assert_eq!(sample.claims.is_some(), sample.rings.is_some());
    }

    #[test]
    fn a_look_at_copies_finds_the_same(nodes in nodes(), gone in 0..POINTS) {
        let mut copies = Snapshot::default();
        for point in live(&nodes).into_iter().rev() {
            let node = nodes[point as usize].as_ref().expect("a member");
            with_tables(node, |tables| copies.add(peer(point, 0), tables));
        }
        // A node that has gone since is not looked at.
        let mut rest = nodes.clone();
        rest[gone as usize] = None;
        for nodes in [nodes, rest] {
            if live(&nodes).is_empty() {
                continue;
            }
            let (members, findings) = look(&nodes, |_| true);
            prop_assert_eq!(copies.look(&members), findings);
        }
    }

    #[test]
    fn ranks_are_found_from_any_guess(
        points in prop::collection::btree_set(any::<[u8; 20]>(), 1..60),
        point in any::<[u8; 20]>(),
        guess in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
    ) {
        let at_id = |bytes| Peer { id: Id::from_bytes(bytes), ..peer(0, 0) };
        let members = Members::new(points.iter().copied().map(at_id));
        let ids: Vec<Id> = members.peers().iter().map(|peer| peer.id).collect();
        for point in [Id::from_bytes(point), ids[at.index(ids.len())]] {
            let naive = ids.iter().position(|&id| id >= point).unwrap_or(0);
            prop_assert_eq!(members.rank_from(point, guess.index(ids.len())), naive);
        }
        let member = members.after(at.index(ids.len()), 0);
        prop_assert_eq!(members.rank_of(member), Some(at.index(ids.len())));
        let elsewhere = Peer { address: Address::from_bits(99), ..member };
        prop_assert_eq!(members.rank_of(elsewhere), None);
    }
}

#[test]
fn the_course_has_means_and_extremes() {
    let claims = |none, one| Claims { none, one, two: 1.0 - none - one, more: 0.0 };
    let sample = |wrong, rings, claims| Sample {
        nodes: 4,
        first_successors: Counts { places: 4, wrong, dead: 1 },
        successors: Counts::default(),
        fingers: Counts::default(),
        rings: Some(rings),
        claims: Some(claims),
    };
    let mut course = TableCourse::default();
    assert_eq!(course.tables(), None);
    course.add(&sample(2, 3, claims(0.25, 0.5)));
    course.add(&sample(1, 1, claims(0.0, 0.75)));
    let tables = course.tables().expect("there are samples");
    assert_eq!((tables.samples, tables.nodes), (2, 4));
    let wrong = tables.first_successors.wrong;
    assert_eq!((wrong.mean, wrong.max), (0.375, 0.5));
    assert_eq!(tables.rings.map(|rings| (rings.max, rings.last)), Some((3, 1)));
    let ownership = tables.ownership.expect("there are claims");
    assert_eq!((ownership.none.mean, ownership.none.worst), (0.125, 0.25));
    assert_eq!((ownership.one.mean, ownership.one.worst), (0.625, 0.5));
    assert_eq!((ownership.two.mean, ownership.two.worst), (0.25, 0.25));
}
