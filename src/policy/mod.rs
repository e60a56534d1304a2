//! Where connections may go: the rules of `allow` and `deny`. Nothing here looks anything up or connects.
//!
//! # Layout
//!
//! - `grammar`: rules as they are written. `rule`: what one covers, which of two is narrower.
//! - `host`: names and spellings. `ranges`: ranges, and the groups `public`, `private`, `local` and `network`.
//!   `readings`: what an address stands for. `unix`: Unix domain sockets.
//! - `exceptions`: lists as in `NO_PROXY`.

mod exceptions;
mod grammar;
mod host;
mod ranges;
mod readings;
mod rule;
mod unix;

use std::net::SocketAddr;

pub use self::{
    exceptions::Exceptions,
    host::{Spelling, numeric, spelling},
};
use self::{
    grammar::{Dialect, parse_lists, quoted},
    host::normal,
    ranges::Place,
    readings::readings,
    rule::{Area, List, Ports, Rule},
};
use crate::{
    endpoint::{Endpoint, UnixName},
    error::Error,
};

/// Where connections may go. docs/network-policy.md says what rules mean.
#[derive(Clone, Debug)]
pub struct Policy {
    allow: Vec<Rule>,
    deny: Vec<Rule>,
}

impl Default for Policy {
    /// Everywhere.
    fn default() -> Self {
        Self { allow: vec![Rule::everything()], deny: Vec::new() }
    }
}

/// Why a connection may not go somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The rule and what it has to do with the address, in words.
    pub rule: String,
}

impl Policy {
    /// `allow`: `None` is everything, an empty list nothing.
    ///
    /// # Errors
    /// [`Error::Option`]: each rule that cannot be used, where it is, what is wrong and what would be right.
    pub fn parse(allow: Option<&[String]>, deny: &[String]) -> Result<Self, Error> {
        let lists = [("allow", allow.unwrap_or_default()), ("deny", deny)];
        let [mut rules, deny] = parse_lists(lists, Dialect::Policy)?;
        if allow.is_none() {
            rules.push(Rule::everything());
        }
        Ok(Self { allow: rules, deny })
    }

    /// Whether nothing can be refused.
    pub fn is_open(&self) -> bool {
        self.deny.is_empty() && self.allow.iter().any(Rule::is_everything)
    }

    /// Judges by what is known before anything is looked up. `Ok`: an address may still let it through, or not.
    ///
    /// # Errors
    /// [`Refusal`], whatever the addresses are.
    pub fn host(&self, host: &str, port: u16) -> Result<(), Refusal> {
        if self.is_open() {
            return Ok(());
        }
        match spelling(host) {
            Spelling::Address(address) => self.address(host, SocketAddr::new(address, port)),
            Spelling::Malformed => Err(Refusal {
                rule: format!(
                    "{} is neither a host name nor an IP address, so no rule can be checked",
                    quoted(host)
                ),
            }),
            Spelling::Name => {
                let name = normal(host);
                let may_cover = |rule: &&Rule| match rule.area {
                    Area::Unix(_) => true,
                    Area::Group(_) | Area::Range(_) => rule.ports.contains(port),
                    Area::Everything | Area::Names(_) => rule.covers_name(&name, port),
                };
                let allowing: Vec<&Rule> = self.allow.iter().filter(may_cover).collect();
                self.decide(&allowing, |rule| rule.covers_name(&name, port))
                    .map_err(|cause| self.refusal(cause, &name, Some(port), String::new))
            }
        }
    }

    /// Judges an address that is about to be dialled for `host`, which is the name or IP address that was asked for.
    ///
    /// # Errors
    /// [`Refusal`], if one of the address's readings is not let through.
    pub fn address(&self, host: &str, address: SocketAddr) -> Result<(), Refusal> {
        if self.is_open() {
            return Ok(());
        }
        let name = (spelling(host) == Spelling::Name).then(|| normal(host));
        let (own, port) = (address.ip().to_canonical(), address.port());
        for reading in readings(own) {
            let covers = |rule: &Rule| rule.covers(name.as_deref(), reading, port);
            let allowing: Vec<&Rule> = self.allow.iter().filter(|rule| covers(rule)).collect();
            self.decide(&allowing, covers).map_err(|cause| {
                let stands_for = if reading == own {
                    own.to_string()
                } else {
                    format!("{own}, which stands for {reading},")
                };
                self.refusal(cause, &stands_for, Some(port), || {
                    format!("{stands_for} is {}", Place::of(reading))
                })
            })?;
        }
        Ok(())
    }

