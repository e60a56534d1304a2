//! A TUN device: packets of IP, as a file.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    os::{
        fd::{AsRawFd, RawFd},
        unix::fs::OpenOptionsExt,
    },
};

use crate::namespace::{DEVICE, because};

/// The device of the namespace that this process is in when it is made. It goes with this.
#[derive(Debug)]
pub(crate) struct Tun(File);

/// What TUNSETIFF takes: `struct ifreq`, of which it looks at the name and the flags.
#[repr(C)]
struct Request {
    name: [u8; libc::IFNAMSIZ],
    flags: libc::c_short,
    rest: [u8; 22],
}

impl Tun {
    /// Makes the device.
    ///
    /// # Errors
    /// What is missing, in words.
    pub(crate) fn new() -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK)
            .open("/dev/net/tun")
            .map_err(|error| io::Error::other(format!("/dev/net/tun cannot be opened: {error}")))?;
        #[expect(clippy::cast_possible_truncation, reason = "both flags are in the lower 16 bits")]
        let flags = (libc::IFF_TUN | libc::IFF_NO_PI) as libc::c_short;
        let mut request = Request { name: [0; libc::IFNAMSIZ], flags, rest: [0; 22] };
        for (to, from) in request.name.iter_mut().zip(DEVICE.bytes()) {
            *to = from;
        }
        // SAFETY: the descriptor is open, and the request is as large as the system's and lives as long as the call.
        if unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF, &raw mut request) } != 0 {
            return Err(because("a TUN device could not be made"));
        }
        Ok(Self(file))
    }

    /// To wait for what it has.
    pub(crate) fn descriptor(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    /// The next packet that the system wants to send. None: there is none now.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn receive<'a>(&mut self, buffer: &'a mut [u8]) -> io::Result<Option<&'a mut [u8]>> {
        match self.0.read(buffer) {
            Ok(length) => Ok(buffer.get_mut(..length)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Hands the system a packet. What it does not take is lost, as on any line.
    pub(crate) fn send(&mut self, packet: &[u8]) {
        let _ = self.0.write(packet);
    }
}
