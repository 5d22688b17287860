//! Why datagrams are refused.
//!
//! **Invariant:** each reason has one number and one name.

/// Why a datagram was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum WireError {
    /// It ends within a header or a payload.
    Truncated,
    /// It does not begin as datagrams of this format do.
    BadMagic,
    /// It is of another version of the format.
    BadVersion,
    /// A message's kind is not known.
    BadKind,
    /// A message's length is not that of its kind.
    BadLength,
    /// A field has a value it must not have, such as a hop budget of 0.
    BadValue,
    /// It holds no message.
    Empty,
}

impl WireError {
    /// Every reason, in the order of its number.
    pub const ALL: [WireError; 7] = [
        WireError::Truncated,
        WireError::BadMagic,
        WireError::BadVersion,
        WireError::BadKind,
        WireError::BadLength,
        WireError::BadValue,
        WireError::Empty,
    ];

    /// The name reports use.
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
        }
    }
}
