//! What the source sends.

use std::io;

use crate::{
    edge::Edge,
    wire::{Scratch, Wire},
};

/// Large enough for few system calls, small enough to stay in a core's cache.
static CONTENT: [u8; 256 * 1024] = [b'w'; 256 * 1024];

/// Sends at most `length` bytes of content: as many as the wire takes, none if it has to become writable first.
///
/// # Errors
/// If the wire is broken.
pub(crate) fn send(wire: &mut Wire<Edge>, length: usize, scratch: &mut Scratch) -> io::Result<usize> {
    let length = length.min(CONTENT.len());
    #[cfg(target_os = "linux")]
    if let Some(stream) = wire.without_tls()
        && let Some(file) = file::FILE.as_ref()
    {
        return file::send(stream.stream(), file, length);
    }
    wire.write(&CONTENT[..length], scratch)
}

/// The content as a file in memory. The system sends its pages without copying them, which takes half the time, so that
/// clients are the limit.
#[cfg(target_os = "linux")]
mod file {
    use std::{fs::File, io, io::Write, sync::LazyLock};

    use mio::net::TcpStream;
    use rustix::{
        fs::{MemfdFlags, memfd_create, sendfile},
        io::Errno,
    };

    /// None if the system has no such files.
    pub(super) static FILE: LazyLock<Option<File>> = LazyLock::new(|| make().ok());

    fn make() -> io::Result<File> {
        let mut file = File::from(memfd_create("content", MemfdFlags::CLOEXEC)?);
        file.write_all(&super::CONTENT)?;
        Ok(file)
    }

    pub(super) fn send(stream: &TcpStream, file: &File, length: usize) -> io::Result<usize> {
        match sendfile(stream, file, Some(&mut 0), length) {
            Err(Errno::AGAIN) => Ok(0),
            sent => Ok(sent?),
        }
    }
}
