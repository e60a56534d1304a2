//! TLS of a client: its credentials, and the handshake.

mod credentials;
mod key_log;

use std::{io, sync::Arc};

use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;

pub use self::credentials::{Credentials, Options, Versions};
use crate::{
    configs,
    error::Error,
    inject,
    runtime::block,
    session::{Records, Session},
    transport::Broken,
    verify::{self, Rejection},
};

/// A handshake to come: with whom, and how.
#[derive(Clone, Debug)]
pub struct Handshake {
    credentials: Credentials,
    alpn: Arc<[String]>,
    server_name: ServerName<'static>,
    server_name_text: String,
}

impl Handshake {
    /// With a server of this name. `alpn`: protocols in place of those of the credentials.
    ///
    /// # Errors
    /// [`Error::Option`] if that is no name.
    pub fn new(
        server_name: &str,
        alpn: Option<Vec<String>>,
        credentials: &Credentials,
    ) -> Result<Self, Error> {
        let name = ServerName::try_from(server_name.to_owned()).map_err(|_| Error::Option {
            code: "ERR_INVALID_SNI",
            detail: format!(
                "{server_name:?} is not a host name or IP address that a certificate can be checked against; pass the server's name as `sni`"
            ),
        })?;
        Ok(Self {
            credentials: credentials.clone(),
            alpn: alpn.map_or_else(|| Arc::clone(credentials.alpn()), Into::into),
            server_name: name,
            server_name_text: server_name.to_owned(),
        })
    }

    /// The name that the certificate is checked against.
    pub fn server_name(&self) -> ServerName<'static> {
        self.server_name.clone()
    }

    /// The configuration, shared with all handshakes of the same credentials and protocols. May read files: not for the
    /// JavaScript thread.
    ///
    /// # Errors
    /// [`Error::Trust`] if the host's roots cannot be loaded.
    pub fn config(&self) -> Result<Arc<ClientConfig>, Error> {
        if let Some(config) = configs::cached(&self.credentials, &self.alpn) {
            return Ok(config);
        }
        let config = Arc::new(self.credentials.configure(&self.alpn)?);
        Ok(configs::remember(&self.credentials, &self.alpn, config))
    }

    /// The same, for whoever must not be kept waiting: the first use of the default roots reads files.
    ///
    /// # Errors
    /// As [`Self::config`].
    pub async fn configuration(&self) -> Result<Arc<ClientConfig>, Error> {
        if let Some(config) = configs::cached(&self.credentials, &self.alpn) {
            return Ok(config);
        }
        let handshake = self.clone();
        block("roots", move || handshake.config()).await?
    }

    /// Runs the handshake over a connected stream.
    ///
    /// # Errors
    /// [`Error::Certificate`] or [`Error::Tls`]; [`Error::Trust`] if the host's roots cannot be loaded.
    ///
    /// # Cancel safety
    /// Dropping the future closes the stream.
    pub async fn run(&self, stream: TcpStream, target: &str) -> Result<(TcpStream, Session), Error> {
        let config = self.configuration().await?;
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
            inject::point("handshake");
            while !records
                .send(|bytes| inject::system("handshake.write").and_then(|()| stream.try_write(bytes)))?
            {
                stream.writable().await?;
            }
            if !records.is_handshaking() {
                return Ok(records);
            }
            let received =
                |buffer: &mut [u8]| inject::system("handshake.read").and_then(|()| stream.try_read(buffer));
            if records.receive(&mut [], received).is_none() {
                stream.readable().await?;
            }
        }
    }

    /// Runs a handshake that another driver of rustls makes with [`Self::config`] and [`Self::server_name`]: errors as of [`Self::run`].
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
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handshake(options: Options, alpn: Option<&str>) -> Handshake {
        let alpn = alpn.map(|name| vec![name.to_owned()]);
        Handshake::new("localhost", alpn, &Credentials::new(options).unwrap()).unwrap()
    }

    #[test]
    fn a_name_that_no_certificate_can_have_is_refused() {
        let credentials = Credentials::new(Options::default()).unwrap();
        let refused = Handshake::new("not a name", None, &credentials).unwrap_err();
        assert_eq!(refused.code(), "ERR_INVALID_SNI");
    }

    #[test]
    fn the_same_options_share_a_configuration_and_its_tickets() {
        let offering = |alpn: &str| Options { alpn: vec![alpn.into()], ..Options::default() };
        let config = |alpn: &str| handshake(offering(alpn), None).config().unwrap();
        assert!(Arc::ptr_eq(&config("a"), &config("a")));
        assert!(!Arc::ptr_eq(&config("a"), &config("b")));
        // Whoever says which protocols are offered.
        assert!(Arc::ptr_eq(&config("a"), &handshake(offering("b"), Some("a")).config().unwrap()));
        let strict = Options { resumption: false, ..offering("a") };
        assert!(!Arc::ptr_eq(&config("a"), &handshake(strict, None).config().unwrap()));
        for index in 0..configs::KEPT * 2 {
            config(&format!("p{index}"));
        }
        assert!(configs::count() <= configs::KEPT);
    }
}
