//! File descriptors that this process may open.
//!
//! **Invariant:** changes no limit.

/// How many descriptors this process may have open.
#[must_use]
pub(crate) fn limit() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid, writable rlimit.
    let known = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } == 0;
    if known { limit.rlim_cur } else { u64::MAX }
}
