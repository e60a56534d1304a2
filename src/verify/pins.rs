//! Pinned public keys: of a server's chain, one has to be among them.

use std::{fmt, sync::Arc};

use rustls::{
    RootCertStore,
    crypto::{CryptoProvider, hash},
};
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use webpki::{EndEntityCert, KeyUsage, VerifiedPath};

use crate::base64::base64;

/// SHA-256 of a public key (`SubjectPublicKeyInfo`).
pub type Pin = [u8; 32];

/// Pins, and what is needed to compare a chain with them.
pub struct Pinned {
    pins: Vec<Pin>,
    roots: Arc<RootCertStore>,
    algorithms: &'static [&'static dyn SignatureVerificationAlgorithm],
    sha256: &'static dyn hash::Hash,
}

/// No key was pinned. The hash is that of the server's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unpinned(pub Pin);

impl Pinned {
    /// `None`: the provider has no SHA-256, which TLS 1.3 cannot do without.
    pub fn new(pins: Vec<Pin>, roots: Arc<RootCertStore>, provider: &CryptoProvider) -> Option<Self> {
        let hashes = provider.cipher_suites.iter().filter_map(rustls::SupportedCipherSuite::tls13);
        let sha256 = hashes
            .map(|suite| suite.common.hash_provider)
            .find(|hash| hash.algorithm() == hash::HashAlgorithm::SHA256)?;
        Some(Self { pins, roots, algorithms: provider.signature_verification_algorithms.all, sha256 })
    }

    /// Whether a key of the chain is pinned, the root's among them: of a chain that is valid. What was merely sent along proves nothing, because
    /// anybody can send along anybody's certificate.
    ///
    /// # Errors
    /// [`Unpinned`], also if there is no valid chain.
    pub fn check_chain(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Unpinned> {
        let unpinned = || Unpinned(self.of(end_entity).unwrap_or_default());
        let leaf = EndEntityCert::try_from(end_entity).map_err(|_| unpinned())?;
        // Any valid path will do, so those that hold no pinned key are passed over.
        let verdict = leaf.verify_for_usage(
            self.algorithms,
            &self.roots.roots,
            intermediates,
            now,
            KeyUsage::server_auth(),
            None,
            Some(&|path| if self.holds(path) { Ok(()) } else { Err(webpki::Error::UnknownIssuer) }),
        );
        verdict.map(drop).map_err(|_| unpinned())
    }

    /// Whether the server's own key is pinned, whoever says that it is the server's.
    ///
    /// # Errors
    /// [`Unpinned`]
    pub fn check_leaf(&self, end_entity: &CertificateDer<'_>) -> Result<(), Unpinned> {
        match self.of(end_entity) {
            Some(pin) if self.pins.contains(&pin) => Ok(()),
            pin => Err(Unpinned(pin.unwrap_or_default())),
        }
    }

    fn holds(&self, path: &VerifiedPath<'_>) -> bool {
        let leaf = path.end_entity().subject_public_key_info();
        let between = path.intermediate_certificates().map(webpki::Cert::subject_public_key_info);
        // Of a root only what is within the outermost sequence is kept.
        let root = sequence(path.anchor().subject_public_key_info.as_ref());
        let keys = std::iter::once(leaf).chain(between).map(|key| self.hash(&key));
        keys.chain([self.hash(&root)]).any(|pin| self.pins.contains(&pin))
    }

    /// That of a certificate's key. What is no certificate has none.
    fn of(&self, certificate: &CertificateDer<'_>) -> Option<Pin> {
        EndEntityCert::try_from(certificate).ok().map(|cert| self.hash(&cert.subject_public_key_info()))
    }

    fn hash(&self, key: &[u8]) -> Pin {
        // Of SHA-256 it is never shorter or longer.
        self.sha256.hash(key).as_ref().try_into().unwrap_or_default()
    }
}

/// DER: the value with its tag and length before it.
fn sequence(value: &[u8]) -> Vec<u8> {
    let length = value.len().to_be_bytes();
    let significant = length.iter().position(|&byte| byte != 0).unwrap_or(length.len());
    let digits = length.get(significant..).unwrap_or_default();
    let mut der = vec![0x30];
    match digits {
        [] => der.push(0),
        [short @ 0..0x80] => der.push(*short),
        long => {
            der.push(0x80 | u8::try_from(long.len()).unwrap_or_default());
            der.extend(long);
        }
    }
    der.extend(value);
    der
}

impl fmt::Debug for Pinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pinned").field("pins", &self.pins).finish_non_exhaustive()
    }
}

impl std::error::Error for Unpinned {}

