//! The end of a program for which there is not enough memory: a message and a status instead of a
//! signal.
//!
//! **Invariant:** allocates nothing once memory has run out.

use std::alloc::{GlobalAlloc, Layout, System};

/// The exit status of a run that could not go on.
const STATUS: i32 = 1;
/// The digits of the largest size.
const DIGITS: usize = 20;

/// The system's allocator. If it has no memory left, the process ends with a message and status 1.
///
/// ```
/// use hopwise_harness::app::ExitWithoutMemory;
///
/// #[global_allocator]
/// static ALLOCATOR: ExitWithoutMemory = ExitWithoutMemory::of("own");
/// # fn main() {}
/// ```
#[derive(Debug)]
pub struct ExitWithoutMemory {
    program: &'static str,
}

impl ExitWithoutMemory {
    /// The allocator of the program of this name.
    #[must_use]
    pub const fn of(program: &'static str) -> ExitWithoutMemory {
        ExitWithoutMemory { program }
    }

    #[inline]
    fn checked(&self, pointer: *mut u8, bytes: usize) -> *mut u8 {
        if pointer.is_null() {
            self.exit(bytes);
        }
        pointer
    }

    #[cold]
    fn exit(&self, bytes: usize) -> ! {
        let mut digits = [0; DIGITS];
        let parts: [&[u8]; 4] = [
            self.program.as_bytes(),
            b": out of memory: ",
            decimal(bytes, &mut digits),
            b" more bytes were not to be had: write fewer nodes, a lower load or a shorter run\n",
        ];
        for part in parts {
            // SAFETY: the pointer and the length are those of a live slice. Nothing depends on whether
            // it is written.
            unsafe { libc::write(libc::STDERR_FILENO, part.as_ptr().cast(), part.len()) };
        }
        // SAFETY: ends the process at once; what the process has to clean up could allocate.
        unsafe { libc::_exit(STATUS) }
    }
}

// SAFETY: every call is passed on to the system's allocator, which keeps the contract.
unsafe impl GlobalAlloc for ExitWithoutMemory {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `alloc`.
        self.checked(unsafe { System.alloc(layout) }, layout.size())
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        self.checked(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    #[inline]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `realloc`.
        self.checked(unsafe { System.realloc(pointer, layout, size) }, size)
    }
}

/// The decimal digits of `number`.
fn decimal(mut number: usize, digits: &mut [u8; DIGITS]) -> &[u8] {
    let mut at = DIGITS;
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &digits[at..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_numbers_as_the_standard_library_does() {
        for number in [0, 7, 10, 4096, usize::MAX] {
            let mut digits = [0; DIGITS];
            assert_eq!(decimal(number, &mut digits), number.to_string().as_bytes());
        }
    }
}
