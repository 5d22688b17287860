//! Requests that are sent again because no reply arrived in time.
//!
//! A peer may only be far away. If its late reply did not count, each attempt with a timeout below
//! the round trip would fail.
//!
//! **Invariant:** all attempts of a request have its identifier, and one timer.

use core::time::Duration;

use crate::base::Time;
use crate::items::protocol::Items;
use crate::items::request::{Kind, Request};
use crate::node::{Context, DropReason, RequestTables};

/// Enters `request`, which was in flight and got no reply in time, once more under the same
/// identifier, so that a late reply to any attempt still counts. The caller may send its message
/// again. Returns false and counts a drop if too many requests are in flight.
pub(crate) fn repeat(
    cx: &mut Context<'_, Items>,
    request: &Request,
    kind: Kind,
    wait: Duration,
) -> bool {
    let retries = request.retries.saturating_add(1);
    // Nobody knows which attempt a reply answers, so it tells nothing about round trips (Karn and
    // Partridge, Improving round-trip time estimates, SIGCOMM 1987).
    let again = Request { sent_at: Time::NEVER, retries, kind, ..*request };
    let Some(handle) = cx.requests.own_mut().insert(again) else {
        cx.world.count_drop(DropReason::Overload);
        return false;
    };
    cx.world.arm_request(handle, cx.now + wait);
    true
}

/// Whether `request` was sent more than once under its identifier.
pub(super) fn is_repeated(request: &Request) -> bool {
    request.sent_at == Time::NEVER
}
