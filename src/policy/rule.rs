//! One rule: what it covers, and which of two is narrower.

use std::{fmt, net::IpAddr};

use super::{
    host::Names,
    ranges::{Group, Range},
    unix::Sockets,
};
use crate::endpoint::UnixName;

/// A rule of `allow` or `deny`.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    /// As it was given.
    pub(super) text: String,
    pub(super) area: Area,
    pub(super) ports: Ports,
}

/// What a rule is about, but for ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Area {
    Everything,
    Group(Group),
    Range(Range),
    Names(Names),
    Unix(Sockets),
}

/// Ports from one to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ports {
    pub(super) first: u16,
    pub(super) last: u16,
}

/// Which list a rule is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    Allow,
    Deny,
}

impl Ports {
    pub(super) const ALL: Self = Self { first: 0, last: u16::MAX };

    pub(super) fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }

    fn includes(self, other: Self) -> bool {
        self.first <= other.first && other.last <= self.last
    }
}

impl Rule {
    /// What there is without a list.
    pub(super) fn everything() -> Self {
        Self { text: "*".into(), area: Area::Everything, ports: Ports::ALL }
    }

    pub(super) fn is_everything(&self) -> bool {
        self.area == Area::Everything && self.ports == Ports::ALL
    }

    /// Whether it says something of addresses, as only a look-up tells them.
    pub(super) fn is_about_addresses(&self) -> bool {
        matches!(self.area, Area::Group(_) | Area::Range(_))
    }

    /// Whether it covers a host by its name, whatever its addresses are. `name`: normal.
    pub(super) fn covers_name(&self, name: &str, port: u16) -> bool {
        self.ports.contains(port)
            && match &self.area {
                Area::Everything => true,
                Area::Names(names) => names.contains(name),
                Area::Group(_) | Area::Range(_) | Area::Unix(_) => false,
            }
    }

    /// Whether it covers one reading of an address that `name` stands for, if there is a name. `name`: normal.
    pub(super) fn covers(&self, name: Option<&str>, address: IpAddr, port: u16) -> bool {
        self.ports.contains(port)
            && match &self.area {
                Area::Everything => true,
                Area::Group(group) => group.contains(address),
                Area::Range(range) => range.contains(address),
                Area::Names(names) => name.is_some_and(|name| names.contains(name)),
                Area::Unix(_) => false,
            }
    }

    /// Whether it covers a Unix domain socket that `name` stands for, if there is a name. It has no port: a rule with ports does not.
    pub(super) fn covers_unix(&self, name: Option<&str>, socket: &UnixName, list: List) -> bool {
        self.ports == Ports::ALL
            && match &self.area {
                Area::Everything => true,
                Area::Unix(sockets) => sockets.contains(socket, list == List::Allow),
                Area::Names(names) => name.is_some_and(|name| names.contains(name)),
                // They are on this machine, so `deny` closes them with it; that `allow` opens them has to be said.
                Area::Group(Group::Local | Group::Private) => list == List::Deny,
                Area::Group(Group::Public | Group::Network) | Area::Range(_) => false,
            }
    }

    /// Whether it is about less than `other`, given that there is something that both cover. Then it wins as a rule of `allow` over
    /// `other` in `deny`.
    pub(super) fn is_narrower_than(&self, other: &Self) -> bool {
        other.area.includes(&self.area)
            && other.ports.includes(self.ports)
            && (self.area != other.area || self.ports != other.ports)
    }
}

impl Area {
    fn includes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Everything, _) | (Self::Group(Group::Local | Group::Private), Self::Unix(_)) => true,
            (Self::Group(wide), Self::Group(narrow)) => wide.includes(*narrow),
            (Self::Group(group), Self::Range(range)) => group.includes_range(range),
            (Self::Range(wide), Self::Range(narrow)) => wide.includes(narrow),
            (Self::Names(wide), Self::Names(narrow)) => wide.includes(narrow),
            (Self::Unix(wide), Self::Unix(narrow)) => wide.is_wider_than(narrow),
            // Above all: no name in a range. Whoever answers for the name could say any address.
            _ => false,
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}
