//! Datagrams as a hostile network sends them, made from a script: any bytes at all, well-formed
//! messages from nobody in particular, genuine datagrams again, and all of these damaged.
//!
//! **Invariant:** everything follows from the script, and every script means something. Nothing is
//! allocated once the buffer is long enough.

use hopwise_kernel::id::ID_BYTES;
use hopwise_kernel::items::{Hit, HitList, Hits, MAX_TEXT, Match, Query, Text};
use hopwise_kernel::message::{
    Cookie, Lookup, MAX_COPIES, MAX_HOP_BUDGET, MAX_PAYLOAD, MAX_TTL, MAX_WALK, Message, Peers,
    Purpose, Step, Walk, WalkStage,
};
use hopwise_kernel::wire::{self, BUNDLE_HEADER_BYTES, Frame, MAGIC, VERSION};
use hopwise_kernel::{Address, Distance, Id, Peer, RequestId};

/// Kinds of messages.
const KINDS: usize = 28;
/// Frames forged into one bundle, at most.
const FRAMES: usize = 3;
/// Longest forged list of peers.
const LISTED: usize = 6;
/// Longest forged frame, in bytes.
const FRAME_BYTES: usize = 2048;
/// Most bytes that are added to a datagram.
const ADDED_BYTES: usize = 2048;
/// Where a frame's receiver is written: its slot, then the top of its identifier.
const RECEIVER: std::ops::Range<usize> = BUNDLE_HEADER_BYTES + 3..BUNDLE_HEADER_BYTES + 15;

/// Bytes that name what happens next. Past their end there are zeros.
#[derive(Clone, Copy, Debug)]
pub struct Script<'a> {
    rest: &'a [u8],
}

impl<'a> Script<'a> {
    /// A script from its start.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Script<'a> {
        Script { rest: bytes }
    }

    /// Whether nothing is left of it.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.rest.is_empty()
    }

    /// Up to `count` bytes, as many as there are.
    pub fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(count.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    /// One byte.
    pub fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    /// An integer in `0 .. bound`, which is 1 … 65,536.
    pub fn below(&mut self, bound: usize) -> usize {
        let wide = bound > 256;
        let number = u16::from_be_bytes([if wide { self.byte() } else { 0 }, self.byte()]);
        usize::from(number) % bound
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let taken = self.take(N);
        array[..taken.len()].copy_from_slice(taken);
        array
    }

    fn number(&mut self) -> u64 {
        u64::from_be_bytes(self.array())
    }

    fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }
}

/// What a hostile network knows.
#[derive(Clone, Copy, Debug)]
pub struct Forge<'a> {
    /// The nodes: whom datagrams are for, and whom they pretend to be from.
    pub ring: &'a [Peer],
    /// The attacker's own socket.
    pub stranger: Address,
    /// Datagrams the nodes have sent, each with its sender's address.
    pub genuine: &'a [(Address, Vec<u8>)],
}

