//! Rules from their parts, judged by a model of what the documents say.

use std::net::{IpAddr, SocketAddr};

use arbitrary::{Arbitrary, Unstructured};
use wintersock::policy::Policy;

use crate::{
    addresses::{Address, ends},
    model::{Groups, Set, readings},
    text::check_message,
};

#[derive(Arbitrary, Clone, Debug)]
pub(crate) struct Rule {
    area: Area,
    ports: Ports,
    loud: bool,
}

#[derive(Arbitrary, Clone, Debug)]
enum Area {
    Everything,
    Group(u8),
    Range(Address, u8),
    Single(Address),
    One(Name),
    Below(Name),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Ports {
    All,
    One(u8),
    Range(u8, u8),
}

/// Up to three labels.
#[derive(Arbitrary, Clone, Debug)]
pub(crate) struct Name(u8, u8, u8, bool);

#[derive(Arbitrary, Clone, Debug)]
struct Input {
    allow: Option<Vec<Rule>>,
    deny: Vec<Rule>,
    host: Name,
    loud: bool,
    port: u8,
    addresses: Vec<Address>,
}

/// What a rule is about, in the model.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Meaning {
    Everything,
    Addresses(Set),
    One(String),
    Below(String),
}

#[derive(Clone, Debug)]
struct Modelled {
    meaning: Meaning,
    ports: (u16, u16),
}

const ALL: (u16, u16) = (0, u16::MAX);

fn port(number: u8) -> u16 {
    [1, 25, 80, 443, 5432, 5433, 65535, 2][usize::from(number % 8)]
}

impl Name {
    pub(crate) fn text(&self) -> String {
        const LABELS: [&str; 8] = ["", "a", "b", "db", "example", "xn--bcher-kva", "_srv", "0a"];
        let labels = [self.0, self.1, self.2].map(|label| LABELS[usize::from(label % 8)]);
        let labels: Vec<&str> = labels.into_iter().filter(|label| !label.is_empty()).collect();
        let text = labels.join(".");
        format!("{}{}", if text.is_empty() { "example" } else { &text }, if self.3 { "." } else { "" })
    }
}

