//! References: what a store keeps of a value that stays with the node that wrote it.
//!
//! **Invariant:** a reference names one value of one write, never another one.

use crate::base::{Address, Id, Peer};

/// Bytes of an encoded reference.
pub const REFERENCE_BYTES: usize = 36;

/// The provider of a value, and the number of that value at it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reference {
    /// The node that has the value.
    pub provider: Peer,
    /// Drawn at random for each write.
    pub serial: u64,
}

impl Reference {
    /// The reference as the value of an item.
    #[must_use]
    pub fn to_bytes(self) -> [u8; REFERENCE_BYTES] {
        let mut bytes = [0; REFERENCE_BYTES];
        let (id, rest) = bytes.split_at_mut(20);
        let (address, serial) = rest.split_at_mut(8);
        id.copy_from_slice(&self.provider.id.to_bytes());
        address.copy_from_slice(&self.provider.address.to_bits().to_be_bytes());
        serial.copy_from_slice(&self.serial.to_be_bytes());
        bytes
    }

    /// The reference with these bytes; `None` if there are more or fewer.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Reference> {
        let (id, rest) = bytes.split_first_chunk::<20>()?;
        let (address, serial) = rest.split_first_chunk::<8>()?;
        let address = Address::from_bits(u64::from_be_bytes(*address));
        let serial = u64::from_be_bytes(serial.try_into().ok()?);
        Some(Reference { provider: Peer { id: Id::from_bytes(*id), address }, serial })
    }
}
