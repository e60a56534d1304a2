//! The stable names of errors that come from the system and from rustls. docs/errors.md lists them all.

use std::io;

use rustls::CertificateError;

/// The system's own name of an error.
pub fn io_code(error: &io::Error) -> &'static str {
    use io::ErrorKind as Kind;
    match error.kind() {
        #[cfg(unix)]
        Kind::PermissionDenied if error.raw_os_error() == Some(1) => "EPERM",
        Kind::ConnectionRefused => "ECONNREFUSED",
        // A write is told EPIPE only where a reset met a connection whose other half had ended.
        Kind::ConnectionReset | Kind::BrokenPipe => "ECONNRESET",
        Kind::ConnectionAborted => "ECONNABORTED",
        Kind::TimedOut => "ETIMEDOUT",
        Kind::HostUnreachable => "EHOSTUNREACH",
        Kind::NetworkUnreachable => "ENETUNREACH",
        Kind::NetworkDown => "ENETDOWN",
        Kind::NotConnected => "ENOTCONN",
        Kind::AddrNotAvailable => "EADDRNOTAVAIL",
        Kind::AddrInUse => "EADDRINUSE",
        Kind::PermissionDenied => "EACCES",
        Kind::InvalidInput => "EINVAL",
        Kind::OutOfMemory => "ENOMEM",
        Kind::NotFound => "ENOENT",
        Kind::NotADirectory => "ENOTDIR",
        // What is asked of the system does not wait, but for threads: it lets the process have no more.
        Kind::WouldBlock => "EAGAIN",
        _ => match error.raw_os_error() {
            Some(OPEN_FILES_PROCESS) => "EMFILE",
            #[cfg(unix)]
            Some(23) => "ENFILE",
            #[cfg(unix)]
            Some(AF_NOT_SUPPORTED) => "EAFNOSUPPORT",
            #[cfg(unix)]
            Some(libc::ENOBUFS) => "ENOBUFS",
            #[cfg(windows)]
            Some(10055) => "ENOBUFS",
            _ => "ERR_SOCKET_IO",
        },
    }
}

#[cfg(unix)]
const OPEN_FILES_PROCESS: i32 = 24;
#[cfg(windows)]
const OPEN_FILES_PROCESS: i32 = 10024;
#[cfg(any(target_os = "linux", target_os = "android"))]
const AF_NOT_SUPPORTED: i32 = 97;
#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
const AF_NOT_SUPPORTED: i32 = 47;

/// Our name of an error of a TLS session, other than a refused certificate.
pub fn tls_code(error: &rustls::Error) -> &'static str {
    match error {
        rustls::Error::NoApplicationProtocol
        | rustls::Error::AlertReceived(rustls::AlertDescription::NoApplicationProtocol) => "ERR_TLS_ALPN",
        rustls::Error::AlertReceived(_) => "ERR_TLS_ALERT",
        rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure) => {
            "ERR_TLS_CERT_INVALID"
        }
        rustls::Error::PeerIncompatible(_) => "ERR_TLS_INCOMPATIBLE",
        rustls::Error::InvalidMessage(_)
        | rustls::Error::InappropriateMessage { .. }
        | rustls::Error::InappropriateHandshakeMessage { .. }
        | rustls::Error::DecryptError
        | rustls::Error::PeerSentOversizedRecord
        | rustls::Error::PeerMisbehaved(_) => "ERR_TLS_PROTOCOL",
        _ => "ERR_TLS_HANDSHAKE",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_limit_is_named() {
        assert_eq!(io_code(&io::Error::from_raw_os_error(OPEN_FILES_PROCESS)), "EMFILE");
    }

    #[test]
    fn alerts_about_alpn_have_their_own_code() {
        let alert = rustls::AlertDescription::NoApplicationProtocol;
        assert_eq!(tls_code(&rustls::Error::AlertReceived(alert)), "ERR_TLS_ALPN");
        let other = rustls::AlertDescription::HandshakeFailure;
        assert_eq!(tls_code(&rustls::Error::AlertReceived(other)), "ERR_TLS_ALERT");
    }

    #[test]
    fn what_has_no_place_in_tls_is_no_tls() {
        let message = rustls::Error::InappropriateMessage {
            expect_types: Vec::new(),
            got_type: rustls::ContentType::ChangeCipherSpec,
        };
        assert_eq!(tls_code(&message), "ERR_TLS_PROTOCOL");
        assert_eq!(tls_code(&rustls::Error::PeerSentOversizedRecord), "ERR_TLS_PROTOCOL");
    }
}
