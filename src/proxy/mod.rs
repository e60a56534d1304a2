//! Ways out through a proxy.
