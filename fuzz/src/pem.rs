//! Certificates and keys as users give them: PEM and DER.

use rustls::crypto::CryptoProvider;
use wintersock::{error::Error, pem};

use crate::text::check;

/// Words that messages may have in common with a key.
const WORDS: &str = concat!(
    include_str!("../../src/pem.rs"),
    "failed to parse private key as RSA, ECDSA, or EdDSA, unexpected error: keys may not be consistent: "
);

pub(crate) fn provider() -> CryptoProvider {
    rustls::crypto::aws_lc_rs::default_provider()
}

fn roots(bytes: &[u8]) -> Result<usize, Error> {
    pem::root_store("ca", &[bytes.to_vec()]).map(|store| store.len()).inspect_err(|error| {
        check(error, &["ERR_INVALID_CA"]);
    })
}

/// The same bytes as chain and key, as files have it that hold both.
fn identity(chain: &[u8], key: &[u8]) -> Result<(), Error> {
    let identity = pem::certified_key(&[chain.to_vec()], key, &provider());
    identity.map(drop).inspect_err(|error| {
        check(error, &["ERR_INVALID_CERT", "ERR_INVALID_KEY"]);
        check_secret(key, &error.to_string());
    })
}

/// No part of a key is repeated.
fn check_secret(key: &[u8], message: &str) {
    const PART: usize = 12;
    for part in key.windows(PART) {
        let Ok(part) = std::str::from_utf8(part) else { continue };
        assert!(!message.contains(part) || WORDS.contains(part), "{part:?} in {message:?}");
    }
}

const MARK: &[u8] = b"-----BEGIN ";

pub(crate) fn run(data: &[u8]) {
    // A chain and a key apart, or one file.
    let (chain, key) = match data.iter().position(|byte| *byte == 0xff) {
        Some(at) => (&data[..at], &data[at + 1..]),
        None => (data, data),
    };
    let (of_roots, of_identity) = (roots(chain), identity(chain, key));
    let is_der = data.first() == Some(&0x30);
    let has_pem = chain.windows(MARK.len()).any(|window| window == MARK);
    if is_der && !has_pem && of_roots.is_ok() {
        assert_eq!(roots(armoured("CERTIFICATE", chain).as_bytes()).ok(), Some(1), "the same as PEM");
    }
    if has_pem && key == data && data.is_ascii() {
        // Whatever stands before the first section, and however lines end.
        for before in ["a comment\n", "0 s:CN = as openssl prints chains\n", "\n\r\n"] {
            let commented = [before.as_bytes(), data].concat();
            if !data.starts_with(MARK) {
                continue;
            }
            assert_eq!(roots(&commented).ok(), of_roots.as_ref().ok().copied(), "after {before:?}");
            assert_eq!(identity(&commented, &commented).is_ok(), of_identity.is_ok(), "after {before:?}");
        }
        if !data.contains(&b'\r') {
            let text = String::from_utf8_lossy(data).replace('\n', "\r\n");
            assert_eq!(roots(text.as_bytes()).ok(), of_roots.ok(), "with CRLF");
            assert_eq!(identity(text.as_bytes(), text.as_bytes()).is_ok(), of_identity.is_ok(), "with CRLF");
        }
    }
}

/// As PEM.
pub(crate) fn armoured(label: &str, der: &[u8]) -> String {
    let text = wintersock::base64::base64(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap_or_default()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
