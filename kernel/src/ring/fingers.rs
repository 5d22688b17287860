//! The finger table: far entries, one per digit value of the distance. Choosing the next hop takes
//! one comparison.
//!
//! The base is B = 2^b. The first non-zero digit of a distance selects the finger: its position is
//! the level, its value the column. Slot 0 is the nearest. Each slot covers the arc from its start
//! to the start of the next slot:
//!
//! ```text
//! slot     0        1 … (B−1)                …                  L·(B−1)
//! covers   nearer   digits 1 … B−1 of the                digits 1 … B−1 of the
//!          than     lowest level kept                     top level
//!          level L
//! ```
//!
//! A slot in whose arc no node is known holds a copy of the slot below. So for a key in slot *i*,
//! the closest preceding entry is slot *i* if that precedes the key, and slot *i − 1* otherwise: no
//! scan, and no branch on how full the table is. The slot in which the successor list ends holds
//! the last entry of the list. The slots below hold a marker: search the list.
//!
//! An entry holds the top 64 bits of a node's identifier and its address, which suffices to send to
//! it, in 16 bytes: a hop reads one cache line. Slots and comparisons use these 64 bits alone. The
//! result is exact unless the top 64 bits of the key and of an entry are equal. Then the entry may
//! lie on either side of the key, and the slot below is used, which certainly precedes it.
//!
//! **Invariant:** truncation never decides. Where 64 bits do not suffice, the successor list
//! decides, which holds whole identifiers.

use alloc::boxed::Box;
use alloc::vec;

use crate::base::{Address, Distance, Id, Peer};

/// With at least this many successors, at most about one list in twenty reaches less than half as
/// far as the mean: gaps are exponential, and the relative variation of their sum falls with their
/// number.
const LONG_LIST: usize = 8;

/// The division of distances into slots.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
    /// All bits of the digit just below the lowest level. Setting them in a distance changes the
    /// result only for slot 0, and lets the same arithmetic compute it.
    floor: u64,
    /// 65,536 / digit_bits, rounded up: division by multiplication.
    reciprocal: u32,
    /// The number of slots below the top level, without slot 0.
    top: u16,
    digit_bits: u8,
    /// Fingers per level: base − 1.
    columns: u8,
}

impl Shape {
    /// Base 2^`digit_bits`, with enough levels for a ring of `nodes` nodes with `successors`
    /// successors each.
    ///
    /// Gaps between nodes vary, so the table keeps two binary digits more than the mean distance
    /// requires, or one if the list is long and its reach varies less. In an even denser region, a
    /// lookup takes a few more hops along successor lists.
    ///
    /// # Panics
    ///
    /// If `digit_bits` is not in 1 … 8.
    #[must_use]
    pub fn for_ring(digit_bits: u32, nodes: usize, successors: usize) -> Shape {
        let reach = (nodes / successors.max(1)).max(1);
        let spare = if successors < LONG_LIST { 2 } else { 1 };
        let bits = usize::BITS - reach.leading_zeros() + spare;
        Shape::new(digit_bits, bits.div_ceil(digit_bits))
    }

    /// Base 2^`digit_bits` with `levels` levels, at least one and at most one fewer than fit into
    /// 64 bits.
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

    /// The number of slots, including slot 0.
    #[inline]
    #[must_use]
    pub const fn slots(self) -> usize {
        self.top as usize + self.columns as usize + 1
    }

    /// The distance at which `slot` starts; zero for slot 0.
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

    /// The slot that covers a distance with this prefix. The prefix suffices for all levels.
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

/// The part of a finger that choosing a hop reads: all that is needed to send to the node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C, align(16))]
pub struct HotFinger {
    /// Top 64 bits of the identifier.
    pub prefix: u64,
    /// [`Address::to_bits`], or [`SEARCH_SUCCESSORS`].
    pub address: u64,
}

impl From<Peer> for HotFinger {
    #[inline]
    fn from(peer: Peer) -> HotFinger {
        HotFinger { prefix: peer.id.prefix(), address: peer.address.to_bits() }
    }
}

/// A marker in place of an address: the closest preceding node is in the successor list, or is the
/// node itself.
pub const SEARCH_SUCCESSORS: u64 = 0;

/// The slot of the closest entry that certainly precedes `key`, in the table of the node `own`.
/// `own` and `key` are prefixes. Takes one subtraction, one count of leading zeros and one
/// comparison.
#[inline]
#[must_use]
pub fn closest_preceding(shape: Shape, hot: &[HotFinger], own: u64, key: u64) -> usize {
    let slot = shape.slot_of_prefix(key.wrapping_sub(own));
    closest_preceding_in(slot, hot, own, key)
}

/// [`closest_preceding`], given the slot that covers the distance from `own` to `key`.
#[inline]
#[must_use]
pub fn closest_preceding_in(slot: usize, hot: &[HotFinger], own: u64, key: u64) -> usize {
    let hot = &hot[..=slot];
    // The marker has the prefix of the table's owner, so it is beyond a key only in slot 0, and
    // there is no slot below.
    let beyond = hot[slot].prefix.wrapping_sub(own) >= key.wrapping_sub(own);
    // Rare, and deliberately a branch: the processor can fetch the likely entry before the
    // comparison is decided.
    if beyond { slot.saturating_sub(1) } else { slot }
}

/// The finger table of one node.
#[derive(Clone, Debug)]
pub struct FingerTable {
    /// The top 64 bits of the identifier of the table's owner.
    own: u64,
    shape: Shape,
    hot: Box<[HotFinger]>,
    /// The slot in which the successor list ends.
    boundary: u16,
}

impl FingerTable {
    /// An empty table for the node `own`.
    #[must_use]
    pub fn new(own: Id, shape: Shape) -> FingerTable {
        let own = own.prefix();
        let mark = HotFinger { prefix: own, address: SEARCH_SUCCESSORS };
        let hot = vec![mark; shape.slots()].into_boxed_slice();
        FingerTable { own, shape, hot, boundary: 0 }
    }

