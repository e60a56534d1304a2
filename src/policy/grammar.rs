//! Rules as they are written.

use std::net::IpAddr;

use super::{
    host::{Names, is_number, normal, numeric},
    ranges::{Group, Range},
    rule::{Area, Ports, Rule},
    unix::Sockets,
};
use crate::error::Error;

/// Whose habits a rule follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Of `allow` and `deny`.
    Policy,
    /// Of `NO_PROXY`, as far as it is another.
    NoProxy,
}

const KEYWORDS: [(&str, Keyword); 6] = [
    ("public", Keyword::Group(Group::Public)),
    ("private", Keyword::Group(Group::Private)),
    ("local", Keyword::Group(Group::Local)),
    ("network", Keyword::Group(Group::Network)),
    ("unix", Keyword::Unix(Sockets::Paths)),
    ("unix-abstract", Keyword::Unix(Sockets::Abstract)),
];

enum Keyword {
    Group(Group),
    Unix(Sockets),
}

const LONGEST_NAME: usize = 253;

/// What is wrong, and what would be right.
type Wrong = String;

/// Reads lists, each with the name of the member it is of.
///
/// # Errors
/// [`Error::Option`]: names the list, the index and the text of each rule that cannot be used.
pub(super) fn parse_lists<const N: usize>(
    lists: [(&str, &[String]); N],
    dialect: Dialect,
) -> Result<[Vec<Rule>; N], Error> {
    const TOLD: usize = 8;
    let mut mistakes = Vec::new();
    let read = lists.map(|(list, rules)| {
        let mut right = Vec::with_capacity(rules.len());
        for (index, text) in rules.iter().enumerate() {
            match parse(text, dialect) {
                Ok(rule) => right.push(rule),
                Err(wrong) => mistakes.push(format!("`{list}[{index}]` {}: {wrong}", quoted(bare(text)))),
            }
        }
        right
    });
    if mistakes.is_empty() {
        return Ok(read);
    }
    let more = mistakes.len().saturating_sub(TOLD);
    mistakes.truncate(TOLD);
    if more > 0 {
        mistakes.push(format!("and {more} more"));
    }
    Err(Error::Option {
        code: "ERR_INVALID_OPTION",
        detail: format!("invalid option: {}", mistakes.join("; ")),
    })
}

/// What is no rule may be a URL with a password before its `@`.
fn bare(text: &str) -> &str {
    let credentials = |(before, _): &(&str, &str)| !before.starts_with("unix:");
    text.rsplit_once('@').filter(credentials).map_or(text, |(_, rest)| rest)
}

