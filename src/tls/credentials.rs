//! Whom a client trusts, who it is and how it speaks TLS: parsed once, then used by any number of handshakes.

use std::sync::Arc;

use rustls::{
    ClientConfig, KeyLog, RootCertStore, SupportedProtocolVersion,
    client::{Resumption, WebPkiServerVerifier},
    crypto::CryptoProvider,
    sign::{CertifiedKey, SingleCertAndKey},
    version::{TLS12, TLS13},
};

use super::key_log::KeyFile;
use crate::{
    error::Error,
    pem,
    trust::{self, Sources},
    verify::{Demands, Pin, Pinned, Verifier},
};

/// What handshakes are to be like, as the caller gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Protocols to offer, most wanted first.
    pub alpn: Vec<String>,
    /// Roots that replace the default ones: PEM or DER.
    pub ca: Option<Vec<Vec<u8>>>,
    /// Roots beside those: PEM or DER.
    pub extra_ca: Vec<Vec<u8>>,
    /// The client's certificate chain, and its key that is not encrypted: PEM or DER.
    pub identity: Option<(Vec<Vec<u8>>, Vec<u8>)>,
    /// What the host adds to the default roots. With `ca` only the system's store counts.
    pub trust: Sources,
    /// What the server's certificate has to be.
    pub demands: Demands,
    /// Keys of which the chain has to have one. Empty: any.
    pub pins: Vec<Pin>,
    /// Which versions are spoken.
    pub versions: Versions,
    /// Whether sessions are resumed.
    pub resumption: bool,
    /// The file that secrets are appended to.
    pub key_log: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            alpn: Vec::new(),
            ca: None,
            extra_ca: Vec::new(),
            identity: None,
            trust: Sources::default(),
            demands: Demands::default(),
            pins: Vec::new(),
            versions: Versions::default(),
            resumption: true,
            key_log: None,
        }
    }
}

/// Versions of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Versions {
    /// Whichever both sides speak.
    #[default]
    All,
    /// 1.2.
    Only12,
    /// 1.3.
    Only13,
}

impl Versions {
    /// Those from a minimum to a maximum, under Node's names. Without one, as far as it goes.
    ///
    /// # Errors
    /// [`Error::Option`] if there is none, or a name is unknown.
    pub fn between(minimum: Option<&str>, maximum: Option<&str>) -> Result<Self, Error> {
        let old = |name, version| match version {
            None => Ok(None),
            Some("TLSv1.2") => Ok(Some(true)),
            Some("TLSv1.3") => Ok(Some(false)),
            Some(other) => Err(refused(&format!("`{name}` must be 'TLSv1.2' or 'TLSv1.3', not {other:?}"))),
        };
        match (old("minVersion", minimum)?, old("maxVersion", maximum)?) {
            (Some(true) | None, Some(false) | None) => Ok(Self::All),
            (Some(false), Some(false) | None) => Ok(Self::Only13),
            (Some(true) | None, Some(true)) => Ok(Self::Only12),
            (Some(false), Some(true)) => Err(refused("`minVersion` is above `maxVersion`")),
        }
    }

    fn supported(self) -> &'static [&'static SupportedProtocolVersion] {
        static BOTH: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
        match self {
            Self::All => &BOTH,
            Self::Only13 => &BOTH[..1],
            Self::Only12 => &BOTH[1..],
        }
    }
}

fn refused(detail: &str) -> Error {
    Error::Option { code: "ERR_INVALID_OPTION", detail: format!("invalid option: {detail}") }
}

/// Checked options, ready for handshakes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Credentials {
    parsed: Arc<Parsed>,
    /// Not among the options: which protocols are offered may be said for each handshake.
    alpn: Arc<[String]>,
}

#[derive(Debug)]
struct Parsed {
    /// Without protocols. What a configuration is known by.
    options: Options,
    ca: Option<Arc<RootCertStore>>,
    extra: RootCertStore,
    identity: Option<Arc<CertifiedKey>>,
    key_log: Option<Arc<KeyFile>>,
}

impl Credentials {
    /// Checks and parses what can be without reading the host's roots. Opens the file of `key_log`.
    ///
    /// # Errors
    /// [`Error::Option`], naming the option that cannot be used.
    pub fn new(mut options: Options) -> Result<Self, Error> {
        let ca = options.ca.as_deref().map(|ca| pem::root_store("ca", ca)).transpose()?.map(Arc::new);
        let extra = match options.extra_ca.as_slice() {
            [] => RootCertStore::empty(),
            extra => pem::root_store("extraCa", extra)?,
        };
        let identity = options
            .identity
            .as_ref()
            .map(|(chain, key)| pem::certified_key(chain, key, &provider()))
            .transpose()?
            .map(Arc::new);
        let key_log = options.key_log.as_deref().map(KeyFile::open).transpose()?;
        let alpn = std::mem::take(&mut options.alpn).into();
        Ok(Self { parsed: Arc::new(Parsed { options, ca, extra, identity, key_log }), alpn })
    }

    /// Protocols to offer, unless a handshake says otherwise.
    pub(super) fn alpn(&self) -> &Arc<[String]> {
        &self.alpn
    }

