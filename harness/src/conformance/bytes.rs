//! Bytes: what is written reads back, and a message at rest is the same message.
//!
//! **Invariant:** every kind of message that the small network sends is checked, wherever it goes.

use std::collections::BTreeSet;
use std::time::Duration;

use hopwise_kernel::node::{Arena, MAX_CLASSES, MAX_DROP_REASONS};
use hopwise_kernel::{Codec, Protocol};

use super::SmallNetwork;
use crate::plug::{ProtocolOf, System};

const ROUNDS: u32 = 60;
/// Longer than any message.
const ROOM: usize = 64 * 1024;

/// Returns what was seen, or the first message that breaks the rule.
pub(super) fn check<S: System>() -> Result<String, String> {
    let classes = <ProtocolOf<S>>::CLASSES.len();
    if classes > MAX_CLASSES || <ProtocolOf<S>>::DROPS.len() > MAX_DROP_REASONS {
        return Err(format!(
            "at most {MAX_CLASSES} classes and {MAX_DROP_REASONS} reasons are counted"
        ));
    }
    let mut network = SmallNetwork::<S>::linked(1)?;
    let (mut messages, mut seen) = (0_u64, BTreeSet::new());
    for round in 0..ROUNDS {
        network.ask();
        if round % 15 == 7 {
            network.change_members(round);
        }
        for _ in 0..50 {
            for datagram in network.memory.in_flight() {
                messages += check_datagram::<S>(datagram.bytes, &mut seen)?;
            }
            network.run_for(Duration::from_millis(1));
        }
        network.run_for(Duration::from_millis(200));
    }
    Ok(format!("{messages} messages of {} of {classes} classes", seen.len()))
}

fn check_datagram<S: System>(bytes: &[u8], seen: &mut BTreeSet<usize>) -> Result<u64, String> {
    let codec = S::Codec::default();
    let messages =
        codec.parse(bytes).map_err(|error| format!("{bytes:02x?} does not read: {error:?}"))?;
    let (mut again, mut arena, mut count) = (vec![0; ROOM], Arena::default(), 0);
    let mut length = codec.write_header(&mut again).ok_or("no header is written")?;
    for (envelope, message) in messages {
        let class = <ProtocolOf<S>>::class(&message);
        if class >= <ProtocolOf<S>>::CLASSES.len() {
            return Err(format!("{message:?} has class {class}, which is not listed"));
        }
        seen.insert(class);
        let parked = <ProtocolOf<S>>::park(&message, &mut arena);
        let recalled = <ProtocolOf<S>>::recall(&parked, &arena);
        let written = codec
            .write(&envelope, &recalled, &mut again[length..])
            .ok_or_else(|| format!("{message:?} was read, but cannot be written"))?;
        if written != codec.length(&message) {
            let stated = codec.length(&message);
            return Err(format!("{message:?} has {written} bytes, and length() says {stated}"));
        }
        length += written;
        count += 1;
    }
    if again[..length] == *bytes {
        Ok(count)
    } else {
        Err(format!(
            "{bytes:02x?} was read, parked, recalled and written as {:02x?}",
            &again[..length]
        ))
    }
}
