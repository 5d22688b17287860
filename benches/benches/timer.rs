//! The timer wheel, with as many timers as a busy core has requests under way.
//!
//! **Invariant:** deadlines are uniform over ten seconds, and ready before the clock starts.

use std::hint::black_box;
use std::time::Duration;

use criterion::Criterion;
use hopwise_benches::measure;
use hopwise_kernel::timer::{TICK_NS, TimerWheel};
use hopwise_kernel::{Rng, Time};

const TIMERS: u32 = 1 << 14;
const FURTHEST: Duration = Duration::from_secs(10);

fn main() {
    measure::run(timer);
}

/// One call, in nanoseconds.
fn timer(criterion: &mut Criterion) {
    let mut rng = Rng::new(5, 0);
    let ahead: Vec<Duration> =
        (0..TIMERS).map(|_| Duration::from_nanos(rng.below(FURTHEST.as_nanos() as u64))).collect();
    let mut wheel = TimerWheel::new(TIMERS as usize);
    let mut group = criterion.benchmark_group("timer");

    group.bench_function("arm", |bencher| {
        bencher.iter_custom(|calls| rounds(calls, || arm_and_disarm(&mut wheel, &ahead)[0]));
    });
    group.bench_function("disarm", |bencher| {
        bencher.iter_custom(|calls| rounds(calls, || arm_and_disarm(&mut wheel, &ahead)[1]));
    });

    let mut now = Time::ZERO;
    arm_all(&mut wheel, &ahead);
    group.bench_function("expire_and_arm_again", |bencher| {
        bencher.iter_custom(|calls| {
            measure::time_units(calls, |asked| {
                for _ in 0..asked {
                    let timer = expire_next(&mut wheel, &mut now);
                    wheel.arm(timer, now + ahead[timer as usize]);
                }
                asked
            })
        });
    });
    assert_eq!(wheel.armed(), TIMERS as usize, "each that expired was armed again");
    group.finish();
}

/// What `calls` calls take, of which each `round` makes one per timer.
fn rounds(calls: u64, mut round: impl FnMut() -> Duration) -> Duration {
    let rounds = calls.div_ceil(TIMERS.into());
    let took: Duration = (0..rounds).map(|_| round()).sum();
    took.mul_f64(calls as f64 / (rounds * u64::from(TIMERS)) as f64)
}

/// Arms all timers of an idle wheel, then disarms them; how long each took.
fn arm_and_disarm(wheel: &mut TimerWheel, ahead: &[Duration]) -> [Duration; 2] {
    assert_eq!(wheel.armed(), 0, "the wheel is idle");
    let (arming, ()) = measure::time(|| arm_all(wheel, ahead));
    assert_eq!(wheel.armed(), ahead.len(), "all are armed");
    let (disarming, ()) = measure::time(|| (0..TIMERS).for_each(|timer| wheel.disarm(timer)));
    [arming, disarming]
}

fn arm_all(wheel: &mut TimerWheel, ahead: &[Duration]) {
    for (timer, &ahead) in (0..).zip(ahead) {
        wheel.arm(timer, Time::ZERO + black_box(ahead));
    }
}

/// Lets time pass, tick by tick, until a timer expires.
fn expire_next(wheel: &mut TimerWheel, now: &mut Time) -> u32 {
    loop {
        if let Some(timer) = wheel.expire(*now) {
            return timer;
        }
        *now = *now + Duration::from_nanos(TICK_NS);
    }
}
