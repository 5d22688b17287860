//! The finger table: far entries, one per digit of the distance, and the choice among them in one
//! comparison.
//!
//! With base B = 2^b, the digits of a distance, from the top, name the finger: the first non-zero
//! digit's place is the level, its value the column. Slot 0 is the nearest, and each slot covers the
//! arc from its start to the start of the next:
//!
//! ```text
//! slot     0        1 … (B−1)                …                  L·(B−1)
//! covers   nearer   digits 1 … B−1 of the                digits 1 … B−1 of the
//!          than     lowest level kept                     top level
//!          level L
//! ```
//!
//! A slot with no node of its own holds a copy of the one below it, so that for a key in slot *i*
//! the closest preceding entry is slot *i* if that precedes the key, and slot *i − 1* otherwise. No
//! scan, no branch on how full the table is. The slot in which the successor list ends holds the
//! list's last entry, and those below hold a mark that says: search the list.
//!
//! Each entry keeps its identifier's top 64 bits and its address together in 16 bytes, so a hop
//! reads one cache line; the other 96 bits lie apart and are read only when 64 are not enough to
//! tell two identifiers from each other.
//!
//! **Invariant:** truncation never decides: whenever two prefixes tie, whole identifiers are
//! compared.

use alloc::boxed::Box;
use alloc::vec;

use crate::id::{Distance, Id, Tail};
use crate::peer::{Address, Peer};

/// How distances are cut into slots.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
    /// All bits of the digit just below the lowest level. Set in a distance, they change no slot
    /// but the lowest, and make that one come out of the same arithmetic as all others.
    floor: u64,
    /// 65,536 / digit_bits, rounded up: division by multiplication.
    reciprocal: u32,
    /// Where the top level begins.
    top: u16,
    digit_bits: u8,
    /// Fingers per level: base − 1.
    columns: u8,
}

impl Shape {
    /// Base 2^`digit_bits`, with enough levels for a ring of `nodes` whose successor lists have
    /// `successors` entries.
    ///
    /// Gaps between nodes vary, so two binary digits more than the mean distance asks for are kept;
    /// a node in a denser place than that walks its successor list a little further.
    ///
    /// # Panics
    ///
    /// If `digit_bits` is not in 1 … 8.
    #[must_use]
    pub fn for_ring(digit_bits: u32, nodes: usize, successors: usize) -> Shape {
        let reach = (nodes / successors.max(1)).max(1);
        let bits = usize::BITS - reach.leading_zeros() + 2;
        Shape::new(digit_bits, bits.div_ceil(digit_bits))
    }

    /// Base 2^`digit_bits` with so many levels: at least one, and at most one fewer than 64 bits
    /// hold.
    ///
    /// # Panics
    ///
    /// If `digit_bits` is not in 1 … 8.
    #[must_use]
    pub fn new(digit_bits: u32, levels: u32) -> Shape {
        assert!((1..=8).contains(&digit_bits), "a digit has 1 to 8 bits");
        let levels = levels.clamp(1, 64 / digit_bits - 1);
        let columns = ((1_u32 << digit_bits) - 1) as u8;
        Shape {
            floor: u64::from(columns) << (64 - (levels + 1) * digit_bits),
            reciprocal: 65_536_u32.div_ceil(digit_bits),
            top: (levels - 1) as u16 * u16::from(columns),
            digit_bits: digit_bits as u8,
            columns,
        }
    }

    /// Number of slots, slot 0 included.
    #[inline]
    #[must_use]
    pub const fn slots(self) -> usize {
        self.top as usize + self.columns as usize + 1
    }

    /// Where slot `slot` starts; zero for slot 0.
    #[must_use]
    pub const fn start(self, slot: usize) -> Distance {
        if slot == 0 {
            return Distance::ZERO;
        }
        let columns = self.columns as usize;
        let (level, column) = ((slot - 1) / columns, (slot - 1) % columns);
        let digits_above = self.top as usize / columns + 1 - level;
        let exponent = 160 - digits_above as u32 * self.digit_bits as u32;
        Distance::multiple_of_power(column as u32 + 1, exponent)
    }

    /// The slot that covers `distance`.
    #[must_use]
    pub const fn slot_of(self, distance: Distance) -> usize {
        self.slot_of_prefix(distance.prefix())
    }

