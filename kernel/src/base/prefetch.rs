//! Prefetching memory before it is read.
//!
//! **Invariant:** a prefetch changes nothing but timing.

const LINE_BYTES: usize = 64;

/// Prefetches every cache line of `value`.
#[inline]
pub fn prefetch<T>(value: &T) {
    prefetch_first(value, size_of::<T>());
}

/// Prefetches the cache lines of the first `bytes` bytes of `value`.
#[inline]
pub fn prefetch_first<T>(value: &T, bytes: usize) {
    let start = core::ptr::from_ref(value).cast::<u8>();
    let last = bytes.min(size_of::<T>()).saturating_sub(1);
    for offset in (0..last).step_by(LINE_BYTES) {
        prefetch_line(start.wrapping_add(offset));
    }
    // A value that does not start on a line boundary ends one line later.
    prefetch_line(start.wrapping_add(last));
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn prefetch_line(line: *const u8) {
    use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: a prefetch has no visible effect, and every x86_64 has SSE.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(line.cast()) };
}

/// Other architectures rely on the processor's own reordering.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn prefetch_line(_line: *const u8) {}
