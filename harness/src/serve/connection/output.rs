//! The bytes that wait for a client.
//!
//! **Invariant:** nothing is kept once all is sent.

use std::io::{self, Write};

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Output {
    bytes: Vec<u8>,
    /// How many of the bytes have been sent.
    sent: usize,
}

impl Output {
    /// Bytes to send.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.sent
    }

    /// Where to append.
    pub(super) fn end(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Sends what the client takes now.
    pub(super) fn send(&mut self, to: &mut impl Write) -> io::Result<usize> {
        let start = self.sent;
        while self.len() > 0 {
            match to.write(&self.bytes[self.sent..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let count = self.sent - start;
                    self.bytes.drain(..self.sent);
                    self.sent = 0;
                    return Ok(count);
                }
                Err(error) => return Err(error),
            }
        }
        let count = self.sent - start;
        (self.bytes, self.sent) = (Vec::new(), 0);
        Ok(count)
    }
}
