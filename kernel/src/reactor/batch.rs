//! Batches of datagrams: many are read or written by one system call.
//!
//! **Invariant:** every call is non-blocking; `EINTR` is retried.

use std::fmt;
use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

use crate::base::Address;

/// Maximum number of datagrams per system call.
pub(crate) const BATCH: usize = 64;

/// Buffers for one batch of datagrams, received or to be sent.
pub(crate) struct Batch {
    length: usize,
    bytes: Box<[u8]>,
    names: Box<[libc::sockaddr_in; BATCH]>,
    pieces: Box<[libc::iovec; BATCH]>,
    headers: Box<[libc::mmsghdr; BATCH]>,
    /// What the operating system says beside the first datagram: when it arrived.
    control: Box<Control>,
}

#[repr(C, align(8))]
struct Control([u8; 64]);

// SAFETY: the raw pointers in `pieces` and `headers` point only into the boxes beside them, and are
// set before each system call.
unsafe impl Send for Batch {}

impl Batch {
    /// Buffers for datagrams of up to `length` bytes.
    pub(crate) fn new(length: usize) -> Batch {
        // SAFETY: all three are plain C structs for which zero bytes are a valid value.
        let (names, pieces, headers) = unsafe { std::mem::zeroed() };
        Batch {
            length,
            bytes: vec![0; length * BATCH].into_boxed_slice(),
            names: Box::new(names),
            pieces: Box::new(pieces),
            headers: Box::new(headers),
            control: Box::new(Control([0; 64])),
        }
    }

    /// The buffer of datagram `index`.
    #[inline]
    pub(crate) fn buffer(&mut self, index: usize) -> &mut [u8] {
        &mut self.bytes[index * self.length..(index + 1) * self.length]
    }

    /// Reads up to `most` datagrams, at most [`BATCH`]. Returns their number, 0 if there are none.
    pub(crate) fn receive(&mut self, socket: RawFd, most: usize) -> usize {
        let most = most.min(BATCH);
        for index in 0..most {
            self.point(index, self.length);
        }
        let first = &mut self.headers[0].msg_hdr;
        first.msg_control = (&raw mut *self.control).cast();
        first.msg_controllen = size_of::<Control>();
        loop {
            // SAFETY: the first `most` headers' pointers have just been set to `names`, `bytes` and
            // `control`, which outlive the call.
            let count = unsafe {
                libc::recvmmsg(
                    socket,
                    self.headers.as_mut_ptr(),
                    most as libc::c_uint,
                    libc::MSG_DONTWAIT,
                    std::ptr::null_mut(),
                )
            };
            if count > 0 {
                return count as usize;
            }
            if count == 0 || io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
                // Nothing was written to `control`.
                self.headers[0].msg_hdr.msg_controllen = 0;
                return 0;
            }
        }
    }

    /// The time of day at which the first datagram received arrived at its socket. `None` if the
    /// operating system did not say.
    pub(crate) fn first_arrived_at(&self) -> Option<Duration> {
        let mut header = self.headers[0].msg_hdr;
        header.msg_control = (&raw const *self.control).cast_mut().cast();
        // SAFETY: the header points to `control`, of which `recvmmsg` has filled as much as its length
        // says; zero of it if nothing was received. The value is read unaligned, and nothing is written.
        unsafe {
            let message = libc::CMSG_FIRSTHDR(&raw const header);
            let is_stamp = !message.is_null()
                && (*message).cmsg_level == libc::SOL_SOCKET
                && (*message).cmsg_type == libc::SCM_TIMESTAMPNS;
            if !is_stamp {
                return None;
            }
            let stamp: libc::timespec =
                libc::CMSG_DATA(message).cast::<libc::timespec>().read_unaligned();
            Some(Duration::new(stamp.tv_sec.try_into().ok()?, stamp.tv_nsec.try_into().ok()?))
        }
    }

    /// The received datagram `index` and its source; `None` if it was longer than the buffer.
    #[inline]
    pub(crate) fn received(&self, index: usize) -> Option<(Address, &[u8])> {
        let header = &self.headers[index];
        if header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0 {
            return None;
        }
        let name = &self.names[index];
        let from = Address {
            ip: u32::from_be(name.sin_addr.s_addr),
            port: u16::from_be(name.sin_port),
            slot: 0,
        };
        let start = index * self.length;
        Some((from, &self.bytes[start..start + header.msg_len as usize]))
    }

    /// Sends datagrams `from .. to`. `envelope` returns the destination and length of each. Returns
    /// the number of datagrams that the operating system accepted.
    pub(crate) fn send(
        &mut self,
        socket: RawFd,
        from: usize,
        to: usize,
        envelope: impl Fn(usize) -> (Address, usize),
    ) -> usize {
        for index in from..to {
            let (address, length) = envelope(index);
            self.names[index] = libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: address.port.to_be(),
                sin_addr: libc::in_addr { s_addr: address.ip.to_be() },
                sin_zero: [0; 8],
            };
            self.point(index, length);
        }
        let mut sent = from;
        while sent < to {
            // SAFETY: headers `sent .. to` have just been set to valid memory by `point`.
            let count = unsafe {
                libc::sendmmsg(
                    socket,
                    self.headers.as_mut_ptr().add(sent),
                    (to - sent) as libc::c_uint,
                    libc::MSG_DONTWAIT,
                )
            };
            if count > 0 {
                sent += count as usize;
            } else if io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
                break;
            }
        }
        sent - from
    }

    /// Points the header of datagram `index` to its address and its first `length` bytes.
    #[inline]
    fn point(&mut self, index: usize, length: usize) {
        self.pieces[index] = libc::iovec {
            iov_base: (&raw mut self.bytes[index * self.length]).cast(),
            iov_len: length,
        };
        let header = &mut self.headers[index].msg_hdr;
        header.msg_name = (&raw mut self.names[index]).cast();
        header.msg_namelen = size_of::<libc::sockaddr_in>() as libc::socklen_t;
        header.msg_iov = &raw mut self.pieces[index];
        header.msg_iovlen = 1;
        header.msg_control = std::ptr::null_mut();
        header.msg_controllen = 0;
        header.msg_flags = 0;
    }
}

/// Without the buffers, which are long.
impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("length", &self.length).finish_non_exhaustive()
    }
}
