//! The way to an open connection: which phase it is in, how long each took, what was tried.

use std::{
    fmt::Write,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::{
    endpoint::Endpoint,
    error::{Error, TOLD},
};

/// What a connection is waiting for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Another connection of the binding to close.
    Turn,
    /// The addresses of this name.
    Lookup(String),
    /// TCP, to the target or to this proxy.
    Connect(Option<String>),
    /// What this proxy answers.
    Proxy(String),
    /// TLS.
    Handshake,
}

/// How long each phase took. None: there was none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// See [`Phase::Turn`].
    pub wait: Option<Duration>,
    /// See [`Phase::Lookup`].
    pub lookup: Option<Duration>,
    /// See [`Phase::Connect`].
    pub connect: Option<Duration>,
    /// See [`Phase::Proxy`].
    pub proxy: Option<Duration>,
    /// See [`Phase::Handshake`].
    pub tls: Option<Duration>,
}

impl Timings {
    fn of(&mut self, phase: &Phase) -> &mut Option<Duration> {
        match phase {
            Phase::Turn => &mut self.wait,
            Phase::Lookup(_) => &mut self.lookup,
            Phase::Connect(_) => &mut self.connect,
            Phase::Proxy(_) => &mut self.proxy,
            Phase::Handshake => &mut self.tls,
        }
    }
}

#[derive(Debug, Default)]
struct Log {
    current: Option<(Phase, Instant)>,
    timings: Timings,
    tried: Vec<Endpoint>,
}

/// Notes how far one connection has come. Shared by the attempts of a race.
#[derive(Debug, Default)]
pub struct Journey(Mutex<Log>);

impl Journey {
    /// One that goes on from what it took so far.
    #[must_use]
    pub fn after(timings: Timings) -> Self {
        Self(Mutex::new(Log { timings, ..Log::default() }))
    }

    /// The phase before it is over.
    pub fn enter(&self, phase: Phase) {
        let mut log = self.log();
        log.leave();
        log.current = Some((phase, Instant::now()));
    }

    /// An address is being tried.
    pub fn tries(&self, endpoint: &Endpoint) {
        let mut log = self.log();
        if !log.tried.contains(endpoint) {
            log.tried.push(endpoint.clone());
        }
    }

    /// How long it took, now that it is over.
    pub fn end(&self) -> Timings {
        let mut log = self.log();
        log.leave();
        log.timings
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same as `work`, but no later than `after`. `whole` is the time that messages speak of.
    ///
    /// # Errors
    /// [`Error::TimedOut`], with the phase it was in.
    pub async fn within<T>(
        &self,
        after: Option<Duration>,
        whole: Option<Duration>,
        target: &str,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let Some(after) = after else { return work.await };
        tokio::time::timeout(after, work).await.unwrap_or_else(|_| {
            let after = whole.unwrap_or(after);
            Err(Error::TimedOut { target: target.to_owned(), phase: self.log().describe(), after })
        })
    }
}

impl Log {
    fn leave(&mut self) {
        if let Some((phase, since)) = self.current.take() {
            *self.timings.of(&phase).get_or_insert_default() += since.elapsed();
        }
    }

    fn describe(&self) -> String {
        let mut text = match self.current.as_ref().map(|(phase, _)| phase) {
            Some(Phase::Turn) => {
                "waiting for another connection of the binding to close (`maxConnections`)".to_owned()
            }
            Some(Phase::Lookup(host)) => format!("looking up {host}"),
            Some(Phase::Connect(Some(proxy))) => format!("connecting to the proxy {proxy}"),
            Some(Phase::Proxy(proxy)) => format!("waiting for the answer of the proxy {proxy}"),
            Some(Phase::Handshake) => "in the TLS handshake".to_owned(),
            Some(Phase::Connect(None)) | None => "connecting".to_owned(),
        };
        for (index, endpoint) in self.tried.iter().take(TOLD).enumerate() {
            let separator = if index == 0 { " (tried " } else { ", " };
            let _ = write!(text, "{separator}{endpoint}");
        }
        if self.tried.len() > TOLD {
            let _ = write!(text, " and {} more", self.tried.len() - TOLD);
        }
        if !self.tried.is_empty() {
            text.push(')');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_time_limit_says_what_was_going_on_and_what_was_tried() {
        let journey = Journey::default();
        let late: Result<(), _> = journey
            .within(
                Some(Duration::from_millis(7)),
                Some(Duration::from_millis(70)),
                "db.example:5432",
                async {
                    journey.enter(Phase::Lookup("db.example".into()));
                    journey.enter(Phase::Connect(None));
                    let first = Endpoint::Ip("10.0.0.1:5432".parse().unwrap());
                    journey.tries(&first);
                    journey.tries(&first);
                    journey.tries(&Endpoint::Ip("[::1]:5432".parse().unwrap()));
                    std::future::pending().await
                },
            )
            .await;
        let error = late.unwrap_err();
        assert_eq!(error.code(), "ETIMEDOUT");
        let message = error.to_string();
        assert!(message.contains("db.example:5432"), "{message}");
        assert!(message.contains("70 ms (`connectTimeout`)"), "{message}");
        assert!(message.contains("it was connecting (tried 10.0.0.1:5432, [::1]:5432);"), "{message}");
    }

    #[test]
    fn phases_that_come_again_add_up_and_those_that_did_not_happen_have_no_time() {
        let journey = Journey::after(Timings { lookup: Some(Duration::from_secs(5)), ..Timings::default() });
        journey.enter(Phase::Lookup("a".into()));
        journey.enter(Phase::Handshake);
        let timings = journey.end();
        assert!(timings.lookup.is_some_and(|time| time >= Duration::from_secs(5)));
        assert!(timings.tls.is_some());
        assert_eq!((timings.wait, timings.connect, timings.proxy), (None, None, None));
        assert_eq!(journey.end(), timings);
    }

    #[tokio::test]
    async fn without_a_limit_nothing_is_timed() {
        let journey = Journey::default();
        assert_eq!(journey.within(None, None, "a:1", async { Ok(1) }).await.ok(), Some(1));
    }
}