    /// Judges a Unix domain socket that is about to be dialled for `host`; empty if the socket itself was asked for.
    ///
    /// # Errors
    /// [`Refusal`]
    pub fn unix(&self, host: &str, name: &UnixName) -> Result<(), Refusal> {
        if self.is_open() {
            return Ok(());
        }
        let host = (spelling(host) == Spelling::Name).then(|| normal(host));
        let covers = |list, rule: &Rule| rule.covers_unix(host.as_deref(), name, list);
        let allowing: Vec<&Rule> = self.allow.iter().filter(|rule| covers(List::Allow, rule)).collect();
        self.decide(&allowing, |rule| covers(List::Deny, rule)).map_err(|cause| {
            let socket = Endpoint::Unix(name.clone()).to_string();
            self.refusal(cause, &quoted(&socket), None, || "a Unix domain socket is on this machine".into())
        })
    }

    /// Whether a name may be given to a proxy that looks it up itself, where no address of it can be judged: if a rule of `allow` names
    /// it, or what there is of rules has nothing to say of addresses. No rule about names or ports may refuse it.
    pub fn vouches_for(&self, host: &str, port: u16) -> bool {
        match spelling(host) {
            Spelling::Address(_) => self.host(host, port).is_ok(),
            Spelling::Malformed => self.is_open(),
            Spelling::Name => {
                let name = normal(host);
                let covers = |rule: &Rule| rule.covers_name(&name, port);
                let allowing: Vec<&Rule> = self.allow.iter().filter(|rule| covers(rule)).collect();
                let is_named = allowing.iter().any(|rule| matches!(rule.area, Area::Names(_)));
                let is_free =
                    || !self.deny.iter().any(|rule| rule.is_about_addresses() && rule.ports.contains(port));
                self.decide(&allowing, covers).is_ok() && (is_named || is_free())
            }
        }
    }

    /// `allowing`: what of `allow` covers it. It needs one, and a narrower one than each rule of `deny` that covers it.
    fn decide(&self, allowing: &[&Rule], denies: impl Fn(&Rule) -> bool) -> Result<(), Cause<'_>> {
        if allowing.is_empty() {
            return Err(Cause::Uncovered);
        }
        let stands =
            |rule: &&Rule| denies(rule) && !allowing.iter().any(|allow| allow.is_narrower_than(rule));
        self.deny.iter().find(stands).map_or(Ok(()), |rule| Err(Cause::Denied(rule)))
    }

    /// `what`: what was asked for. `place`: why a rule about addresses covers it.
    fn refusal(
        &self,
        cause: Cause<'_>,
        what: &str,
        port: Option<u16>,
        place: impl Fn() -> String,
    ) -> Refusal {
        let has_ports = |rule: &Rule| rule.ports != Ports::ALL;
        let rule = match cause {
            Cause::Denied(rule) if rule.is_about_addresses() => format!("`deny` has {rule}, and {}", place()),
            Cause::Denied(rule) => format!("`deny` has {rule}"),
            Cause::Uncovered if self.allow.is_empty() => "`allow` is empty".into(),
            Cause::Uncovered => {
                let port = port.filter(|_| self.allow.iter().any(has_ports));
                let port = port.map(|port| format!("port {port} of ")).unwrap_or_default();
                format!("no rule of `allow` ({}) covers {port}{what}", listed(&self.allow))
            }
        };
        Refusal { rule }
    }
}

#[derive(Clone, Copy)]
enum Cause<'a> {
    Denied(&'a Rule),
    Uncovered,
}

fn listed(rules: &[Rule]) -> String {
    const SHOWN: usize = 8;
    let shown = rules.iter().take(SHOWN).map(Rule::to_string).collect::<Vec<_>>().join(", ");
    match rules.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
#[path = "../../tests/policy/mod.rs"]
mod tests;
