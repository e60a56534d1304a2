//! TLS without a stream: ciphertext comes in, and goes out, in buffers of the caller. rustls's usual connections hold buffers
//! of their own and copy each byte several times on the way in; with them the servers would be the limit, not the clients.

use std::io::{self, ErrorKind};

use rustls::{
    HandshakeKind,
    client::{ClientConnectionData, UnbufferedClientConnection},
    server::{ServerConnectionData, UnbufferedServerConnection},
    unbuffered::{
        AppDataRecord, ConnectionState, EncodeError, EncodeTlsData, UnbufferedStatus, WriteTraffic,
    },
};

/// One side of a TLS connection.
pub(crate) enum Session {
    Client(UnbufferedClientConnection),
    Server(UnbufferedServerConnection),
}

/// More than an alert needs. With too little room it would be lost, not refused.
const ALERT: usize = 64;

/// What became of ciphertext.
pub(crate) struct Received {
    /// So much of it is done with. What follows is part of a record and has to be there again when more has come.
    pub(crate) taken: usize,
    /// So much plaintext came out of it.
    pub(crate) plain: usize,
    /// The peer sends no more.
    pub(crate) ended: bool,
}

impl Session {
    pub(crate) fn is_handshaking(&self) -> bool {
        match self {
            Self::Client(session) => session.is_handshaking(),
            Self::Server(session) => session.is_handshaking(),
        }
    }

    pub(crate) fn handshake_kind(&self) -> Option<HandshakeKind> {
        match self {
            Self::Client(session) => session.handshake_kind(),
            Self::Server(session) => session.handshake_kind(),
        }
    }

    /// Takes what has come, `cipher`, and leaves the plaintext in `plain`, which is at least as long. What TLS has to say by
    /// itself is appended to `unsent`. Nothing need have come: that begins a client's handshake.
    ///
    /// # Errors
    /// If the peer does not keep to TLS.
    pub(crate) fn receive(
        &mut self,
        cipher: &mut [u8],
        plain: &mut [u8],
        unsent: &mut Vec<u8>,
    ) -> io::Result<Received> {
        match self {
            Self::Client(session) => receive(session, cipher, plain, unsent),
            Self::Server(session) => receive(session, cipher, plain, unsent),
        }
    }

    /// Encrypts `plain` into `cipher`: how long it is there. Nothing else may be waiting to be sent.
    ///
    /// # Errors
    /// If the handshake is not done, the end has been said, or `cipher` is too short.
    pub(crate) fn encrypt(&mut self, plain: &[u8], cipher: &mut [u8]) -> io::Result<usize> {
        let encrypted = match self {
            Self::Client(session) => writing(session)?.encrypt(plain, cipher),
            Self::Server(session) => writing(session)?.encrypt(plain, cipher),
        };
        encrypted.map_err(io::Error::other)
    }

    /// Appends to `unsent` that nothing follows.
    ///
    /// # Errors
    /// If the handshake is not done, or the end has been said.
    pub(crate) fn say_end(&mut self, unsent: &mut Vec<u8>) -> io::Result<()> {
        let length = unsent.len();
        unsent.resize(length + ALERT, 0);
        let said = match self {
            Self::Client(session) => writing(session)?.queue_close_notify(&mut unsent[length..]),
            Self::Server(session) => writing(session)?.queue_close_notify(&mut unsent[length..]),
        };
        unsent.truncate(length + said.map_err(io::Error::other)?);
        Ok(())
    }
}

/// What both sides have, though rustls has no name for it.
trait Process {
    type Data;

    fn process<'c, 'i>(&'c mut self, cipher: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data>;
}

impl Process for UnbufferedClientConnection {
    type Data = ClientConnectionData;

    fn process<'c, 'i>(&'c mut self, cipher: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(cipher)
    }
}

impl Process for UnbufferedServerConnection {
    type Data = ServerConnectionData;

    fn process<'c, 'i>(&'c mut self, cipher: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(cipher)
    }
}

fn receive(
    session: &mut impl Process,
    cipher: &mut [u8],
    plain: &mut [u8],
    unsent: &mut Vec<u8>,
) -> io::Result<Received> {
    let mut received = Received { taken: 0, plain: 0, ended: false };
    loop {
        let UnbufferedStatus { mut discard, state, .. } = session.process(&mut cipher[received.taken..]);
        let mut waits = false;
        match state.map_err(io::Error::other)? {
            ConnectionState::ReadTraffic(mut traffic) => {
                while let Some(record) = traffic.next_record() {
                    let AppDataRecord { discard: more, payload, .. } = record.map_err(io::Error::other)?;
                    discard += more;
                    plain[received.plain..received.plain + payload.len()].copy_from_slice(payload);
                    received.plain += payload.len();
                }
            }
            ConnectionState::EncodeTlsData(data) => encode(data, unsent)?,
            // It is sent before anything else is.
            ConnectionState::TransmitTlsData(data) => data.done(),
            ConnectionState::PeerClosed => received.ended = true,
            ConnectionState::BlockedHandshake
            | ConnectionState::WriteTraffic(_)
            | ConnectionState::Closed => waits = true,
            _ => return Err(io::Error::new(ErrorKind::Unsupported, "early data")),
        }
        received.taken += discard;
        if waits {
            return Ok(received);
        }
    }
}

/// The state in which there can be sent.
fn writing<P: Process>(session: &mut P) -> io::Result<WriteTraffic<'_, P::Data>> {
    match session.process(&mut []).state.map_err(io::Error::other)? {
        ConnectionState::WriteTraffic(traffic) => Ok(traffic),
        state => Err(io::Error::other(format!("nothing can be sent over TLS: {state:?}"))),
    }
}

/// Appends what TLS has to say by itself.
fn encode<Data>(mut data: EncodeTlsData<'_, Data>, unsent: &mut Vec<u8>) -> io::Result<()> {
    let length = unsent.len();
    loop {
        match data.encode(&mut unsent[length..]) {
            Ok(_) => return Ok(()),
            Err(EncodeError::InsufficientSize(size)) => unsent.resize(length + size.required_size, 0),
            Err(error) => return Err(io::Error::other(error)),
        }
    }
}
