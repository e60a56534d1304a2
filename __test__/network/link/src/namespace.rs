//! Network namespaces, and how they are set up.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::fd::AsRawFd,
    process::{self, Command, Stdio},
};

/// The name of the device in either namespace.
pub(crate) const DEVICE: &str = "wire0";

/// The client's and the server's addresses.
const ADDRESSES: [[&str; 2]; 2] = [["10.77.0.1/24", "fd77::1/64"], ["10.77.0.2/24", "fd77::2/64"]];

/// So that what is not answered is given up in seconds: SYN after three, data after about as much.
const IMPATIENT: [(&str, &str); 3] =
    [("tcp_syn_retries", "1"), ("tcp_retries2", "3"), ("tcp_orphan_retries", "2")];

/// One of this process's own. It lasts as long as somebody is in it or has it open.
#[derive(Debug)]
pub(crate) struct Namespace {
    handle: File,
    pub(crate) v6: bool,
}

impl Namespace {
    /// Makes one and enters it.
    ///
    /// # Errors
    /// What is missing, in words.
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: no memory is involved, and this process has one thread.
        if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
            return Err(because("no network namespace could be made (root is needed, or a user namespace)"));
        }
        let handle = File::open("/proc/self/ns/net")?;
        Ok(Self { handle, v6: fs::exists("/proc/self/net/if_inet6").unwrap_or(false) })
    }

    /// Enters it again.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn enter(&self) -> io::Result<()> {
        // SAFETY: the descriptor is open, and no memory is involved.
        let done = unsafe { libc::setns(self.handle.as_raw_fd(), libc::CLONE_NEWNET) };
        if done == 0 { Ok(()) } else { Err(because("a network namespace could not be entered")) }
    }

    /// Where others find it.
    pub(crate) fn path(&self) -> String {
        format!("/proc/{}/fd/{}", process::id(), self.handle.as_raw_fd())
    }

    /// Sets up what is in it: this process has to be in it, and the device to be there.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn set_up(&self, side: usize, impatient: bool) -> io::Result<()> {
        let [v4, v6] = ADDRESSES.get(side).copied().unwrap_or_default();
        let v6 = if self.v6 { format!("address add {v6} dev {DEVICE} nodad\n") } else { String::new() };
        let batch =
            format!("link set lo up\naddress add {v4} dev {DEVICE}\n{v6}link set {DEVICE} mtu 1500 up\n");
        tool("ip", &["-batch", "-"], &batch)?;
        if impatient {
            for (name, value) in IMPATIENT {
                let path = format!("/proc/sys/net/ipv4/{name}");
                fs::write(&path, value).map_err(|error| io::Error::other(format!("{path}: {error}")))?;
            }
        }
        Ok(())
    }
}

/// Runs a program of the system. What it writes to stdout.
///
/// # Errors
/// What it says, or that there is none.
pub(crate) fn tool(program: &str, arguments: &[&str], input: &str) -> io::Result<String> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| io::Error::other(format!("{program} could not be run (iproute2): {error}")))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(io::Error::other(format!("{program} {}: {said}", arguments.join(" "))))
}

/// The last error of the system, with what it was about.
pub(crate) fn because(what: &str) -> io::Error {
    io::Error::other(format!("{what}: {}", io::Error::last_os_error()))
}
