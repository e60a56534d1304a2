//! TLS configurations that have been used, by what they were made of.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::ClientConfig;

use crate::tls::Credentials;

/// Configurations used last, newest first. A configuration owns its session tickets, so keeping it is what makes resumption work.
static CONFIGS: Mutex<Vec<Known>> = Mutex::new(Vec::new());
/// So many are kept.
pub const KEPT: usize = 64;

struct Known {
    credentials: Credentials,
    alpn: Arc<[String]>,
    config: Arc<ClientConfig>,
}

/// Where that of the same credentials is. Nearly always they are the same object; equal ones made anew count, too.
fn position(configs: &[Known], credentials: &Credentials, alpn: &[String]) -> Option<usize> {
    let offers = |known: &Known| *known.alpn == *alpn;
    let same = configs.iter().position(|known| known.credentials.is(credentials) && offers(known));
    same.or_else(|| configs.iter().position(|known| offers(known) && known.credentials.equals(credentials)))
}

/// That of the same credentials and protocols.
pub fn cached(credentials: &Credentials, alpn: &[String]) -> Option<Arc<ClientConfig>> {
    let mut configs = CONFIGS.lock().unwrap_or_else(PoisonError::into_inner);
    let position = position(&configs, credentials, alpn)?;
    configs[..=position].rotate_right(1);
    configs.first().map(|known| Arc::clone(&known.config))
}

/// Keeps a configuration, unless another handshake was first: its tickets are the ones to share.
pub fn remember(
    credentials: &Credentials,
    alpn: &Arc<[String]>,
    config: Arc<ClientConfig>,
) -> Arc<ClientConfig> {
    let mut configs = CONFIGS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(first) = position(&configs, credentials, alpn).and_then(|index| configs.get(index)) {
        return Arc::clone(&first.config);
    }
    let known =
        Known { credentials: credentials.clone(), alpn: Arc::clone(alpn), config: Arc::clone(&config) };
    configs.insert(0, known);
    configs.truncate(KEPT);
    config
}

/// Gives up a configuration and its tickets.
pub fn forget(config: &Arc<ClientConfig>) {
    let mut configs = CONFIGS.lock().unwrap_or_else(PoisonError::into_inner);
    configs.retain(|known| !Arc::ptr_eq(&known.config, config));
}

/// How many there are.
#[cfg(test)]
pub(crate) fn count() -> usize {
    CONFIGS.lock().unwrap_or_else(PoisonError::into_inner).len()
}
