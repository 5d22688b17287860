//! Asking for memory before it is read.
//!
//! **Invariant:** nothing a program can see changes.

/// Asks for every cache line of `it`.
#[inline]
pub fn prefetch<T>(it: &T) {
    let start = core::ptr::from_ref(it).cast::<u8>();
    for offset in (0..size_of::<T>()).step_by(64) {
        prefetch_line(start.wrapping_add(offset));
    }
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
