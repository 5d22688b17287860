//! Asking for memory before it is read.
//!
//! **Invariant:** nothing a program can see changes.

const LINE_BYTES: usize = 64;

/// Asks for every cache line of `it`.
#[inline]
pub fn prefetch<T>(it: &T) {
    prefetch_first(it, size_of::<T>());
}

/// Asks for the cache lines of the first so many bytes of `it`.
#[inline]
pub fn prefetch_first<T>(it: &T, bytes: usize) {
    let start = core::ptr::from_ref(it).cast::<u8>();
    let last = bytes.min(size_of::<T>()).saturating_sub(1);
    for offset in (0..last).step_by(LINE_BYTES) {
        prefetch_line(start.wrapping_add(offset));
    }
    // It need not begin where a line does, and then ends in one more.
    prefetch_line(start.wrapping_add(last));
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn prefetch_line(line: *const u8) {
    use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: a prefetch reads nothing that a program can see, and every x86_64 has SSE.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(line.cast()) };
}

/// Elsewhere the processor's own reordering has to do.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn prefetch_line(_line: *const u8) {}
