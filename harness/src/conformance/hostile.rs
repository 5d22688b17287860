//! Hostile bytes: datagrams of the small network, cut, damaged and repeated.
//!
//! **Invariant:** everything follows from the seed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use hopwise_kernel::{Address, Codec};

use super::SmallNetwork;
use crate::plug::System;

const ROUNDS: u32 = 150;
/// Damaged copies of one datagram.
const COPIES: u32 = 8;

/// Returns what was seen, or what went wrong.
pub(super) fn check<S: System>() -> Result<String, String> {
    let mut network = SmallNetwork::<S>::linked(2)?;
    let (mut sent, mut refused) = (0_u32, 0_u32);
    for _ in 0..ROUNDS {
        network.ask();
        let in_flight: Vec<(Address, Address, Vec<u8>)> = network
            .memory
            .in_flight()
            .map(|datagram| (datagram.from, datagram.to, datagram.bytes.to_vec()))
            .collect();
        for (from, to, bytes) in in_flight {
            for _ in 0..COPIES {
                let damaged = damage(&mut network, &bytes);
                let parses = catch_unwind(|| S::Codec::default().parse(&damaged).is_ok())
                    .map_err(|_| format!("reading {damaged:02x?} panics"))?;
                refused += u32::from(!parses);
                network.memory.inject_bytes(from, to, &damaged);
                sent += 1;
            }
        }
        let run = AssertUnwindSafe(|| network.run_for(Duration::from_millis(20)));
        catch_unwind(run).map_err(|_| "a node panics on a damaged datagram".to_owned())?;
        if !network.is_whole() {
            return Err("a node has changed its identifier or address".to_owned());
        }
    }
    if refused == 0 {
        return Err(format!("none of {sent} damaged datagrams was refused"));
    }
    Ok(format!("{sent} damaged datagrams, {refused} refused, the others handled"))
}

/// A copy of `bytes` that is cut, longer, changed in a few places, or the same.
fn damage<S: System>(network: &mut SmallNetwork<S>, bytes: &[u8]) -> Vec<u8> {
    let rng = network.rng();
    let mut damaged = bytes.to_vec();
    match rng.below(4) {
        0 => damaged.truncate(rng.below(bytes.len() as u64 + 1) as usize),
        1 => {
            let more = rng.below(64) as usize;
            let start = damaged.len();
            damaged.resize(start + more, 0);
            rng.fill(&mut damaged[start..]);
        }
        2 => {}
        _ => {
            for _ in 0..=rng.below(4) {
                if !damaged.is_empty() {
                    let at = rng.below(damaged.len() as u64) as usize;
                    damaged[at] ^= 1 << rng.below(8);
                }
            }
        }
    }
    damaged
}