/// Text as messages have it: not too long, and nothing in it that a terminal would obey.
pub(super) fn quoted(text: &str) -> String {
    const LONGEST: usize = 80;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{:?}...", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}

fn parse(text: &str, dialect: Dialect) -> Result<Rule, Wrong> {
    let rule = |area, ports| Ok(Rule { text: text.to_owned(), area, ports });
    if text.contains('@') && !text.starts_with("unix:") {
        return Err("a rule has no user and no password; write the host alone".into());
    }
    if text.is_empty() {
        return Err("it is empty; leave it out, or write \"*\" for everything".into());
    }
    if text.contains(|c: char| c.is_whitespace() || c == ',') {
        return Err("it has a space or a comma in it; write each rule as a string of its own".into());
    }
    if text.contains("://") {
        return Err("it is a URL; leave out the scheme and the path".into());
    }
    if let Some(path) = text.strip_prefix("unix:") {
        return rule(Area::Unix(Sockets::parse(path)?), Ports::ALL);
    }
    if let Some(bracketed) = text.strip_prefix('[') {
        let (inside, rest) = bracketed.split_once(']').ok_or("`]` is missing; write \"[fd00::/8]:5432\"")?;
        if rest.starts_with('/') {
            return Err("the prefix goes into the brackets; write \"[fd00::/8]:5432\"".into());
        }
        let ports = rest.strip_prefix(':').map_or_else(
            || {
                if rest.is_empty() {
                    Ok(Ports::ALL)
                } else {
                    Err("after `]` comes `:` and a port, or nothing".into())
                }
            },
            ports,
        )?;
        return if inside.contains(':') {
            rule(Area::Range(range(inside, dialect)?), ports)
        } else {
            Err("only IPv6 has brackets; leave them out".into())
        };
    }
    let colons = text.bytes().filter(|byte| *byte == b':').count();
    if colons > 1 {
        return rule(Area::Range(range(text, dialect)?), Ports::ALL);
    }
    let alone = text.strip_prefix(':').unwrap_or(text);
    // `80-90` could be the name of a host, but whoever writes that into a list of rules thinks of ports.
    if dialect == Dialect::Policy && ports(alone).is_ok() {
        return Err(format!("a port stands behind a host; write \"*:{alone}\" for all hosts"));
    }
    let (what, ports) = match text.split_once(':') {
        Some((what, digits)) => (what, ports(digits)?),
        None => (text, Ports::ALL),
    };
    rule(area(what, ports, dialect)?, ports)
}

fn ports(text: &str) -> Result<Ports, Wrong> {
    let port = |digits: &str| {
        let is_written_well = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<u16>().ok().filter(|port| is_written_well && *port > 0).ok_or_else(|| {
            format!("{} is no port; write a number from 1 to 65535, or a range as 5432-5439", quoted(digits))
        })
    };
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (port(first)?, port(last)?);
    if first > last {
        return Err(format!("its range of ports is the wrong way round; write {last}-{first}"));
    }
    Ok(Ports { first, last })
}

fn area(what: &str, ports: Ports, dialect: Dialect) -> Result<Area, Wrong> {
    if what == "*" {
        return Ok(Area::Everything);
    }
    for (name, keyword) in KEYWORDS {
        if !what.eq_ignore_ascii_case(name) {
            continue;
        }
        return match keyword {
            Keyword::Group(group) => Ok(Area::Group(group)),
            Keyword::Unix(_) if ports != Ports::ALL => Err("Unix domain sockets have no ports".into()),
            Keyword::Unix(sockets) => Ok(Area::Unix(sockets)),
        };
    }
    if what.contains('/') || what.parse::<IpAddr>().is_ok() {
        return range(what, dialect).map(Area::Range);
    }
    names(what, dialect).map(Area::Names)
}

fn range(text: &str, dialect: Dialect) -> Result<Range, Wrong> {
    let (base, bits) = match text.split_once('/') {
        Some((base, bits)) => (base, Some(bits)),
        None => (text, None),
    };
    if base.contains('%') {
        return Err("rules know no zones; leave out `%` and what follows".into());
    }
    let address: IpAddr = base.parse().map_err(|_| match numeric(base) {
        Some(_) if bits.is_some() && base.split('.').count() < 4 && !base.contains(':') => {
            "write all four parts of the address, as in 10.0.0.0/8".to_owned()
        }
        Some(address) if !base.contains(':') => format!("write the address as {address}"),
        _ => format!("{} is no IP address; write for example 10.0.0.0/8 or fd00::/8", quoted(base)),
    })?;
    let Some(bits) = bits else { return Ok(Range::single(address)) };
    let longest = if address.is_ipv4() { 32 } else { 128 };
    if let Some((prefix, _port)) = bits.split_once(':') {
        return Err(format!("write the port after brackets: {}", quoted(&format!("[{base}/{prefix}]:port"))));
    }
    let is_written_well = bits == "0" || (!bits.starts_with('0') && bits.bytes().all(|b| b.is_ascii_digit()));
    let prefix =
        bits.parse::<u8>().ok().filter(|prefix| is_written_well && *prefix <= longest).ok_or_else(|| {
            format!("{} is no length of a prefix; write a number from 0 to {longest}", quoted(bits))
        })?;
    let range = Range::new(address, prefix).ok_or("its prefix is too long")?;
    // Wider than it looks. In NO_PROXY it is common, and tells nobody where to go.
    if dialect == Dialect::Policy && Range::single(address) != Range::single(range.base()) {
        return Err(format!(
            "the address has bits after the prefix; write {range}, or {address} for it alone"
        ));
    }
    Ok(range)
}

fn names(text: &str, dialect: Dialect) -> Result<Names, Wrong> {
    let pattern = normal(text);
    let (name, kind): (&str, fn(String) -> Names) = match (pattern.strip_prefix("*."), dialect) {
        (Some(domain), _) => (domain, Names::Below),
        (None, Dialect::Policy) => (&pattern, Names::One),
        (None, Dialect::NoProxy) => (pattern.strip_prefix('.').unwrap_or(&pattern), Names::Domain),
    };
    if let Some(domain) = name.strip_prefix('.').filter(|domain| is_well_formed(domain)) {
        return Err(format!("a name does not begin with a dot; write \"*.{domain}\" for all names below it"));
    }
    if name.contains('*') {
        return Err("in a name `*` can only be all of the first part, as in \"*.example\"".into());
    }
    if !name.is_ascii() {
        return Err("write the name in punycode (xn--...), as it is asked for".into());
    }
    if !has_labels(name) {
        return Err(
            "it is no keyword, IP address, range or host name; names have letters, digits, `-`, `_` and dots"
                .into(),
        );
    }
    if ends_in_number(name) {
        return Err(match numeric(name) {
            Some(address) if kind(String::new()) != Names::Below(String::new()) => {
                format!("write the address as {address}")
            }
            _ => "no name ends in a number; write an IP address or a range, as 10.0.0.0/8".into(),
        });
    }
    let named = kind(name.to_owned());
    // A trailing dot says that a name is meant.
    if pattern.len() == text.len()
        && dialect == Dialect::Policy
        && let Some((keyword, _)) = KEYWORDS.iter().find(|(keyword, _)| is_near(&pattern, keyword))
    {
        return Err(format!("write \"{keyword}\", or \"{pattern}.\" for a host of that name"));
    }
    Ok(named)
}

fn is_well_formed(name: &str) -> bool {
    has_labels(name) && !ends_in_number(name)
}

fn has_labels(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    name.len() <= LONGEST_NAME && name.split('.').all(is_label)
}

fn ends_in_number(name: &str) -> bool {
    name.rsplit('.').next().is_some_and(is_number)
}

/// Whether a word is another but for a slip or two.
fn is_near(word: &str, keyword: &str) -> bool {
    let slips = if keyword.len() > 5 { 2 } else { 1 };
    if word.len().abs_diff(keyword.len()) > slips {
        return false;
    }
    // Levenshtein's distance, a row at a time.
    let mut row: Vec<usize> = (0..=keyword.len()).collect();
    for (line, letter) in word.bytes().enumerate() {
        let mut next = vec![line + 1];
        let pairs = row.iter().zip(row.iter().skip(1)).zip(keyword.bytes());
        for ((diagonal, above), other) in pairs {
            let changed = diagonal + usize::from(letter != other);
            let left = next.last().copied().unwrap_or_default();
            next.push(changed.min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().is_some_and(|distance| *distance <= slips)
}
