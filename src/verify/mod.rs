//! Certificate verification as rustls does it, plus what a user needs to know about a certificate that was refused.

mod pins;
mod reasons;

use std::{cell::Cell, future::Future, sync::Arc};

use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

pub use self::pins::{Pin, Pinned, Unpinned};
use crate::printable::printable;

/// Characters of rustls's words that are passed on. A certificate may have thousands of names.
const QUOTED: usize = 1000;

/// What kind of chain the peer presented. rustls says `UnknownIssuer` for all of them; Node has a code for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chain {
    /// The leaf is its own issuer.
    SelfSigned,
    /// Another certificate of the chain is its own issuer: a root that is not trusted.
    EndsInSelfSigned,
    /// Only the leaf came.
    LeafOnly,
    /// Intermediates came, but no trusted root issued the last one.
    Incomplete,
}

/// A refused certificate: rustls's verdict and the kind of chain it was about.
#[derive(Clone, Debug)]
pub struct Rejection {
    /// rustls's verdict.
    pub error: CertificateError,
    /// What the peer presented. `None`: the chain was not the trouble, but what the certificate's key signed.
    pub chain: Option<Chain>,
}

impl Rejection {
    /// Node's code for the same refusal, which drivers test for.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match &self.error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => "CERT_HAS_EXPIRED",
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "CERT_NOT_YET_VALID"
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "ERR_TLS_CERT_ALTNAME_INVALID"
            }
            // A bad signature within a chain is an authority that was made anew under the old name: the key is another.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => self.chain_code(),
            error if self.chain.is_some() && reasons::is_of_another_kind(error) => self.chain_code(),
            CertificateError::Revoked => "CERT_REVOKED",
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                "INVALID_PURPOSE"
            }
            _ if self.unpinned().is_some() => "ERR_TLS_PIN",
            _ if self.is_authority() => "DEPTH_ZERO_SELF_SIGNED_CERT",
            _ => "ERR_TLS_CERT_INVALID",
        }
    }

    fn chain_code(&self) -> &'static str {
        match self.chain {
            Some(Chain::SelfSigned) => "DEPTH_ZERO_SELF_SIGNED_CERT",
            Some(Chain::EndsInSelfSigned) => "SELF_SIGNED_CERT_IN_CHAIN",
            Some(Chain::LeafOnly) => "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
            Some(Chain::Incomplete) => "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
            None => "CERT_SIGNATURE_FAILURE",
        }
    }

    /// rustls's words. Names in them are as the peer wrote them.
    #[must_use]
    pub fn verdict(&self) -> String {
        printable(&self.error.to_string(), QUOTED)
    }

    /// What no pin was found for.
    fn unpinned(&self) -> Option<&Unpinned> {
        let CertificateError::Other(other) = &self.error else { return None };
        other.0.downcast_ref()
    }

    /// A self-signed certificate that says it is an authority, presented as the server's own: what `openssl req -x509`
    /// makes by default.
    fn is_authority(&self) -> bool {
        let CertificateError::Other(other) = &self.error else { return false };
        self.chain == Some(Chain::SelfSigned)
            && matches!(other.0.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
    }

    /// Why it was refused and what to do.
    #[must_use]
    pub fn advice(&self, server_name: &str) -> String {
        if let Some(unpinned) = self.unpinned() {
            return format!(
                "no key of its chain is among `pins`; the server's own is '{unpinned}': check with whoever runs it, and pin that if it is right; otherwise somebody is in between"
            );
        }
        if self.is_authority() {
            return "it is self-signed, and an authority's certificate (CA:TRUE), which cannot be a server's own, trusted or not; issue a server certificate with it, or make one with basicConstraints=CA:FALSE".into();
        }
        if let Some(reason) = reasons::of(&self.error, self.chain) {
            return reason.into();
        }
        match self.code() {
            "CERT_HAS_EXPIRED" => format!("{}; renew the server's certificate, or correct this machine's clock", self.verdict()),
            "CERT_NOT_YET_VALID" => format!("{}; correct the clock of this machine or of the one that issued it", self.verdict()),
            "ERR_TLS_CERT_ALTNAME_INVALID" => format!(
                "it is not valid for {server_name} ({}); connect by a name it contains, or pass that name as `sni`",
                self.verdict()
            ),
            "DEPTH_ZERO_SELF_SIGNED_CERT" => "it is self-signed and not trusted; give the server a certificate from an authority, and trust that authority with `ca` (of a binding or of startTls(), not of connect()) or NODE_EXTRA_CA_CERTS".into(),
            "SELF_SIGNED_CERT_IN_CHAIN" => "its chain ends in a root that is not trusted (unknown CA); if you know that authority, trust it with `ca` (of a binding or of startTls(), not of connect()) or NODE_EXTRA_CA_CERTS".into(),
            "UNABLE_TO_VERIFY_LEAF_SIGNATURE" | "UNABLE_TO_GET_ISSUER_CERT_LOCALLY" => "no trusted authority issued it (unknown CA); trust its authority with `ca` (of a binding or of startTls(), not of connect()) or NODE_EXTRA_CA_CERTS, and let the server send its intermediate certificates".into(),
            "CERT_REVOKED" => "it has been revoked; do not connect until the server has a new one".into(),
            "INVALID_PURPOSE" => "it was not issued for TLS servers; let the server use one with the extended key usage serverAuth".into(),
            _ => format!("{}; give the server a valid X.509 v3 certificate", self.verdict()),
        }
    }
}

