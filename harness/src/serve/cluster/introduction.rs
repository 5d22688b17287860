//! The introduction to a running process: some of its nodes, and what all processes must have in common.
//!
//! ```text
//! wire 3
//! replicas 3
//! 2b1c…e0 127.0.0.1:18240/17
//! …
//! ```
//!
//! **Invariant:** a reply that is read is at most [`MAX_BYTES`] long.

use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::{SocketAddr, SocketAddrV4, TcpStream};
use std::time::Duration;

use hopwise_kernel::base::id::ID_BYTES;
use hopwise_kernel::codec::VERSION;
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
        let mut text = format!("wire {VERSION}\nreplicas {}\n", self.replicas);
        for peer in &self.peers {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{} {}", peer.id, peer.address);
        }
        text
    }

    fn read(reply: &str) -> Result<Introduction, String> {
        let mut lines = reply.lines();
        let first = lines.next().unwrap_or_default();
        if !first.starts_with('$') {
            return Err(format!("it does not introduce its nodes: {first:?}"));
        }
        let wire = lines.next().and_then(|line| line.strip_prefix("wire "));
        if wire != Some(&VERSION.to_string()) {
            let theirs = wire.unwrap_or("an unknown one");
            return Err(format!(
                "it speaks version {theirs} of the wire format, and this program version {VERSION}: \
                 use the same program"
            ));
        }
        let replicas = lines.next().and_then(|line| line.strip_prefix("replicas "));
        let replicas = replicas.and_then(|text| text.parse().ok());
        let peers: Vec<Peer> = lines.map_while(peer).collect();
        match replicas {
            Some(replicas) if !peers.is_empty() => Ok(Introduction { replicas, peers }),
            _ => Err("it names no nodes".to_owned()),
        }
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

    fn introduction() -> Introduction {
        let peer = |slot: u16| Peer {
            id: Id::of_name(&slot.to_be_bytes()),
            address: Address::new([127, 0, 0, 1], 4000 + slot, slot),
        };
        Introduction { replicas: 5, peers: (0..8).map(peer).collect() }
    }

    fn reply(text: &str) -> String {
        format!("${}\r\n{text}\r\n", text.len())
    }

    #[test]
    fn an_introduction_is_read_as_it_was_written() {
        let text = introduction().text();
        assert_eq!(Introduction::read(&reply(&text)), Ok(introduction()));
        let all = reply(&text).into_bytes();
        assert!(is_complete(&all) && all.len() < MAX_BYTES);
        assert!((0..all.len()).all(|length| !is_complete(&all[..length])), "cut anywhere");
    }

    #[test]
    fn other_replies_are_refused_with_a_reason() {
        let refused = |reply: &str| Introduction::read(reply).expect_err("no introduction");
        assert!(refused("-ERR unknown command\r\n").contains("unknown command"));
        assert!(refused(&reply("wire 2\nreplicas 3\n")).contains("version 2"));
        let nobody = format!("wire {VERSION}\nreplicas 3\n");
        assert!(refused(&reply(&nobody)).contains("no nodes"));
        assert!(is_complete(b"-ERR unknown command\r\n"));
    }
}
