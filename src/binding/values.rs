//! What crosses the boundary as plain objects.

use napi::bindgen_prelude::Buffer;
use napi_derive::napi;

use crate::error::Error;

/// Where to connect.
#[napi(object)]
pub struct Address {
    /// A name or an IP address, without brackets.
    pub host: String,
    /// 1 to 65535.
    pub port: u16,
    /// `host:port` for messages.
    pub text: String,
}

/// What is known of an open connection.
#[napi(object)]
pub struct Info {
    /// `ip:port`, IPv6 in brackets.
    pub local_address: String,
    /// The same of the peer; none if it is gone.
    pub remote_address: Option<String>,
    /// The protocol agreed on.
    pub alpn: Option<String>,
}

/// What TLS has agreed on.
#[napi(object)]
pub struct Agreed {
    /// `"TLSv1.2"` or `"TLSv1.3"`.
    pub protocol: String,
    /// The cipher suite, as IANA calls it.
    pub cipher: String,
    /// The group of the key exchange, as IANA calls it, if one was agreed on anew.
    pub group: Option<String>,
    /// Whether an earlier session was resumed.
    pub resumed: bool,
    /// The peer's chain, leaf first, as DER.
    pub certificates: Vec<Buffer>,
    /// The code of what is wrong with it, if that was not to be refused.
    pub overlooked: Option<String>,
}

/// Why it broke.
#[napi(object)]
pub struct Failure {
    /// The stable code.
    pub code: String,
    /// What was wrong and what to do.
    pub message: String,
    /// What was underneath.
    pub cause: Option<String>,
    /// The call of the system, as Node names it.
    pub syscall: Option<String>,
    /// The IP address that could not be connected to.
    pub address: Option<String>,
    /// Its port.
    pub port: Option<u16>,
}

/// The one place where a Rust error becomes a JavaScript value.
pub(super) fn failure(error: &Error) -> Failure {
    Failure {
        code: error.code().into(),
        message: error.to_string(),
        cause: error.cause(),
        syscall: error.operation().map(Into::into),
        address: error.address().map(|address| address.ip().to_string()),
        port: error.address().map(|address| address.port()),
    }
}

/// The same, thrown.
pub(super) fn thrown(error: &Error) -> napi::Error<String> {
    let Failure { code, message, .. } = failure(error);
    napi::Error::new(code, message)
}
