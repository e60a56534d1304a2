//! TLS client configurations, parsed from options, and the handshake.

use std::{io, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore, SupportedProtocolVersion,
    client::{Resumption, WebPkiServerVerifier},
    crypto::CryptoProvider,
    sign::CertifiedKey,
    version::{TLS12, TLS13},
};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;

use crate::{
    configs,
    error::Error,
    pem,
    session::{Records, Session},
    transport::Broken,
    trust::{self, Sources},
    verify::{self, Demands, Rejection, Verifier},
};

/// What a handshake needs, as the caller gave it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Protocols to offer, most wanted first.
    pub alpn: Vec<String>,
    /// Roots that replace the default ones: PEM or DER.
    pub ca: Option<Vec<Vec<u8>>>,
    /// The client's certificate chain (PEM or DER) and PEM key.
    pub identity: Option<(Vec<Vec<u8>>, Vec<u8>)>,
    /// What the host adds to the default roots.
    pub trust: Sources,
    /// What the server's certificate has to be.
    pub demands: Demands,
    /// Which versions are spoken.
    pub versions: Versions,
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
    fn supported(self) -> &'static [&'static SupportedProtocolVersion] {
        static BOTH: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
        match self {
            Self::All => &BOTH,
            Self::Only13 => &BOTH[..1],
            Self::Only12 => &BOTH[1..],
        }
    }
}

/// A checked set of options, ready for a handshake.
#[derive(Clone, Debug)]
pub struct Handshake {
    options: Arc<Options>,
    ca: Option<Arc<RootCertStore>>,
    identity: Option<Arc<CertifiedKey>>,
    server_name: ServerName<'static>,
    server_name_text: String,
}

impl Handshake {
    /// Checks what can be checked without I/O.
    ///
    /// # Errors
    /// [`Error::Option`], naming the option that cannot be used.
    pub fn new(server_name: &str, options: Options) -> Result<Self, Error> {
        let name = ServerName::try_from(server_name.to_owned()).map_err(|_| Error::Option {
            code: "ERR_INVALID_SNI",
            detail: format!(
                "{server_name:?} is not a host name or IP address that a certificate can be checked against; pass the server's name as `sni`"
            ),
        })?;
        let ca = options.ca.as_deref().map(pem::root_store).transpose()?.map(Arc::new);
        let identity = options
            .identity
            .as_ref()
            .map(|(chain, key)| pem::certified_key(chain, key, &provider()))
            .transpose()?
            .map(Arc::new);
        let server_name_text = server_name.to_owned();
        Ok(Self { options: Arc::new(options), ca, identity, server_name: name, server_name_text })
    }

    /// Runs the handshake over a connected stream.
    ///
    /// # Errors
    /// [`Error::Certificate`] or [`Error::Tls`]; [`Error::Trust`] if the host's roots cannot be loaded.
    ///
    /// # Cancel safety
    /// Dropping the future closes the stream.
    pub async fn run(&self, stream: TcpStream, target: &str) -> Result<(TcpStream, Session), Error> {
        let config = if let Some(config) = configs::cached(&self.options) {
            config
        } else {
            let handshake = self.clone();
            // The first use of the default roots reads files.
            tokio::task::spawn_blocking(move || handshake.config())
                .await
                .map_err(|lost| Error::Internal(lost.to_string()))??
        };
        let (result, rejection) = verify::observed(self.negotiate(Arc::clone(&config), &stream)).await;
        match result {
            Ok(records) => Ok((stream, Session::new(records, rejection.map(|rejection| rejection.code())))),
            Err(broken) => {
                if let Broken::Tls(rustls::Error::DecryptError) = broken {
                    // A ticket of TLS 1.2 that the server understands in another way would fail all handshakes to come.
                    configs::forget(&config);
                }
                Err(self.explain(broken, rejection, target))
            }
        }
    }

    async fn negotiate(&self, config: Arc<ClientConfig>, stream: &TcpStream) -> Result<Records, Broken> {
        let mut records = Records::new(config, self.server_name.clone()).map_err(Broken::Tls)?;
        loop {
            if records.is_handshaking()
                && let Err(broken) = records.ended()
            {
                // An alert, perhaps. What broke the handshake says more than whether it gets out.
                let _ = records.send(|bytes| stream.try_write(bytes));
                return Err(broken);
            }
            while !records.send(|bytes| stream.try_write(bytes))? {
                stream.writable().await?;
            }
            if !records.is_handshaking() {
                return Ok(records);
            }
            if records.receive(&mut [], |buffer| stream.try_read(buffer)).is_none() {
                stream.readable().await?;
            }
        }
    }

