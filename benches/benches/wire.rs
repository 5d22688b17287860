//! Messages to bytes and back.
//!
//! **Invariant:** what is parsed is what was encoded, checked before the clock starts.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use hopwise_benches::measure;
use hopwise_benches::ring::SUCCESSORS;
use hopwise_kernel::message::{Lookup, Peers, Purpose};
use hopwise_kernel::wire::{Bundle, Frame, begin_bundle, encode};
use hopwise_kernel::{Address, Id, Message, Peer, RequestId, Rng};

/// What an Ethernet frame carries of a UDP datagram over IPv4.
const FULL_BUNDLE_BYTES: usize = 1472;

fn main() {
    measure::run(wire);
}

/// Encoding one frame; parsing a datagram and reading all its frames.
fn wire(criterion: &mut Criterion) {
    let mut rng = Rng::new(4, 0);
    let successors: Vec<Peer> = (0..SUCCESSORS).map(|_| peer(&mut rng)).collect();
    let lookup = frame(&mut rng, |rng| Message::Lookup {
        request: RequestId(rng.next_u64()),
        lookup: Lookup {
            lookup: RequestId(rng.next_u64()),
            purpose: Purpose::User,
            key: Id::random(rng),
            origin: peer(rng),
            budget: 64,
            hops: 3,
            timeouts: 0,
            known: false,
        },
    });
    let reply = frame(&mut rng, |rng| Message::NeighborsReply {
        request: RequestId(rng.next_u64()),
        purpose: Purpose::Stabilize,
        predecessor: Some(peer(rng)),
        successors: Peers::Table(&successors),
    });

    bench_encode(criterion, "encode_lookup", &lookup);
    bench_encode(criterion, "encode_neighbors_reply_of_16", &reply);
    bench_parse(criterion, "parse_lookup", &lookup, &bundle_of(&lookup, 1));
    bench_parse(criterion, "parse_full_bundle", &lookup, &bundle_of(&lookup, usize::MAX));
    bench_parse(criterion, "parse_neighbors_reply_of_16", &reply, &bundle_of(&reply, 1));
}

fn bench_encode(criterion: &mut Criterion, name: &str, frame: &Frame<'_>) {
    let mut buffer = [0; FULL_BUNDLE_BYTES];
    let length = encode(frame, &mut buffer).expect("a frame fits in a datagram");
    let mut group = criterion.benchmark_group("wire");
    group.throughput(Throughput::Bytes(length as u64));
    group.bench_function(name, |bencher| {
        bencher.iter(|| encode(black_box(frame), black_box(&mut buffer)));
    });
}

/// `datagram` holds nothing but repetitions of `expected`.
fn bench_parse(criterion: &mut Criterion, name: &str, expected: &Frame<'_>, datagram: &[u8]) {
    let bundle = Bundle::parse(datagram).expect("what was encoded parses");
    let frames = bundle.frames().count() as u64;
    assert!(frames > 0 && bundle.frames().all(|frame| frame == *expected), "parsed otherwise");
    let mut group = criterion.benchmark_group("wire");
    group.throughput(Throughput::Elements(frames));
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            if let Ok(bundle) = Bundle::parse(black_box(datagram)) {
                for frame in bundle.frames() {
                    black_box(&frame);
                }
            }
        });
    });
}

/// A datagram with `frame` in it as often as fits, at most `most` times.
fn bundle_of(frame: &Frame<'_>, most: usize) -> Vec<u8> {
    let mut buffer = vec![0; FULL_BUNDLE_BYTES];
    let mut length = begin_bundle(&mut buffer).expect("a header fits in a datagram");
    for _ in 0..most {
        let Some(written) = encode(frame, &mut buffer[length..]) else { break };
        length += written;
    }
    buffer.truncate(length);
    buffer
}

fn frame<'a>(rng: &mut Rng, message: impl FnOnce(&mut Rng) -> Message<'a>) -> Frame<'a> {
    Frame {
        from_id: Id::random(rng),
        from_slot: 7,
        to_slot: 9,
        to_prefix: rng.next_u64(),
        message: message(rng),
    }
}

fn peer(rng: &mut Rng) -> Peer {
    Peer { id: Id::random(rng), address: Address::from_bits(rng.next_u64()) }
}
