//! Requests: decoded from the bytes of a connection, and written.
//!
//! **Invariant:** only a request within the bounds is decoded.

use redis_protocol::resp2::decode::decode_range;
use redis_protocol::resp2::types::RangeFrame;

use super::bounds::{Length, ProtocolError, length};
use super::inline::words;
use super::reply::{bulk, header};

/// The longest inline command, in bytes.
const MAX_LINE: usize = 4096;

/// A request: a command and its arguments.
pub(crate) type Request = Vec<Vec<u8>>;

/// What stands at the start of the bytes of a connection.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Parsed {
    /// A request, which may be empty, and its length in bytes.
    Request(Request, usize),
    /// A part of a request, which has at least so many bytes.
    AtLeast(usize),
}

/// Reads the request at the start of `bytes`.
///
/// # Errors
///
/// If the bytes are no request, or one beyond the bounds.
pub(crate) fn parse(bytes: &[u8]) -> Result<Parsed, ProtocolError> {
    match bytes.first() {
        None => Ok(Parsed::AtLeast(1)),
        Some(b'*') => match length(bytes)? {
            Length::AtLeast(least) => Ok(Parsed::AtLeast(least)),
            Length::Complete(end) => Ok(Parsed::Request(decode(&bytes[..end])?, end)),
        },
        Some(_) => {
            let line = &bytes[..bytes.len().min(MAX_LINE)];
            match line.iter().position(|&byte| byte == b'\n') {
                Some(end) => Ok(Parsed::Request(words(&line[..end])?, end + 1)),
                None if line.len() == MAX_LINE => Err(ProtocolError::TooLong),
                None => Ok(Parsed::AtLeast(bytes.len() + 1)),
            }
        }
    }
}

/// Appends a request to `to`.
pub(crate) fn write_request(arguments: &[&[u8]], to: &mut Vec<u8>) {
    header(to, '*', arguments.len());
    arguments.iter().for_each(|argument| bulk(to, argument));
}

/// Decodes a complete array of bulk strings.
fn decode(bytes: &[u8]) -> Result<Request, ProtocolError> {
    let decoded = decode_range(bytes).map_err(|_| ProtocolError::ArrayLength)?;
    match decoded {
        Some((RangeFrame::Array(frames), _)) => frames
            .iter()
            .map(|frame| match frame {
                RangeFrame::BulkString((from, to)) => {
                    bytes.get(*from..*to).map(<[u8]>::to_vec).ok_or(ProtocolError::BulkLength)
                }
                _ => Err(ProtocolError::BulkLength),
            })
            .collect(),
        // An empty or absent array.
        _ => Ok(Request::new()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(request: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let arguments: Vec<&[u8]> = request.iter().map(Vec::as_slice).collect();
        write_request(&arguments, &mut bytes);
        bytes
    }

    #[test]
    fn a_request_is_an_array_of_strings() {
        let bytes = encoded(&[b"GET".to_vec(), b"a key".to_vec()]);
        assert_eq!(bytes, b"*2\r\n$3\r\nGET\r\n$5\r\na key\r\n");
    }

    #[test]
    fn inline_commands_are_requests() {
        let request = parse(b"PING hello\r\nPING").expect("a line");
        assert_eq!(request, Parsed::Request(vec![b"PING".to_vec(), b"hello".to_vec()], 12));
        assert_eq!(parse(b"\r\n"), Ok(Parsed::Request(Vec::new(), 2)));
        assert_eq!(parse(b"PING"), Ok(Parsed::AtLeast(5)));
        assert_eq!(parse(&[b'x'; MAX_LINE]), Err(ProtocolError::TooLong));
        assert_eq!(parse(b"*0\r\nrest"), Ok(Parsed::Request(Vec::new(), 4)));
        assert_eq!(parse(b"*-1\r\n"), Ok(Parsed::Request(Vec::new(), 5)));
    }

    proptest! {
        #[test]
        fn a_request_is_what_was_encoded(
            request in proptest::collection::vec(
                proptest::collection::vec(any::<u8>(), 0..40), 1..10,
            ),
            more in proptest::collection::vec(any::<u8>(), 0..10),
        ) {
            let bytes = encoded(&request);
            let end = bytes.len();
            let all = [bytes, more].concat();
            prop_assert_eq!(parse(&all), Ok(Parsed::Request(request, end)));
            for cut in 0..end {
                prop_assert!(matches!(parse(&all[..cut]), Ok(Parsed::AtLeast(least)) if least > cut));
            }
        }

        #[test]
        fn no_bytes_cause_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }
    }
}
