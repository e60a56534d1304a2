//! TLS credentials: parsed once, then passed with each connection.

use napi::bindgen_prelude::Buffer;
use napi_derive::napi;

use super::values::{guarded, thrown};
use crate::{
    error::Error,
    tls::{self, Handshake, Options, Versions},
    trust::Sources,
    verify::Demands,
};

/// Whom a client trusts, who it is, and how it speaks TLS. Absent members are defaults.
#[napi(object)]
pub struct CredentialsOptions {
    /// Protocols to offer where [`Secure`] names none.
    pub alpn: Vec<String>,
    /// Roots that replace the default ones, PEM or DER.
    pub ca: Option<Vec<Buffer>>,
    /// Roots beside those.
    pub extra_ca: Option<Vec<Buffer>>,
    /// The client's chain.
    pub cert: Option<Vec<Buffer>>,
    /// The client's key, PEM or DER, not encrypted.
    pub key: Option<Buffer>,
    /// `NODE_EXTRA_CA_CERTS`
    pub node_extra: Option<String>,
    /// `SSL_CERT_FILE`
    pub cert_file: Option<String>,
    /// `SSL_CERT_DIR`
    pub cert_dir: Option<String>,
    /// Whether the system's store is trusted, too; also beside `ca`.
    pub system: bool,
    /// Whether the certificate has to be issued for the server's name. Otherwise the caller checks that. Default: it has to.
    pub check_name: Option<bool>,
    /// Whether a certificate that is not trusted is refused. Otherwise [`Agreed`](super::Agreed) says what is wrong. Default: it is.
    pub reject: Option<bool>,
    /// SHA-256 of public keys, 32 bytes each. Default: any key.
    pub pins: Option<Vec<Buffer>>,
    /// `"TLSv1.2"` (the default) or `"TLSv1.3"`.
    pub min_version: Option<String>,
    /// `"TLSv1.2"` or `"TLSv1.3"` (the default).
    pub max_version: Option<String>,
    /// Whether sessions are resumed. Default: they are.
    pub resumption: Option<bool>,
    /// The file that secrets are appended to.
    pub key_log: Option<String>,
}

impl CredentialsOptions {
    fn parse(self) -> Result<tls::Credentials, Error> {
        let bytes = |list: Vec<Buffer>| list.iter().map(|one| one.to_vec()).collect();
        let identity = match (self.cert, self.key) {
            (Some(cert), Some(key)) => Some((bytes(cert), key.to_vec())),
            _ => None,
        };
        let pins = self.pins.unwrap_or_default();
        let pins = pins.iter().map(|pin| {
            <[u8; 32]>::try_from(&pin[..]).map_err(|_| Error::Internal("a pin is not 32 bytes long".into()))
        });
        tls::Credentials::new(Options {
            alpn: self.alpn,
            ca: self.ca.map(bytes),
            extra_ca: self.extra_ca.map(bytes).unwrap_or_default(),
            identity,
            trust: Sources {
                node_extra: self.node_extra,
                cert_file: self.cert_file,
                cert_dir: self.cert_dir,
                system: self.system,
            },
            demands: Demands { name: self.check_name.unwrap_or(true), trust: self.reject.unwrap_or(true) },
            pins: pins.collect::<Result<_, _>>()?,
            versions: Versions::between(self.min_version.as_deref(), self.max_version.as_deref())?,
            resumption: self.resumption.unwrap_or(true),
            key_log: self.key_log,
        })
    }
}

/// Credentials, parsed. They cannot be changed, and are cheap to use many times.
#[napi]
pub struct Credentials {
    parsed: tls::Credentials,
}

#[napi]
impl Credentials {
    /// Throws if something cannot be used.
    #[napi(constructor, catch_unwind)]
    pub fn new(options: CredentialsOptions) -> Result<Self, napi::Error<String>> {
        guarded("credentials.new", || {
            options.parse().map(|parsed| Self { parsed }).map_err(|error| thrown(&error))
        })
    }

    /// Throws what a handshake that is to come later would throw.
    #[napi(catch_unwind)]
    pub fn check(&self, secure: Secure) -> Result<(), napi::Error<String>> {
        guarded("credentials.check", || secure.handshake(Some(self)).map(drop))
    }
}

impl Credentials {
    /// What the core knows them as.
    pub(super) fn parsed(&self) -> &tls::Credentials {
        &self.parsed
    }
}

/// What a handshake needs beside credentials.
#[napi(object)]
pub struct Secure {
    /// The name to send and to check.
    pub server_name: String,
    /// Protocols to offer in place of those of the credentials.
    pub alpn: Option<Vec<String>>,
}

impl Secure {
    pub(super) fn handshake(
        self,
        credentials: Option<&Credentials>,
    ) -> Result<Handshake, napi::Error<String>> {
        let credentials = credentials.ok_or(Error::State("TLS needs credentials"));
        credentials
            .and_then(|credentials| Handshake::new(&self.server_name, self.alpn, credentials.parsed()))
            .map_err(|error| thrown(&error))
    }
}
