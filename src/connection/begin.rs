//! The beginning of a connection.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::{Connection, Record, State};
use crate::{
    attempt::{Attempt, Deadline},
    config::{Admission, Config, Local},
    counters::Counted,
    dial::{Dial, establish},
    endpoint::Endpoint,
    error::Error,
    notify::Notifier,
    runtime::{Environment, Event},
    target::{Place, Target},
    tls::Handshake,
};

impl Connection {
    /// Starts to connect: TCP, then TLS if there is a handshake. An [`Told::Opened`] or [`Told::Failed`] follows. `resolves`: names are
    /// looked up by the binding, see [`Self::asks`].
    ///
    /// # Errors
    /// What is known at once: [`Error::Denied`], [`Error::Full`].
    pub fn dial(
        environment: Arc<Environment>,
        notifier: Notifier,
        id: u32,
        target: Target,
        config: Arc<Config>,
        handshake: Option<Handshake>,
        resolves: bool,
    ) -> Result<Self, Error> {
        let counters = Arc::clone(&config.counters);
        let (permit, turn) = match config.admit(&target)? {
            Admission::Now(permit) => (permit, None),
            Admission::Later(turn) => (None, Some(turn)),
        };
        let mut connection = Self {
            id,
            environment,
            notifier,
            target,
            config,
            state: State::Closed,
            failure: None,
            record: Record::default(),
            counted: Counted::new(counters),
            permit,
            asks: None,
        };
        let direct = turn.is_none() && handshake.is_none();
        connection.state = match direct.then(|| connection.attempt()).flatten() {
            Some(Ok(attempt)) => State::Attempting(attempt),
            Some(Err(error)) => {
                connection.environment.push(id, Event::Failed(error));
                State::Connecting(None)
            }
            None => {
                let (target, config) = (connection.target.clone(), Arc::clone(&connection.config));
                let answer = (resolves && connection.looks_up()).then(|| {
                    let (asks, answer) = oneshot::channel();
                    connection.asks = Some(asks);
                    answer
                });
                let journey = connection.record.begins();
                let dial = Dial { target, config, handshake, answer, turn, journey };
                State::Connecting(establish("dial", &connection.environment, id, dial.run()))
            }
        };
        Ok(connection)
    }

    /// A connection on this thread, where nothing but TCP is asked for.
    fn attempt(&self) -> Option<Result<Attempt, Error>> {
        let Config { local, timeout, tuning, .. } = &*self.config;
        let plain = *local == Local::default() && self.config.proxy_for(&self.target).is_none();
        if !plain || !self.notifier.is_own_thread() {
            return None;
        }
        let address = self.target.literal()?;
        let limit = self.target.timeout.or(*timeout);
        let deadline = limit
            .map(|after| Deadline::start(&self.environment, self.id, after, timeout.unwrap_or(after)))
            .transpose();
        Some(deadline.and_then(|deadline| {
            Attempt::begin(address, tuning, &self.notifier, self.id, deadline, &self.target.text)
        }))
    }

    /// Whether there is a name to look up here.
    fn looks_up(&self) -> bool {
        let Place::Host { .. } = &self.target.place else { return false };
        let Self { config, target, .. } = self;
        target.literal().is_none()
            && config.proxy_for(target).is_none_or(|proxy| !config.tells_name(proxy, target))
    }

    /// Whether it waits for [`Self::answer`].
    #[must_use]
    pub fn asks(&self) -> bool {
        self.asks.is_some() && matches!(self.state, State::Connecting(_))
    }

    /// Gives it the addresses of the host.
    pub fn answer(&mut self, endpoints: Vec<Endpoint>) {
        // Nobody takes them when the connection has been given up.
        let _ = self.asks.take().map(|asks| asks.send(endpoints));
    }
}
