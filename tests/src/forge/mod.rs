//! Datagrams of a hostile network, made from a script: random bytes, forged messages, replayed
//! datagrams, and damaged copies of all of these.
//!
//! **Invariant:** everything follows from the script, and every script is valid. Nothing is
//! allocated once the buffer is long enough.

mod messages;
mod script;

pub use messages::{Forged, Lists, named_addresses};
pub use script::Script;

use hopwise_kernel::base::id::ID_BYTES;
use hopwise_kernel::codec::{BUNDLE_HEADER_BYTES, Body, Codec, Envelope, Framed};
use hopwise_kernel::{Address, Distance, Id, Peer};

/// Most forged frames in one bundle.
const FRAMES: usize = 3;
/// Longest forged frame, in bytes.
const FRAME_BYTES: usize = 2048;
/// Most bytes that are added to a datagram.
const ADDED_BYTES: usize = 2048;
/// Position of a frame's receiver: its slot, the sender's slot, then the receiver's prefix.
const RECEIVER: std::ops::Range<usize> = BUNDLE_HEADER_BYTES + 3..BUNDLE_HEADER_BYTES + 15;

/// Makes datagrams from what a hostile network knows.
#[derive(Clone, Copy, Debug)]
pub struct Forge<'a> {
    /// The nodes: receivers of the datagrams, and their pretended senders.
    pub ring: &'a [Peer],
    /// The attacker's own socket. If it has a slot, forged messages name no other address outside the ring.
    pub stranger: Address,
    /// Datagrams the nodes have sent, each with its sender's address.
    pub genuine: &'a [(Address, Vec<u8>)],
}

impl Forge<'_> {
    /// Writes the next datagram of `script` into `out` and returns its source address. Forged
    /// messages are of the protocol `P`.
    pub fn datagram<P: Forged>(&self, script: &mut Script<'_>, out: &mut Vec<u8>) -> Address {
        out.clear();
        let mut from = self.stranger;
        match script.below(4) {
            0 => {
                let length = script.below(256);
                out.extend_from_slice(script.take(length));
            }
            1 if !self.genuine.is_empty() => {
                let (sender, bytes) = &self.genuine[script.below(self.genuine.len())];
                out.extend_from_slice(bytes);
                if script.flag() {
                    let (_, more) = &self.genuine[script.below(self.genuine.len())];
                    out.extend_from_slice(&more[BUNDLE_HEADER_BYTES..]);
                }
                from = *sender;
            }
            _ => from = self.forge::<P>(script, out),
        }
        if script.flag() {
            self.damage(script, out);
        }
        if script.below(4) == 0 { self.stranger } else { from }
    }

    /// Writes a valid bundle that no node has sent.
    fn forge<P: Forged>(&self, script: &mut Script<'_>, out: &mut Vec<u8>) -> Address {
        out.resize(BUNDLE_HEADER_BYTES, 0);
        Framed::<P>::default().write_header(out).expect("there is room");
        let mut from = self.stranger;
        for _ in 0..=script.below(FRAMES) {
            let (to, sender) = (self.member(script), self.peer(script));
            let lists = Lists::forge(self, script);
            let kind = script.below(P::KINDS);
            let message = P::message(self, kind, script, &lists);
            let start = out.len();
            out.resize(start + FRAME_BYTES, 0);
            let written = Framed::<P>::default()
                .write(&Envelope::new(sender, to), &message, &mut out[start..])
                .expect("the frame is valid");
            out.truncate(start + written);
            from = sender.address;
        }
        from
    }

    /// Damages a datagram: truncates it, appends bytes, overwrites a field or flips bits.
    fn damage(&self, script: &mut Script<'_>, out: &mut Vec<u8>) {
        match script.below(7) {
            0 => out.truncate(script.below(out.len() + 1)),
            1 => {
                let added = script.below(ADDED_BYTES);
                let filler = script.byte();
                out.resize(out.len() + added, filler);
            }
            // Another version.
            2 => out.iter_mut().skip(1).take(1).for_each(|byte| *byte = script.byte()),
            // Another receiver.
            3 if out.len() >= RECEIVER.end => {
                let length = script.below(RECEIVER.len() + 1);
                let bytes = script.take(length);
                out[RECEIVER][..bytes.len()].copy_from_slice(bytes);
            }
            _ => {
                for _ in 0..=script.below(4) {
                    let (at, bit) = (script.below(out.len().max(1)), script.below(8));
                    out.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << bit);
                }
            }
        }
    }

    fn member(&self, script: &mut Script<'_>) -> Peer {
        self.ring[script.below(self.ring.len())]
    }

    /// A member, its address with another identifier, its identifier at another address, or an
    /// arbitrary peer.
    fn peer(&self, script: &mut Script<'_>) -> Peer {
        let member = self.member(script);
        match script.below(4) {
            0 => member,
            1 => Peer { id: self.id(script), ..member },
            2 => Peer { address: self.elsewhere(script), ..member },
            _ => Peer { id: self.id(script), address: self.elsewhere(script) },
        }
    }

    fn elsewhere(&self, script: &mut Script<'_>) -> Address {
        let slot = script.below(1 << 16) as u16;
        if self.stranger.slot > 0 { self.stranger } else { Address { slot, ..self.stranger } }
    }

    /// A member's identifier, one just before or after it, or any.
    fn id(&self, script: &mut Script<'_>) -> Id {
        let member = self.member(script).id;
        match script.below(4) {
            0 => member,
            1 => member.add(Distance::multiple_of_power(1, 0)),
            2 => member.add(Distance::MAX),
            _ => Id::from_bytes(script.array::<ID_BYTES>()),
        }
    }
}

/// Whether the codec refuses these bytes, or writes exactly them for the messages it parses, in the version in
/// which they are written. The header also says what else its sender reads, and that is not kept.
#[must_use]
pub fn is_refused_or_exact<P: Body>(datagram: &[u8]) -> bool {
    let codec = Framed::<P>::default();
    let Ok(messages) = codec.parse(datagram) else { return true };
    let Ok((codec, _)) = codec.read_header(datagram) else { return false };
    let mut written = vec![0; datagram.len()];
    let mut length =
        codec.write_header(&mut written).expect("a datagram is longer than its header");
    for (envelope, message) in messages {
        let more = codec.write(&envelope, &message, &mut written[length..]);
        let Some(more) = more else { return false };
        length += more;
    }
    let frames = BUNDLE_HEADER_BYTES..;
    written[frames.clone()] == datagram[frames] && length == datagram.len()
}
