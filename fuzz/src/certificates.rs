//! Chains that servers present: judged as rustls does, and refused with words that are fit to be read.

use std::{sync::Arc, time::Duration};

use rustls::{
    CertificateError, Error,
    client::{
        WebPkiServerVerifier,
        danger::{ServerCertVerified, ServerCertVerifier},
    },
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use wintersock::{
    pem::root_store,
    verify::{self, Demands, Pin, Pinned, Rejection, Unpinned, Verifier},
};

use crate::{pem::provider, text::check_message, wire::finish};

const CODES: [&str; 13] = [
    "CERT_HAS_EXPIRED",
    "CERT_NOT_YET_VALID",
    "ERR_TLS_CERT_ALTNAME_INVALID",
    "DEPTH_ZERO_SELF_SIGNED_CERT",
    "SELF_SIGNED_CERT_IN_CHAIN",
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
    "CERT_SIGNATURE_FAILURE",
    "CERT_REVOKED",
    "INVALID_PURPOSE",
    "ERR_TLS_PIN",
    "ERR_TLS_CERT_INVALID",
    "",
];

/// How many roots there are, which name and which time; then certificates, each with its length in two bytes.
pub(crate) struct Input<'a> {
    roots: Vec<&'a [u8]>,
    chain: Vec<&'a [u8]>,
    name: &'static str,
    now: UnixTime,
}

pub(crate) const NAMES: [&str; 4] = ["localhost", "127.0.0.1", "db.example", "::1"];

impl<'a> Input<'a> {
    fn read(data: &'a [u8]) -> Option<Self> {
        const YEARS: [u64; 4] = [56, 1, 100, 4000];
        let [roots, name, year, rest @ ..] = data else { return None };
        let mut rest = rest;
        let mut blobs = Vec::new();
        while let [high, low, more @ ..] = rest {
            let length = usize::from(u16::from_be_bytes([*high, *low])).min(more.len());
            blobs.push(&more[..length]);
            rest = &more[length..];
        }
        let chain = blobs.split_off(usize::from(roots % 4).min(blobs.len()));
        let years = YEARS[usize::from(year % 4)];
        let now = UnixTime::since_unix_epoch(Duration::from_secs(years * 365 * 86_400));
        Some(Self { roots: blobs, chain, name: NAMES[usize::from(name % 4)], now })
    }
}

/// The same for seeds.
pub(crate) fn written(roots: &[&[u8]], chain: &[&[u8]], name: u8, year: u8) -> Vec<u8> {
    let mut data = vec![u8::try_from(roots.len()).unwrap_or_default(), name, year];
    for blob in roots.iter().chain(chain) {
        data.extend(u16::try_from(blob.len()).unwrap_or_default().to_be_bytes());
        data.extend_from_slice(blob);
    }
    data
}

type Verdict = Result<ServerCertVerified, Error>;

pub(crate) fn run(data: &[u8]) {
    let Some(input) = Input::read(data) else { return };
    let [leaf, intermediates @ ..] = &input.chain[..] else { return };
    let leaf = CertificateDer::from(*leaf);
    let intermediates: Vec<CertificateDer<'_>> =
        intermediates.iter().take(8).map(|der| CertificateDer::from(*der)).collect();
    let roots: Vec<Vec<u8>> = input.roots.iter().map(|der| der.to_vec()).collect();
    let Ok(roots) = root_store("ca", &roots).map(Arc::new) else { return };
    let provider = Arc::new(provider());
    let inner = WebPkiServerVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider));
    let inner = inner.build().expect("roots");
    let name = ServerName::try_from(input.name).expect("a name");
    let judged = |verifier: &dyn ServerCertVerifier| -> (Verdict, Option<Rejection>) {
        finish(verify::observed(async {
            verifier.verify_server_cert(&leaf, &intermediates, &name, &[], input.now)
        }))
    };
    let with = |demands, pins: Option<Vec<Pin>>| {
        let pinned = pins.and_then(|pins| Pinned::new(pins, Arc::clone(&roots), &provider));
        judged(&Verifier { inner: Arc::clone(&inner), demands, pinned })
    };

    let plain = judged(&*inner).0;
    let (ours, note) = with(Demands::default(), None);
    assert_eq!(format!("{plain:?}"), format!("{ours:?}"), "rustls says something else");
    assert_eq!(note.is_some(), matches!(ours, Err(Error::InvalidCertificate(_))));
    if let Some(note) = &note {
        check_rejection(note, input.name);
    }

    // Without the name, only the name is let pass.
    let (nameless, _) = with(Demands { name: false, trust: true }, None);
    let is_name = matches!(
        plain,
        Err(Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
        ))
    );
    assert_eq!(nameless.is_ok(), plain.is_ok() || is_name, "{plain:?}");
    // Without trust it is noted all the same.
    let (trusting, seen) = with(Demands { name: true, trust: false }, None);
    assert_eq!(trusting.is_ok(), plain.is_ok() || matches!(plain, Err(Error::InvalidCertificate(_))));
    assert_eq!(seen.map(|seen| seen.code()), note.as_ref().map(Rejection::code));

    // Pins: no other key will do, and none makes up for what else is wrong.
    let (unpinned, refused) = with(Demands::default(), Some(vec![[7; 32]]));
    assert!(unpinned.is_err());
    if let Some(refused) = &refused {
        check_rejection(refused, input.name);
    }
    let nothing = Pinned::new(vec![], Arc::clone(&roots), &provider).expect("SHA-256");
    let Err(Unpinned(own)) = nothing.check_leaf(&leaf) else { panic!("no pins, but one fits") };
    let is_certificate = own != Pin::default();
    let (pinned, _) = with(Demands::default(), Some(vec![[7; 32], own]));
    assert_eq!(pinned.is_ok(), plain.is_ok() && is_certificate, "{plain:?}");
    let own = Pinned::new(vec![own], Arc::clone(&roots), &provider).expect("SHA-256");
    assert_eq!(own.check_leaf(&leaf).is_ok(), is_certificate);
    // A key that was merely sent along is none of the chain's.
    for other in &intermediates {
        let Err(Unpinned(sent)) = nothing.check_leaf(other) else { panic!("no pins, but one fits") };
        let (along, _) = with(Demands::default(), Some(vec![sent]));
        assert!(along.is_err() || plain.is_ok(), "{plain:?}");
    }
}

fn check_rejection(rejection: &Rejection, name: &str) {
    let (code, advice) = (rejection.code(), rejection.advice(name));
    assert!(CODES.contains(&code) && !code.is_empty(), "{code}");
    check_message(&advice);
    let error = wintersock::error::Error::Certificate {
        target: "db.example:5432".into(),
        rejection: rejection.clone(),
        server_name: name.into(),
    };
    crate::text::check(&error, &CODES);
}
