//! How much of a connection's bytes the system has: received and not read, or sent and not acknowledged.

use socket2::SockRef;

/// Bytes that were received and nobody has read, and bytes that the peer has not acknowledged. None: the system does not tell.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[must_use]
pub fn queued(socket: &SockRef<'_>) -> Option<(i32, i32)> {
    use std::os::fd::AsRawFd;

    let ask = |request| {
        let mut count: libc::c_int = 0;
        // SAFETY: the descriptor is open, and both requests write one `int`.
        let result = unsafe { libc::ioctl(socket.as_raw_fd(), request, &raw mut count) };
        (result == 0).then_some(count)
    };
    Some((ask(libc::FIONREAD)?, ask(libc::TIOCOUTQ)?))
}

/// The system does not tell of both.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
#[must_use]
pub fn queued(_: &SockRef<'_>) -> Option<(i32, i32)> {
    None
}