    /// Runs a handshake that another driver of rustls makes with [`Self::config`] and [`Self::server_name`]. Errors as of [`Self::run`].
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn explained<T>(
        &self,
        handshake: impl Future<Output = io::Result<T>>,
        target: &str,
    ) -> Result<T, Error> {
        let (result, rejection) = verify::observed(handshake).await;
        result.map_err(|error| {
            let broken = match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                Some(inner) => Broken::Tls(inner.clone()),
                None if error.kind() == io::ErrorKind::UnexpectedEof => Broken::Truncated,
                None => Broken::Io(error),
            };
            self.explain(broken, rejection, target)
        })
    }

    /// The name that the certificate is checked against.
    pub fn server_name(&self) -> ServerName<'static> {
        self.server_name.clone()
    }

    fn explain(&self, broken: Broken, rejection: Option<Rejection>, target: &str) -> Error {
        let target = target.to_owned();
        match broken {
            Broken::Tls(rustls::Error::InvalidCertificate(error)) => Error::Certificate {
                target,
                rejection: Rejection { error, chain: rejection.and_then(|rejection| rejection.chain) },
                server_name: self.server_name_text.clone(),
            },
            Broken::Tls(source) => Error::Tls { target, handshaking: true, source },
            Broken::Truncated => Error::HandshakeEnded { target },
            Broken::Io(source) => Error::Io { operation: "handshake", target, source: Arc::new(source) },
        }
    }

    /// The configuration. May read files: not for the JavaScript thread.
    ///
    /// # Errors
    /// [`Error::Trust`] if the host's roots cannot be loaded.
    pub fn config(&self) -> Result<Arc<ClientConfig>, Error> {
        if let Some(config) = configs::cached(&self.options) {
            return Ok(config);
        }
        let config = Arc::new(self.build()?);
        Ok(configs::remember(Arc::clone(&self.options), config))
    }

    fn build(&self) -> Result<ClientConfig, Error> {
        let roots = match &self.ca {
            Some(ca) => Arc::clone(ca),
            None => trust::roots(&self.options.trust)?,
        };
        let internal = |error: &dyn std::fmt::Display| Error::Internal(format!("TLS configuration: {error}"));
        let provider = Arc::new(provider());
        let demands = self.options.demands;
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
            .build()
            .map_err(|error| internal(&error))?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(self.options.versions.supported())
            .map_err(|error| internal(&error))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Verifier { inner: verifier, demands }));
        let mut config = match &self.identity {
            Some(key) => builder
                .with_client_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(Arc::clone(key)))),
            None => builder.with_no_client_auth(),
        };
        if demands != Demands::default() {
            // A session that is resumed shows no certificate, and what was wrong with it would be forgotten.
            config.resumption = Resumption::disabled();
        }
        config.alpn_protocols = self.options.alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Ok(config)
    }
}

#[cfg(feature = "aws-lc-rs")]
fn provider() -> CryptoProvider {
    rustls::crypto::aws_lc_rs::default_provider()
}

#[cfg(not(feature = "aws-lc-rs"))]
fn provider() -> CryptoProvider {
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
        let error = Handshake::new("localhost", options).unwrap_err();
        (error.code(), error.to_string())
    }

    #[test]
    fn what_cannot_be_used_is_refused_before_any_io() {
        let ca = |bytes: &[u8]| Options { ca: Some(vec![bytes.to_vec()]), ..Options::default() };
        assert_eq!(refused(ca(b"")).0, "ERR_INVALID_CA");
        assert_eq!(refused(ca(b"0not der")).0, "ERR_INVALID_CA");
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
        assert!(Handshake::new("localhost", with(&cert, &key)).is_ok());
        assert_eq!(Handshake::new("not a name", Options::default()).unwrap_err().code(), "ERR_INVALID_SNI");
    }

    #[test]
    fn the_same_options_share_a_configuration_and_its_tickets() {
        let config = |alpn: &str| {
            let options = Options { alpn: vec![alpn.into()], ..Options::default() };
            Handshake::new("localhost", options).unwrap().config().unwrap()
        };
        assert!(Arc::ptr_eq(&config("a"), &config("a")));
        assert!(!Arc::ptr_eq(&config("a"), &config("b")));
        for index in 0..configs::KEPT * 2 {
            config(&format!("p{index}"));
        }
        assert!(configs::count() <= configs::KEPT);
    }
}
