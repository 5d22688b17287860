//! A timer file descriptor: polls wait for whole milliseconds, which is too coarse for open-loop
//! load.
//!
//! **Invariant:** the descriptor is closed with its [`Alarm`].

use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Interest, Poll, Token};

/// The token that a poll reports when the timer fires.
pub const ALARM: Token = Token(usize::MAX - 1);

/// A timer file descriptor. See the [module](self).
#[derive(Debug)]
pub struct Alarm(RawFd);

impl Alarm {
    /// A disarmed timer, registered with `poll`.
    ///
    /// # Errors
    ///
    /// The error of the operating system.
    pub fn new(poll: &Poll) -> io::Result<Alarm> {
        // SAFETY: no pointers are passed; the result is checked.
        let descriptor = unsafe {
            libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_NONBLOCK | libc::TFD_CLOEXEC)
        };
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        let alarm = Alarm(descriptor);
        poll.registry().register(&mut SourceFd(&alarm.0), ALARM, Interest::READABLE)?;
        Ok(alarm)
    }

    /// Arms the timer.
    pub fn set(&self, after: Duration) {
        let once = libc::itimerspec {
            it_interval: libc::timespec { tv_sec: 0, tv_nsec: 0 },
            it_value: libc::timespec {
                tv_sec: after.as_secs() as libc::time_t,
                tv_nsec: after.subsec_nanos().max(1).into(),
            },
        };
        // SAFETY: the descriptor is open, `once` is valid, and the old value is not requested.
        unsafe { libc::timerfd_settime(self.0, 0, &raw const once, std::ptr::null_mut()) };
    }

    /// Acknowledges that the timer has fired.
    pub fn clear(&self) {
        let mut count = [0u8; 8];
        // SAFETY: the descriptor is open and the buffer has the 8 bytes a timer writes.
        unsafe { libc::read(self.0, count.as_mut_ptr().cast(), count.len()) };
    }
}

impl std::ops::Drop for Alarm {
    fn drop(&mut self) {
        // SAFETY: this owns the descriptor.
        unsafe { libc::close(self.0) };
    }
}