fn plain(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

impl Rule {
    fn ports(&self) -> (u16, u16) {
        match self.ports {
            Ports::All => ALL,
            Ports::One(one) => (port(one), port(one)),
            Ports::Range(one, other) => (port(one).min(port(other)), port(one).max(port(other))),
        }
    }

    /// The first address and the prefix, as they have to be written.
    fn range(address: Address, prefix: u8) -> (IpAddr, u8) {
        let base = address.ip().to_canonical();
        let prefix = prefix % if base.is_ipv4() { 33 } else { 129 };
        let first = ends(base, prefix).0;
        // Shorter ones may begin at a mapped address.
        if first.to_canonical() == first { (first, prefix) } else { (first.to_canonical(), 32) }
    }

    fn text(&self) -> String {
        let ports = match self.ports {
            Ports::All => String::new(),
            Ports::One(one) => format!(":{}", port(one)),
            Ports::Range(..) => format!(":{}-{}", self.ports().0, self.ports().1),
        };
        let host = |address: IpAddr, prefix: &str| match address {
            IpAddr::V6(_) if !ports.is_empty() => format!("[{address}{prefix}]{ports}"),
            _ => format!("{address}{prefix}{ports}"),
        };
        let text = match &self.area {
            Area::Everything => format!("*{ports}"),
            Area::Group(group) => {
                format!("{}{ports}", ["public", "private", "local", "network"][usize::from(group % 4)])
            }
            Area::Range(address, prefix) => {
                let (base, prefix) = Self::range(*address, *prefix);
                host(base, &format!("/{prefix}"))
            }
            Area::Single(address) => host(address.ip(), ""),
            Area::One(name) => format!("{}{ports}", name.text()),
            Area::Below(name) => format!("*.{}{ports}", name.text()),
        };
        if self.loud { text.to_uppercase() } else { text }
    }

    fn modelled(&self) -> Modelled {
        let groups = Groups::get();
        let meaning = match &self.area {
            Area::Everything => Meaning::Everything,
            Area::Group(group) => {
                let of = [&groups.public, &groups.private, &groups.local, &groups.network];
                Meaning::Addresses(of[usize::from(group % 4)].clone())
            }
            Area::Range(address, prefix) => {
                let (base, prefix) = Self::range(*address, *prefix);
                Meaning::Addresses(Set::of(base, prefix))
            }
            Area::Single(address) => {
                let address = address.ip().to_canonical();
                Meaning::Addresses(Set::of(address, if address.is_ipv4() { 32 } else { 128 }))
            }
            Area::One(name) => Meaning::One(plain(&name.text())),
            Area::Below(name) => Meaning::Below(plain(&name.text())),
        };
        Modelled { meaning, ports: self.ports() }
    }
}

fn is_below(name: &str, domain: &str) -> bool {
    name.len() > domain.len() + 1 && name.ends_with(&format!(".{domain}"))
}

impl Modelled {
    fn covers_name(&self, name: &str, port: u16) -> bool {
        (self.ports.0..=self.ports.1).contains(&port)
            && match &self.meaning {
                Meaning::Everything => true,
                Meaning::Addresses(_) => false,
                Meaning::One(one) => one == name,
                Meaning::Below(domain) => is_below(name, domain),
            }
    }

    fn covers(&self, name: &str, address: IpAddr, port: u16) -> bool {
        match &self.meaning {
            Meaning::Addresses(set) => (self.ports.0..=self.ports.1).contains(&port) && set.contains(address),
            _ => self.covers_name(name, port),
        }
    }

    fn includes(&self, other: &Self) -> bool {
        self.ports.0 <= other.ports.0
            && other.ports.1 <= self.ports.1
            && match (&self.meaning, &other.meaning) {
                (Meaning::Everything, _) => true,
                (Meaning::Addresses(wide), Meaning::Addresses(narrow)) => wide.includes(narrow),
                (Meaning::One(wide), Meaning::One(narrow)) => wide == narrow,
                (Meaning::Below(wide), Meaning::One(narrow)) => is_below(narrow, wide),
                (Meaning::Below(wide), Meaning::Below(narrow)) => wide == narrow || is_below(narrow, wide),
                _ => false,
            }
    }

    fn is_narrower_than(&self, other: &Self) -> bool {
        other.includes(self) && !self.includes(other)
    }
}

fn decide(allow: &[Modelled], deny: &[Modelled], covers: impl Fn(&Modelled) -> bool) -> bool {
    let allowing: Vec<&Modelled> = allow.iter().filter(|rule| covers(rule)).collect();
    let stands =
        |rule: &&Modelled| covers(rule) && !allowing.iter().any(|allow| allow.is_narrower_than(rule));
    !allowing.is_empty() && !deny.iter().any(|rule| stands(&rule))
}

pub(crate) fn run(data: &[u8]) {
    let Ok(input) = Input::arbitrary(&mut Unstructured::new(data)) else { return };
    let texts = |rules: &[Rule]| rules.iter().map(Rule::text).collect::<Vec<_>>();
    let (allow, deny) = (input.allow.as_deref().map(texts), texts(&input.deny));
    let policy = Policy::parse(allow.as_deref(), &deny).expect("rules that are written well");
    let everything = vec![Modelled { meaning: Meaning::Everything, ports: ALL }];
    let modelled = |rules: &[Rule]| rules.iter().map(Rule::modelled).collect::<Vec<_>>();
    let model = (input.allow.as_deref().map_or(everything, modelled), modelled(&input.deny));
    let host = input.host.text();
    let host = if input.loud { host.to_uppercase() } else { host };
    let port = port(input.port);
    let said = || format!("allow {allow:?} deny {deny:?} host {host:?} port {port}");

    let addresses = input.addresses.iter().map(|address| address.ip());
    for address in addresses.chain(model_edges(&model.0)).chain(model_edges(&model.1)).take(64) {
        let judged = policy.address(&host, SocketAddr::new(address, port));
        let expected = readings(address)
            .into_iter()
            .all(|reading| decide(&model.0, &model.1, |rule| rule.covers(&plain(&host), reading, port)));
        assert_eq!(judged.is_ok(), expected, "{address} {judged:?}, {}", said());
        if let Err(refusal) = &judged {
            check_message(&refusal.rule);
        }
        if policy.host(&host, port).is_err() {
            assert!(judged.is_err(), "refused whatever its addresses are, and {address} is not: {}", said());
        }
        // The order of rules does not count.
        let reversed = |rules: &[String]| rules.iter().rev().cloned().collect::<Vec<_>>();
        let other = Policy::parse(allow.as_deref().map(reversed).as_deref(), &reversed(&deny)).unwrap();
        let again = other.address(&host, SocketAddr::new(address.to_canonical(), port));
        assert_eq!(judged.is_ok(), again.is_ok(), "{address}: {}", said());
    }
    let name = plain(&host);
    let by_name = decide(&model.0, &model.1, |rule| rule.covers_name(&name, port));
    let is_named =
        model.0.iter().any(|rule| rule.meaning != Meaning::Everything && rule.covers_name(&name, port));
    let is_free = !model.1.iter().any(|rule| {
        matches!(rule.meaning, Meaning::Addresses(_)) && (rule.ports.0..=rule.ports.1).contains(&port)
    });
    assert_eq!(policy.vouches_for(&host, port), by_name && (is_named || is_free), "{}", said());
    assert!(!policy.vouches_for(&host, port) || policy.host(&host, port).is_ok(), "{}", said());
}

/// Addresses at the ends of what rules are about.
fn model_edges(rules: &[Modelled]) -> impl Iterator<Item = IpAddr> {
    rules.iter().flat_map(|rule| match &rule.meaning {
        Meaning::Addresses(set) => set.edges(),
        _ => Vec::new(),
    })
}