/// As it would be pinned.
impl fmt::Display for Unpinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256/{}", base64(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PublicKeyData};

    use super::*;
    #[cfg(feature = "aws-lc-rs")]
    use rustls::crypto::aws_lc_rs as cryptography;
    #[cfg(not(feature = "aws-lc-rs"))]
    use rustls::crypto::ring as cryptography;

    /// Who has issued what, and the hash of the key.
    struct Node {
        der: CertificateDer<'static>,
        key: Vec<u8>,
        issuer: Issuer<'static, KeyPair>,
    }

    fn issue(name: &str, authority: bool, key: KeyPair, by: Option<&Node>) -> Node {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        if authority {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        let der = match by {
            Some(node) => params.signed_by(&key, &node.issuer).unwrap().der().clone(),
            None => params.self_signed(&key).unwrap().der().clone(),
        };
        Node { der, key: key.subject_public_key_info(), issuer: Issuer::new(params, key) }
    }

    fn fresh() -> KeyPair {
        KeyPair::generate().unwrap()
    }

    fn pinned(root: &Node, keys: &[&Node]) -> Pinned {
        let mut roots = RootCertStore::empty();
        roots.add(root.der.clone()).unwrap();
        let provider = cryptography::default_provider();
        let mut pinned = Pinned::new(Vec::new(), Arc::new(roots), &provider).unwrap();
        pinned.pins = keys.iter().map(|node| pinned.hash(&node.key)).collect();
        pinned
    }

    #[test]
    fn a_key_of_the_valid_chain_counts_and_none_that_was_merely_sent() {
        let root = issue("root", true, fresh(), None);
        let between = issue("between", true, fresh(), Some(&root));
        let leaf = issue("leaf", false, fresh(), Some(&between));
        let stranger = issue("stranger", true, fresh(), None);
        let sent = [between.der.clone(), stranger.der.clone()];
        let check = |keys: &[&Node]| pinned(&root, keys).check_chain(&leaf.der, &sent, UnixTime::now());
        for node in [&leaf, &between, &root] {
            assert_eq!(check(&[node]), Ok(()));
            assert_eq!(check(&[&stranger, node]), Ok(()));
        }
        let own = Unpinned(pinned(&root, &[&leaf]).pins[0]);
        assert_eq!(check(&[&stranger]), Err(own));
        assert_eq!(check(&[]), Err(own));
        // Nothing of an invalid chain counts.
        let elsewhere = pinned(&stranger, &[&leaf]).check_chain(&leaf.der, &sent, UnixTime::now());
        assert_eq!(elsewhere, Err(own));
    }

    #[test]
    fn another_valid_path_is_found_if_the_first_holds_no_pinned_key() {
        let root = issue("root", true, fresh(), None);
        let key = fresh();
        let other = issue("other", true, fresh(), None);
        let between = issue("between", true, KeyPair::try_from(key.serialize_der()).unwrap(), Some(&root));
        let crossed = issue("between", true, key, Some(&other));
        let leaf = issue("leaf", false, fresh(), Some(&between));
        for (first, second) in [(&between, &crossed), (&crossed, &between)] {
            let sent = [first.der.clone(), second.der.clone()];
            for pin in [&root, &other] {
                let mut pinned = pinned(&root, &[pin]);
                Arc::make_mut(&mut pinned.roots).add(other.der.clone()).unwrap();
                assert_eq!(pinned.check_chain(&leaf.der, &sent, UnixTime::now()), Ok(()));
            }
        }
    }

    #[test]
    fn without_trust_only_the_servers_own_key_counts() {
        let root = issue("root", true, fresh(), None);
        let leaf = issue("leaf", false, fresh(), Some(&root));
        assert_eq!(pinned(&root, &[&leaf]).check_leaf(&leaf.der), Ok(()));
        assert!(pinned(&root, &[&root]).check_leaf(&leaf.der).is_err());
        let mut nothing = pinned(&root, &[]);
        nothing.pins = vec![Pin::default()];
        assert!(nothing.check_leaf(&CertificateDer::from(vec![0x30, 0])).is_err());
    }

    #[test]
    fn what_was_cut_off_a_root_is_put_before_it() {
        let head = |length: usize| {
            sequence(&vec![0; length])[..].strip_suffix(&vec![0; length][..]).unwrap().to_vec()
        };
        assert_eq!(head(0), [0x30, 0]);
        assert_eq!(head(0x7f), [0x30, 0x7f]);
        assert_eq!(head(0x80), [0x30, 0x81, 0x80]);
        assert_eq!(head(0x1_23), [0x30, 0x82, 1, 0x23]);
    }

    #[test]
    fn it_is_told_as_it_would_be_pinned() {
        let mut pin = Pin::default();
        pin[31] = 0xff;
        assert_eq!(Unpinned(pin).to_string(), "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAP8=");
        assert_eq!(Unpinned([0xfb; 32]).to_string(), format!("sha256/{}+/s=", "+/v7".repeat(10)));
    }
}
