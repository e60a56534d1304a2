//! What the system knows of the round trip of a TCP connection.

use std::time::Duration;

use socket2::SockRef;

/// The system's smoothed estimate. None: it has none, or does not tell.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[must_use]
pub fn round_trip(socket: &SockRef<'_>) -> Option<Duration> {
    // SAFETY: all zeros is a value of this plain structure of integers.
    let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
    let microseconds = ask(socket, libc::IPPROTO_TCP, libc::TCP_INFO, &mut info)?.tcpi_rtt;
    (microseconds > 0).then(|| Duration::from_micros(microseconds.into()))
}

/// The system's smoothed estimate. None: it has none, or does not tell.
#[cfg(target_vendor = "apple")]
#[must_use]
pub fn round_trip(socket: &SockRef<'_>) -> Option<Duration> {
    // SAFETY: all zeros is a value of this plain structure of integers.
    let mut info: libc::tcp_connection_info = unsafe { std::mem::zeroed() };
    let milliseconds = ask(socket, libc::IPPROTO_TCP, libc::TCP_CONNECTION_INFO, &mut info)?.tcpi_srtt;
    (milliseconds > 0).then(|| Duration::from_millis(milliseconds.into()))
}

/// The system does not tell.
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
#[must_use]
pub fn round_trip(_: &SockRef<'_>) -> Option<Duration> {
    None
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn ask<'a, T>(
    socket: &SockRef<'_>,
    level: libc::c_int,
    option: libc::c_int,
    info: &'a mut T,
) -> Option<&'a T> {
    use std::os::fd::AsRawFd;

    let mut length = libc::socklen_t::try_from(size_of::<T>()).ok()?;
    // SAFETY: the descriptor is open, and the system writes no more than `length` bytes to `info`.
    let result = unsafe {
        libc::getsockopt(socket.as_raw_fd(), level, option, (&raw mut *info).cast(), &raw mut length)
    };
    (result == 0).then_some(info)
}
