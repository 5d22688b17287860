//! Emulates a slow and lossy network: messages are lost, delayed before they are sent, repeated or changed.
//!
//! Delayed messages lie encoded in a slab. A heap orders them by the time at which they are due,
//! and messages of the same time by the order in which they were sent.
//!
//! **Invariant:** all memory is reserved at construction (and touched when first used); a message
//! for which there is no room is dropped and counted.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::time::Duration;

use crate::base::{Address, Peer, Time};
use crate::codec::Codec;
use crate::drive::transit::flip_bit;
use crate::drive::{Counters, Transit};
use crate::reactor::clock::Clock;
use crate::reactor::outbox::Outbox;
use crate::reactor::sockets::Sockets;

/// Maximum size of the slab: about 45,000 messages of the default datagram size.
const SLAB_BYTES: usize = 64 << 20;

pub(crate) struct Emulation {
    transit: Box<dyn FnMut(Peer, Peer) -> Transit>,
    clock: Clock,
    slab: Slab,
    /// Due time, sequence number, and slot in the slab.
    due: BinaryHeap<Reverse<(Time, u64, u32)>>,
    pushed: u64,
}

/// Slots of equal size for encoded messages.
struct Slab {
    bytes: Box<[u8]>,
    room: usize,
    queued: Box<[Queued]>,
    free: Vec<u32>,
}

#[derive(Clone, Copy)]
struct Queued {
    socket: usize,
    to: Address,
    length: usize,
    /// The version of the format in which it is written.
    version: u8,
}

impl Emulation {
    /// `transit` returns the fate of the next message, given its sender and its receiver.
    pub(crate) fn new(
        transit: impl FnMut(Peer, Peer) -> Transit + 'static,
        clock: Clock,
        datagram_bytes: usize,
        header_bytes: usize,
    ) -> Emulation {
        let slab = Slab::new(SLAB_BYTES, datagram_bytes - header_bytes);
        let due = BinaryHeap::with_capacity(slab.queued.len());
        Emulation { transit: Box::new(transit), clock, slab, due, pushed: 0 }
    }

    /// As [`Outbox::push`], but applies the fate of the message.
    pub(crate) fn push(
        &mut self,
        counters: &mut Counters,
        version: u8,
        socket: usize,
        (from, to): (Peer, Peer),
        write: impl Fn(&mut [u8]) -> Option<usize>,
    ) -> Option<usize> {
        let Some(&slot) = self.slab.free.last() else {
            counters.delay_overflow += 1;
            return None;
        };
        let Some(length) = write(self.slab.room_mut(slot)) else {
            counters.unsendable += 1;
            return None;
        };
        let queued = Queued { socket, to: to.address, length, version };
        match (self.transit)(from, to) {
            Transit::Lost => counters.lost += 1,
            Transit::Once(delay) => self.queue(slot, queued, delay),
            Transit::Twice(first, second) => {
                self.queue(slot, queued, first);
                if let Some(&again) = self.slab.free.last() {
                    self.slab.copy(slot, again, length);
                    self.queue(again, queued, second);
                } else {
                    counters.delay_overflow += 1;
                }
            }
            Transit::Corrupt(delay, bit) => {
                flip_bit(&mut self.slab.room_mut(slot)[..length], bit);
                self.queue(slot, queued, delay);
            }
        }
        Some(length)
    }

    /// Queues the message in `slot`, the next free one.
    fn queue(&mut self, slot: u32, queued: Queued, delay: Duration) {
        self.slab.free.pop();
        self.slab.queued[slot as usize] = queued;
        self.due.push(Reverse((self.clock.now() + delay, self.pushed, slot)));
        self.pushed += 1;
    }

    /// Passes all messages that are due to the outbox.
    pub(crate) fn release(
        &mut self,
        sockets: &Sockets,
        counters: &mut Counters,
        outbox: &mut Outbox<impl Codec>,
    ) {
        let now = self.clock.now();
        while let Some(&Reverse((at, _, slot))) = self.due.peek()
            && at <= now
        {
            self.due.pop();
            let Queued { socket, to, length, version } = self.slab.queued[slot as usize];
            let message = &self.slab.room_mut(slot)[..length];
            let codec = outbox.codec_in(version);
            outbox.push(sockets, counters, codec, socket, to, |room| {
                room.get_mut(..length)?.copy_from_slice(message);
                Some(length)
            });
            self.slab.free.push(slot);
        }
    }

