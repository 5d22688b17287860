//! The bytes that a client has sent and that no request has been made of yet.
//!
//! **Invariant:** at most [`MAX_REQUEST`] bytes; none are kept between requests.

use std::io::{self, Read};

use crate::resp::{MAX_REQUEST, Parsed, ProtocolError, parse};
use crate::serve::command;

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Input {
    bytes: Vec<u8>,
    /// How many of the bytes have been parsed.
    parsed: usize,
    /// The next request has at least so many bytes.
    at_least: usize,
}

impl Input {
    /// Bytes that have not been parsed.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.parsed
    }

    /// Reads once, as far as there is room, through `buffer`.
    pub(super) fn read(&mut self, from: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
        let room = buffer.len().min(MAX_REQUEST - self.len());
        let read = loop {
            match from.read(&mut buffer[..room]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.bytes.drain(..self.parsed);
        self.parsed = 0;
        self.bytes.extend_from_slice(&buffer[..read]);
        Ok(read)
    }

    /// Takes the next request.
    pub(super) fn next(&mut self) -> Result<Parsed, ProtocolError> {
        if self.len() < self.at_least {
            return Ok(Parsed::AtLeast(self.at_least));
        }
        let parsed = parse(&self.bytes[self.parsed..])?;
        match parsed {
            Parsed::Request(_, length) => {
                self.parsed += length;
                self.at_least = 0;
            }
            Parsed::AtLeast(least) => self.at_least = least,
        }
        if self.len() == 0 {
            // An idle connection holds no memory.
            (self.bytes, self.parsed) = (Vec::new(), 0);
        }
        Ok(parsed)
    }
}

/// What a server reads from a client whose `bytes` arrive in pieces of at most `piece` bytes: each command or
/// the error reply to it, and last the error after which the connection closes.
#[must_use]
pub fn commands_in(mut bytes: &[u8], piece: usize) -> Vec<String> {
    let piece = piece.clamp(1, bytes.len().max(1));
    let (mut input, mut read, mut buffer) = (Input::default(), Vec::new(), vec![0; piece]);
    while !bytes.is_empty() {
        let length = input.read(&mut bytes, &mut buffer).unwrap_or(0);
        loop {
            match input.next() {
                Ok(Parsed::Request(request, _)) if request.is_empty() => {}
                Ok(Parsed::Request(request, _)) => {
                    read.push(format!("{:?}", command::parse(request, 0)))
                }
                // There is always room for a request that may yet be right.
                Ok(Parsed::AtLeast(_)) if length > 0 => break,
                Ok(Parsed::AtLeast(least)) => panic!("no room for {least} bytes"),
                Err(error) => {
                    read.push(error.to_string());
                    return read;
                }
            }
        }
    }
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_taken_one_by_one_however_they_arrive() {
        let bytes = b"*1\r\n$4\r\nPING\r\nECHO a\r\n".repeat(3);
        for size in 1..bytes.len() {
            let (mut input, mut taken) = (Input::default(), Vec::new());
            for mut chunk in bytes.chunks(size) {
                while !chunk.is_empty() {
                    input.read(&mut chunk, &mut [0; 7]).expect("memory can be read");
                }
                while let Parsed::Request(request, _) = input.next().expect("they are right") {
                    taken.push(request.len());
                }
            }
            assert_eq!(taken, [1, 2, 1, 2, 1, 2]);
            assert_eq!((input.len(), input.bytes.capacity()), (0, 0));
        }
    }

    #[test]
    fn no_more_is_buffered_than_a_request_may_have() {
        let mut input = Input::default();
        let mut endless = io::repeat(b'*');
        for _ in 0..100 {
            input.read(&mut endless, &mut [0; 16 << 10]).expect("it can be read");
        }
        assert_eq!(input.len(), MAX_REQUEST);
    }
}
