//! TLS configurations that have been used, by their options.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::ClientConfig;

use crate::tls::Options;

/// Configurations of the last option sets used, newest first. A configuration owns its session tickets, so keeping it is
/// what makes resumption work.
static CONFIGS: Mutex<Vec<(Arc<Options>, Arc<ClientConfig>)>> = Mutex::new(Vec::new());
/// So many are kept.
pub const KEPT: usize = 64;

/// That of the same options.
pub fn cached(options: &Options) -> Option<Arc<ClientConfig>> {
    let mut configs = CONFIGS.lock().unwrap_or_else(PoisonError::into_inner);
    let position = configs.iter().position(|(known, _)| **known == *options)?;
    configs[..=position].rotate_right(1);
    configs.first().map(|(_, config)| Arc::clone(config))
}

/// Keeps a configuration, unless another handshake with the same options was first: its tickets are the ones to share.
pub fn remember(options: Arc<Options>, config: Arc<ClientConfig>) -> Arc<ClientConfig> {
    let mut configs = CONFIGS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, first)) = configs.iter().find(|(known, _)| **known == *options) {
        return Arc::clone(first);
    }
    configs.insert(0, (options, Arc::clone(&config)));
    configs.truncate(KEPT);
    config
}

/// Gives up a configuration and its tickets.
pub fn forget(config: &Arc<ClientConfig>) {
    let mut configs = CONFIGS.lock().unwrap_or_else(PoisonError::into_inner);
    configs.retain(|(_, kept)| !Arc::ptr_eq(kept, config));
}

/// How many there are.
#[cfg(test)]
pub(crate) fn count() -> usize {
    CONFIGS.lock().unwrap_or_else(PoisonError::into_inner).len()
}