tokio::task_local! {
    // The verifier is shared by all connections of a configuration (resumption needs that), and rustls carries no detail
    // out of a refusal. The handshake polls it on its own task, so the task is the place to leave a note.
    static REFUSED: Cell<Option<Rejection>>;
}

/// Runs a handshake and tells, besides its result, which certificate was refused in it, or would have been.
pub async fn observed<F: Future>(handshake: F) -> (F::Output, Option<Rejection>) {
    REFUSED
        .scope(Cell::new(None), async {
            let output = handshake.await;
            (output, REFUSED.with(Cell::take))
        })
        .await
}

/// What a certificate has to be. The default: everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demands {
    /// Issued for the name of the server. Otherwise the caller checks that.
    pub name: bool,
    /// Accepted. Otherwise what is wrong with it is only noted.
    pub trust: bool,
}

impl Default for Demands {
    fn default() -> Self {
        Self { name: true, trust: true }
    }
}

/// rustls's own verifier; takes a note of the certificate it refused.
#[derive(Debug)]
pub struct Verifier {
    /// rustls's own.
    pub inner: Arc<WebPkiServerVerifier>,
    /// What of its verdict counts.
    pub demands: Demands,
    /// Keys of which one has to be there, too.
    pub pinned: Option<Pinned>,
}

