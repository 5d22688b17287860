//! Reported events, queued until the application takes them.
//!
//! **Invariant:** nothing is allocated once the queue has reached its longest, or room was
//! reserved.

use alloc::vec::Vec;
use core::ops::Range;

use crate::node::{EventOf, Protocol};

/// A queue of events, each with its node and its payload.
#[derive(Debug)]
pub(crate) struct Reports<P: Protocol> {
    entries: Vec<(u32, P::Event, Range<usize>)>,
    /// All payloads, one after the other.
    payloads: Vec<u8>,
}

impl<P: Protocol> Clone for Reports<P> {
    fn clone(&self) -> Reports<P> {
        Reports { entries: self.entries.clone(), payloads: self.payloads.clone() }
    }

    /// Reuses the memory.
    fn clone_from(&mut self, source: &Reports<P>) {
        self.entries.clone_from(&source.entries);
        self.payloads.clone_from(&source.payloads);
    }
}

impl<P: Protocol> Reports<P> {
    /// An empty queue with room for `events` events.
    pub(crate) fn with_capacity(events: usize) -> Reports<P> {
        Reports { entries: Vec::with_capacity(events), payloads: Vec::new() }
    }

    /// Reserves room for `bytes` bytes of payloads.
    pub(crate) fn make_room(&mut self, bytes: usize) {
        self.payloads.reserve(bytes);
    }

    /// The number of events in the queue.
    #[cfg(feature = "reactor")]
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Adds an event.
    pub(crate) fn push(&mut self, node: u32, event: EventOf<P>, payload: &[u8]) {
        if self.entries.is_empty() {
            self.payloads.clear();
        }
        let start = self.payloads.len();
        self.payloads.extend_from_slice(payload);
        self.entries.push((node, event, start..self.payloads.len()));
    }

    /// Removes and returns all events.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = (u32, EventOf<P>, &[u8])> {
        let payloads = &self.payloads;
        self.entries.drain(..).map(|(node, event, payload)| (node, event, &payloads[payload]))
    }
}