    /// The division of distances into slots.
    #[must_use]
    pub const fn shape(&self) -> Shape {
        self.shape
    }

    /// All slots, in the form that [`closest_preceding`] reads.
    #[must_use]
    pub fn hot(&self) -> &[HotFinger] {
        &self.hot
    }

    /// The finger closest to `key` among those that certainly lie strictly between this node and
    /// `key`, with a [truncated identifier](Self::peer). `None` if it must be searched in the
    /// successor list.
    #[inline]
    #[must_use]
    pub fn closest_preceding(&self, key: Id) -> Option<Peer> {
        self.peer(closest_preceding(self.shape, &self.hot, self.own, key.prefix()))
    }

    /// The entry of `slot`, whether its own or a copy; `None` if it is the marker. Only the prefix
    /// of the identifier is known; the rest is zero.
    #[inline]
    #[must_use]
    pub fn peer(&self, slot: usize) -> Option<Peer> {
        let HotFinger { prefix, address } = self.hot[slot];
        (address != SEARCH_SUCCESSORS).then(|| Peer {
            id: Id::from_parts(prefix, Id::ZERO.tail()),
            address: Address::from_bits(address),
        })
    }

    /// The slot in which the successor list ends. Fingers lie in the slots above.
    #[must_use]
    pub fn boundary(&self) -> usize {
        self.boundary.into()
    }

    /// The distinct fingers above the successor list, nearest first, each with its slot.
    pub fn entries(&self) -> impl Iterator<Item = (usize, Peer)> {
        (self.boundary() + 1..self.shape.slots())
            .filter_map(|slot| self.own_entry(slot).map(|peer| (slot, peer)))
    }

    /// The entry of `slot` unless it is a copy.
    #[must_use]
    pub fn own_entry(&self, slot: usize) -> Option<Peer> {
        self.peer(slot).filter(|peer| self.slot_of(peer.id) == slot)
    }

    /// Whether `peer` is in the table.
    #[must_use]
    pub fn contains(&self, peer: Peer) -> bool {
        self.own_entry(self.slot_of(peer.id)).is_some_and(|entry| entry.is_same_destination(peer))
    }

    /// The slot that covers `id`.
    #[must_use]
    pub fn slot_of(&self, id: Id) -> usize {
        self.shape.slot_of_prefix(id.prefix().wrapping_sub(self.own))
    }

    /// Puts `peer` into its slot and replaces the old entry. Does nothing if the successor list
    /// covers the slot.
    pub fn insert(&mut self, peer: Peer) {
        let slot = self.slot_of(peer.id);
        if slot > self.boundary() {
            self.hot[slot] = peer.into();
            self.copy_up_from(slot);
        }
    }

    /// Empties the slots `from .. to`, because no node lies in their arcs.
    pub fn clear(&mut self, from: usize, to: usize) {
        let first = from.max(self.boundary() + 1);
        for slot in first..to.min(self.shape.slots()) {
            self.copy_below(slot);
        }
        self.copy_up_from(first.max(to) - 1);
    }

    /// Removes the finger at `address`.
    pub fn remove(&mut self, address: Address) {
        let bits = address.to_bits();
        let first = self.boundary() + 1;
        for slot in first..self.shape.slots() {
            if self.hot[slot].address == bits {
                self.copy_below(slot);
            }
        }
    }

    /// Sets the last entry of the successor list, or `None` if the list is empty.
    pub fn set_reach(&mut self, last: Option<Peer>) {
        let boundary = last.map_or(0, |peer| self.slot_of(peer.id));
        let old = self.boundary();
        let mark = HotFinger { prefix: self.own, address: SEARCH_SUCCESSORS };
        let entry = last.filter(|_| boundary > 0).map_or(mark, HotFinger::from);
        if boundary == old && self.hot[boundary] == entry {
            return;
        }
        // The old boundary slot held the last entry of the list, not a finger.
        self.hot[old] = mark;
        self.hot[..boundary].fill(mark);
        self.hot[boundary] = entry;
        self.boundary = boundary as u16;
        for slot in 1..self.shape.slots() {
            if slot > boundary && self.own_entry(slot).is_none() {
                self.copy_below(slot);
            }
        }
    }

    /// Memory outside the struct itself, in bytes.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        size_of_val(&*self.hot)
    }

    fn copy_below(&mut self, slot: usize) {
        self.hot[slot] = self.hot[slot - 1];
    }

    /// Updates the copies above `slot`, up to the next slot with its own entry.
    fn copy_up_from(&mut self, slot: usize) {
        for above in slot + 1..self.shape.slots() {
            if self.own_entry(above).is_some() {
                break;
            }
            self.copy_below(above);
        }
    }
}
