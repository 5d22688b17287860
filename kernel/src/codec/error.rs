//! The reasons for which datagrams are rejected.
//!
//! **Invariant:** each reason has one number and one name.

/// Why a datagram was rejected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum WireError {
    /// The datagram ends within a header or a payload.
    Truncated,
    /// The datagram does not start with the magic byte of the format.
    BadMagic,
    /// The datagram has another version of the format.
    BadVersion,
    /// The kind of a message is unknown.
    BadKind,
    /// The length of a message does not fit its kind.
    BadLength,
    /// A field has an invalid value, such as a hop budget of 0.
    BadValue,
    /// The datagram contains no message.
    Empty,
    /// The datagram is not sealed with the key of the cluster.
    Forged,
    /// The datagram has arrived before, or is too old to tell.
    Replayed,
}

impl WireError {
    /// All reasons, in the order of their numbers.
    pub const ALL: [WireError; 9] = [
        WireError::Truncated,
        WireError::BadMagic,
        WireError::BadVersion,
        WireError::BadKind,
        WireError::BadLength,
        WireError::BadValue,
        WireError::Empty,
        WireError::Forged,
        WireError::Replayed,
    ];

    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            WireError::Truncated => "truncated",
            WireError::BadMagic => "bad_magic",
            WireError::BadVersion => "bad_version",
            WireError::BadKind => "bad_kind",
            WireError::BadLength => "bad_length",
            WireError::BadValue => "bad_value",
            WireError::Empty => "empty",
            WireError::Forged => "forged",
            WireError::Replayed => "replayed",
        }
    }
}
