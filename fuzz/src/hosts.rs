//! Hosts as they are asked for: what is an address to anybody is one here, and the same in each spelling.

use std::{
    ffi::CString,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use wintersock::policy::{Exceptions, Policy, Spelling, numeric, spelling};

use crate::{addresses::spellings, model::Groups, model::readings};

/// Policies that let one group through.
fn groups() -> [(Policy, &'static crate::model::Set); 4] {
    let groups = Groups::get();
    let only = |rule: &str| Policy::parse(Some(&[rule.to_owned()]), &[]).expect("a rule");
    [
        (only("public"), &groups.public),
        (only("private"), &groups.private),
        (only("local"), &groups.local),
        (only("network"), &groups.network),
    ]
}

pub(crate) fn run(data: &[u8]) {
    // An address to be spelt, or a text.
    if let [0, a, b, c, d] = *data {
        return check_spellings(Ipv4Addr::new(a, b, c, d));
    }
    if let Some(octets) = data.strip_prefix(&[1]).and_then(|rest| <[u8; 16]>::try_from(rest).ok()) {
        return check_address(Ipv6Addr::from(octets).into(), &Ipv6Addr::from(octets).to_string());
    }
    let Ok(host) = std::str::from_utf8(data) else { return };
    let read = spelling(host);
    assert_eq!(numeric(host).map(Spelling::Address), matches!(read, Spelling::Address(_)).then_some(read));
    let by_number = expected_number(host);
    match read {
        Spelling::Address(address) => {
            check_address(address, host);
            if let IpAddr::V4(address) = address {
                assert_eq!(by_number, Some(Some(address)), "{host:?}");
            }
        }
        Spelling::Name => assert_eq!(by_number, None, "a name that is a number: {host:?}"),
        Spelling::Malformed => assert!(!matches!(by_number, Some(Some(_))), "{host:?} is {by_number:?}"),
    }
    // Case, and a dot at the end of a name, do not count.
    let kind = |text: &str| std::mem::discriminant(&spelling(text));
    assert_eq!(kind(host), kind(&host.to_ascii_uppercase()), "{host:?}");
    if read == Spelling::Name && !host.ends_with('.') {
        assert_eq!(kind(host), kind(&format!("{host}.")), "{host:?}");
    }
    if let Some(system) = by_system(host) {
        let ours = match read {
            Spelling::Address(address) => Some(address.to_canonical()),
            // Refused as soon as there are rules.
            Spelling::Malformed => return,
            Spelling::Name => None,
        };
        assert_eq!(ours, Some(system.to_canonical()), "the system reads {host:?} as {system}");
    }
}

/// All spellings of an address are that address.
fn check_spellings(address: Ipv4Addr) {
    for host in spellings(address) {
        assert_eq!(numeric(&host).map(|address| address.to_canonical()), Some(address.into()), "{host:?}");
        check_address(address.into(), &host);
        let exceptions = Exceptions::parse(&[address.to_string()]).expect("an address");
        assert!(exceptions.covers(&host, 1), "{host:?}");
    }
}

/// It is judged by where it is, under this spelling as well.
fn check_address(address: IpAddr, host: &str) {
    for (policy, set) in groups() {
        let expected = readings(address).into_iter().all(|reading| set.contains(reading));
        assert_eq!(policy.address("db.example", SocketAddr::new(address, 1)).is_ok(), expected, "{address}");
        assert_eq!(policy.host(host, 1).is_ok(), expected, "{host:?}");
        assert_eq!(policy.vouches_for(host, 1), expected, "{host:?}");
    }
}

/// What WHATWG URL makes of a host that ends in a number: an address, or nothing valid. `None`: it does not.
fn expected_number(host: &str) -> Option<Option<Ipv4Addr>> {
    if !host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        return None;
    }
    let mut parts: Vec<&str> = host.split('.').collect();
    if parts.len() > 1 && parts.last() == Some(&"") {
        parts.pop();
    }
    let last = *parts.last()?;
    let is_digits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    let is_hexadecimal = |text: &str| {
        let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
        digits.is_some_and(|digits| digits.chars().all(|c| c.is_ascii_hexdigit()))
    };
    if !is_digits(last) && !is_hexadecimal(last) {
        return None;
    }
    let read = |text: &str| -> Option<u64> {
        let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            Some(digits) => (digits, 16),
            None if text.len() > 1 && text.starts_with('0') => (&text[1..], 8),
            None => (text, 10),
        };
        let mut value = 0_u64;
        if digits.is_empty() {
            return None;
        }
        for digit in digits.chars() {
            value = value.saturating_mul(u64::from(radix)).saturating_add(u64::from(digit.to_digit(radix)?));
        }
        Some(value)
    };
    let count = parts.len();
    let numbers: Option<Vec<u64>> = parts.iter().map(|part| read(part)).collect();
    let address = numbers.filter(|_| count <= 4).and_then(|numbers| {
        let (last, before) = numbers.split_last()?;
        if before.iter().any(|&number| number > 255) || *last >= 256_u64.pow(5 - u32::try_from(count).ok()?) {
            return None;
        }
        let sum =
            before.iter().zip([1 << 24, 1 << 16, 1 << 8]).map(|(number, place)| number * place).sum::<u64>();
        u32::try_from(sum + last).ok()
    });
    Some(address.map(Ipv4Addr::from))
}

/// What the system takes for an address without asking anybody.
#[cfg(unix)]
fn by_system(host: &str) -> Option<IpAddr> {
    let text = CString::new(host).ok().filter(|text| !text.is_empty())?;
    // SAFETY: a plain structure, for which zeros are what is not said.
    let mut hints: libc::addrinfo = unsafe { std::mem::zeroed() };
    hints.ai_flags = libc::AI_NUMERICHOST;
    hints.ai_socktype = libc::SOCK_STREAM;
    let mut found = std::ptr::null_mut();
    // SAFETY: the text ends in a zero, and the list that is made here is freed below.
    if unsafe { libc::getaddrinfo(text.as_ptr(), std::ptr::null(), &raw const hints, &raw mut found) } != 0 {
        return None;
    }
    // SAFETY: it has succeeded, so there is one entry at least, of the family that it names.
    let address = unsafe {
        match (*found).ai_family {
            libc::AF_INET => {
                let address = (*found).ai_addr.cast::<libc::sockaddr_in>();
                Some(IpAddr::from(Ipv4Addr::from(u32::from_be((*address).sin_addr.s_addr))))
            }
            libc::AF_INET6 => {
                let address = (*found).ai_addr.cast::<libc::sockaddr_in6>();
                Some(IpAddr::from((*address).sin6_addr.s6_addr))
            }
            _ => None,
        }
    };
    // SAFETY: it was made above, and nothing of it is kept.
    unsafe { libc::freeaddrinfo(found) };
    address
}

#[cfg(not(unix))]
fn by_system(_: &str) -> Option<IpAddr> {
    None
}
