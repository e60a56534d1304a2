//! RFC 8305: which of several addresses to try when. The order is pure, the race takes the connector as a parameter.

use std::{future::Future, io, sync::Arc, time::Duration};

use tokio::{task::JoinSet, time::Instant};

use crate::{endpoint::Endpoint, error::Attempts, inject};

/// The "Connection Attempt Delay" that RFC 8305, section 5, recommends.
pub const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Interleaves address families (RFC 8305, section 4), beginning with the family the resolver put first.
#[must_use]
pub fn order(resolved: Vec<Endpoint>) -> Vec<Endpoint> {
    let is_v6 = |endpoint: &Endpoint| endpoint.ip().is_some_and(|address| address.is_ipv6());
    let Some(first) = resolved.first() else { return resolved };
    let v6_first = is_v6(first);
    let (preferred, other): (Vec<_>, Vec<_>) = resolved.into_iter().partition(|a| is_v6(a) == v6_first);
    let mut ordered = Vec::with_capacity(preferred.len() + other.len());
    let (mut preferred, mut other) = (preferred.into_iter(), other.into_iter());
    loop {
        let pair = [preferred.next(), other.next()];
        if pair.iter().all(Option::is_none) {
            break;
        }
        for address in pair.into_iter().flatten() {
            if !ordered.contains(&address) {
                ordered.push(address);
            }
        }
    }
    ordered
}

/// Starts an attempt after each `delay`, or as soon as one has failed, and returns the first connection, with where it goes. The others
/// are dropped.
///
/// # Errors
/// All attempts with their errors, if none connected.
///
/// # Cancel safety
/// Dropping the future drops every attempt.
pub async fn race<T, F, Connect>(
    endpoints: Vec<Endpoint>,
    delay: Duration,
    connect: Connect,
) -> Result<(Endpoint, T), Attempts>
where
    T: Send + 'static,
    F: Future<Output = io::Result<T>> + Send + 'static,
    Connect: Fn(Endpoint) -> F,
{
    let mut waiting = endpoints.into_iter();
    let mut running = JoinSet::new();
    let mut failed = Attempts::new();
    let mut next_start = Instant::now();
    loop {
        if running.is_empty() || Instant::now() >= next_start {
            if let Some(endpoint) = waiting.next() {
                let attempt = connect(endpoint.clone());
                running.spawn(inject::task("race", async move { (endpoint, attempt.await) }));
                next_start = Instant::now() + delay;
            } else if running.is_empty() {
                return Err(failed);
            }
        }
        let more = waiting.len() > 0;
        tokio::select! {
            Some(ended) = running.join_next() => match ended {
                Ok((endpoint, Ok(stream))) => return Ok((endpoint, stream)),
                Ok((endpoint, Err(error))) => {
                    failed.push((endpoint, Arc::new(error)));
                    next_start = Instant::now();
                }
                // An attempt that panicked takes the race with it: whoever awaits it reports an internal error.
                Err(lost) => if let Ok(panic) = lost.try_into_panic() { std::panic::resume_unwind(panic) },
            },
            () = tokio::time::sleep_until(next_start), if more => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;

    fn addresses(list: &[&str]) -> Vec<Endpoint> {
        list.iter().map(|a| Endpoint::Ip(a.parse().unwrap())).collect()
    }

    fn is_v4(endpoint: &Endpoint) -> bool {
        endpoint.ip().unwrap().is_ipv4()
    }

    #[test]
    fn families_alternate_beginning_with_the_resolvers_choice() {
        let resolved = addresses(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "2.2.2.2:1"]);
        let expected = addresses(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"]);
        assert_eq!(order(resolved), expected);
        let resolved = addresses(&["1.1.1.1:1", "[::1]:1"]);
        assert_eq!(order(resolved.clone()), resolved);
    }

    #[test]
    fn an_address_that_stands_twice_is_tried_once() {
        assert_eq!(order(addresses(&["1.1.1.1:1", "1.1.1.1:1"])).len(), 1);
        assert!(order(Vec::new()).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_dead_first_address_costs_one_delay_and_no_timeout() {
        let begun = Instant::now();
        let won = race(addresses(&["[::1]:1", "1.1.1.1:1"]), ATTEMPT_DELAY, |address| async move {
            if is_v4(&address) { Ok(address) } else { pending().await }
        });
        assert!(is_v4(&won.await.unwrap().0));
        assert_eq!(begun.elapsed(), ATTEMPT_DELAY);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_starts_the_next_attempt_at_once() {
        let begun = Instant::now();
        let won = race(addresses(&["[::1]:1", "1.1.1.1:1"]), ATTEMPT_DELAY, |address| async move {
            if is_v4(&address) { Ok(address) } else { Err(io::ErrorKind::ConnectionRefused.into()) }
        });
        assert!(is_v4(&won.await.unwrap().0));
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn when_all_fail_every_attempt_is_reported() {
        let lost: Result<(Endpoint, ()), _> =
            race(addresses(&["[::1]:1", "1.1.1.1:1", "2.2.2.2:1"]), ATTEMPT_DELAY, |_| async {
                Err(io::ErrorKind::ConnectionRefused.into())
            })
            .await;
        assert_eq!(lost.unwrap_err().len(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_address_still_wins_when_the_later_one_fails() {
        let won = race(addresses(&["[::1]:1", "1.1.1.1:1"]), ATTEMPT_DELAY, |address| async move {
            if is_v4(&address) {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            tokio::time::sleep(Duration::from_secs(3)).await;
            Ok(address)
        });
        assert!(!is_v4(&won.await.unwrap().0));
    }
}
