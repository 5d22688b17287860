//! What nodes send to an address that has never answered: no more bytes than came in its name.
//!
//! Otherwise an attacker could make nodes send to its victim more than it can send itself, with the
//! victim's address as the source.
//!
//! Two exceptions are known. A ring lookup gets an acknowledgement of the first hop and an answer of the owner:
//! neither is longer than the lookup, but both together are. And a notification, which has no content, gets one
//! ping, which is longer by its number. A cookie would cost a lookup, and a join, a round trip more.
//!
//! **Invariant:** each message comes from an address of its own, which stays silent, or names it in the name
//! of another node. So every byte that goes there is due to this message.

use std::time::Duration;

use hopwise_kernel::codec::{DATAGRAM_OVERHEAD_BYTES, Envelope, Framed};
use hopwise_kernel::directory::DirectoryNode;
use hopwise_kernel::drive::Memory;
use hopwise_kernel::drive::memory::{DATAGRAM_BYTES, DELAY};
use hopwise_kernel::flood::{FloodConfig, Strategy};
use hopwise_kernel::node::RequestId;
use hopwise_kernel::ring::fingers::Shape;
use hopwise_kernel::ring::{AnswerRule, LookupMode, RingConfig, RingNode};
use hopwise_kernel::{Address, Codec, Distance, Id, Node, Peer, Rng};
use hopwise_tests::forge::{Forge, Forged, Lists, Script};
use hopwise_tests::{Directory, Flooding, LinkedRing, StoreRing, central, directory, store};

/// Messages of each kind to nodes in one state.
const VARIATIONS: usize = 100;
/// Between two messages: longer than a lookup takes.
const PAUSE: Duration = Duration::from_millis(200);
/// After the last message: longer than all attempts at a request.
const REST: Duration = Duration::from_secs(20);
/// The slot of the first silent address. Nodes have lower ones.
const FIRST_SLOT: u16 = 1_000;

/// What came in the name of one silent address, and what was sent there.
#[derive(Clone, Copy)]
struct Account {
    /// The name of the message.
    name: &'static str,
    bytes_in: usize,
    bytes_out: usize,
    datagrams_out: usize,
    /// The longest datagram that was sent there.
    longest_out: usize,
}

impl Account {
    /// Whether more was sent there than may be.
    fn is_amplified(&self) -> bool {
        let allowed = match self.name {
            "lookup" if self.datagrams_out <= 2 => {
                self.bytes_in + self.bytes_out - self.longest_out
            }
            "stabilize" if self.datagrams_out <= 1 => self.bytes_in + size_of::<RequestId>(),
            _ => self.bytes_in,
        };
        self.bytes_out > allowed
    }
}

/// Sends messages of every kind to `targets`, and checks what goes back. `prepare` is called before each.
/// Returns how many messages made nodes send something.
fn strike<N: Node>(
    what: &str,
    memory: &mut Memory<N>,
    targets: &[Peer],
    mut prepare: impl FnMut(&mut Memory<N>),
) -> usize
where
    N::Protocol: Forged,
{
    let mut accounts = Vec::new();
    let mut rng = Rng::new(16, 0);
    for kind in 0..<N::Protocol as Forged>::KINDS {
        for variation in 0..VARIATIONS {
            prepare(memory);
            let slot = FIRST_SLOT + u16::try_from(accounts.len()).expect("there are slots enough");
            let to = targets[rng.below(targets.len() as u64) as usize];
            let silent = Address { slot, ..to.address };
            // Half of them come in the name of a node, and name the silent address.
            let from = match variation % 2 {
                0 => targets[rng.below(targets.len() as u64) as usize],
                _ => Peer { id: near(targets, &mut rng), address: silent },
            };
            let (name, bytes) = forged::<N::Protocol>(targets, silent, kind, (from, to), &mut rng);
            let bytes_in = DATAGRAM_OVERHEAD_BYTES + bytes.len();
            let nothing =
                Account { name, bytes_in, bytes_out: 0, datagrams_out: 0, longest_out: 0 };
            accounts.push(nothing);
            memory.inject_bytes(from.address, to.address, &bytes);
            watch(memory, PAUSE, &mut accounts);
        }
    }
    watch(memory, REST, &mut accounts);
    let mut amplified: Vec<String> = accounts
        .iter()
        .filter(|account| account.is_amplified())
        .map(|Account { name, bytes_in, bytes_out, datagrams_out, .. }| {
            format!("{name}: {bytes_out} bytes in {datagrams_out} datagrams for {bytes_in}")
        })
        .collect();
    amplified.sort();
    amplified.dedup();
    assert!(amplified.is_empty(), "{what}: {amplified:#?}");
    accounts.iter().filter(|account| account.bytes_out > 0).count()
}

/// Lets time pass, and adds up what goes to the silent addresses.
fn watch<N: Node>(memory: &mut Memory<N>, duration: Duration, accounts: &mut [Account])
where
    N::Protocol: Forged,
{
    let end = memory.now() + duration;
    while memory.now() < end {
        // Just long enough for all datagrams in flight to arrive.
        memory.run_for(DELAY);
        for datagram in memory.in_flight() {
            let number = datagram.to.slot.checked_sub(FIRST_SLOT).map(usize::from);
            if let Some(account) = number.and_then(|number| accounts.get_mut(number)) {
                let bytes = DATAGRAM_OVERHEAD_BYTES + datagram.bytes.len();
                account.bytes_out += bytes;
                account.datagrams_out += 1;
                account.longest_out = account.longest_out.max(bytes);
            }
        }
    }
}