impl Verifier {
    /// What is wrong with a certificate, as far as it counts.
    fn error(&self, verdict: Result<ServerCertVerified, Error>) -> Result<Option<CertificateError>, Error> {
        match verdict {
            Ok(_) => Ok(None),
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
                // rustls looks at the name last, so the chain was found to be good.
            )) if !self.demands.name => Ok(None),
            Err(Error::InvalidCertificate(error)) => Ok(Some(error)),
            Err(other) => Err(other),
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        // Outside `observed` nobody asks.
        let note = |error: &CertificateError| {
            let chain = Some(classify(end_entity, intermediates));
            let _ = REFUSED.try_with(|refused| refused.set(Some(Rejection { error: error.clone(), chain })));
        };
        let verdict =
            self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        if let Some(error) = self.error(verdict)? {
            note(&error);
            if self.demands.trust {
                return Err(error.into());
            }
        }
        let Some(pinned) = &self.pinned else { return Ok(ServerCertVerified::assertion()) };
        let found = if self.demands.trust {
            pinned.check_chain(end_entity, intermediates, now)
        } else {
            pinned.check_leaf(end_entity)
        };
        found.map(|()| ServerCertVerified::assertion()).map_err(|unpinned| {
            let error = CertificateError::Other(OtherError(Arc::new(unpinned)));
            note(&error);
            error.into()
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

fn classify(end_entity: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>]) -> Chain {
    if self_issued(end_entity) {
        Chain::SelfSigned
    } else if intermediates.iter().any(self_issued) {
        Chain::EndsInSelfSigned
    } else if intermediates.is_empty() {
        Chain::LeafOnly
    } else {
        Chain::Incomplete
    }
}

fn self_issued(certificate: &CertificateDer<'_>) -> bool {
    webpki::EndEntityCert::try_from(certificate).is_ok_and(|cert| cert.issuer() == cert.subject())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issue(
        params: &rcgen::CertificateParams,
        by: Option<&rcgen::Issuer<'_, rcgen::KeyPair>>,
    ) -> CertificateDer<'static> {
        let key = rcgen::KeyPair::generate().unwrap();
        let cert = match by {
            Some(issuer) => params.clone().signed_by(&key, issuer).unwrap(),
            None => params.clone().self_signed(&key).unwrap(),
        };
        cert.der().clone()
    }

    fn named(name: &str) -> rcgen::CertificateParams {
        let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params
    }

    #[test]
    fn every_kind_of_chain_has_nodes_code() {
        let mut authority = named("root");
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let root = issue(&authority, None);
        let issuer = rcgen::Issuer::new(authority, rcgen::KeyPair::generate().unwrap());
        let leaf = issue(&named("leaf"), Some(&issuer));
        let intermediate = issue(&named("between"), Some(&issuer));

        let code = |chain: &[&CertificateDer<'static>]| {
            let rest: Vec<_> = chain[1..].iter().map(|&c| c.clone()).collect();
            let chain = Some(classify(chain[0], &rest));
            Rejection { error: CertificateError::UnknownIssuer, chain }.code()
        };
        assert_eq!(code(&[&root]), "DEPTH_ZERO_SELF_SIGNED_CERT");
        assert_eq!(code(&[&leaf]), "UNABLE_TO_VERIFY_LEAF_SIGNATURE");
        assert_eq!(code(&[&leaf, &root]), "SELF_SIGNED_CERT_IN_CHAIN");
        assert_eq!(code(&[&leaf, &intermediate]), "UNABLE_TO_GET_ISSUER_CERT_LOCALLY");
    }

    #[test]
    fn a_bad_signature_in_the_chain_differs_from_one_of_the_handshake() {
        let rejection = |chain| Rejection { error: CertificateError::BadSignature, chain };
        assert_eq!(rejection(Some(Chain::LeafOnly)).code(), "UNABLE_TO_VERIFY_LEAF_SIGNATURE");
        assert!(rejection(Some(Chain::LeafOnly)).advice("db").contains("not of that key"));
        assert_eq!(rejection(None).code(), "CERT_SIGNATURE_FAILURE");
    }

    #[test]
    fn a_signature_that_the_key_cannot_have_made_is_of_another_key() {
        const RSA: &[u8] = &[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
        const P256: &[u8] = &[0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
        const ECDSA_SHA512: &[u8] = &[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 4];
        let rejection = |key: &[u8], chain| Rejection {
            error: CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
                signature_algorithm_id: ECDSA_SHA512.into(),
                public_key_algorithm_id: key.into(),
            },
            chain,
        };
        let other = rejection(RSA, Some(Chain::LeafOnly));
        assert_eq!(other.code(), "UNABLE_TO_VERIFY_LEAF_SIGNATURE");
        assert!(other.advice("db").contains("not of that key"));
        assert_eq!(rejection(RSA, None).code(), "ERR_TLS_CERT_INVALID");
        let same = rejection(P256, Some(Chain::LeafOnly));
        assert_eq!(same.code(), "ERR_TLS_CERT_INVALID");
        assert!(same.advice("db").contains("SHA-256"));
    }

    #[test]
    fn the_advice_names_what_was_checked() {
        let rejection =
            Rejection { error: CertificateError::NotValidForName, chain: Some(Chain::Incomplete) };
        assert_eq!(rejection.code(), "ERR_TLS_CERT_ALTNAME_INVALID");
        assert!(rejection.advice("db.example").contains("db.example"));
    }

    #[tokio::test]
    async fn a_note_stays_within_its_own_handshake() {
        let (value, seen) = observed(async {
            let rejection =
                Rejection { error: CertificateError::UnknownIssuer, chain: Some(Chain::SelfSigned) };
            REFUSED.with(|refused| refused.set(Some(rejection)));
            1
        })
        .await;
        assert_eq!((value, seen.and_then(|rejection| rejection.chain)), (1, Some(Chain::SelfSigned)));
        let (value, seen) = observed(async { 2 }).await;
        assert!(value == 2 && seen.is_none());
    }
}
