//! `NO_PROXY`: lists by commas and spaces, and names with all that is below them.

use arbitrary::{Arbitrary, Unstructured};
use wintersock::policy::Exceptions;

use crate::{
    addresses::{Address, ends, spellings},
    policy::Name,
    text::check,
};

#[derive(Arbitrary, Debug)]
enum Entry {
    Name(Name, bool),
    Below(Name),
    Single(Address),
    Range(Address, u8),
}

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    entries: Vec<(Entry, u8)>,
    host: Name,
    address: Address,
    text: &'a str,
    hosts: [&'a str; 2],
}

pub(crate) fn run(data: &[u8]) {
    let Ok(input) = Input::arbitrary(&mut Unstructured::new(data)) else { return };
    modelled(&input);
    match Exceptions::parse(&[input.text.to_owned()]) {
        Err(error) => check(&error, &["ERR_INVALID_OPTION"]),
        Ok(whole) => {
            // Commas, spaces and entries of a list are the same.
            let parts: Vec<String> = input
                .text
                .split([',', ' ', '\t', '\n'])
                .filter(|part| !part.is_empty())
                .map(str::to_owned)
                .collect();
            let split = Exceptions::parse(&parts).expect("parts of a list that could be read");
            for host in input.hosts.into_iter().chain([input.host.text().as_str()]) {
                assert_eq!(whole.covers(host, 80), split.covers(host, 80), "{:?} {host:?}", input.text);
                assert_eq!(whole.covers(host, 80), whole.covers(&host.to_ascii_uppercase(), 80), "{host:?}");
            }
        }
    }
}

fn modelled(input: &Input<'_>) {
    let mut list = String::new();
    for (entry, separator) in &input.entries {
        list.push_str(&entry.text());
        list.push_str([",", " ", ", ", "\n", ",,", "\t"][usize::from(separator % 6)]);
    }
    let exceptions = Exceptions::parse(std::slice::from_ref(&list)).expect("entries that are written well");
    let host = input.host.text();
    let plain = host.trim_end_matches('.').to_ascii_lowercase();
    let expected = input.entries.iter().any(|(entry, _)| entry.covers_name(&plain));
    assert_eq!(exceptions.covers(&host, 1), expected, "{list:?} {host:?}");
    let address = input.address.ip().to_canonical();
    let expected = input.entries.iter().any(|(entry, _)| entry.covers_address(address));
    let written = match address {
        std::net::IpAddr::V4(v4) => spellings(v4),
        std::net::IpAddr::V6(v6) => vec![v6.to_string(), format!("[{v6}]"), format!("{v6}%eth0")],
    };
    for host in written {
        assert_eq!(exceptions.covers(&host, 1), expected, "{list:?} {host:?}");
    }
}

impl Entry {
    fn range(address: Address, prefix: u8) -> (std::net::IpAddr, u8) {
        let base = address.ip().to_canonical();
        (base, prefix % if base.is_ipv4() { 33 } else { 129 })
    }

    fn text(&self) -> String {
        match self {
            Self::Name(name, dot) => format!("{}{}", if *dot { "." } else { "" }, name.text()),
            Self::Below(name) => format!("*.{}", name.text()),
            Self::Single(address) => address.ip().to_string(),
            // Bits after the prefix may be anything here.
            Self::Range(address, prefix) => {
                let (base, prefix) = Self::range(*address, *prefix);
                format!("{base}/{prefix}")
            }
        }
    }

    fn covers_name(&self, name: &str) -> bool {
        let below = |domain: &str| {
            name.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.') && rest.len() > 1)
        };
        let plain = |name: &Name| name.text().trim_end_matches('.').to_ascii_lowercase();
        match self {
            Self::Name(domain, _) => name == plain(domain) || below(&plain(domain)),
            Self::Below(domain) => below(&plain(domain)),
            Self::Single(_) | Self::Range(..) => false,
        }
    }

    fn covers_address(&self, address: std::net::IpAddr) -> bool {
        match self {
            Self::Name(..) | Self::Below(_) => false,
            Self::Single(one) => one.ip().to_canonical() == address,
            Self::Range(one, prefix) => {
                let (base, prefix) = Self::range(*one, *prefix);
                let (first, last) = ends(base, prefix);
                first.is_ipv4() == address.is_ipv4() && (first..=last).contains(&address)
            }
        }
    }
}
