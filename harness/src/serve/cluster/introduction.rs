//! The introduction to a running process: some of its nodes, and what all processes must have in common.
//!
//! ```text
//! wire 3                            the oldest version of the wire format that it reads
//! replicas 3
//! 2b1c…e0 127.0.0.1:18240/17
//! …
//! newest 4                          the newest one; not said by programs that know only one
//! ```
//!
//! **Invariant:** a reply that is read is at most [`MAX_BYTES`] long.

use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::{SocketAddr, SocketAddrV4, TcpStream};
use std::time::Duration;

use hopwise_kernel::base::id::ID_BYTES;
use hopwise_kernel::codec::OLDEST_VERSION;
use hopwise_kernel::{Address, Id, Peer};

/// Nodes that a process names.
pub(in super::super) const INTRODUCED: usize = 8;
/// The request.
const REQUEST: &[u8] = b"*1\r\n$17\r\nHOPWISE.BOOTSTRAP\r\n";
/// The longest reply.
const MAX_BYTES: usize = 4096;
/// How long to wait for a running process.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a running process says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in super::super) struct Introduction {
    /// Nodes that keep an item.
    pub(in super::super) replicas: u8,
    /// The oldest version of the wire format that it speaks, and the newest.
    pub(in super::super) wire: (u8, u8),
    /// Some nodes.
    pub(in super::super) peers: Vec<Peer>,
}

/// Asks the process that serves clients at `address`.
///
/// # Errors
///
/// Why there is no introduction.
pub(in super::super) fn introduce(address: SocketAddr) -> Result<Introduction, String> {
    let text = ask(address).map_err(|error| {
        format!("--join {address}: {error}; is a `hopwise serve` listening there?")
    })?;
    Introduction::read(&text).map_err(|why| format!("--join {address}: {why}"))
}

fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(REQUEST)?;
    let mut reply = Vec::new();
    let mut part = [0; 1024];
    while !is_complete(&reply) && reply.len() < MAX_BYTES {
        match stream.read(&mut part)? {
            0 => break,
            count => reply.extend_from_slice(&part[..count]),
        }
    }
    Ok(String::from_utf8_lossy(&reply).into_owned())
}

/// Whether `reply` is all of a bulk string, or a line.
fn is_complete(reply: &[u8]) -> bool {
    let Some(end) = reply.windows(2).position(|pair| pair == b"\r\n") else { return false };
    let length = reply
        .strip_prefix(b"$")
        .and_then(|rest| str::from_utf8(rest.get(..end - 1)?).ok()?.parse::<usize>().ok());
    length.is_none_or(|length| reply.len() >= end + 2 + length + 2)
}

impl Introduction {
    /// The text of the reply.
    pub(in super::super) fn text(&self) -> String {
        let (oldest, newest) = self.wire;
        let mut text = format!("wire {oldest}\nreplicas {}\n", self.replicas);
        for peer in &self.peers {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{} {}", peer.id, peer.address);
        }
        if newest > oldest {
            let _ = writeln!(text, "newest {newest}");
        }
        text
    }

    fn read(reply: &str) -> Result<Introduction, String> {
        let mut lines = reply.lines();
        let first = lines.next().unwrap_or_default();
        if !first.starts_with('$') {
            return Err(format!("it does not introduce its nodes: {first:?}"));
        }
        let number = |line: Option<&str>, name: &str| -> Option<u8> {
            line?.strip_prefix(name)?.strip_prefix(' ')?.parse().ok()
        };
        let oldest = number(lines.next(), "wire");
        let replicas = number(lines.next(), "replicas");
        let mut rest = lines.skip_while(|line| line.is_empty()).peekable();
        let peers: Vec<Peer> =
            std::iter::from_fn(|| rest.next_if(|line| peer(line).is_some()).and_then(peer))
                .collect();
        let newest = number(rest.next(), "newest").or(oldest);
        let (Some(oldest), Some(newest)) = (oldest, newest) else {
            return Err("it does not say which version of the wire format it speaks".to_owned());
        };
        match replicas {
            Some(replicas) if !peers.is_empty() => {
                Ok(Introduction { replicas, wire: (oldest, newest), peers })
            }
            _ => Err("it names no nodes".to_owned()),
        }
    }

    /// Makes sure that a program that speaks versions from [`OLDEST_VERSION`] to `own` understands the process.
    ///
    /// # Errors
    ///
    /// What to use instead.
    pub(in super::super) fn check_wire(&self, own: u8) -> Result<(), String> {
        let (oldest, newest) = self.wire;
        if oldest <= own && newest >= OLDEST_VERSION {
            return Ok(());
        }
        Err(format!(
            "it speaks versions {oldest} to {newest} of the wire format, and this process {OLDEST_VERSION} \
             to {own}: use a program between the two"
        ))
    }
}

/// Reads `ID IP:PORT/SLOT`.
fn peer(line: &str) -> Option<Peer> {
    let (id, address) = line.split_once(' ')?;
    let (endpoint, slot) = address.split_once('/')?;
    let endpoint: SocketAddrV4 = endpoint.parse().ok()?;
    let address = Address { slot: slot.parse().ok()?, ..endpoint.into() };
    let mut bytes = [0; ID_BYTES];
    if id.len() != 2 * ID_BYTES || !id.is_ascii() {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&id[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(Peer { id: Id::from_bytes(bytes), address })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn introduction(wire: (u8, u8)) -> Introduction {
        let peer = |slot: u16| Peer {
            id: Id::of_name(&slot.to_be_bytes()),
            address: Address::new([127, 0, 0, 1], 4000 + slot, slot),
        };
        Introduction { replicas: 5, wire, peers: (0..8).map(peer).collect() }
    }

    fn reply(text: &str) -> String {
        format!("${}\r\n{text}\r\n", text.len())
    }

    #[test]
    fn an_introduction_is_read_as_it_was_written() {
        for wire in [(3, 3), (3, 4), (4, 5)] {
            let text = introduction(wire).text();
            assert_eq!(Introduction::read(&reply(&text)), Ok(introduction(wire)));
            let all = reply(&text).into_bytes();
            assert!(is_complete(&all) && all.len() < MAX_BYTES);
            assert!((0..all.len()).all(|length| !is_complete(&all[..length])), "cut anywhere");
        }
    }

    #[test]
    fn programs_understand_each_other_if_they_share_a_version() {
        for (wire, own, is_understood) in
            [((3, 3), 3, true), ((3, 4), 3, true), ((3, 3), 4, true), ((4, 5), 4, true)]
                .into_iter()
                .chain([((4, 5), 3, false), ((5, 6), 4, false), ((1, 2), 4, false)])
        {
            let checked = introduction(wire).check_wire(own);
            assert_eq!(checked.is_ok(), is_understood, "{wire:?} and {own}: {checked:?}");
        }
        let refused = introduction((5, 6)).check_wire(4).expect_err("too new");
        assert!(refused.contains("versions 5 to 6"), "{refused}");
    }

    #[test]
    fn other_replies_are_refused_with_a_reason() {
        let refused = |reply: &str| Introduction::read(reply).expect_err("no introduction");
        assert!(refused("-ERR unknown command\r\n").contains("unknown command"));
        assert!(refused(&reply("replicas 3\n")).contains("version"));
        assert!(refused(&reply("wire 3\nreplicas 3\n")).contains("no nodes"));
        assert!(is_complete(b"-ERR unknown command\r\n"));
    }
}
