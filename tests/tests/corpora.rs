//! What fuzzing has found: every input of `fuzz/corpus` is run again.
//!
//! **Invariant:** each folder has inputs.

use std::fs;
use std::path::Path;

use hopwise_harness::serve::commands_in;
use hopwise_kernel::Protocol;
use hopwise_kernel::central::Central;
use hopwise_kernel::codec::WireError;
use hopwise_kernel::directory::Directory;
use hopwise_kernel::drive::Counters;
use hopwise_kernel::flood::Flood;
use hopwise_kernel::node::DropReason;
use hopwise_kernel::ring::Ring;
use hopwise_kernel::store::Stored;
use hopwise_tests::fuzz;

/// The inputs of a target, in the order of their names.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let entries = fs::read_dir(&folder).expect("the target has a corpus");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("it can be listed").path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{}", folder.display());
    paths.iter().map(|path| fs::read(path).expect("it can be read")).collect()
}

/// Runs all inputs of a target. Returns the reasons for which no message and no datagram was dropped.
fn unreached<P: Protocol>(target: &str, run: fn(&[u8]) -> Counters) -> Vec<&'static str> {
    let mut sum = Counters::default();
    for script in corpus(target) {
        sum.merge(&run(&script));
    }
    let refused =
        WireError::ALL.iter().map(|&reason| (reason.name(), sum.refused[reason as usize]));
    let dropped = DropReason::names(P::DROPS).zip(sum.dropped);
    let never = dropped.chain(refused).filter(|&(_, count)| count == 0);
    never.map(|(name, _)| name).collect()
}

#[test]
fn bundle() {
    corpus("bundle").iter().for_each(|datagram| fuzz::bundle(datagram));
}

#[test]
fn resp() {
    corpus("resp").iter().for_each(|bytes| fuzz::resp(bytes, commands_in));
}

/// Reasons that no script reaches: all nodes are members, none has a key, their identifiers are not bound to
/// addresses, and their tables of requests have room for all that a script of 512 bytes causes.
const NEVER: [&str; 5] = ["not_member", "overload", "forged", "replayed", "foreign_id"];

fn assert_all_reached_but(unreached: &[&str], others: &[&str]) {
    let expected = NEVER.iter().chain(others);
    let new: Vec<_> =
        unreached.iter().filter(|it| !expected.clone().any(|name| name == *it)).collect();
    assert!(new.is_empty(), "the corpus does not reach {new:?} any more");
}

#[test]
fn ring() {
    let unreached = unreached::<Ring>("node_ring", fuzz::ring);
    assert_all_reached_but(&unreached, &["not_for_this_kind", "stuck"]);
}

/// Strangers have no cookie of the server, so they cannot fill its index.
#[test]
fn central() {
    let unreached = unreached::<Central>("node_central", fuzz::central);
    assert_all_reached_but(&unreached, &["index_full"]);
}

/// No peer has an index.
#[test]
fn flooding() {
    let unreached = unreached::<Flood>("node_flooding", fuzz::flooding);
    assert_all_reached_but(&unreached, &["index_full"]);
}

#[test]
fn directory() {
    let unreached = unreached::<Directory<Ring>>("node_directory", fuzz::directory);
    let others = ["not_for_this_kind", "index_full", "word_full", "answer_cut", "stuck"];
    assert_all_reached_but(&unreached, &others);
}

#[test]
fn store() {
    let unreached = unreached::<Stored<Ring>>("node_store", fuzz::store);
    assert_all_reached_but(&unreached, &["not_for_this_kind", "stuck"]);
}