    /// The time at which the next message is due, or [`Time::NEVER`].
    pub(crate) fn next_due(&self) -> Time {
        self.due.peek().map_or(Time::NEVER, |&Reverse((at, ..))| at)
    }
}

impl fmt::Debug for Emulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulation").field("waiting", &self.due.len()).finish_non_exhaustive()
    }
}

impl Slab {
    fn new(bytes: usize, room: usize) -> Slab {
        let count = bytes / room;
        let nothing = Queued { socket: 0, to: Address::default(), length: 0, version: 0 };
        Slab {
            bytes: vec![0; count * room].into_boxed_slice(),
            room,
            queued: vec![nothing; count].into_boxed_slice(),
            free: (0..count as u32).rev().collect(),
        }
    }

    fn room_mut(&mut self, slot: u32) -> &mut [u8] {
        &mut self.bytes[slot as usize * self.room..][..self.room]
    }

    fn copy(&mut self, from: u32, to: u32, length: usize) {
        let from = from as usize * self.room;
        self.bytes.copy_within(from..from + length, to as usize * self.room);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};

    use super::*;
    use crate::codec::BUNDLE_HEADER_BYTES;
    use crate::reactor::sockets::Layout;
    use crate::ring::RingCodec;

    const LONG: Duration = Duration::from_secs(3600);

    fn one_byte(byte: u8) -> impl Fn(&mut [u8]) -> Option<usize> {
        move |room| {
            room[0] = byte;
            Some(1)
        }
    }

    #[test]
    fn due_messages_leave_in_order_and_the_rest_wait() {
        let now = Transit::Once(Duration::ZERO);
        let fates = [Transit::Once(LONG), now, Transit::Lost, now];
        let mut next = fates.into_iter();
        let transit = move |_, _| next.next().expect("as many fates as messages");
        let mut emulation = Emulation::new(transit, Clock::start(), 1472, BUNDLE_HEADER_BYTES);
        let receiver = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let port = receiver.local_addr().expect("it is bound").port();
        let to = Peer { address: Address::new([127, 0, 0, 1], port, 0), ..Peer::default() };
        let any_port = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
        let sockets = Sockets::bind(Layout::PerCore, any_port, 1).expect("a free port");
        let (mut outbox, mut counters) =
            (Outbox::new(1472, RingCodec::default()), Counters::default());
        for byte in 0..fates.len() as u8 {
            assert_eq!(emulation.push(&mut counters, 0, 0, (to, to), one_byte(byte)), Some(1));
        }
        emulation.release(&sockets, &mut counters, &mut outbox);
        outbox.flush(&sockets, &mut counters);
        let mut datagram = [0; 16];
        let length = receiver.recv(&mut datagram).expect("it was sent");
        assert_eq!(datagram[BUNDLE_HEADER_BYTES..length], [1, 3]);
        assert_eq!((counters.lost, counters.datagrams, emulation.due.len()), (1, 1, 1));
        assert!(emulation.next_due() >= Time::ZERO + LONG && emulation.next_due() < Time::NEVER);
    }

    #[test]
    fn messages_without_room_are_dropped_and_counted() {
        let mut emulation =
            Emulation::new(|_, _| Transit::Once(LONG), Clock::start(), 65_507, BUNDLE_HEADER_BYTES);
        let (rooms, reserved) = (emulation.slab.free.len(), emulation.due.capacity());
        let mut counters = Counters::default();
        let to = Peer::default();
        let taken = (0..rooms + 3)
            .filter(|_| emulation.push(&mut counters, 0, 0, (to, to), one_byte(0)).is_some())
            .count();
        assert_eq!((taken, counters.delay_overflow), (rooms, 3));
        assert_eq!(emulation.due.capacity(), reserved, "nothing is allocated on the way");
    }
}
