//! Messages with random content, as frames and as datagrams.
//!
//! **Invariant:** every message can be encoded.

use hopwise_kernel::codec::Envelope;
use hopwise_kernel::node::RequestId;
use hopwise_kernel::ring::message::{Lookup, Purpose, Stage};
use hopwise_kernel::ring::{Message, RingCodec};
use hopwise_kernel::{Address, Codec, Id, Peer, Peers, Rng};

/// Most bytes of a UDP datagram over IPv4 in an Ethernet frame.
pub const DATAGRAM_BYTES: usize = 1472;

/// A message with its sender and receiver.
pub type Frame<'a> = (Envelope, Message<'a>);

/// A lookup in flight.
#[must_use]
pub fn lookup(rng: &mut Rng) -> Frame<'static> {
    let request = RequestId(rng.next_u64());
    let (key, origin) = (Id::random(rng), peer(rng));
    let lookup = lookup_of(rng, key, origin);
    frame(rng, Message::Lookup { request, lookup })
}

/// The reply to a stabilize request.
#[must_use]
pub fn neighbors_reply<'a>(rng: &mut Rng, successors: &'a [Peer]) -> Frame<'a> {
    let message = Message::NeighborsReply {
        request: RequestId(rng.next_u64()),
        purpose: Purpose::Stabilize,
        predecessor: Some(peer(rng)),
        successors: Peers::Table(successors),
    };
    frame(rng, message)
}

/// A lookup of `key` after three hops from `origin`.
#[must_use]
pub fn lookup_of(rng: &mut Rng, key: Id, origin: Peer) -> Lookup {
    Lookup {
        lookup: RequestId(rng.next_u64()),
        purpose: Purpose::User,
        key,
        origin,
        budget: 64,
        hops: 3,
        timeouts: 0,
        stage: Stage::Route,
        left_ms: 10_000,
    }
}

/// A random peer.
#[must_use]
pub fn peer(rng: &mut Rng) -> Peer {
    Peer { id: Id::random(rng), address: Address::from_bits(rng.next_u64()) }
}

/// Encodes a datagram of as many copies of `frame` as fit, at most `most`.
///
/// # Panics
///
/// If no copy fits.
#[must_use]
pub fn bundle_of((envelope, message): &Frame<'_>, most: usize) -> Vec<u8> {
    let (codec, mut buffer) = (RingCodec::default(), vec![0; DATAGRAM_BYTES]);
    let header = codec.write_header(&mut buffer).expect("a header fits in a datagram");
    let mut length = header;
    for _ in 0..most {
        let written = codec.write(envelope, message, &mut buffer[length..]);
        let Some(written) = written else { break };
        length += written;
    }
    assert!(length > header, "a frame fits in a datagram");
    buffer.truncate(length);
    buffer
}

fn frame<'a>(rng: &mut Rng, message: Message<'a>) -> Frame<'a> {
    let (from_id, to_prefix) = (Id::random(rng), Some(rng.next_u64()));
    (Envelope { from_id, from_slot: 7, to_slot: 9, to_prefix }, message)
}
