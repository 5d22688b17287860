//! What the fuzz targets run: any bytes as the script of an attack on a small network of each system.
//!
//! A network is built once in each thread, and every script starts from the same state of it. The laws are those
//! of the attacks on large networks. Waiting ends as soon as a network looks as if it had recovered, and then it
//! must have.
//!
//! **Invariant:** a script always has the same result, so a failure can be replayed.

use std::cell::RefCell;
use std::time::Duration;

use hopwise_kernel::{Address, Rng};

use crate::central::{Central, Recorded};
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

/// Attacks a ring.
///
/// # Panics
///
/// If it breaks one of its laws; see [`Attack::play`].
pub fn ring(script: &[u8]) {
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
    });
}

/// Attacks a central index.
///
/// # Panics
///
/// If it breaks one of its laws; see [`central::attack`](crate::central::attack).
pub fn central(script: &[u8]) {
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
    });
}

/// Attacks peers that flood.
///
/// # Panics
///
/// If they break one of their laws; see [`flooding::attack`](crate::flooding::attack).
pub fn flooding(script: &[u8]) {
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
    });
}

/// Attacks a directory, whose items are published under their names and their words.
///
/// # Panics
///
/// If it breaks one of its laws; see [`directory::attack`](crate::directory::attack).
pub fn directory(script: &[u8]) {
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
    });
}

/// Attacks a store.
///
/// # Panics
///
/// If it breaks one of its laws; see [`store::attack`](crate::store::attack).
pub fn store(script: &[u8]) {
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
    });
}
