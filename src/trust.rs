//! Root certificates: Mozilla's list, and what the host adds to it. Loaded once for each set of sources.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use rustls::RootCertStore;
use rustls_pki_types::{CertificateDer, pem::PemObject};

use crate::error::Error;

/// What the host adds to Mozilla's list. Read from the environment by the caller, once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Sources {
    /// `NODE_EXTRA_CA_CERTS`: a PEM file.
    pub node_extra: Option<String>,
    /// `SSL_CERT_FILE`: a PEM file.
    pub cert_file: Option<String>,
    /// `SSL_CERT_DIR`: directories of PEM files named by hash, separated as in `PATH`.
    pub cert_dir: Option<String>,
    /// Whether to use the system's store: Node was told so, or the caller says so.
    pub system: bool,
}

type Loaded = Result<Arc<RootCertStore>, Error>;

static STORES: Mutex<Option<HashMap<Sources, Loaded>>> = Mutex::new(None);

/// The default roots. Reads files the first time: not for the JavaScript thread.
///
/// # Errors
/// [`Error::Trust`] names a source that cannot be read or holds no certificate. It is kept: a gap in what is trusted
/// must not come and go with the file.
pub fn roots(sources: &Sources) -> Loaded {
    let mut stores = STORES.lock().unwrap_or_else(PoisonError::into_inner);
    stores.get_or_insert_with(HashMap::new).entry(sources.clone()).or_insert_with(|| load(sources)).clone()
}

fn load(sources: &Sources) -> Loaded {
    let mut store = RootCertStore::empty();
    store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let mut seen = HashSet::new();
    let mut add = |certificates: Vec<CertificateDer<'static>>| {
        // A host's bundle may hold certificates of a kind that rustls cannot use as roots; they do not spoil the rest.
        store.add_parsable_certificates(certificates.into_iter().filter(|c| seen.insert(c.to_vec())))
    };
    for (origin, file) in
        [("NODE_EXTRA_CA_CERTS", &sources.node_extra), ("SSL_CERT_FILE", &sources.cert_file)]
    {
        let Some(path) = file else { continue };
        let refuse = |detail: String| Error::Trust { origin, path: path.clone(), detail };
        let certificates = read_file(Path::new(path)).map_err(refuse)?;
        add(certificates);
    }
    if let Some(path) = &sources.cert_dir {
        let refuse = |detail: String| Error::Trust { origin: "SSL_CERT_DIR", path: path.clone(), detail };
        let mut found = Vec::new();
        for directory in std::env::split_paths(path).filter(|directory| !directory.as_os_str().is_empty()) {
            let loaded = rustls_native_certs::load_certs_from_paths(None, Some(&directory));
            if let Some(error) = loaded.errors.first() {
                return Err(refuse(error.to_string()));
            }
            found.extend(loaded.certs);
        }
        if found.is_empty() {
            return Err(refuse(
                "it holds no certificate named by its hash; run `openssl rehash` on it".into(),
            ));
        }
        add(found);
    }
    if sources.system {
        add(system_store()?);
    }
    Ok(Arc::new(store))
}

/// What the system's own store holds. Reads it.
///
/// # Errors
/// [`Error::Trust`] if it cannot be read, or holds nothing.
pub fn system_store() -> Result<Vec<CertificateDer<'static>>, Error> {
    let path = "the system's certificate store".to_owned();
    system().map_err(|detail| Error::Trust { origin: "--use-system-ca or `systemCa`", path, detail })
}

/// The system's own store. `load_native_certs` does not open it while `SSL_CERT_FILE` or `SSL_CERT_DIR` is set.
fn system() -> Result<Vec<CertificateDer<'static>>, String> {
    let overridden =
        ["SSL_CERT_FILE", "SSL_CERT_DIR"].into_iter().find(|&name| std::env::var_os(name).is_some());
    let mut certificates = Vec::new();
    match overridden {
        None => certificates = rustls_native_certs::load_native_certs().certs,
        Some(variable) if cfg!(any(windows, target_os = "macos")) => {
            return Err(format!("it cannot be read while {variable} is set; unset one of the two"));
        }
        Some(_) => {
            for directory in openssl_probe::candidate_cert_dirs() {
                let bundles =
                    ["ca-certificates.crt", "ca-bundle.crt", "cert.pem"].map(|name| directory.join(name));
                for bundle in bundles.iter().filter(|bundle| bundle.is_file()) {
                    certificates.extend(rustls_native_certs::load_certs_from_paths(Some(bundle), None).certs);
                }
                certificates.extend(rustls_native_certs::load_certs_from_paths(None, Some(directory)).certs);
            }
        }
    }
    if certificates.is_empty() { Err("no certificate was found in it".into()) } else { Ok(certificates) }
}

fn read_file(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| error.to_string())?;
    if certificates.is_empty() {
        return Err("it holds no PEM certificate".into());
    }
    let mut usable = RootCertStore::empty();
    if usable.add_parsable_certificates(certificates.iter().cloned()).0 == 0 {
        return Err("it holds no certificate that can be a root".into());
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority() -> String {
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().pem()
    }

    /// A file that goes with its handle.
    struct File(String);

    impl File {
        fn new(name: &str, content: &str) -> Self {
            let path = std::env::temp_dir().join(format!("wintersock-trust-{}-{name}", std::process::id()));
            std::fs::write(&path, content).unwrap();
            Self(path.display().to_string())
        }
    }

    impl Drop for File {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    #[test]
    fn mozillas_list_is_the_default() {
        let store = roots(&Sources::default()).unwrap();
        assert_eq!(store.len(), webpki_roots::TLS_SERVER_ROOTS.len());
    }

    #[test]
    fn files_add_to_the_default_and_a_certificate_counts_once() {
        let pem = authority();
        let (extra, bundle) = (File::new("extra.pem", &pem), File::new("bundle.pem", &(authority() + &pem)));
        let sources = Sources {
            node_extra: Some(extra.0.clone()),
            cert_file: Some(bundle.0.clone()),
            ..Sources::default()
        };
        assert_eq!(roots(&sources).unwrap().len(), webpki_roots::TLS_SERVER_ROOTS.len() + 2);
    }

    #[test]
    fn a_source_that_cannot_be_used_is_named() {
        for (content, expected) in [(None, "No such file"), (Some("nothing"), "no PEM certificate")] {
            let file = content.map(|content| File::new("bad.pem", content));
            let path = file.as_ref().map_or_else(|| "/nonexistent/ca.pem".to_owned(), |file| file.0.clone());
            let sources = Sources { cert_file: Some(path.clone()), ..Sources::default() };
            let error = roots(&sources).unwrap_err();
            assert_eq!(error.code(), "ERR_TLS_TRUST");
            let message = error.to_string();
            assert!(message.contains("SSL_CERT_FILE") && message.contains(&path), "{message}");
            assert!(cfg!(not(unix)) || message.contains(expected), "{message}");
        }
        let sources = Sources { cert_dir: Some("/nonexistent/certs".into()), ..Sources::default() };
        assert!(roots(&sources).unwrap_err().to_string().contains("SSL_CERT_DIR"));
    }
}
