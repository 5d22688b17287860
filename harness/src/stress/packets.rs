//! Plain packets over loopback UDP: what this machine can do in the same minutes, without nodes. A capacity divided
//! by it says more about the program, and less about the machine's moment.
//!
//! **Invariant:** threads have ended and sockets are closed when a reading has been taken.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::thread;
use std::time::Duration;

use hopwise_kernel::reactor::{available_cores, pin_to};

use crate::base::wall_clock::WallClock;

/// Payload of each packet, in bytes.
const PACKET_BYTES: usize = 64;
/// Packets that are sent before the first is received.
pub const BURST: u64 = 64;
/// The length of a reading.
const LENGTH: Duration = Duration::from_millis(300);
/// Longest wait for a packet. On loopback, a sent packet is available at once.
const PATIENCE: Duration = Duration::from_secs(1);

/// Packets per second that all cores together send and receive, with one thread on each; `None` if that cannot be
/// found out.
pub(crate) fn packets_per_s() -> Option<f64> {
    let of_core = |core| {
        // A core that the thread may not be pinned to makes the reading less exact, and no more.
        let _ = pin_to(core);
        rate(LENGTH)
    };
    let rates = thread::scope(|scope| {
        let threads: Vec<_> =
            available_cores().into_iter().map(|core| scope.spawn(move || of_core(core))).collect();
        let ends = threads.into_iter().map(|thread| thread.join().ok()?.ok());
        ends.collect::<Option<Vec<f64>>>()
    })?;
    (!rates.is_empty()).then(|| rates.iter().sum())
}

/// Packets per second that this thread sends and receives, measured for so long.
fn rate(length: Duration) -> io::Result<f64> {
    let pair = PacketPair::open()?;
    let mut packets = 0;
    let clock = WallClock::start();
    while clock.elapsed() < length {
        packets += pair.exchange(BURST, BURST)?;
    }
    Ok(packets as f64 / clock.elapsed().as_secs_f64())
}

/// Two sockets on loopback, and packets from one to the other with `sendto` and `recvfrom`.
#[derive(Debug)]
pub struct PacketPair {
    from: UdpSocket,
    to: UdpSocket,
    address: SocketAddr,
}

impl PacketPair {
    /// Opens both sockets.
    ///
    /// # Errors
    ///
    /// If loopback has no free port.
    pub fn open() -> io::Result<PacketPair> {
        let open = || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0));
        let (from, to) = (open()?, open()?);
        to.set_read_timeout(Some(PATIENCE))?;
        let address = to.local_addr()?;
        Ok(PacketPair { from, to, address })
    }

    /// Sends at least `packets` packets in bursts of `burst`. Each burst is received before the next. Returns
    /// the number of packets.
    ///
    /// # Errors
    ///
    /// If a packet is lost.
    pub fn exchange(&self, packets: u64, burst: u64) -> io::Result<u64> {
        let bursts = packets.div_ceil(burst);
        let mut packet = [0x5a; PACKET_BYTES];
        for _ in 0..bursts {
            for _ in 0..burst {
                self.from.send_to(&packet, self.address)?;
            }
            for _ in 0..burst {
                self.to.recv_from(&mut packet)?;
            }
        }
        Ok(bursts * burst)
    }
}

/// The median; the mean of the two in the middle if there are so many.
pub(crate) fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        count if count % 2 == 0 => Some((values[middle - 1] + values[middle]) / 2.0),
        _ => Some(values[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_arrive() {
        assert!(rate(Duration::from_millis(5)).is_ok_and(|per_s| per_s > 0.0));
        assert!(packets_per_s().is_some_and(|per_s| per_s > 0.0));
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&mut []), None);
    }

    #[test]
    fn whole_bursts_are_sent() {
        let pair = PacketPair::open().expect("a free port on loopback");
        assert_eq!(pair.exchange(9, 4).ok(), Some(12));
        assert_eq!(pair.exchange(0, 4).ok(), Some(0));
    }
}
