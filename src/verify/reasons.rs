//! What rustls has no words for, or too many.

use rustls::CertificateError;

use super::Chain;

const ANOTHER_KEY: &str = "its authority bears the name of a trusted one, but the signature is not of that key (unknown CA); was the authority made anew, has it an RSA key of less than 2048 bits, or is the certificate forged? Trust its present certificate with `ca` (of a binding or of startTls(), not of connect()) or NODE_EXTRA_CA_CERTS";

/// Whether a certificate was signed by a key of another kind than its issuer has, as by P-256 where that is RSA. rustls says that the two do not
/// fit, which they also do not if the digest is too short for the key.
pub(super) fn is_of_another_kind(error: &CertificateError) -> bool {
    let CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
        signature_algorithm_id: signature,
        public_key_algorithm_id: key,
    } = error
    else {
        return false;
    };
    // Both begin with an object identifier in DER. Its first five bytes, after tag and length, are of RSA, of elliptic curves, or of Ed25519.
    let family = |id: &[u8]| id.iter().skip(2).take(5).copied().collect::<Vec<u8>>();
    family(signature) != family(key)
}

/// Why a certificate was refused and what to do, where rustls's own words do not say it.
pub(super) fn of(error: &CertificateError, chain: Option<Chain>) -> Option<&'static str> {
    match error {
        CertificateError::BadSignature if chain.is_some() => Some(ANOTHER_KEY),
        error if chain.is_some() && is_of_another_kind(error) => Some(ANOTHER_KEY),
        CertificateError::BadSignature => Some(
            "what its key signed cannot be verified; is it an RSA key of less than 2048 bits? Give the server a longer one, or P-256",
        ),
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => Some(
            "it, or an authority above it, was signed in a way that is not accepted, such as with SHA-1; let the authority issue it anew with SHA-256",
        ),
        CertificateError::Other(other) => other.0.downcast_ref().and_then(of_webpki),
        _ => None,
    }
}

fn of_webpki(error: &webpki::Error) -> Option<&'static str> {
    use webpki::Error as Reason;
    Some(match error {
        Reason::CaUsedAsEndEntity => {
            "it is an authority's (CA:TRUE), which cannot be a server's own; let the authority issue one for the server (CA:FALSE)"
        }
        Reason::EndEntityUsedAsCa => {
            "it was issued with a certificate that is none of an authority (CA:FALSE); let an authority issue it"
        }
        Reason::PathLenConstraintViolated => {
            "there are more authorities in its chain than one of them permits (path length); let one further up issue it"
        }
        Reason::MaximumPathDepthExceeded => {
            "there are more than six intermediate authorities in its chain; trust one further down with `ca`"
        }
        Reason::NameConstraintViolation => {
            "it has a name that its authority may not certify (name constraints); let another authority issue it, or leave that name out"
        }
        Reason::UnsupportedCertVersion => {
            "it is of an old version of X.509, which has no subject alternative names; issue it as version 3 (`openssl x509 -req` needs `-extfile` for that)"
        }
        Reason::UnsupportedCriticalExtension => {
            "it, or an authority above it, has a critical extension that is not known here; let it be issued without"
        }
        _ => return None,
    })
}
