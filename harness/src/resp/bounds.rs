//! The bounds of a request, checked on the lengths that it declares before it is decoded.
//!
//! **Invariant:** allocates nothing; a request is an array of bulk strings, so nothing nests.

use std::fmt;

/// The longest request, in bytes. A connection buffers no more.
pub(crate) const MAX_REQUEST: usize = 64 << 10;
/// The longest bulk string of a request, in bytes.
const MAX_BULK: usize = 32 << 10;
/// The most arguments of a request: a command, and 1,024 keys with their values.
pub(super) const MAX_ARGUMENTS: usize = 1 + 2 * 1024;
/// The longest number in a header, with its sign.
const MAX_DIGITS: usize = 20;
/// The shortest bulk string: `$0\r\n\r\n`.
const MIN_BULK_BYTES: usize = 6;

/// Why the bytes are no request. The connection closes after the reply.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum ProtocolError {
    /// An array that is too long, or whose length is no number.
    ArrayLength,
    /// A bulk string that is too long, or whose length is no number.
    BulkLength,
    /// Something else than a bulk string in the array.
    NotBulk(u8),
    /// A bulk string without its end of line.
    NoEnd,
    /// More than [`MAX_REQUEST`] bytes, or an inline command that is too long.
    TooLong,
    /// Quotes without their end in an inline command.
    Quotes,
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Protocol error: ")?;
        match self {
            ProtocolError::ArrayLength => f.write_str("invalid multibulk length"),
            ProtocolError::BulkLength => f.write_str("invalid bulk length"),
            ProtocolError::NotBulk(byte) => {
                write!(f, "expected '$', got '{}'", byte.escape_ascii())
            }
            ProtocolError::NoEnd => f.write_str("a bulk string does not end in CRLF"),
            ProtocolError::TooLong => f.write_str("too big request"),
            ProtocolError::Quotes => f.write_str("unbalanced quotes in request"),
        }
    }
}

/// The length of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Length {
    /// It is complete, and has so many bytes.
    Complete(usize),
    /// It has at least so many bytes, more than there are.
    AtLeast(usize),
}

/// The length of the array at the start of `bytes`, which begin with `*`.
pub(super) fn length(bytes: &[u8]) -> Result<Length, ProtocolError> {
    let Some((count, mut at)) = header(bytes, 0, ProtocolError::ArrayLength)? else {
        return Ok(Length::AtLeast(bytes.len() + 1));
    };
    // As Redis does, an empty or absent array is skipped.
    let count = usize::try_from(count.max(0)).unwrap_or(usize::MAX);
    if count > MAX_ARGUMENTS {
        return Err(ProtocolError::ArrayLength);
    }
    for index in 0..count {
        let rest = (count - index) * MIN_BULK_BYTES;
        match bytes.get(at) {
            None => return incomplete(at + rest),
            Some(b'$') => {}
            Some(&other) => return Err(ProtocolError::NotBulk(other)),
        }
        let Some((bulk, start)) = header(bytes, at, ProtocolError::BulkLength)? else {
            return incomplete(bytes.len().max(at + rest - 1) + 1);
        };
        let bulk = usize::try_from(bulk).unwrap_or(usize::MAX);
        if bulk > MAX_BULK {
            return Err(ProtocolError::BulkLength);
        }
        let end = start + bulk + 2;
        if end > bytes.len() {
            return incomplete(end + rest - MIN_BULK_BYTES);
        }
        if &bytes[end - 2..end] != b"\r\n" {
            return Err(ProtocolError::NoEnd);
        }
        at = end;
    }
    if at > MAX_REQUEST { Err(ProtocolError::TooLong) } else { Ok(Length::Complete(at)) }
}

fn incomplete(at_least: usize) -> Result<Length, ProtocolError> {
    if at_least > MAX_REQUEST {
        return Err(ProtocolError::TooLong);
    }
    Ok(Length::AtLeast(at_least))
}

