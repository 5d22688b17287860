//! The bytes of each message, from the codec itself.
//!
//! **Invariant:** every size includes the headers that are counted for a message that travels alone.

use hopwise_kernel::base::Peers;
use hopwise_kernel::codec::{Codec, DATAGRAM_OVERHEAD_BYTES};
use hopwise_kernel::node::{Cookie, RequestId};
use hopwise_kernel::ring::message::{HANDED_OVER, Lookup, MAX_HOP_BUDGET, Message, Purpose, Stage};
use hopwise_kernel::ring::wire::RingCodec;
use hopwise_kernel::{Id, Peer};

/// The bytes of the ring's messages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    /// A ping, or a pong.
    pub(super) ping: f64,
    /// A request for neighbors, or a cookie.
    pub(super) neighbors: f64,
    pub(super) neighbors_reply: f64,
    /// A notification, or its confirmation.
    pub(super) notify: f64,
    pub(super) introduce: f64,
    /// An announced departure.
    pub(super) leave: f64,
    /// The proof of a departure.
    pub(super) departure: f64,
    pub(super) lookup: f64,
    pub(super) ack: f64,
    pub(super) answer: f64,
}

impl Sizes {
    /// The sizes with so many successors.
    pub(super) fn new(successors: u32) -> Sizes {
        let (request, cookie, purpose) = (RequestId(0), Cookie::default(), Purpose::Stabilize);
        let peer = Peer::default();
        let peers = vec![peer; successors as usize];
        let (predecessor, successors) = (Some(peer), Peers::Table(&peers));
        let handed_over = Peers::Table(&peers[..peers.len().min(HANDED_OVER)]);
        let lookup = Lookup {
            lookup: request,
            purpose,
            key: Id::ZERO,
            origin: peer,
            budget: MAX_HOP_BUDGET,
            hops: 0,
            timeouts: 0,
            stage: Stage::Route,
            left_ms: 0,
        };
        let answer = Message::Answer {
            lookup: request,
            purpose,
            owner: peer,
            under_suspicion: false,
            hops: 0,
            timeouts: 0,
        };
        Sizes {
            ping: size(&Message::Ping { request }),
            neighbors: size(&Message::Neighbors { request, cookie, purpose }),
            neighbors_reply: size(&Message::NeighborsReply {
                request,
                purpose,
                predecessor,
                successors,
            }),
            notify: size(&Message::Notify),
            introduce: size(&Message::Introduce { peer }),
            leave: size(&Message::Leave { predecessor, successors: handed_over }),
            departure: size(&Message::NeighborsReply {
                request,
                purpose,
                predecessor,
                successors: handed_over,
            }),
            lookup: size(&Message::Lookup { request, lookup }),
            ack: size(&Message::Ack { request, purpose }),
            answer: size(&answer),
        }
    }
}

fn size(message: &Message<'_>) -> f64 {
    let codec = RingCodec::default();
    (codec.length(message) + RingCodec::HEADER_BYTES + DATAGRAM_OVERHEAD_BYTES) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_takes_28_bytes_a_peer() {
        let (short, long) = (Sizes::new(8), Sizes::new(16));
        assert_eq!(long.neighbors_reply - short.neighbors_reply, 8.0 * 28.0);
        assert_eq!((long.notify, long.ping), (65.0, 73.0), "headers alone, and with a number");
    }
}
