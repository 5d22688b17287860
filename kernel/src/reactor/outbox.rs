//! Outgoing messages: bundled by destination socket, or one per datagram.
//!
//! **Invariant:** a bundle never exceeds the configured size and is sent at the end of the turn.
//! The number of open bundles is bounded; when it is reached, all are sent.

use crate::base::Address;
use crate::codec::Codec;
use crate::drive::Counters;
use crate::reactor::batch::{BATCH, Batch};
use crate::reactor::seal::{SEAL_BYTES, Seal};
use crate::reactor::sockets::{Layout, Sockets};

#[derive(Debug)]
pub(crate) struct Outbox<C> {
    codec: C,
    batch: Batch,
    /// Datagrams started since the last flush.
    open: Vec<Datagram>,
    /// Seals what is sent, if the cluster has a key.
    pub(crate) seal: Option<Seal>,
}

#[derive(Clone, Copy, Debug)]
struct Datagram {
    socket: usize,
    to: Address,
    length: usize,
    /// No further message fits.
    full: bool,
}

impl<C: Codec> Outbox<C> {
    pub(crate) fn new(datagram_bytes: usize, codec: C) -> Outbox<C> {
        let (batch, open) = (Batch::new(datagram_bytes), Vec::with_capacity(BATCH));
        Outbox { codec, batch, open, seal: None }
    }

    /// Adds a message from the node behind `socket` and returns the length of its frame. If the
    /// frame does not fit into a datagram, counts it and returns `None`. `write` writes the frame
    /// at the start of a buffer and returns its length, or `None` if it does not fit.
    pub(crate) fn push(
        &mut self,
        sockets: &Sockets,
        counters: &mut Counters,
        socket: usize,
        to: Address,
        write: impl Fn(&mut [u8]) -> Option<usize>,
    ) -> Option<usize> {
        let to = to.socket();
        let sealed = if self.seal.is_some() { SEAL_BYTES } else { 0 };
        if sockets.layout() == Layout::PerCore {
            let fits = |datagram: &Datagram| !datagram.full && datagram.to == to;
            if let Some(index) = self.open.iter().rposition(fits) {
                let datagram = &mut self.open[index];
                let buffer = self.batch.buffer(index);
                let end = buffer.len() - sealed;
                let room = &mut buffer[datagram.length..end];
                if let Some(length) = write(room) {
                    datagram.length += length;
                    return Some(length);
                }
                datagram.full = true;
            }
        }
        if self.open.len() == BATCH {
            self.flush(sockets, counters);
        }
        let index = self.open.len();
        let buffer = self.batch.buffer(index);
        let end = buffer.len() - sealed;
        let buffer = &mut buffer[..end];
        let header = self.codec.write_header(buffer);
        let Some(length) = header.and_then(|header| write(&mut buffer[header..])) else {
            counters.unsendable += 1;
            return None;
        };
        let full = sockets.layout() == Layout::PerNode;
        let bytes = C::HEADER_BYTES + length;
        self.open.push(Datagram { socket, to, length: bytes, full });
        Some(length)
    }

    /// Sends all datagrams. Those that the operating system does not accept are counted and lost.
    pub(crate) fn flush(&mut self, sockets: &Sockets, counters: &mut Counters) {
        if let Some(seal) = &mut self.seal {
            for (index, datagram) in self.open.iter_mut().enumerate() {
                let (from, room) = (sockets.address(datagram.socket), self.batch.buffer(index));
                datagram.length = seal.close(from, datagram.to, room, datagram.length);
            }
        }
        let mut from = 0;
        while from < self.open.len() {
            let socket = self.open[from].socket;
            let run = self.open[from..].iter().take_while(|next| next.socket == socket).count();
            let to = from + run;
            let open = &self.open;
            let sent = self.batch.send(sockets.descriptor(socket), from, to, |index| {
                (open[index].to, open[index].length)
            });
            counters.datagrams += sent as u64;
            counters.unsent += (run - sent) as u64;
            from = to;
        }
        self.open.clear();
    }
}
