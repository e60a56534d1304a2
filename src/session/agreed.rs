//! What the two sides of a session have agreed on.

use rustls::{CommonState, HandshakeKind, NamedGroup, ProtocolVersion};

/// What was agreed on.
#[derive(Clone, Debug)]
pub struct Agreed {
    /// The version of TLS, as Node calls it.
    pub protocol: &'static str,
    /// The cipher suite, as IANA calls it.
    pub cipher: String,
    /// The group of the key exchange, as IANA calls it, if one was agreed on anew.
    pub group: Option<String>,
    /// Whether an earlier session was resumed.
    pub resumed: bool,
    /// The peer's chain, leaf first, as DER.
    pub certificates: Vec<Vec<u8>>,
    /// The code of what was wrong with it, where the caller wanted to go on all the same.
    pub overlooked: Option<&'static str>,
}

impl Agreed {
    pub(super) fn of(tls: &CommonState) -> Self {
        let protocol = match tls.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
            _ => "TLSv1.3",
        };
        let suite = tls.negotiated_cipher_suite().map(|suite| suite.suite());
        let certificates = tls.peer_certificates().unwrap_or_default();
        Self {
            protocol,
            // rustls's own name for those of TLS 1.3 says the version, too.
            cipher: suite.and_then(|suite| suite.as_str()).unwrap_or_default().replace("TLS13_", "TLS_"),
            group: tls.negotiated_key_exchange_group().map(|group| group_name(group.name())),
            resumed: tls.handshake_kind() == Some(HandshakeKind::Resumed),
            certificates: certificates.iter().map(|one| one.to_vec()).collect(),
            overlooked: None,
        }
    }
}

/// rustls writes some in another way.
fn group_name(group: NamedGroup) -> String {
    match group {
        NamedGroup::X25519 => "x25519".into(),
        NamedGroup::X448 => "x448".into(),
        NamedGroup::secp256r1MLKEM768 => "SecP256r1MLKEM768".into(),
        other => other.as_str().map_or_else(|| format!("0x{:04x}", u16::from(other)), Into::into),
    }
}