/// The number in the header at `at`, after its first byte, and where the header ends. `None` if it is
/// not complete.
fn header(
    bytes: &[u8],
    at: usize,
    wrong: ProtocolError,
) -> Result<Option<(i64, usize)>, ProtocolError> {
    let rest = bytes.get(at + 1..).unwrap_or_default();
    let line = &rest[..rest.len().min(MAX_DIGITS + 1)];
    let Some(end) = line.iter().position(|&byte| byte == b'\r') else {
        return if line.len() > MAX_DIGITS { Err(wrong) } else { Ok(None) };
    };
    let digits = str::from_utf8(&line[..end]).map_err(|_| wrong.clone())?;
    let number = digits.parse().map_err(|_| wrong.clone())?;
    match rest.get(end + 1) {
        None => Ok(None),
        Some(b'\n') => Ok(Some((number, at + 1 + end + 2))),
        Some(_) => Err(wrong),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_request_is_complete_with_its_last_byte() {
        let whole = b"*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n";
        for end in 1..whole.len() {
            let Ok(Length::AtLeast(least)) = length(&whole[..end]) else { panic!("at {end}") };
            assert!(least > end && least <= whole.len(), "{least} at {end}");
        }
        assert_eq!(length(whole), Ok(Length::Complete(whole.len())));
        assert_eq!(length(&[whole.as_slice(), b"*1"].concat()), Ok(Length::Complete(whole.len())));
        assert_eq!(length(b"*0\r\n"), Ok(Length::Complete(4)));
        assert_eq!(length(b"*-1\r\n"), Ok(Length::Complete(5)));
    }

    /// Whether or not its end has arrived.
    #[test]
    fn a_header_of_too_many_digits_is_refused() {
        let header = |digits, end| format!("*{}{end}", "0".repeat(digits));
        for end in ["", "\r", "\r\n"] {
            let refused = Err(ProtocolError::ArrayLength);
            assert_eq!(length(header(MAX_DIGITS + 1, end).as_bytes()), refused, "{end:?}");
            assert_ne!(length(header(MAX_DIGITS, end).as_bytes()), refused, "{end:?}");
        }
    }

    #[test]
    fn lengths_beyond_the_bounds_are_refused_at_once() {
        for (bytes, error) in [
            (&b"*99999\r\n"[..], ProtocolError::ArrayLength),
            (b"*9223372036854775807\r\n", ProtocolError::ArrayLength),
            (b"*99999999999999999999999", ProtocolError::ArrayLength),
            (b"*x\r\n", ProtocolError::ArrayLength),
            (b"*1\rx", ProtocolError::ArrayLength),
            (b"*1\r\n$-1\r\n", ProtocolError::BulkLength),
            (b"*1\r\n$1000000\r\n", ProtocolError::BulkLength),
            (b"*1\r\n$9223372036854775807\r\n", ProtocolError::BulkLength),
            (b"*1\r\n*1\r\n", ProtocolError::NotBulk(b'*')),
            (b"*1\r\n:1\r\n", ProtocolError::NotBulk(b':')),
            (b"*1\r\n$1\r\nabc", ProtocolError::NoEnd),
        ] {
            assert_eq!(length(bytes), Err(error), "{}", bytes.escape_ascii());
        }
        // Each bulk string is within its bound, all together are not.
        let mut many = b"*3\r\n".to_vec();
        for _ in 0..2 {
            many.extend_from_slice(format!("${MAX_BULK}\r\n").as_bytes());
            many.resize(many.len() + MAX_BULK, b'x');
            many.extend_from_slice(b"\r\n");
        }
        assert_eq!(length(&many), Err(ProtocolError::TooLong));
    }

    proptest! {
        #[test]
        fn no_bytes_cause_a_panic_and_incomplete_ones_ask_for_more(
            bytes in proptest::collection::vec(
                prop_oneof![Just(b'*'), Just(b'$'), Just(b'\r'), Just(b'\n'), b'0'..=b'9', any::<u8>()],
                0..60,
            ),
        ) {
            let bytes = [b"*".as_slice(), &bytes].concat();
            match length(&bytes) {
                Ok(Length::Complete(end)) => prop_assert!(end <= bytes.len()),
                Ok(Length::AtLeast(least)) => {
                    prop_assert!(least > bytes.len() && least <= MAX_REQUEST);
                }
                Err(_) => {}
            }
        }
    }
}
