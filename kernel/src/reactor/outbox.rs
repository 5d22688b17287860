//! Outgoing messages: bundled by destination socket, or one per datagram.
//!
//! **Invariant:** a bundle never exceeds the configured size and is sent at the end of the turn.
//! The number of open bundles is bounded; when it is reached, all are sent.

use crate::base::Address;
use crate::codec::{Codec, Probe};
use crate::drive::Counters;
use crate::reactor::batch::{BATCH, Batch};
use crate::reactor::seal::{SEAL_BYTES, Seal};
use crate::reactor::sockets::{Layout, Sockets};
use crate::reactor::versions::Versions;

#[derive(Debug)]
pub(crate) struct Outbox<C> {
    codec: C,
    batch: Batch,
    /// Datagrams started since the last flush.
    open: Vec<Datagram>,
    /// Seals what is sent, if the cluster has a key.
    pub(crate) seal: Option<Seal>,
    /// What other sockets read; `None` if all read the newest version.
    pub(super) versions: Option<Versions>,
}

#[derive(Clone, Copy, Debug)]
struct Datagram {
    socket: usize,
    to: Address,
    length: usize,
    /// The version of the format in which it is written.
    version: u8,
    /// No further message fits.
    full: bool,
}

impl<C: Codec> Outbox<C> {
    pub(crate) fn new(datagram_bytes: usize, codec: C) -> Outbox<C> {
        let (batch, open) = (Batch::new(datagram_bytes), Vec::with_capacity(BATCH));
        Outbox { codec, batch, open, seal: None, versions: None }
    }

    /// The codec for messages from the own socket with this index to the socket of `to`.
    #[inline]
    pub(crate) fn codec_for(&mut self, socket: usize, to: Address) -> C {
        match &mut self.versions {
            None => self.codec,
            Some(versions) => self.codec.in_version(versions.version_for(socket, to)),
        }
    }

    pub(crate) fn set_codec(&mut self, codec: C) {
        self.codec = codec;
    }

    /// The codec for messages in `version`.
    pub(crate) fn codec_in(&self, version: u8) -> C {
        self.codec.in_version(version)
    }

    /// Adds a message from the node behind `socket` and returns the length of its frame. If the
    /// frame does not fit into a datagram, counts it and returns `None`. `write` writes the frame with
    /// `codec` at the start of a buffer and returns its length, or `None` if it does not fit.
    pub(crate) fn push(
        &mut self,
        sockets: &Sockets,
        counters: &mut Counters,
        codec: C,
        socket: usize,
        to: Address,
        write: impl Fn(&mut [u8]) -> Option<usize>,
    ) -> Option<usize> {
        let (to, version) = (to.socket(), codec.version());
        let sealed = if self.seal.is_some() { SEAL_BYTES } else { 0 };
        if sockets.layout() == Layout::PerCore {
            let fits = |datagram: &Datagram| {
                !datagram.full && datagram.to == to && datagram.version == version
            };
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
        let header = codec.write_header(buffer);
        let Some(length) = header.and_then(|header| write(&mut buffer[header..])) else {
            counters.unsendable += 1;
            return None;
        };
        let full = sockets.layout() == Layout::PerNode;
        let bytes = C::HEADER_BYTES + length;
        self.open.push(Datagram { socket, to, length: bytes, version, full });
        Some(length)
    }

    /// Adds a probe as a datagram of its own.
    pub(crate) fn push_probe(
        &mut self,
        sockets: &Sockets,
        counters: &mut Counters,
        socket: usize,
        to: Address,
        probe: &Probe,
    ) {
        if self.open.len() == BATCH {
            self.flush(sockets, counters);
        }
        let buffer = self.batch.buffer(self.open.len());
        let Some(length) = self.codec.write_probe(probe, buffer) else { return };
        let (version, full) = (self.codec.version(), true);
        self.open.push(Datagram { socket, to: to.socket(), length, version, full });
    }

    /// Adds the probes that are due.
    pub(crate) fn push_due_probes(&mut self, sockets: &Sockets, counters: &mut Counters) {
        while let Some((socket, to, number)) = self.versions.as_mut().and_then(Versions::take_due) {
            let probe = Probe { is_answer: false, newest: self.codec.newest(), number };
            self.push_probe(sockets, counters, socket, to, &probe);
        }
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
