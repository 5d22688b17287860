//! The arguments of a command, read one after the other.
//!
//! **Invariant:** whatever the arguments hold, reading them gives a value or an error reply.

use std::vec;

use crate::resp::Reply;

/// The arguments that are left of a request.
#[derive(Debug)]
pub(super) struct Arguments {
    rest: vec::IntoIter<Vec<u8>>,
    /// Milliseconds since 1970.
    now_ms: u64,
}

impl Arguments {
    /// The arguments after the name of the command.
    pub(super) fn new(rest: vec::IntoIter<Vec<u8>>, now_ms: u64) -> Arguments {
        Arguments { rest, now_ms }
    }

    /// How many are left.
    pub(super) fn len(&self) -> usize {
        self.rest.len()
    }

    /// Milliseconds since 1970.
    pub(super) fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// The next argument, if there is one.
    pub(super) fn next(&mut self) -> Option<Vec<u8>> {
        self.rest.next()
    }

    /// The next argument.
    pub(super) fn bytes(&mut self) -> Result<Vec<u8>, Reply> {
        self.next().ok_or_else(syntax_error)
    }

    /// The next argument, which is a whole number.
    pub(super) fn integer(&mut self) -> Result<i64, Reply> {
        integer(&self.bytes()?)
    }

    /// The next argument in capitals, if there is one.
    pub(super) fn word(&mut self) -> Option<String> {
        self.next().map(|word| String::from_utf8_lossy(&word).to_ascii_uppercase())
    }

    /// All that are left.
    pub(super) fn all(self) -> Vec<Vec<u8>> {
        self.rest.collect()
    }

    /// Makes sure that none is left.
    pub(super) fn end(&mut self) -> Result<(), Reply> {
        self.next().map_or(Ok(()), |_| Err(syntax_error()))
    }
}

/// Redis's answer to arguments that make no sense.
pub(super) fn syntax_error() -> Reply {
    Reply::error("ERR syntax error")
}

/// Redis's answer to what should be a whole number.
pub(super) fn not_an_integer() -> Reply {
    Reply::error("ERR value is not an integer or out of range")
}

/// A whole number, written as Redis does: no plus sign, no leading zeros.
pub(super) fn integer(text: &[u8]) -> Result<i64, Reply> {
    let number: Option<i64> = str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    number.filter(|number| number.to_string().as_bytes() == text).ok_or_else(not_an_integer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_written_in_one_way() {
        assert_eq!(integer(b"-12"), Ok(-12));
        assert_eq!(integer(b"9223372036854775807"), Ok(i64::MAX));
        for wrong in [&b"+1"[..], b"01", b"", b" 1", b"1.5", b"9223372036854775808", b"\xff"] {
            assert_eq!(integer(wrong), Err(not_an_integer()));
        }
    }
}