impl Forge<'_> {
    /// Writes the datagram that comes next in `script` into `out`, and returns the address it seems
    /// to come from.
    pub fn datagram(&self, script: &mut Script<'_>, out: &mut Vec<u8>) -> Address {
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
            _ => from = self.forge(script, out),
        }
        if script.flag() {
            self.damage(script, out);
        }
        if script.below(4) == 0 { self.stranger } else { from }
    }

    /// Writes a valid bundle, which no node has sent.
    fn forge(&self, script: &mut Script<'_>, out: &mut Vec<u8>) -> Address {
        out.extend_from_slice(&[MAGIC, VERSION]);
        let mut from = self.stranger;
        for _ in 0..=script.below(FRAMES) {
            let (to, sender) = (self.member(script), self.peer(script));
            let mut listed = [Peer::default(); LISTED];
            let listed = &mut listed[..script.below(LISTED + 1)];
            listed.fill_with(|| self.peer(script));
            let mut found = HitList::default();
            for &holder in &*listed {
                found.push(&Hit { holder, name: text(script) });
            }
            let frame = Frame {
                from_id: sender.id,
                from_slot: sender.address.slot,
                to_slot: to.address.slot,
                to_prefix: to.id.prefix(),
                message: self.message(script, listed, found.hits()),
            };
            let start = out.len();
            out.resize(start + FRAME_BYTES, 0);
            let written = wire::encode(&frame, &mut out[start..]).expect("the frame is valid");
            out.truncate(start + written);
            from = sender.address;
        }
        from
    }

    fn message<'a, 's: 'a>(
        &self,
        script: &mut Script<'s>,
        listed: &'a [Peer],
        hits: Hits<'a>,
    ) -> Message<'a> {
        let request = RequestId(script.number());
        let purpose = Purpose::from_number(script.byte() % 6).expect("there are six purposes");
        let successors = Peers::Table(listed);
        let predecessor = listed.first().copied().filter(|_| script.flag());
        match script.below(KINDS) {
            0 => Message::Ping { request },
            1 => Message::Pong { request },
            2 => Message::Neighbors { request, cookie: Cookie(script.number()), purpose },
            3 => Message::NeighborsReply { request, purpose, predecessor, successors },
            4 => Message::CookieReply { request, purpose, cookie: Cookie(script.number()) },
            5 => Message::Notify,
            6 => Message::Introduce { peer: self.peer(script) },
            7 => Message::Leave { predecessor, successors },
            8 => {
                let lookup = Lookup {
                    lookup: RequestId(script.number()),
                    purpose,
                    key: self.id(script),
                    origin: self.peer(script),
                    budget: script.byte() % MAX_HOP_BUDGET + 1,
                    hops: script.byte(),
                    timeouts: script.byte(),
                    known: script.flag(),
                };
                Message::Lookup { request, lookup }
            }
            9 => Message::Ack { request, purpose },
            10 => {
                let (owner, hops, timeouts) = (self.peer(script), script.byte(), script.byte());
                Message::Answer { lookup: request, purpose, owner, hops, timeouts }
            }
            11 => {
                let (key, limit) = (self.id(script), self.id(script));
                Message::FindNext { request, purpose, key, limit }
            }
            12 => {
                let step = match script.below(3) {
                    0 => Step::Stuck,
                    1 => Step::Next(self.peer(script)),
                    _ => Step::Owner(self.peer(script)),
                };
                Message::FindNextReply { request, purpose, step, knows: script.flag() }
            }
            13 => {
                let length = script.below(MAX_PAYLOAD + 1);
                Message::Deliver { request, key: self.id(script), payload: script.take(length) }
            }
            14 => Message::Delivered { request },
            kind => self.message_of_sharers(script, kind, request, hits),
        }
    }

    fn message_of_sharers<'a, 's: 'a>(
        &self,
        script: &mut Script<'s>,
        kind: usize,
        request: RequestId,
        hits: Hits<'a>,
    ) -> Message<'a> {
        let cookie = Cookie(script.number());
        let hit = Hit { holder: self.peer(script), name: text(script) };
        let how = Match::from_number(script.byte() % 4).expect("there are four kinds of match");
        let query = Query { how, text: hit.name };
        let ttl = script.byte() % MAX_TTL + 1;
        match kind {
            15 => Message::Publish { request, cookie, name: hit.name },
            16 => Message::Published { request },
            17 => Message::Copy { hit, copies: script.byte() % (MAX_COPIES + 1) },
            18 => Message::Find { request, cookie, query },
            19 => Message::Found { request, hits },
            20 => Message::Fetch { request, cookie, name: hit.name },
            21 => {
                let length = script.below(MAX_PAYLOAD + 1);
                Message::Item { request, payload: script.take(length) }
            }
            22 => Message::Search { search: request, query, ttl, hops: script.byte() },
            23 => {
                let (origin, hops) = (hit.holder, script.below(1 << 16) as u16);
                let ttl = script.below(MAX_WALK.into()) as u16 + 1;
                let stage = WalkStage::from_number(script.byte() % 3).expect("there are three");
                Message::Walk { search: request, walk: Walk { query, origin, ttl, hops }, stage }
            }
            24 => Message::SearchHit { search: request, hit, hops: script.below(1 << 16) as u16 },
            25 => Message::Connect { request },
            26 => Message::Connected { request, accepted: script.flag() },
            _ => Message::Meet { origin: hit.holder, ttl },
        }
    }

    /// Changes a datagram as a bad line, or a bad programmer, would.
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

    /// A member, one of its places under another identifier, it at another place, or nobody.
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
        Address { slot: script.below(1 << 16) as u16, ..self.stranger }
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

/// A short word, so that names and queries meet now and then, or any.
fn text(script: &mut Script<'_>) -> Text {
    let length = if script.flag() { 1 + script.below(2) } else { 1 + script.below(MAX_TEXT) };
    let mut bytes = [0; MAX_TEXT];
    let alphabet = if length <= 2 { 2 } else { 128 };
    bytes[..length].fill_with(|| b'a'.wrapping_add(script.byte() % alphabet) & 0x7f);
    Text::new(&bytes[..length]).expect("ASCII, and not too much of it")
}

/// Whether these bytes are refused, or are exactly what is written for what is read.
#[must_use]
pub fn is_refused_or_exact(datagram: &[u8]) -> bool {
    let Ok(bundle) = wire::Bundle::parse(datagram) else { return true };
    let mut written = vec![0; datagram.len()];
    let mut length = wire::begin_bundle(&mut written).expect("a bundle is longer than its header");
    for frame in bundle.frames() {
        let Some(more) = wire::encode(&frame, &mut written[length..]) else { return false };
        length += more;
    }
    written == datagram && length == datagram.len()
}

/// The addresses at which a message may make its receiver send something.
pub fn named_addresses<'a>(message: &Message<'a>) -> impl Iterator<Item = Address> + use<'a> {
    let (one, more) = match *message {
        Message::Copy { hit: Hit { holder: peer, .. }, .. }
        | Message::SearchHit { hit: Hit { holder: peer, .. }, .. }
        | Message::Walk { walk: Walk { origin: peer, .. }, .. }
        | Message::Meet { origin: peer, .. } => (Some(peer), Peers::NONE),
        Message::Introduce { peer } | Message::Answer { owner: peer, .. } => {
            (Some(peer), Peers::NONE)
        }
        Message::Lookup { lookup, .. } => (Some(lookup.origin), Peers::NONE),
        Message::FindNextReply { step: Step::Next(peer) | Step::Owner(peer), .. } => {
            (Some(peer), Peers::NONE)
        }
        Message::NeighborsReply { predecessor, successors, .. }
        | Message::Leave { predecessor, successors } => (predecessor, successors),
        _ => (None, Peers::NONE),
    };
    let hits = match *message {
        Message::Found { hits, .. } => hits,
        _ => Hits::default(),
    };
    let holders = hits.iter().map(|hit| hit.holder);
    one.into_iter().chain(more.iter()).chain(holders).map(|peer| peer.address)
}
