//! The timer wheel, with as many timers as a busy core has requests in flight.
//!
//! **Invariant:** deadlines are uniform over ten seconds, and prepared before the clock starts.

use std::time::Duration;

use criterion::Criterion;
use hopwise_benches::measure;
use hopwise_benches::timers::{TIMERS, ahead, arm_all, expire_and_arm_again};
use hopwise_kernel::drive::TimerWheel;
use hopwise_kernel::{Rng, Time};

fn main() {
    measure::run(timer);
}

/// Time of one call.
fn timer(criterion: &mut Criterion) {
    let ahead = ahead(&mut Rng::new(5, 0));
    let mut wheel = TimerWheel::new(TIMERS as usize);
    let mut group = criterion.benchmark_group("timer");

    for (index, call) in ["arm", "disarm"].into_iter().enumerate() {
        group.bench_function(call, |bencher| {
            bencher.iter_custom(|calls| {
                measure::time_rounds(calls, TIMERS.into(), || {
                    arm_and_disarm(&mut wheel, &ahead)[index]
                })
            });
        });
    }

    let mut now = Time::ZERO;
    arm_all(&mut wheel, &ahead);
    group.bench_function("expire_and_arm_again", |bencher| {
        bencher.iter_custom(|calls| {
            measure::time_units(calls, |asked| {
                (0..asked).for_each(|_| expire_and_arm_again(&mut wheel, &mut now, &ahead));
                asked
            })
        });
    });
    assert_eq!(wheel.armed(), TIMERS as usize, "each that expired was armed again");
    group.finish();
}

/// Arms all timers of an idle wheel, then disarms them. Returns the times of both.
fn arm_and_disarm(wheel: &mut TimerWheel, ahead: &[Duration]) -> [Duration; 2] {
    assert_eq!(wheel.armed(), 0, "the wheel is idle");
    let (arming, ()) = measure::time(|| arm_all(wheel, ahead));
    assert_eq!(wheel.armed(), ahead.len(), "all are armed");
    let (disarming, ()) = measure::time(|| (0..TIMERS).for_each(|timer| wheel.disarm(timer)));
    [arming, disarming]
}
