//! The replies that a client waits for, in the order of its requests.
//!
//! **Invariant:** replies go out in the order of the requests, each in the version of the protocol that
//! held when its request began.

use std::collections::VecDeque;

use super::output::Output;
use crate::resp::{Reply, Version};

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Replies {
    /// Those that have not gone out, each with its bytes if it is there.
    due: VecDeque<(Version, Option<Vec<u8>>)>,
    /// The number of the first of them.
    first: u64,
}

impl Replies {
    /// How many are due.
    pub(super) fn open(&self) -> usize {
        self.due.len()
    }

    /// Begins a request, and returns its number.
    pub(super) fn begin(&mut self, version: Version) -> u64 {
        self.due.push_back((version, None));
        self.first + self.due.len() as u64 - 1
    }

    /// Takes the reply to request `sequence`, and moves those that are next to the output.
    pub(super) fn end(&mut self, sequence: u64, reply: &Reply, output: &mut Output) {
        let Some(at) = sequence.checked_sub(self.first) else { return };
        if at == 0
            && let Some((version, None)) = self.due.pop_front()
        {
            self.first += 1;
            reply.write(version, output.end());
        } else if let Some((version, bytes)) = self.due.get_mut(at as usize) {
            reply.write(*version, bytes.insert(Vec::new()));
        }
        while let Some((_, Some(_))) = self.due.front() {
            if let Some((_, Some(bytes))) = self.due.pop_front() {
                output.end().extend_from_slice(&bytes);
                self.first += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_go_out_in_the_order_of_the_requests() {
        let (mut replies, mut output) = (Replies::default(), Output::default());
        let first = replies.begin(Version::Two);
        let second = replies.begin(Version::Three);
        let third = replies.begin(Version::Two);
        replies.end(third, &Reply::Null, &mut output);
        replies.end(second, &Reply::Null, &mut output);
        assert_eq!((output.len(), replies.open()), (0, 3));
        replies.end(first, &Reply::OK, &mut output);
        assert_eq!(output.end(), b"+OK\r\n_\r\n$-1\r\n");
        assert_eq!(replies.open(), 0);
        let fourth = replies.begin(Version::Two);
        replies.end(first, &Reply::OK, &mut output);
        assert_eq!(replies.open(), 1, "it has gone out");
        replies.end(fourth, &Reply::OK, &mut output);
        assert_eq!(replies.open(), 0);
    }
}