    /// Whether it is the same object, the protocols aside.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.parsed, &other.parsed)
    }

    /// Whether it says the same, the protocols aside.
    pub fn equals(&self, other: &Self) -> bool {
        self.parsed.options == other.parsed.options
    }

    /// The roots. Reads files the first time: not for the JavaScript thread.
    fn roots(&self) -> Result<Arc<RootCertStore>, Error> {
        let Parsed { options, ca, extra, .. } = &*self.parsed;
        let mut roots = match ca {
            Some(ca) if options.trust.system => {
                let mut roots = RootCertStore::clone(ca);
                roots.add_parsable_certificates(trust::system_store()?);
                Arc::new(roots)
            }
            Some(ca) => Arc::clone(ca),
            None => trust::roots(&options.trust)?,
        };
        if !extra.is_empty() {
            Arc::make_mut(&mut roots).extend(extra.roots.iter().cloned());
        }
        Ok(roots)
    }

    /// A configuration that offers these protocols. Its tickets are its own.
    ///
    /// # Errors
    /// [`Error::Trust`] if the host's roots cannot be loaded.
    pub(super) fn configure(&self, alpn: &[String]) -> Result<ClientConfig, Error> {
        let Parsed { options, identity, key_log, .. } = &*self.parsed;
        let internal = |error: &dyn std::fmt::Display| Error::Internal(format!("TLS configuration: {error}"));
        let provider = Arc::new(provider());
        let roots = self.roots()?;
        let pinned = match options.pins.as_slice() {
            [] => None,
            pins => Some(
                Pinned::new(pins.to_vec(), Arc::clone(&roots), &provider)
                    .ok_or_else(|| internal(&"no SHA-256"))?,
            ),
        };
        let inner = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
            .build()
            .map_err(|error| internal(&error))?;
        let demands = options.demands;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(options.versions.supported())
            .map_err(|error| internal(&error))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Verifier { inner, demands, pinned }));
        let mut config = match identity {
            Some(key) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(key)))),
            None => builder.with_no_client_auth(),
        };
        if !options.resumption || demands != Demands::default() {
            // A session that is resumed shows no certificate, and what was wrong with it would be forgotten. Pins need no full handshake: tickets
            // are kept by configuration, so those of this one come from sessions whose chain had one of these keys.
            config.resumption = Resumption::disabled();
        }
        if let Some(file) = key_log {
            config.key_log = Arc::clone(file) as Arc<dyn KeyLog>;
        }
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Ok(config)
    }
}

#[cfg(feature = "aws-lc-rs")]
pub(super) fn provider() -> CryptoProvider {
    rustls::crypto::aws_lc_rs::default_provider()
}

#[cfg(not(feature = "aws-lc-rs"))]
pub(super) fn provider() -> CryptoProvider {
    rustls::crypto::ring::default_provider()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> (String, String) {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["client".to_owned()]).unwrap();
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    fn refused(options: Options) -> (&'static str, String) {
        let error = Credentials::new(options).unwrap_err();
        (error.code(), error.to_string())
    }

    #[test]
    fn what_cannot_be_used_is_refused_before_any_io() {
        let ca = |bytes: &[u8]| Options { ca: Some(vec![bytes.to_vec()]), ..Options::default() };
        assert_eq!(refused(ca(b"")).0, "ERR_INVALID_CA");
        assert_eq!(refused(ca(b"0not der")).0, "ERR_INVALID_CA");
        let extra = refused(Options { extra_ca: vec![b"none".to_vec()], ..Options::default() });
        assert!(extra.0 == "ERR_INVALID_CA" && extra.1.contains("`extraCa`"), "{extra:?}");
        let (cert, key) = identity();
        let (_, other_key) = identity();
        let with = |cert: &str, key: &str| Options {
            identity: Some((vec![cert.into()], key.into())),
            ..Options::default()
        };
        assert_eq!(refused(with("", &key)).0, "ERR_INVALID_CERT");
        assert_eq!(refused(with(&cert, "")).0, "ERR_INVALID_KEY");
        let (code, message) = refused(with(&cert, &other_key));
        assert_eq!(code, "ERR_INVALID_KEY");
        assert!(message.contains("`key` cannot be used with `cert`"), "{message}");
        assert!(Credentials::new(with(&cert, &key)).is_ok());
    }

    #[test]
    fn a_key_may_be_der() {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["client".to_owned()]).unwrap();
        let chain = vec![params.self_signed(&key).unwrap().der().to_vec()];
        let options = |der: Vec<u8>| Options { identity: Some((chain.clone(), der)), ..Options::default() };
        assert!(Credentials::new(options(key.serialize_der())).is_ok());
        assert_eq!(refused(options(b"0nonsense".to_vec())).0, "ERR_INVALID_KEY");
    }

    #[test]
    fn versions_are_a_range() {
        let between = |min, max| Versions::between(min, max).map_err(|error| error.code());
        let (old, new) = (Some("TLSv1.2"), Some("TLSv1.3"));
        assert_eq!([between(None, None), between(old, new)], [Ok(Versions::All), Ok(Versions::All)]);
        assert_eq!([between(new, None), between(new, new)], [Ok(Versions::Only13), Ok(Versions::Only13)]);
        assert_eq!([between(None, old), between(old, old)], [Ok(Versions::Only12), Ok(Versions::Only12)]);
        assert_eq!(between(new, old), Err("ERR_INVALID_OPTION"));
        assert_eq!(between(Some("TLSv1"), None), Err("ERR_INVALID_OPTION"));
    }
}
