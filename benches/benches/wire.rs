//! Encoding and parsing of messages.
//!
//! **Invariant:** a check before the clock starts asserts that parsed messages equal encoded ones.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use hopwise_benches::frames::{self, DATAGRAM_BYTES, Frame, bundle_of};
use hopwise_benches::measure;
use hopwise_benches::ring::SUCCESSORS;
use hopwise_kernel::ring::RingCodec;
use hopwise_kernel::{Codec, Peer, Rng};

fn main() {
    measure::run(wire);
}

/// Times to encode a frame, and to parse a datagram and read all its frames.
fn wire(criterion: &mut Criterion) {
    let mut rng = Rng::new(4, 0);
    let successors: Vec<Peer> = (0..SUCCESSORS).map(|_| frames::peer(&mut rng)).collect();
    let lookup = frames::lookup(&mut rng);
    let reply = frames::neighbors_reply(&mut rng, &successors);

    bench_encode(criterion, "encode_lookup", &lookup);
    bench_encode(criterion, "encode_neighbors_reply_of_16", &reply);
    bench_parse(criterion, "parse_lookup", &lookup, &bundle_of(&lookup, 1));
    bench_parse(criterion, "parse_full_bundle", &lookup, &bundle_of(&lookup, usize::MAX));
    bench_parse(criterion, "parse_neighbors_reply_of_16", &reply, &bundle_of(&reply, 1));
}

fn bench_encode(criterion: &mut Criterion, name: &str, frame: &Frame<'_>) {
    let (codec, mut buffer) = (RingCodec::default(), [0; DATAGRAM_BYTES]);
    let length = codec.write(&frame.0, &frame.1, &mut buffer).expect("a frame fits in a datagram");
    let mut group = criterion.benchmark_group("wire");
    group.throughput(Throughput::Bytes(length as u64));
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            let (envelope, message) = black_box(frame);
            codec.write(envelope, message, black_box(&mut buffer))
        });
    });
}

/// Benchmarks parsing of `datagram`, which consists of repetitions of `expected`.
fn bench_parse(criterion: &mut Criterion, name: &str, expected: &Frame<'_>, datagram: &[u8]) {
    let codec = RingCodec::default();
    let mut messages = codec.parse(datagram).expect("an encoded datagram is valid");
    let frames = messages.count() as u64;
    assert!(frames > 0 && messages.all(|frame| frame == *expected), "parsed frames differ");
    let mut group = criterion.benchmark_group("wire");
    group.throughput(Throughput::Elements(frames));
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            if let Ok(messages) = codec.parse(black_box(datagram)) {
                for frame in messages {
                    black_box(&frame);
                }
            }
        });
    });
}
