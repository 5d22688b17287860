//! Plain packets over loopback UDP, with `sendto` and `recvfrom` on one thread: the machine's cost
//! of a packet, without nodes.
//!
//! **Invariant:** every packet sent is received before the next burst. A lost packet is a panic.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

/// Payload of each packet, in bytes.
const PACKET_BYTES: usize = 64;
/// Longest wait for a packet. On loopback, a sent packet is available at once.
const PATIENCE: Duration = Duration::from_secs(1);

/// Two sockets on loopback.
pub struct PacketPair {
    from: UdpSocket,
    to: UdpSocket,
    address: SocketAddr,
}

impl PacketPair {
    /// Opens both sockets.
    ///
    /// # Panics
    ///
    /// If loopback has no free port.
    #[must_use]
    pub fn open() -> PacketPair {
        let open = || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port on loopback");
        let (from, to) = (open(), open());
        to.set_read_timeout(Some(PATIENCE)).expect("a socket takes a timeout");
        let address = to.local_addr().expect("a bound socket has an address");
        PacketPair { from, to, address }
    }

    /// Sends at least `packets` packets from one socket to the other in bursts of `burst`. Each
    /// burst is received before the next. Returns the number of packets.
    ///
    /// # Panics
    ///
    /// If a packet is lost.
    pub fn exchange(&self, packets: u64, burst: u64) -> u64 {
        let bursts = packets.div_ceil(burst);
        let mut packet = [0x5a; PACKET_BYTES];
        for _ in 0..bursts {
            for _ in 0..burst {
                self.from.send_to(&packet, self.address).expect("loopback takes a packet");
            }
            for _ in 0..burst {
                let (length, _) = self.to.recv_from(&mut packet).expect("loopback loses no packet");
                assert_eq!(length, PACKET_BYTES, "a packet arrives whole");
            }
        }
        bursts * burst
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_bursts_are_sent() {
        let pair = PacketPair::open();
        assert_eq!(pair.exchange(9, 4), 12);
        assert_eq!(pair.exchange(0, 4), 0);
    }
}
