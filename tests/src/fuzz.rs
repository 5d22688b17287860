//! What the fuzz targets run: any bytes as a datagram, as what a client sends, or as the script of an attack on a
//! small network of each system.
//!
//! A network is built once in each thread, and every script starts from the same state of it. The laws are those
//! of the attacks on large networks. Waiting ends as soon as a network looks as if it had recovered, and then it
//! must have.
//!
//! **Invariant:** a script always has the same result, so a failure can be replayed.

use std::cell::RefCell;
use std::time::Duration;

use hopwise_kernel::drive::Counters;
use hopwise_kernel::flood::Flood;
use hopwise_kernel::ring::Ring;
use hopwise_kernel::store::Stored;
use hopwise_kernel::{Address, Rng, central as index, directory as references};

use crate::central::{Central, Recorded};
use crate::forge::is_refused_or_exact;
use crate::{Attack, Directory, Flooding, StoreRing};

/// Scripts are read up to this length. Longer ones find nothing that several shorter ones do not.
pub const MAX_SCRIPT: usize = 512;

const SEED: u64 = 1;

/// A network before an attack, the same network under attack, and what the attacker has recorded.
struct Prepared<W, G> {
    before: W,
    now: W,
    genuine: G,
}

/// Datagrams, each with its sender's address.
type Datagrams = Vec<(Address, Vec<u8>)>;

fn cut(script: &[u8]) -> &[u8] {
    &script[..script.len().min(MAX_SCRIPT)]
}

/// Any bytes as a datagram of every protocol: refused, or exactly what is written for what is read.
///
/// # Panics
///
/// If it is neither.
pub fn bundle(datagram: &[u8]) {
    assert!(is_refused_or_exact::<Ring>(datagram));
    assert!(is_refused_or_exact::<index::Central>(datagram));
    assert!(is_refused_or_exact::<Flood>(datagram));
    assert!(is_refused_or_exact::<references::Directory<Ring>>(datagram));
    assert!(is_refused_or_exact::<Stored<Ring>>(datagram));
}

/// Any bytes as what a client of `hopwise serve` sends; the first two say in which pieces. `commands_in` reads
/// the commands of bytes that arrive in pieces of this length. The pieces make no difference, but that an error
/// in a request which is not complete may show later.
///
/// # Panics
///
/// If they do.
pub fn resp(bytes: &[u8], commands_in: impl Fn(&[u8], usize) -> Vec<String>) {
    let Some((piece, bytes)) = bytes.split_first_chunk() else { return };
    let piece = u16::from_be_bytes(*piece).into();
    let (in_pieces, whole) = (commands_in(bytes, piece), commands_in(bytes, bytes.len()));
    let late = whole.strip_prefix(&in_pieces[..]).expect("what was read is the same");
    assert!(late.len() <= 1 && late.iter().all(|it| it.starts_with("Protocol error")), "{late:?}");
}

/// Attacks a ring. Returns what was counted.
///
/// # Panics
///
/// If it breaks one of its laws; see [`Attack::play`].
pub fn ring(script: &[u8]) -> Counters {
    thread_local! {
        static RING: RefCell<Prepared<Attack, ()>> = RefCell::new(Prepared {
            before: Attack::small(),
            now: Attack::small(),
            genuine: (),
        });
    }
    RING.with_borrow_mut(|ring| {
        ring.now.restart(&ring.before);
        ring.now.play(cut(script));
        ring.now.memory().counters().since(ring.before.memory().counters())
    })
}

/// Attacks a central index. Returns what was counted.
///
/// # Panics
///
/// If it breaks one of its laws; see [`central::attack`](crate::central::attack).
pub fn central(script: &[u8]) -> Counters {
    thread_local! {
        static CENTRAL: RefCell<Prepared<Central, Recorded>> = RefCell::new({
            let (mut before, now) = (Central::small(SEED), Central::small(SEED));
            let genuine = Recorded::of(&mut before);
            *before.memory.rng() = Rng::new(SEED, 1);
            Prepared { before, now, genuine }
        });
    }
    CENTRAL.with_borrow_mut(|central| {
        central.now.memory.clone_from(&central.before.memory);
        central.now.endure(cut(script), &central.genuine);
        central.now.memory.counters().since(central.before.memory.counters())
    })
}

/// Attacks peers that flood. Returns what was counted.
///
/// # Panics
///
/// If they break one of their laws; see [`flooding::attack`](crate::flooding::attack).
pub fn flooding(script: &[u8]) -> Counters {
    thread_local! {
        static PEERS: RefCell<Prepared<Flooding, Datagrams>> = RefCell::new({
            let (mut before, now) = (Flooding::small(SEED), Flooding::small(SEED));
            let genuine = before.record(Duration::from_secs(2));
            *before.memory.rng() = Rng::new(SEED, 1);
            Prepared { before, now, genuine }
        });
    }
    PEERS.with_borrow_mut(|peers| {
        peers.now.memory.clone_from(&peers.before.memory);
        let attacked = peers.now.play(cut(script), &peers.genuine);
        peers.now.heal_early();
        peers.now.assert_bounded(&attacked);
        peers.now.assert_found();
        peers.now.memory.counters().since(peers.before.memory.counters())
    })
}

/// Attacks a directory, whose items are published under their names and their words. Returns what was
/// counted.
///
/// # Panics
///
/// If it breaks one of its laws; see [`directory::attack`](crate::directory::attack).
pub fn directory(script: &[u8]) -> Counters {
    thread_local! {
        static DIRECTORY: RefCell<Prepared<Directory, Datagrams>> = RefCell::new({
            let (mut before, now) = (Directory::small(SEED), Directory::small(SEED));
            let genuine = before.record(Duration::from_secs(3));
            *before.memory.rng() = Rng::new(SEED, 1);
            Prepared { before, now, genuine }
        });
    }
    DIRECTORY.with_borrow_mut(|directory| {
        directory.now.memory.clone_from(&directory.before.memory);
        directory.now.play(cut(script), &directory.genuine);
        directory.now.heal_early();
        assert_eq!(directory.now.ends(), 0, "no query ends twice");
        directory.now.assert_all_found_by_some();
        directory.now.memory.counters().since(directory.before.memory.counters())
    })
}

/// Attacks a store. Returns what was counted.
///
/// # Panics
///
/// If it breaks one of its laws; see [`store::attack`](crate::store::attack).
pub fn store(script: &[u8]) -> Counters {
    thread_local! {
        static STORE: RefCell<Prepared<StoreRing, Datagrams>> = RefCell::new({
            let (mut before, now) = (StoreRing::small(SEED), StoreRing::small(SEED));
            let genuine = before.record(Duration::from_secs(2));
            *before.memory.rng() = Rng::new(SEED, 1);
            Prepared { before, now, genuine }
        });
    }
    STORE.with_borrow_mut(|store| {
        store.now.memory.clone_from(&store.before.memory);
        store.now.play(cut(script), &store.genuine);
        store.now.heal_early();
        assert_eq!(store.now.ends(), 0, "no operation ends twice");
        store.now.assert_works_at_once();
        store.now.memory.counters().since(store.before.memory.counters())
    })
}