    /// The slot that covers a distance with this prefix; levels never reach below the prefix.
    #[inline]
    #[must_use]
    pub const fn slot_of_prefix(self, distance: u64) -> usize {
        let distance = distance | self.floor;
        let digit_bits = self.digit_bits as u32;
        let place = (distance.leading_zeros() * self.reciprocal) >> 16;
        let digit = (distance >> (64 - digit_bits - place * digit_bits)) as usize;
        self.top as usize + digit - (place * self.columns as u32) as usize
    }
}

/// What choosing a hop reads of a finger.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C, align(16))]
pub struct HotFinger {
    /// Top 64 bits of the identifier.
    pub prefix: u64,
    /// [`Address::to_bits`], or [`SEARCH_SUCCESSORS`].
    pub address: u64,
}

/// In place of an address: the closest preceding node is in the successor list, or the node itself.
pub const SEARCH_SUCCESSORS: u64 = 0;

/// What [`closest_preceding`] found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Choice {
    /// This slot holds it.
    Slot(usize),
    /// Two prefixes tie: whole identifiers must be compared.
    Tie,
}

/// The slot whose entry is the closest preceding `key`, both as prefixes, in the table of the node
/// whose prefix is `own`. One subtraction, one count of leading zeros, one comparison.
#[inline]
#[must_use]
pub fn closest_preceding(shape: Shape, hot: &[HotFinger], own: u64, key: u64) -> Choice {
    let slot = shape.slot_of_prefix(key.wrapping_sub(own));
    closest_preceding_in(slot, hot, own, key)
}

/// [`closest_preceding`], given the slot that covers the distance from `own` to `key`.
#[inline]
#[must_use]
pub fn closest_preceding_in(slot: usize, hot: &[HotFinger], own: u64, key: u64) -> Choice {
    let hot = &hot[..=slot];
    let there = hot[slot].prefix;
    // A prefix equal to the owner's is either the mark, below which lie only marks, or a node just
    // behind the owner, the furthest of all: taking one off both sides makes zero the largest.
    let beyond = there.wrapping_sub(own).wrapping_sub(1) >= key.wrapping_sub(own).wrapping_sub(1);
    // A key that ties with the owner lies in slot 0, where the owner's own prefix is the mark.
    if there == key {
        return Choice::Tie;
    }
    // Rare, and a branch on purpose: whoever routes on can fetch what lies behind the likely choice
    // before this comparison is decided.
    if beyond {
        let below = slot.saturating_sub(1);
        return if hot[below].prefix == key { Choice::Tie } else { Choice::Slot(below) };
    }
    Choice::Slot(slot)
}

/// One node's fingers.
#[derive(Clone, Debug)]
pub struct FingerTable {
    own: Id,
    shape: Shape,
    hot: Box<[HotFinger]>,
    tails: Box<[Tail]>,
    /// The slot in which the successor list ends.
    boundary: u16,
}

impl FingerTable {
    /// An empty table for the node `own`.
    #[must_use]
    pub fn new(own: Id, shape: Shape) -> FingerTable {
        let mark = HotFinger { prefix: own.prefix(), address: SEARCH_SUCCESSORS };
        FingerTable {
            own,
            shape,
            hot: vec![mark; shape.slots()].into_boxed_slice(),
            tails: vec![own.tail(); shape.slots()].into_boxed_slice(),
            boundary: 0,
        }
    }

    /// How distances are cut into slots.
    #[must_use]
    pub const fn shape(&self) -> Shape {
        self.shape
    }

    /// The entries as [`closest_preceding`] reads them.
    #[must_use]
    pub fn hot(&self) -> &[HotFinger] {
        &self.hot
    }

    /// The finger closest to `key` among those strictly between this node and `key`; nothing if it
    /// is to be sought in the successor list.
    #[inline]
    #[must_use]
    pub fn closest_preceding(&self, key: Id) -> Option<Peer> {
        match closest_preceding(self.shape, &self.hot, self.own.prefix(), key.prefix()) {
            Choice::Slot(slot) => self.peer(slot),
            Choice::Tie => self.closest_preceding_exactly(key),
        }
    }

