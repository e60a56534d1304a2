//! What to do about an error: the second half of its message.

use crate::code::tls_code;

/// After a connect that failed with this code.
pub fn connect_advice(code: &str) -> &'static str {
    match code {
        "ECONNREFUSED" => {
            "nothing accepts connections there; check that the server runs and that host and port are right"
        }
        "ETIMEDOUT" => "no answer; check the address, the route and any firewall",
        "EADDRNOTAVAIL" => {
            "there is no such local address, or no free port (all may be in use, or the last connection from `localPort` may not have gone yet); close sockets that are done, or check `localAddress` and `localPort`"
        }
        "EHOSTUNREACH" | "ENETUNREACH" | "ENETDOWN" | "EAFNOSUPPORT" => {
            "there is no route to it from this machine; check the address and the network"
        }
        "EACCES" | "EPERM" => "the system does not permit it; check the firewall and the process's rights",
        "EMFILE" | "ENFILE" | "ENOMEM" | "ENOBUFS" | "EAGAIN" => resource_advice(code),
        "ENOENT" | "ENOTDIR" => "there is no such socket; check the path, and that the server runs",
        "EADDRINUSE" => {
            "`localPort` is in use, or there is no free port; close sockets that are done, or choose another `localPort`"
        }
        "EINVAL" => {
            "the system refuses this address; check it (a link-local IPv6 address needs a zone, which an address here cannot have)"
        }
        _ => "the connection could not be established; see `cause`, and check the address and the network",
    }
}

/// When the system has run out of something.
pub fn resource_advice(code: &str) -> &'static str {
    match code {
        "EMFILE" => {
            "the process has too many files open; close sockets that are done, or raise the limit (`ulimit -n`)"
        }
        "ENFILE" => {
            "the machine has too many files open; close sockets that are done, or raise its limit (`fs.file-max`)"
        }
        "ENOMEM" | "ENOBUFS" => {
            "the system has no memory for it; close sockets that are done, or give it more memory"
        }
        "EAGAIN" => {
            "the system lets the user, or the container, have no more threads; end some, or raise the limit (`ulimit -u`, `pids.max`)"
        }
        _ => "the system cannot give what it needs; see `cause`, and check the limits of the process",
    }
}

/// After a connect to a Unix domain socket that failed with this code.
pub fn unix_advice(code: &str) -> &'static str {
    match code {
        "ECONNREFUSED" => "nobody listens on that socket; check the path, and that the server runs",
        "EACCES" | "EPERM" => "the rights of the socket, or of a directory above it, do not permit it",
        other => connect_advice(other),
    }
}

/// After an established connection broke with this code.
pub fn io_advice(code: &str) -> &'static str {
    match code {
        "ECONNRESET" => {
            "the peer reset the connection; it may have crashed, restarted or refused what was sent"
        }
        "ETIMEDOUT" => "the peer stopped answering",
        "EMFILE" | "ENFILE" | "ENOMEM" | "ENOBUFS" => resource_advice(code),
        "EPERM" | "EACCES" => {
            "the system does not permit it any more; check the firewall and the process's rights"
        }
        _ => "the connection broke; see `cause`, check the network, and connect again",
    }
}

fn is_about_versions(error: &rustls::Error) -> bool {
    matches!(error, rustls::Error::AlertReceived(rustls::AlertDescription::ProtocolVersion))
}

/// After TLS failed.
pub fn tls_advice(error: &rustls::Error) -> &'static str {
    match tls_code(error) {
        "ERR_TLS_ALPN" => "the server speaks none of the protocols in `alpn`; offer one that it speaks",
        "ERR_TLS_ALERT" if is_about_versions(error) => {
            "the server speaks none of the versions of TLS that were offered; see `minVersion` and `maxVersion`, or update the server"
        }
        "ERR_TLS_ALERT" => {
            "the server ended it with that alert; its log should say why (a required client certificate, an unknown name)"
        }
        "ERR_TLS_INCOMPATIBLE" => "TLS 1.2 or 1.3 is needed; update the server or its TLS settings",
        "ERR_TLS_PROTOCOL" => {
            "what came is not valid TLS; check that this port speaks TLS at once and is not one for StartTLS or plain text"
        }
        _ => "check the TLS settings of both sides",
    }
}
