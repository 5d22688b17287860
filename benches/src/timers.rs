//! A timer wheel with as many timers as a busy core has requests in flight.
//!
//! **Invariant:** timers are armed for uniform times within the next ten seconds.

use std::hint::black_box;
use std::time::Duration;

use hopwise_kernel::drive::{TICK_NS, TimerWheel};
use hopwise_kernel::{Rng, Time};

/// Number of timers.
pub const TIMERS: u32 = 1 << 14;
/// Longest time for which a timer is armed.
const FURTHEST: Duration = Duration::from_secs(10);

/// The time for which each timer is armed.
#[must_use]
pub fn ahead(rng: &mut Rng) -> Vec<Duration> {
    (0..TIMERS).map(|_| Duration::from_nanos(rng.below(FURTHEST.as_nanos() as u64))).collect()
}

/// Arms all timers at time zero.
pub fn arm_all(wheel: &mut TimerWheel, ahead: &[Duration]) {
    for (timer, &ahead) in (0..).zip(ahead) {
        wheel.arm(timer, Time::ZERO + black_box(ahead));
    }
}

/// Advances time tick by tick until a timer expires, and arms that timer again.
pub fn expire_and_arm_again(wheel: &mut TimerWheel, now: &mut Time, ahead: &[Duration]) {
    loop {
        if let Some(timer) = wheel.expire(*now) {
            wheel.arm(timer, *now + ahead[timer as usize]);
            return;
        }
        *now = *now + Duration::from_nanos(TICK_NS);
    }
}
