//! Replies, in the version of the protocol that the connection speaks.
//!
//! Written here rather than as frames of the crate, whose maps have no order and whose frames own copies
//! of all they hold.
//!
//! **Invariant:** a reply has the same meaning in both versions; an error is one line.

use std::io::Write;

/// A version of the protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Version {
    /// RESP2: no maps, nulls as absent strings, messages as arrays.
    #[default]
    Two,
    /// RESP3.
    Three,
}

/// A reply, or a part of one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Reply {
    /// A word such as `OK`.
    Simple(&'static str),
    /// An error: a code in capitals, and why.
    Error(String),
    /// A number.
    Integer(i64),
    /// A string of bytes.
    Bulk(Vec<u8>),
    /// No value.
    Null,
    /// A list.
    Array(Vec<Reply>),
    /// Names and values; a list of both in RESP2.
    Map(Vec<(&'static str, Reply)>),
    /// A message that answers no request; a list in RESP2.
    Push(Vec<Reply>),
}

impl Reply {
    /// `OK`.
    pub(crate) const OK: Reply = Reply::Simple("OK");

    /// An error.
    pub(crate) fn error(text: impl Into<String>) -> Reply {
        Reply::Error(text.into())
    }

    /// A string.
    pub(crate) fn bulk(text: impl AsRef<[u8]>) -> Reply {
        Reply::Bulk(text.as_ref().to_vec())
    }

    /// A count.
    pub(crate) fn count(count: usize) -> Reply {
        Reply::Integer(i64::try_from(count).unwrap_or(i64::MAX))
    }

    /// Appends the reply to `to`.
    pub(crate) fn write(&self, version: Version, to: &mut Vec<u8>) {
        match self {
            Reply::Simple(word) => line(to, b'+', word.as_bytes()),
            Reply::Error(text) => line(to, b'-', text.as_bytes()),
            Reply::Integer(number) => header(to, ':', *number),
            Reply::Bulk(bytes) => bulk(to, bytes),
            Reply::Null if version == Version::Three => to.extend_from_slice(b"_\r\n"),
            Reply::Null => to.extend_from_slice(b"$-1\r\n"),
            Reply::Array(parts) => {
                header(to, '*', parts.len());
                parts.iter().for_each(|part| part.write(version, to));
            }
            Reply::Push(parts) => {
                header(to, if version == Version::Three { '>' } else { '*' }, parts.len());
                parts.iter().for_each(|part| part.write(version, to));
            }
            Reply::Map(pairs) => {
                match version {
                    Version::Two => header(to, '*', 2 * pairs.len()),
                    Version::Three => header(to, '%', pairs.len()),
                }
                for (name, value) in pairs {
                    bulk(to, name.as_bytes());
                    value.write(version, to);
                }
            }
        }
    }
}

pub(super) fn header(to: &mut Vec<u8>, kind: char, number: impl std::fmt::Display) {
    // Writing to memory cannot fail.
    let _ = write!(to, "{kind}{number}\r\n");
}

pub(super) fn bulk(to: &mut Vec<u8>, bytes: &[u8]) {
    header(to, '$', bytes.len());
    to.extend_from_slice(bytes);
    to.extend_from_slice(b"\r\n");
}

/// A reply that ends with its line, so it may have only one.
fn line(to: &mut Vec<u8>, kind: u8, text: &[u8]) {
    to.push(kind);
    to.extend(text.iter().map(|&byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }));
    to.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use redis_protocol::resp2::decode::decode as decode2;
    use redis_protocol::resp3::decode::complete::decode as decode3;

    use super::*;

    fn written(reply: &Reply, version: Version) -> String {
        let mut bytes = Vec::new();
        reply.write(version, &mut bytes);
        let length = bytes.len();
        match version {
            Version::Two => {
                let read = decode2(&bytes).expect("it is well formed").expect("it is whole");
                assert_eq!(read.1, length);
            }
            Version::Three => {
                let read = decode3(&bytes).expect("it is well formed").expect("it is whole");
                assert_eq!(read.1, length);
            }
        }
        String::from_utf8(bytes).expect("it is text")
    }

    #[test]
    fn replies_are_written_in_both_versions() {
        let map = Reply::Map(vec![("a", Reply::Integer(-1)), ("b", Reply::Null)]);
        for (reply, two, three) in [
            (Reply::OK, "+OK\r\n", "+OK\r\n"),
            (Reply::error("ERR no\r\n+OK"), "-ERR no  +OK\r\n", "-ERR no  +OK\r\n"),
            (Reply::bulk("a\r\nb"), "$4\r\na\r\nb\r\n", "$4\r\na\r\nb\r\n"),
            (Reply::Null, "$-1\r\n", "_\r\n"),
            (
                map,
                "*4\r\n$1\r\na\r\n:-1\r\n$1\r\nb\r\n$-1\r\n",
                "%2\r\n$1\r\na\r\n:-1\r\n$1\r\nb\r\n_\r\n",
            ),
            (Reply::Array(vec![]), "*0\r\n", "*0\r\n"),
            (Reply::Push(vec![Reply::count(7)]), "*1\r\n:7\r\n", ">1\r\n:7\r\n"),
        ] {
            assert_eq!(written(&reply, Version::Two), two);
            assert_eq!(written(&reply, Version::Three), three);
        }
    }
}
