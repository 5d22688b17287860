//! Replies as a client reads them, in version 2 of the protocol.
//!
//! **Invariant:** only a reply within the bounds is decoded. Lists are no replies to what this client asks.

use redis_protocol::resp2::decode::decode_range;
use redis_protocol::resp2::types::RangeFrame;

/// The longest reply, in bytes.
pub(crate) const MAX_INCOMING: usize = 64 << 10;
/// The longest reply that is a line: a word, an error or a number.
const MAX_LINE: usize = 4096;
/// The longest length of a string, with its sign.
const MAX_DIGITS: usize = 6;

/// A reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Incoming<'a> {
    /// A word such as `OK`.
    Simple(&'a [u8]),
    /// An error: a code in capitals, and why.
    Error(&'a [u8]),
    /// A number.
    Integer(i64),
    /// A string of bytes.
    Bulk(&'a [u8]),
    /// No value.
    Null,
}

/// The bytes are no reply within the bounds. Nothing after them has a meaning.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct NotAReply;

/// The reply at the start of `bytes`, and its length; `None` if it is not complete.
///
/// # Errors
///
/// If the bytes are no reply, or one beyond the bounds.
pub(crate) fn incoming(bytes: &[u8]) -> Result<Option<(Incoming<'_>, usize)>, NotAReply> {
    let Some(end) = end(bytes)? else { return Ok(None) };
    let whole = &bytes[..end];
    let part = |(from, to): (usize, usize)| whole.get(from..to).ok_or(NotAReply);
    let reply = match decode_range(whole) {
        Ok(Some((frame, length))) if length == end => match frame {
            RangeFrame::SimpleString(range) => Incoming::Simple(part(range)?),
            RangeFrame::Error(range) => Incoming::Error(part(range)?),
            RangeFrame::Integer(number) => Incoming::Integer(number),
            RangeFrame::BulkString(range) => Incoming::Bulk(part(range)?),
            RangeFrame::Null => Incoming::Null,
            RangeFrame::Array(_) => return Err(NotAReply),
        },
        _ => return Err(NotAReply),
    };
    Ok(Some((reply, end)))
}

/// Where the reply at the start of `bytes` ends; `None` if that is not there yet.
fn end(bytes: &[u8]) -> Result<Option<usize>, NotAReply> {
    let longest = match bytes.first() {
        None => return Ok(None),
        Some(b'+' | b'-' | b':') => MAX_LINE,
        Some(b'$') => 1 + MAX_DIGITS + 2,
        Some(_) => return Err(NotAReply),
    };
    let line = &bytes[..bytes.len().min(longest)];
    let Some(at) = line.iter().position(|&byte| byte == b'\n') else {
        return if line.len() == longest { Err(NotAReply) } else { Ok(None) };
    };
    if bytes[0] != b'$' {
        return Ok(Some(at + 1));
    }
    let digits = line[1..at].strip_suffix(b"\r").ok_or(NotAReply)?;
    let length: i32 =
        str::from_utf8(digits).ok().and_then(|text| text.parse().ok()).ok_or(NotAReply)?;
    let end = match usize::try_from(length) {
        Err(_) if length == -1 => at + 1,
        Err(_) => return Err(NotAReply),
        Ok(length) => at + 1 + length + 2,
    };
    if end > MAX_INCOMING {
        return Err(NotAReply);
    }
    if end > bytes.len() {
        return Ok(None);
    }
    // The crate does not look at the end of a string.
    if bytes[end - 2..end] == *b"\r\n" { Ok(Some(end)) } else { Err(NotAReply) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn replies_are_read_once_their_last_byte_is_there() {
        for (bytes, expected) in [
            (&b"+OK\r\n"[..], Incoming::Simple(b"OK")),
            (b"-ERR no such thing\r\n", Incoming::Error(b"ERR no such thing")),
            (b":-12\r\n", Incoming::Integer(-12)),
            (b"$4\r\na\r\nb\r\n", Incoming::Bulk(b"a\r\nb")),
            (b"$0\r\n\r\n", Incoming::Bulk(b"")),
            (b"$-1\r\n", Incoming::Null),
        ] {
            let more = [bytes, b"+more"].concat();
            assert_eq!(incoming(&more), Ok(Some((expected, bytes.len()))));
            for cut in 0..bytes.len() {
                assert_eq!(incoming(&bytes[..cut]), Ok(None), "{}", bytes.escape_ascii());
            }
        }
    }

    #[test]
    fn what_is_no_reply_or_too_long_is_refused_at_once() {
        let long = [b"+".as_slice(), &[b'x'; MAX_LINE]].concat();
        for bytes in [
            &b"HTTP/1.1 400"[..],
            b"*1\r\n:1\r\n",
            b"$99999\r\n",
            b"$99999999",
            b"$x\r\n",
            b"$-2\r\n",
            b"$3\r\nabcde",
            b":x\r\n",
            &long,
        ] {
            assert_eq!(incoming(bytes), Err(NotAReply), "{}", bytes.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn no_bytes_cause_a_panic(
            bytes in proptest::collection::vec(
                prop_oneof![Just(b'$'), Just(b'+'), Just(b'\r'), Just(b'\n'), b'0'..=b'9', any::<u8>()],
                0..60,
            ),
        ) {
            if let Ok(Some((_, end))) = incoming(&bytes) {
                prop_assert!(end <= bytes.len());
            }
        }
    }
}
