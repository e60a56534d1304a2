//! `serve`: all servers on loopback, and a line of JSON that says where.

use std::{
    io::{self, BufRead, Write},
    net::{Ipv4Addr, SocketAddr},
    process, thread,
};

use cpu_time::ProcessTime;
use mio::net::TcpListener;
use serde::Serialize;
use serde_json::json;
use socket2::{Domain, Socket, Type};

use crate::{
    certificates::Certificates,
    fail,
    reactor::{self, Port},
    service::Kind,
};

#[derive(Serialize)]
struct Announcement {
    plain: Ports,
    tls: Ports,
    ca: String,
    /// How many processors the servers can keep busy: there is one thread.
    cpus: u32,
}

#[derive(Serialize)]
struct Ports {
    echo: u16,
    source: u16,
    sink: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    echo_no_tickets: Option<u16>,
}

const BACKLOG: i32 = 4096;

/// Says where the servers are, serves and answers questions until stdin ends.
///
/// # Errors
/// If a server cannot be set up, or stdin or stdout fails.
pub(crate) fn serve() -> io::Result<()> {
    // More connections than some systems allow at first. Where it cannot be raised, accepting says so.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let certificates = Certificates::new()?;
    let mut ports = Vec::new();
    let mut open = |kind, tls| -> io::Result<u16> {
        let (listener, port) = listen()?;
        ports.push(Port { listener, kind, tls });
        Ok(port)
    };
    let tls = || Some(certificates.resumable.clone());
    let announcement = Announcement {
        plain: Ports {
            echo: open(Kind::Echo, None)?,
            source: open(Kind::Source, None)?,
            sink: open(Kind::Sink, None)?,
            echo_no_tickets: None,
        },
        tls: Ports {
            echo: open(Kind::Echo, tls())?,
            source: open(Kind::Source, tls())?,
            sink: open(Kind::Sink, tls())?,
            echo_no_tickets: Some(open(Kind::Echo, Some(certificates.first_only.clone()))?),
        },
        ca: certificates.ca.clone(),
        cpus: 1,
    };
    thread::Builder::new().name("reactor".to_owned()).spawn(move || {
        if let Err(error) = reactor::run(ports) {
            fail(&error);
            process::exit(1);
        }
    })?;
    writeln!(io::stdout(), "{}", serde_json::to_string(&announcement)?)?;
    answer()
}

/// Answers each line `cpu` with the seconds of CPU that the process has used.
fn answer() -> io::Result<()> {
    for line in io::stdin().lock().lines() {
        if line?.trim() == "cpu" {
            let seconds = ProcessTime::now().as_duration().as_secs_f64();
            writeln!(io::stdout(), "{}", json!({ "cpu": seconds }))?;
        }
    }
    Ok(())
}

/// A listener on a free port of 127.0.0.1.
fn listen() -> io::Result<(TcpListener, u16)> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    // Its connections get the same. What suits networks, such as BBR's pacing, holds up a loopback.
    #[cfg(target_os = "linux")]
    let _ = socket.set_tcp_congestion(b"cubic");
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    let listener = TcpListener::from_std(socket.into());
    let port = listener.local_addr()?.port();
    Ok((listener, port))
}
