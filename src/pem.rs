//! Certificates and keys as users give them.

use rustls::{InconsistentKeys, RootCertStore, crypto::CryptoProvider, sign::CertifiedKey};
use rustls_pki_types::{
    CertificateDer, PrivateKeyDer,
    pem::{self, PemObject},
};

use crate::error::Error;

/// The roots of `ca`, or of another `option`.
///
/// # Errors
/// [`Error::Option`]
pub fn root_store(option: &str, ca: &[Vec<u8>]) -> Result<RootCertStore, Error> {
    let refuse = |detail: String| Error::Option {
        code: "ERR_INVALID_CA",
        detail: format!("`{option}` {detail}; pass PEM or DER certificates of authorities"),
    };
    let mut store = RootCertStore::empty();
    for certificate in certificates(ca).map_err(refuse)? {
        store
            .add(certificate)
            .map_err(|error| refuse(format!("holds a certificate that cannot be a root: {error}")))?;
    }
    Ok(store)
}

/// The identity of `cert` and `key`.
///
/// # Errors
/// [`Error::Option`]
pub fn certified_key(
    chain: &[Vec<u8>],
    key: &[u8],
    provider: &CryptoProvider,
) -> Result<CertifiedKey, Error> {
    let refuse = |code, detail: String| Error::Option { code, detail };
    let chain = certificates(chain).map_err(|detail| {
        refuse("ERR_INVALID_CERT", format!("`cert` {detail}; pass the PEM certificate chain, leaf first"))
    })?;
    if let Some(Err(error)) = chain.first().map(webpki::EndEntityCert::try_from) {
        let detail = format!(
            "`cert` begins with something else than a certificate: {error}; pass the PEM certificate chain, leaf first (a PKCS#12 file has to be converted)"
        );
        return Err(refuse("ERR_INVALID_CERT", detail));
    }
    let unusable = |detail: String| {
        refuse(
            "ERR_INVALID_KEY",
            format!(
                "`key` holds no usable private key: {detail}; pass one in PKCS#8, PKCS#1 or SEC1, as PEM or DER"
            ),
        )
    };
    let key = provider
        .key_provider
        .load_private_key(private_key(key).map_err(unusable)?)
        .map_err(|error| unusable(error.to_string()))?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        // Not every kind of key tells its public half.
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(certified),
        Err(error) => Err(refuse(
            "ERR_INVALID_KEY",
            format!("`key` cannot be used with `cert`: {error}; pass the key of that certificate"),
        )),
    }
}

/// Whether it is DER. What that begins with is the digit 0, with which a line before the first section may begin.
fn is_der(bytes: &[u8]) -> bool {
    const SEQUENCE: u8 = 0x30;
    const SECTION: &[u8] = b"-----BEGIN ";
    bytes.first() == Some(&SEQUENCE) && !bytes.windows(SECTION.len()).any(|window| window == SECTION)
}

fn private_key(key: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    if is_der(key) {
        return PrivateKeyDer::try_from(key.to_vec()).map_err(ToOwned::to_owned);
    }
    PrivateKeyDer::from_pem_slice(key).map_err(|error| wrong_pem(&error, key))
}

/// What is wrong with PEM, without a byte of it: the parser's own words quote the whole text, which may be a private key.
fn wrong_pem(error: &pem::Error, text: &[u8]) -> String {
    let has = |part: &[u8]| text.windows(part.len()).any(|window| window == part);
    if has(b"\\n") {
        return "it has `\\n` in the place of line feeds, as variables of the environment have; replace them, as with `.replaceAll('\\\\n', '\\n')`".into();
    }
    match error {
        pem::Error::NoItemsFound => {
            "it holds none; each of its lines has to begin at its first column".into()
        }
        pem::Error::Base64Decode(_) => "it is not valid base64".into(),
        pem::Error::MissingSectionEnd { .. } => {
            "a section has no end; `-----BEGIN ...` and `-----END ...` have to be lines of their own".into()
        }
        _ => "it is not valid PEM; `-----BEGIN ...` and `-----END ...` have to be lines of their own".into(),
    }
}

fn certificates(sources: &[Vec<u8>]) -> Result<Vec<CertificateDer<'static>>, String> {
    let mut all = Vec::new();
    for source in sources {
        if is_der(source) {
            all.push(CertificateDer::from(source.clone()));
            continue;
        }
        for certificate in CertificateDer::pem_slice_iter(source) {
            all.push(
                certificate.map_err(|error| format!("is not valid PEM: {}", wrong_pem(&error, source)))?,
            );
        }
    }
    if all.is_empty() { Err("holds no certificate".into()) } else { Ok(all) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_before_the_first_section_may_begin_with_any_digit() {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["client".to_owned()]).unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        for line in ["1 s:CN = client\n", "0 s:CN = client\n"] {
            assert_eq!(root_store("ca", &[[line, &pem].concat().into_bytes()]).unwrap().len(), 1, "{line}");
            assert!(private_key([line, &key.serialize_pem()].concat().as_bytes()).is_ok(), "{line}");
        }
    }
}
