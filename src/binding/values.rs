//! What crosses the boundary as plain objects.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use napi::bindgen_prelude::Buffer;
use napi_derive::napi;

use crate::{
    connection,
    endpoint::{Endpoint, UnixName},
    error::Error,
    inject::Point,
    panics::caught,
    target::{Family, Place, Target},
};

/// Where to connect.
#[napi(object, object_to_js = false)]
pub struct Address {
    /// A name or an IP address, without brackets. A Unix domain socket: its path, or `@` and its abstract name.
    pub host: String,
    /// 1 to 65535. 0: a Unix domain socket.
    pub port: u16,
    /// `host:port` or `unix:/path`, for messages.
    pub text: String,
    /// Whether the caller looks the host up. See `asks`.
    pub resolves: Option<bool>,
    /// The name by which the host, an address, was looked up: rules about names are about it.
    pub name: Option<String>,
    /// 4 or 6: addresses that are looked up are to be of that.
    pub family: Option<u8>,
    /// Milliseconds, if there are less than the binding gives.
    pub timeout: Option<u32>,
}

impl From<Address> for Target {
    fn from(Address { host, port, text, name, family, timeout, .. }: Address) -> Self {
        let place = if port == 0 { Place::Unix(UnixName(host)) } else { Place::Host { host, port } };
        let family = match family {
            Some(4) => Some(Family::V4),
            Some(6) => Some(Family::V6),
            _ => None,
        };
        let timeout = timeout.map(|time| Duration::from_millis(time.into()));
        Self { place, text, name, family, timeout }
    }
}

/// Addresses that a binding has looked up. The caller has checked them.
pub(super) fn endpoints(addresses: &[String], port: u16) -> Result<Vec<Endpoint>, napi::Error<String>> {
    let endpoint = |text: &String| match text.strip_prefix("unix:") {
        Some(name) => Ok(Endpoint::Unix(UnixName(name.to_owned()))),
        None => text
            .parse()
            .map(|address: IpAddr| SocketAddr::new(address, port).into())
            .map_err(|error| thrown(&Error::Internal(format!("{text:?} was taken for an address: {error}")))),
    };
    addresses.iter().map(endpoint).collect()
}

/// What is known of an open connection.
#[napi(object, object_from_js = false)]
pub struct Info {
    /// `ip:port`, IPv6 in brackets, or `unix:` and a path.
    pub local_address: String,
    /// The same of the peer, or of the proxy on the way to it.
    pub remote_address: String,
    /// The protocol agreed on.
    pub alpn: Option<String>,
}

/// Figures of a connection. Times are in milliseconds; null: there is none.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct Stats {
    /// Bytes read.
    pub bytes_read: f64,
    /// Bytes taken over to be sent.
    pub bytes_written: f64,
    /// The system's estimate.
    pub round_trip: Option<f64>,
    /// How long each step took.
    pub timings: Timings,
}

/// How long each step of opening a connection took.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct Timings {
    /// Waiting for another connection to close.
    pub wait: Option<f64>,
    /// Looking the name up.
    pub lookup: Option<f64>,
    /// TCP.
    pub connect: Option<f64>,
    /// Being let through by the proxy.
    pub proxy: Option<f64>,
    /// The handshake.
    pub tls: Option<f64>,
}

#[expect(clippy::cast_precision_loss, reason = "JavaScript's numbers; exact up to 8 PiB")]
impl From<connection::Stats> for Stats {
    fn from(stats: connection::Stats) -> Self {
        let timings = stats.timings;
        Self {
            bytes_read: stats.read as f64,
            bytes_written: stats.written as f64,
            round_trip: stats.round_trip.map(milliseconds),
            timings: Timings {
                wait: timings.wait.map(milliseconds),
                lookup: timings.lookup.map(milliseconds),
                connect: timings.connect.map(milliseconds),
                proxy: timings.proxy.map(milliseconds),
                tls: timings.tls.map(milliseconds),
            },
        }
    }
}

/// In JavaScript's unit, with three digits behind the point.
#[expect(clippy::cast_precision_loss, reason = "exact up to 285 years")]
pub(super) fn milliseconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
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
    /// The IP address, or the path, that could not be connected to.
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
        address: error.endpoint().map(|endpoint| match endpoint {
            Endpoint::Ip(address) => address.ip().to_string(),
            Endpoint::Unix(UnixName(path)) => path.clone(),
        }),
        port: error.endpoint().and_then(Endpoint::ip).map(|address| address.port()),
    }
}

/// What a function of JavaScript's does. A panic is thrown as an error like any other. `point`: see [`inject`](crate::inject).
#[inline]
pub(super) fn guarded<T>(
    point: &'static str,
    act: impl FnOnce() -> Result<T, napi::Error<String>>,
) -> Result<T, napi::Error<String>> {
    guarded_at(Point::new(point), act)
}

fn guarded_at<T>(
    point: Point,
    act: impl FnOnce() -> Result<T, napi::Error<String>>,
) -> Result<T, napi::Error<String>> {
    let result = caught(|| {
        point.pass();
        act()
    });
    result.unwrap_or_else(|what| Err(thrown(&Error::Internal(what))))
}

/// Node-API has refused something, which it does only for lack of memory.
pub(super) fn refused(error: napi::Error) -> napi::Error<String> {
    thrown(&Error::Internal(error.reason.clone()))
}

/// The same, thrown.
pub(super) fn thrown(error: &Error) -> napi::Error<String> {
    let Failure { code, message, .. } = failure(error);
    napi::Error::new(code, message)
}
