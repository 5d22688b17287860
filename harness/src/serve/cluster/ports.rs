//! The sockets of a process: in one block of ports.
//!
//! **Invariant:** no other process that serves has a socket in the block, as long as all of them choose
//! whole blocks.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};

use hopwise_kernel::Rng;
use hopwise_kernel::reactor::{BindError, Layout, Sockets};

/// The ports of a block, and so the most threads of a process.
pub(in super::super) const PORT_BLOCK: u16 = 64;
/// Below are the ports of services, above those that the operating system gives out.
const FIRST_BLOCK: u16 = 16_384 / PORT_BLOCK;
const END_BLOCK: u16 = 32_768 / PORT_BLOCK;
/// Blocks that are tried.
const ATTEMPTS: u32 = 64;

/// Opens one socket for each of these numbers of nodes, in a random block of which no port is in use.
///
/// # Errors
///
/// The error of the last attempt.
pub(in super::super) fn bind_block(
    ip: Ipv4Addr,
    counts: &[usize],
    rng: &mut Rng,
) -> Result<Vec<Sockets>, BindError> {
    let mut last = BindError::Bind(SocketAddrV4::new(ip, 0), io::ErrorKind::AddrInUse.into());
    for _ in 0..ATTEMPTS {
        let blocks = u64::from(END_BLOCK - FIRST_BLOCK);
        let first = (FIRST_BLOCK + rng.below(blocks) as u16) * PORT_BLOCK;
        let bind = |(index, &count): (u16, &usize)| {
            Sockets::bind(Layout::PerCore, SocketAddrV4::new(ip, first + index), count)
        };
        match (0..PORT_BLOCK).zip(counts).map(bind).collect() {
            Ok(sockets) => return Ok(sockets),
            Err(error) => last = error,
        }
    }
    Err(last)
}
