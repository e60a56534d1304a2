//! The stream underneath a session, and the two sides of it.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    io::{self, IoSlice, Read as _},
    sync::{Arc, LazyLock},
};

use rustls::{ClientConfig, ServerConfig};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use wintersock::{
    notify::{Interest, Notify},
    tls::{Credentials, Handshake, Options, Versions},
};

/// The stream underneath.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    pub(crate) incoming: RefCell<VecDeque<u8>>,
    /// What a receive finds at most; 0: all.
    pub(crate) cut: Cell<usize>,
    pub(crate) fin: Cell<bool>,
    pub(crate) reset: Cell<bool>,
    pub(crate) outgoing: RefCell<Vec<u8>>,
    pub(crate) full: Cell<bool>,
}

impl Notify for Wire {
    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut incoming = self.incoming.borrow_mut();
        if incoming.is_empty() {
            let error =
                if self.reset.get() { io::ErrorKind::ConnectionReset } else { io::ErrorKind::WouldBlock };
            return if self.fin.get() { Ok(0) } else { Err(error.into()) };
        }
        let cut = if self.cut.get() == 0 { buffer.len() } else { self.cut.get().min(buffer.len()) };
        incoming.read(&mut buffer[..cut])
    }

    fn try_peek(&self) -> io::Result<bool> {
        panic!("a session receives")
    }

    fn try_write(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        if self.full.get() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let length = buffers.iter().map(|buffer| buffer.len()).sum();
        buffers.iter().for_each(|buffer| self.outgoing.borrow_mut().extend_from_slice(buffer));
        Ok(length)
    }

    fn take_error(&self) -> Option<io::Error> {
        None
    }

    fn shutdown(&self) -> io::Result<()> {
        Ok(())
    }

    fn reset_on_close(&self) {}

    fn watch(&self, _: Interest) {}

    fn tell(&self, _: Interest) {}
}

/// The configurations of both versions, and what a server has to show.
pub(crate) struct Sides {
    pub(crate) clients: [Arc<ClientConfig>; 2],
    pub(crate) servers: [Arc<ServerConfig>; 4],
}

pub(crate) static SIDES: LazyLock<Sides> = LazyLock::new(|| {
    let key = rcgen::KeyPair::generate().expect("a key");
    let mut authority = rcgen::CertificateParams::new(vec![]).expect("parameters");
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let root = authority.self_signed(&key).expect("an authority").der().to_vec();
    let issuer = rcgen::Issuer::new(authority, key);
    let key = rcgen::KeyPair::generate().expect("a key");
    let leaf = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
    let leaf = leaf.signed_by(&key, &issuer).expect("a certificate");

    let client = |versions| {
        let options =
            Options { ca: Some(vec![root.clone()]), versions, resumption: false, ..Options::default() };
        let credentials = Credentials::new(options).expect("credentials");
        let handshake = Handshake::new("localhost", None, &credentials).expect("a name");
        handshake.config().expect("a configuration")
    };
    let server = |version, fragment| {
        let chain = vec![CertificateDer::from(leaf.der().to_vec())];
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let provider = Arc::new(crate::pem::provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .expect("a version")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("a certificate with its key");
        config.max_fragment_size = fragment;
        Arc::new(config)
    };
    let (old, new) = (&rustls::version::TLS12, &rustls::version::TLS13);
    Sides {
        clients: [client(Versions::Only12), client(Versions::Only13)],
        servers: [server(old, None), server(new, None), server(old, Some(64)), server(new, Some(64))],
    }
});
