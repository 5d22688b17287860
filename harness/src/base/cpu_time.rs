//! The CPU time of this process.
//!
//! **Invariant:** only measures; nothing that a run does depends on it.

use std::mem::MaybeUninit;
use std::time::Duration;

/// CPU time that all threads of this process have used so far, user and system.
#[must_use]
pub(crate) fn cpu_time() -> Duration {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: `usage` is a valid place for the structure, and all zeros are a valid value of it.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
        usage.assume_init()
    };
    length(usage.ru_utime) + length(usage.ru_stime)
}

fn length(time: libc::timeval) -> Duration {
    Duration::from_secs(time.tv_sec.unsigned_abs())
        + Duration::from_micros(time.tv_usec.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_takes_cpu_time() {
        let before = cpu_time();
        let sum = (0..50_000_000_u64).fold(0, |sum, n| std::hint::black_box(sum ^ n));
        assert!(cpu_time() > before, "{sum}");
    }
}
