//! Plain packets over loopback UDP on one thread: what this machine can do in the same minutes, without
//! nodes. A capacity divided by it says more about the program, and less about the machine's moment.
//!
//! **Invariant:** the sockets are closed when a reading has been taken.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use crate::base::wall_clock::WallClock;

/// Payload of each packet, in bytes.
const PACKET_BYTES: usize = 64;
/// Packets that are sent before the first is received.
const BURST: u32 = 64;
/// Packets in a batch.
const PACKETS: u32 = 20_032;
/// Batches of a reading, which is their median.
const BATCHES: usize = 3;
/// Longest wait for a packet.
const PATIENCE: Duration = Duration::from_secs(1);

/// Packets per second that one thread sends and receives; `None` if that cannot be found out.
pub(crate) fn packets_per_s() -> Option<f64> {
    let mut batches: Vec<f64> =
        (0..BATCHES).map(|_| batch(PACKETS)).collect::<io::Result<_>>().ok()?;
    median(&mut batches)
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

fn batch(packets: u32) -> io::Result<f64> {
    let (from, to) =
        (UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?, UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?);
    to.set_read_timeout(Some(PATIENCE))?;
    let address = to.local_addr()?;
    let mut packet = [0x5a; PACKET_BYTES];
    let clock = WallClock::start();
    for _ in 0..packets / BURST {
        for _ in 0..BURST {
            from.send_to(&packet, address)?;
        }
        for _ in 0..BURST {
            to.recv_from(&mut packet)?;
        }
    }
    Ok(f64::from(packets) / clock.elapsed().as_secs_f64().max(f64::MIN_POSITIVE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_arrive() {
        assert!(batch(BURST).is_ok_and(|per_s| per_s > 0.0));
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&mut []), None);
    }
}
