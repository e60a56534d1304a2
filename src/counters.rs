//! Figures of a binding.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
};

/// Figures of a binding, which all its connections add to.
#[derive(Debug, Default)]
pub struct Counters {
    open: AtomicU32,
    connecting: AtomicU32,
    read: AtomicU64,
    written: AtomicU64,
    failures: Mutex<BTreeMap<String, u32>>,
}

/// The same at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Connections that are open.
    pub open: u32,
    /// Connections that are on their way.
    pub connecting: u32,
    /// Bytes read.
    pub read: u64,
    /// Bytes taken over to be sent.
    pub written: u64,
    /// How often each code was the end of a connection.
    pub failures: BTreeMap<String, u32>,
}

impl Counters {
    /// As it is now.
    pub fn figures(&self) -> Figures {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Figures {
            open: self.open.load(Ordering::Relaxed),
            connecting: self.connecting.load(Ordering::Relaxed),
            read: self.read.load(Ordering::Relaxed),
            written: self.written.load(Ordering::Relaxed),
            failures,
        }
    }

    /// A connection failed, or was refused.
    pub fn failed(&self, code: &str) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = failures.get_mut(code) {
            *count += 1;
        } else {
            failures.insert(code.to_owned(), 1);
        }
    }

    /// Bytes were read.
    pub fn read(&self, count: usize) {
        self.read.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// Bytes were taken over.
    pub fn written(&self, count: usize) {
        self.written.fetch_add(count as u64, Ordering::Relaxed);
    }
}

/// What a connection counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// On its way.
    Connecting,
    /// Open, or closing.
    Open,
    /// No longer.
    Over,
}

/// One connection in the figures. Dropped: it is over.
#[derive(Debug)]
pub struct Counted {
    counters: Arc<Counters>,
    stage: Stage,
}

impl Counted {
    /// One that is connecting.
    #[must_use]
    pub fn new(counters: Arc<Counters>) -> Self {
        counters.connecting.fetch_add(1, Ordering::Relaxed);
        Self { counters, stage: Stage::Connecting }
    }

    /// It is at another stage.
    pub fn at(&mut self, stage: Stage) {
        if stage == self.stage {
            return;
        }
        if let Some(gauge) = self.gauge(self.stage) {
            gauge.fetch_sub(1, Ordering::Relaxed);
        }
        if let Some(gauge) = self.gauge(stage) {
            gauge.fetch_add(1, Ordering::Relaxed);
        }
        self.stage = stage;
    }

    fn gauge(&self, stage: Stage) -> Option<&AtomicU32> {
        match stage {
            Stage::Connecting => Some(&self.counters.connecting),
            Stage::Open => Some(&self.counters.open),
            Stage::Over => None,
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.at(Stage::Over);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_connection_is_counted_where_it_is() {
        let counters = Arc::new(Counters::default());
        let mut first = Counted::new(Arc::clone(&counters));
        let second = Counted::new(Arc::clone(&counters));
        first.at(Stage::Open);
        let now = |counters: &Counters| (counters.figures().connecting, counters.figures().open);
        assert_eq!(now(&counters), (1, 1));
        drop(second);
        first.at(Stage::Over);
        drop(first);
        assert_eq!(now(&counters), (0, 0));
    }

    #[test]
    fn failures_add_up_by_code() {
        let counters = Counters::default();
        counters.failed("ECONNREFUSED");
        counters.failed("ECONNRESET");
        counters.failed("ECONNREFUSED");
        counters.read(3);
        counters.written(4);
        let Figures { failures, read, written, .. } = counters.figures();
        assert_eq!(
            failures.into_iter().collect::<Vec<_>>(),
            [("ECONNREFUSED".into(), 2), ("ECONNRESET".into(), 1)]
        );
        assert_eq!((read, written), (3, 4));
    }
}