    /// The entry of a slot, be it a copy or its own; nothing where the successor list is meant.
    #[inline]
    #[must_use]
    pub fn peer(&self, slot: usize) -> Option<Peer> {
        let HotFinger { prefix, address } = self.hot[slot];
        (address != SEARCH_SUCCESSORS).then(|| Peer {
            id: Id::from_parts(prefix, self.tails[slot]),
            address: Address::from_bits(address),
        })
    }

    /// The slot in which the successor list ends: fingers lie in those above.
    #[must_use]
    pub fn boundary(&self) -> usize {
        self.boundary.into()
    }

    /// The distinct entries above the successor list, nearest first, each with its slot.
    pub fn entries(&self) -> impl Iterator<Item = (usize, Peer)> {
        (self.boundary() + 1..self.shape.slots())
            .filter_map(|slot| self.own_entry(slot).map(|peer| (slot, peer)))
    }

    /// The entry of slot `slot` if it is that slot's own, not a copy.
    #[must_use]
    pub fn own_entry(&self, slot: usize) -> Option<Peer> {
        self.peer(slot).filter(|peer| self.slot_of(peer.id) == slot)
    }

    /// The slot that covers `id`.
    #[must_use]
    pub fn slot_of(&self, id: Id) -> usize {
        self.shape.slot_of(self.own.distance_to(id))
    }

    /// Enters `peer` in its slot, in place of what was there; ignored where the successor list
    /// reaches.
    pub fn insert(&mut self, peer: Peer) {
        let slot = self.slot_of(peer.id);
        if slot > self.boundary() {
            self.put(slot, peer);
            self.copy_up_from(slot);
        }
    }

    /// Empties the slots `from .. to`: no node lies in the arcs they cover.
    pub fn clear(&mut self, from: usize, to: usize) {
        let first = from.max(self.boundary() + 1);
        for slot in first..to.min(self.shape.slots()) {
            self.copy_below(slot);
        }
        self.copy_up_from(first.max(to) - 1);
    }

    /// Takes out the finger at `address`.
    pub fn remove(&mut self, address: Address) {
        let bits = address.to_bits();
        let first = self.boundary() + 1;
        for slot in first..self.shape.slots() {
            if self.hot[slot].address == bits {
                self.copy_below(slot);
            }
        }
    }

    /// The successor list now ends with `last`, or is empty.
    pub fn set_reach(&mut self, last: Option<Peer>) {
        let boundary = last.map_or(0, |peer| self.slot_of(peer.id));
        let old = self.boundary();
        if boundary == old && self.peer(boundary) == last.filter(|_| boundary > 0) {
            return;
        }
        // What stood at the old boundary was the list's last entry, and no finger.
        if old > 0 {
            self.clear_slot(old);
        }
        for slot in 0..boundary {
            self.clear_slot(slot);
        }
        self.boundary = boundary as u16;
        match last {
            Some(peer) if boundary > 0 => self.put(boundary, peer),
            _ => self.clear_slot(boundary),
        }
        for slot in 1..self.shape.slots() {
            if slot > boundary && self.own_entry(slot).is_none() {
                self.copy_below(slot);
            }
        }
    }

    /// Memory outside the struct itself, in bytes.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        size_of_val(&*self.hot) + size_of_val(&*self.tails)
    }

    #[cold]
    fn closest_preceding_exactly(&self, key: Id) -> Option<Peer> {
        (0..self.shape.slots())
            .rev()
            .filter_map(|slot| self.peer(slot))
            .find(|peer| peer.id.is_between(self.own, key))
    }

    fn put(&mut self, slot: usize, peer: Peer) {
        self.hot[slot] = HotFinger { prefix: peer.id.prefix(), address: peer.address.to_bits() };
        self.tails[slot] = peer.id.tail();
    }

    fn clear_slot(&mut self, slot: usize) {
        self.hot[slot] = HotFinger { prefix: self.own.prefix(), address: SEARCH_SUCCESSORS };
        self.tails[slot] = self.own.tail();
    }

    fn copy_below(&mut self, slot: usize) {
        self.hot[slot] = self.hot[slot - 1];
        self.tails[slot] = self.tails[slot - 1];
    }

    /// Renews the copies above `slot`, up to the next slot with an entry of its own.
    fn copy_up_from(&mut self, slot: usize) {
        for above in slot + 1..self.shape.slots() {
            if self.own_entry(above).is_some() {
                break;
            }
            self.copy_below(above);
        }
    }
}