/// The name of a message of this kind, and a datagram with it.
fn forged<P: Forged>(
    ring: &[Peer],
    silent: Address,
    kind: usize,
    (from, to): (Peer, Peer),
    rng: &mut Rng,
) -> (&'static str, Vec<u8>) {
    let forge = Forge { ring, stranger: silent, genuine: &[] };
    loop {
        let mut script = [0; 2048];
        rng.fill(&mut script);
        let mut script = Script::new(&script);
        let lists = Lists::forge(&forge, &mut script);
        let message = P::message(&forge, kind, &mut script, &lists);
        let mut bytes = vec![0; DATAGRAM_BYTES];
        let codec = Framed::<P>::default();
        if let Some(length) = codec.write_datagram(&Envelope::new(from, to), &message, &mut bytes) {
            bytes.truncate(length);
            return (P::name(&message), bytes);
        }
    }
}

/// An identifier just before or after that of a node, or any.
fn near(nodes: &[Peer], rng: &mut Rng) -> Id {
    let node = nodes[rng.below(nodes.len() as u64) as usize].id;
    match rng.below(3) {
        0 => node.add(Distance::MAX),
        1 => node.add(Distance::multiple_of_power(1, 0)),
        _ => Id::random(rng),
    }
}

fn ring_config() -> RingConfig {
    RingConfig { shape: Shape::for_ring(1, 12, 4), successors: 4, ..RingConfig::default() }
}

#[test]
fn members_of_a_ring() {
    for answer in [AnswerRule::Owner, AnswerRule::Predecessor] {
        for lookup in [LookupMode::Recursive, LookupMode::Iterative] {
            let config = RingConfig { answer, lookup, ..ring_config() };
            for nodes in [3, 12] {
                let mut memory = Memory::<RingNode>::linked(nodes, config, 1);
                memory.run_for(Duration::from_secs(5));
                let members = memory.members();
                let what = format!("{answer:?}, {lookup:?}, {nodes} nodes");
                assert!(strike(&what, &mut memory, &members, |_| {}) > 0);
            }
        }
    }
}

#[test]
fn a_node_that_is_alone() {
    let mut memory = Memory::<RingNode>::linked(1, ring_config(), 2);
    let members = memory.members();
    assert!(strike("alone", &mut memory, &members, |_| {}) > 0);
}

#[test]
fn a_node_outside_the_ring_and_one_that_joins() {
    let mut memory = Memory::<RingNode>::new(4, 3);
    memory.insert(0, ring_config());
    let target = [memory.peer(0)];
    let answered = strike("outside", &mut memory, &target, |_| {});
    assert_eq!(answered, 0, "a node outside the ring is silent");
    let absent = [1, 2, 3].map(|place| memory.peer(place));
    let answered = strike("joining", &mut memory, &target, |memory| {
        memory.insert(0, ring_config());
        memory.with(0, |node, cx| node.join(cx, &absent));
    });
    assert!(answered > 0, "a node that joins answers pings");
}

#[test]
fn nodes_that_store_values() {
    for config in [store::config(), store::by_reference()] {
        // The secret of nodes without skew is known to all.
        let mut it = StoreRing::with_clocks(12, config, 4, true);
        it.fill(&store::keys(30), &[7; 500]);
        let members = it.ring();
        assert!(strike("store", &mut it.memory, &members, |_| {}) > 0);
    }
}

#[test]
fn a_server_and_its_peers() {
    let mut it = central::Central::published(5);
    let nodes: Vec<Peer> = (0..=central::PEERS).map(|node| it.memory.peer(node)).collect();
    assert!(strike("central", &mut it.memory, &nodes, |_| {}) > 0);
    assert!(strike("server", &mut it.memory, &nodes[..1], |_| {}) > 0);
}

#[test]
fn peers_that_flood() {
    let rows: Vec<[u32; 4]> =
        (0..12).map(|node| [1, 5, 7, 11].map(|step| (node + step) % 12)).collect();
    let walk = Strategy::RandomWalk { walkers: 4, check_every: 4 };
    for strategy in [Strategy::Flood, walk] {
        let config = FloodConfig { strategy, max_neighbors: 6, ..FloodConfig::default() };
        let mut it = Flooding::linked(rows.iter().map(|row| &row[..]), config, &[0, 1, 2, 3], 6);
        let nodes: Vec<Peer> = (0..12).map(|node| it.memory.peer(node)).collect();
        assert!(strike("flood", &mut it.memory, &nodes, |_| {}) > 0);
    }
}

#[test]
fn nodes_that_keep_references() {
    for config in [directory::config(), directory::by_words()] {
        let mut it = Directory::published(config, 7);
        let members = it.ring();
        let memory: &mut Memory<DirectoryNode<RingNode>> = &mut it.memory;
        assert!(strike("directory", memory, &members, |_| {}) > 0);
    }
}
