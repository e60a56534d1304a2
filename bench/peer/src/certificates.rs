//! A certificate authority that lives as long as the process, and the TLS configurations that it vouches for.

use std::{io, sync::Arc};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
};
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    server::NoServerSessionStorage,
};

/// What the TLS servers need, and what their clients have to trust.
pub(crate) struct Certificates {
    /// The certificate of the authority, as PEM.
    pub(crate) ca: String,
    /// TLS 1.3 and 1.2, sessions can be resumed by ticket.
    pub(crate) resumable: Arc<ServerConfig>,
    /// The same without tickets or stored sessions: every handshake is a first one.
    pub(crate) first_only: Arc<ServerConfig>,
}

impl Certificates {
    /// A new authority, and a certificate of it for 127.0.0.1 and localhost; all keys are ECDSA P-256.
    ///
    /// # Errors
    /// If a key or a certificate cannot be made.
    pub(crate) fn new() -> io::Result<Self> {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        // Without a name of its own it would have that of the server, and some would take the server's for self-signed.
        authority.distinguished_name.push(DnType::CommonName, "wintersock bench CA");
        let ca = CertifiedIssuer::self_signed(authority, key_pair()?).map_err(io::Error::other)?;

        let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        let key = key_pair()?;
        let mut server = CertificateParams::new(names).map_err(io::Error::other)?;
        server.use_authority_key_identifier_extension = true;
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        server.distinguished_name.push(DnType::CommonName, "localhost");
        let certificate = server.signed_by(&key, &ca).map_err(io::Error::other)?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));

        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut resumable = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .map_err(io::Error::other)?;

        let mut first_only = resumable.clone();
        first_only.session_storage = Arc::new(NoServerSessionStorage {});
        first_only.send_tls13_tickets = 0;

        resumable.ticketer = aws_lc_rs::Ticketer::new().map_err(io::Error::other)?;
        Ok(Self { ca: ca.pem(), resumable: Arc::new(resumable), first_only: Arc::new(first_only) })
    }
}

fn key_pair() -> io::Result<KeyPair> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(io::Error::other)
}
