//! What each address is, in all spellings.

use std::net::SocketAddr;

use super::{denying, judge, lets, policy};
use crate::policy::numeric;

/// Address, then which of `public`, `network`, `private` and `local` let it through, each alone in `allow`.
const PLACES: &[(&str, &str)] = &[
    ("8.8.8.8", "public network"),
    ("1.1.1.1", "public network"),
    ("93.184.216.34", "public network"),
    ("9.255.255.255", "public network"),
    ("11.0.0.0", "public network"),
    ("100.63.255.255", "public network"),
    ("100.128.0.0", "public network"),
    ("126.255.255.255", "public network"),
    ("128.0.0.0", "public network"),
    ("169.253.255.255", "public network"),
    ("169.255.0.0", "public network"),
    ("172.15.255.255", "public network"),
    ("172.32.0.0", "public network"),
    ("192.167.255.255", "public network"),
    ("192.169.0.0", "public network"),
    ("192.0.1.0", "public network"),
    ("198.17.255.255", "public network"),
    ("198.20.0.0", "public network"),
    ("223.255.255.255", "public network"),
    ("168.63.129.15", "public network"),
    ("2606:4700:4700::1111", "public network"),
    ("2a00:1450:4001::1", "public network"),
    ("2400:cb00::1", "public network"),
    ("2001:200::1", "public network"),
    ("3ffe::1", "public network"),
    ("64:ff9b::808:808", "public network"),
    ("2002:808:808::1", "public network"),
    ("::ffff:8.8.8.8", "public network"),
    ("10.0.0.0", "network private"),
    ("10.255.255.255", "network private"),
    ("100.64.0.0", "network private"),
    ("100.100.100.200", "network private"),
    ("100.127.255.255", "network private"),
    ("169.254.0.0", "network private"),
    ("169.254.169.254", "network private"),
    ("172.16.0.1", "network private"),
    ("172.31.255.255", "network private"),
    ("192.168.0.1", "network private"),
    ("168.63.129.16", "network private"),
    ("fc00::", "network private"),
    ("fd00:ec2::254", "network private"),
    ("fdff:ffff::1", "network private"),
    ("fe80::1", "network private"),
    ("febf::1", "network private"),
    ("::ffff:10.1.2.3", "network private"),
    ("::ffff:169.254.169.254", "network private"),
    ("127.0.0.1", "private local"),
    ("127.255.255.255", "private local"),
    ("0.0.0.0", "private local"),
    ("0.1.2.3", "private local"),
    ("::1", "private local"),
    ("::", "private local"),
    ("::ffff:127.0.0.1", "private local"),
    ("::ffff:0.0.0.0", "private local"),
    ("192.0.0.8", ""),
    ("192.0.0.192", ""),
    ("192.0.2.1", ""),
    ("192.88.99.1", ""),
    ("198.18.0.1", ""),
    ("198.19.255.255", ""),
    ("198.51.100.1", ""),
    ("203.0.113.255", ""),
    ("224.0.0.1", ""),
    ("239.255.255.255", ""),
    ("240.0.0.1", ""),
    ("255.255.255.255", ""),
    ("100::1", ""),
    ("2001:db8::1", ""),
    ("2001:2::1", ""),
    ("3fff::1", ""),
    ("4000::1", ""),
    ("5f00::1", ""),
    ("fec0::1", ""),
    ("ff02::1", ""),
    ("::8.8.8.8", ""),
    ("64:ff9b::a00:1", "network"),
    ("64:ff9b::7f00:1", ""),
    ("64:ff9b:1::808:808", "network"),
    ("2002:a00:1::", "network"),
    ("2002:7f00:1::", ""),
    ("2001:0:808:808::f7f7:f7f7", ""),
    ("2606:4700::5efe:a00:1", "network"),
];

#[test]
fn each_group_lets_its_own_addresses_through() {
    for &(address, expected) in PLACES {
        let found: Vec<&str> = ["public", "network", "private", "local"]
            .into_iter()
            .filter(|group| lets(&policy(&[group], &[]), address, 443))
            .collect();
        assert_eq!(found.join(" "), expected, "{address}");
    }
}

/// Address, then which of them refuse it, each alone in `deny`. A reading that is refused is enough.
const READINGS: &[(&str, &str)] = &[
    ("127.0.0.1", "private local"),
    ("::ffff:127.0.0.1", "private local"),
    ("::ffff:7f00:1", "private local"),
    ("::127.0.0.1", "private local"),
    ("::2", "private local"),
    ("::ffff:0:127.0.0.1", "private local"),
    ("64:ff9b::127.0.0.1", "public network private local"),
    ("64:ff9b::10.0.0.1", "public network private"),
    ("64:ff9b::a9fe:a9fe", "public network private"),
    ("64:ff9b::8.8.8.8", "public network"),
    ("64:ff9b::192.0.2.1", "public network"),
    ("64:ff9b:1::127.0.0.1", "network private local"),
    ("64:ff9b:1:7f00:0:100::", "network private local"),
    ("64:ff9b:1:7f:0:1::", "network private local"),
    ("64:ff9b:1:0:7f:0:100:0", "public network private local"),
    ("2002:7f00:1::1", "public network private local"),
    ("2002:a9fe:a9fe::", "public network private"),
    ("2002:c0a8:101::", "public network private"),
    ("2001:0:7f00:1::f7f7:f7f7", "public network private local"),
    ("2001:0:808:808::80ff:fffe", "public network private local"),
    ("2001:0:808:808:8000:f227:f5ff:fffe", "public network private"),
    ("fe80::5efe:127.0.0.1", "network private local"),
    ("fe80::200:5efe:10.0.0.1", "network private"),
    ("2606:4700::5efe:192.168.0.1", "public network private"),
    ("2606:4700::300:5efe:169.254.169.254", "public network private"),
    ("2606:4700::400:5efe:169.254.169.254", "public network"),
    ("192.0.2.1", ""),
    ("2001:db8::1", ""),
    ("ff02::1", ""),
];

#[test]
fn each_group_refuses_all_spellings_of_its_addresses() {
    for &(address, expected) in READINGS {
        let found: Vec<&str> = ["public", "network", "private", "local"]
            .into_iter()
            .filter(|group| !lets(&denying(&[group]), address, 443))
            .collect();
        assert_eq!(found.join(" "), expected, "{address}");
    }
}

#[test]
fn a_range_covers_all_spellings_too() {
    let deny = denying(&["10.1.0.0/16"]);
    for address in
        ["10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::10.1.2.3", "2002:a01:203::9", "fe80::5efe:a01:203"]
    {
        assert!(!lets(&deny, address, 1), "{address}");
    }
    for address in ["10.2.0.1", "::ffff:10.2.0.1", "64:ff9b::10.2.0.1", "2002:a02:1::"] {
        assert!(lets(&deny, address, 1), "{address}");
    }
    // What leads there through somebody else needs both: the way and the goal.
    assert!(!lets(&policy(&["10.1.0.0/16"], &[]), "64:ff9b::10.1.2.3", 1));
    assert!(!lets(&policy(&["64:ff9b::/96"], &[]), "64:ff9b::10.1.2.3", 1));
    assert!(lets(&policy(&["64:ff9b::/96", "10.1.0.0/16"], &[]), "64:ff9b::10.1.2.3", 1));
    assert!(lets(&policy(&["10.1.0.0/16"], &[]), "::ffff:10.1.2.3", 1));
    assert!(lets(&policy(&["::ffff:10.1.0.0/112"], &[]), "10.1.2.3", 1));
    assert!(!lets(&denying(&["0.0.0.0/0"]), "::ffff:10.1.2.3", 1));
    assert!(lets(&denying(&["::/0"]), "::ffff:10.1.2.3", 1));
}

#[test]
fn prefixes_of_all_lengths() {
    let last = |prefix: u32| u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
    for prefix in 0..=32 {
        let base = std::net::Ipv4Addr::from_bits(0xc633_6401 & last(prefix));
        let only = policy(&[&format!("{base}/{prefix}")], &[]);
        assert!(lets(&only, "198.51.100.1", 1), "/{prefix}");
        let outside = std::net::Ipv4Addr::from_bits(
            0xc633_6401 ^ (1_u32 << 31).checked_shr(prefix.saturating_sub(1)).unwrap(),
        );
        assert_eq!(lets(&only, &outside.to_string(), 1), prefix == 0, "{outside} in /{prefix}");
    }
    let address = 0x2001_0db8_1234_5678_9abc_def0_1234_5679_u128;
    for prefix in 0..=128_u32 {
        let base = std::net::Ipv6Addr::from_bits(address & u128::MAX.checked_shl(128 - prefix).unwrap_or(0));
        let only = policy(&[&format!("{base}/{prefix}")], &[]);
        assert!(lets(&only, &std::net::Ipv6Addr::from_bits(address).to_string(), 1), "/{prefix}");
        let outside = std::net::Ipv6Addr::from_bits(
            address ^ (1_u128 << 127).checked_shr(prefix.saturating_sub(1)).unwrap(),
        );
        assert_eq!(lets(&only, &outside.to_string(), 1), prefix == 0, "{outside} in /{prefix}");
    }
}

#[test]
fn every_spelling_of_ipv4_is_known() {
    for spelling in [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "2130706433",
        "017700000001",
        "0x7f000001",
        "0X7F000001",
        "0177.0.0.1",
        "0x7f.0.0.1",
        "0x7f.1",
        "127.0.0x1",
        "0177.0x0.1",
        "127.0.0.01",
        "127.0.0.1.",
        "00000000177.0.0.1",
    ] {
        assert_eq!(numeric(spelling), "127.0.0.1".parse().ok(), "{spelling}");
        assert!(denying(&["local"]).host(spelling, 80).is_err(), "{spelling}");
        assert!(policy(&["local"], &[]).host(spelling, 80).is_ok(), "{spelling}");
    }
    let others = [
        ("0", "0.0.0.0"),
        ("256", "0.0.1.0"),
        ("1.256", "1.0.1.0"),
        ("1.2.65535", "1.2.255.255"),
        ("010.1", "8.0.0.1"),
    ];
    for (spelling, address) in others {
        assert_eq!(numeric(spelling), address.parse().ok(), "{spelling}");
    }
    for spelling in ["::1", "[::1]", "0:0:0:0:0:0:0:1", "::0001", "::1%lo", "[::1%1]"] {
        assert_eq!(numeric(spelling), "::1".parse().ok(), "{spelling}");
        assert!(denying(&["local"]).host(spelling, 80).is_err(), "{spelling}");
    }
    assert_eq!(numeric("fe80::1%eth0"), "fe80::1".parse().ok());
}

#[test]
fn the_messages_name_the_rule_and_the_reason() {
    let refusal = |allow: &[&str], deny: &[&str], address: &str| {
        judge(&policy(allow, deny), address, 80).unwrap_err().rule
    };
    assert_eq!(
        refusal(&["*"], &["private"], "10.0.0.1"),
        "`deny` has \"private\", and 10.0.0.1 is private (10.0.0.0/8)"
    );
    assert_eq!(refusal(&["*"], &["Local:80"], "::1"), "`deny` has \"Local:80\", and ::1 is local (::1/128)");
    assert_eq!(refusal(&["*"], &["*:80"], "8.8.8.8"), "`deny` has \"*:80\"");
    assert_eq!(refusal(&["public"], &[], "127.0.0.1"), "no rule of `allow` (\"public\") covers 127.0.0.1");
    assert_eq!(
        refusal(&["public:443", "db.example"], &[], "8.8.8.8"),
        "no rule of `allow` (\"public:443\", \"db.example\") covers port 80 of 8.8.8.8"
    );
    assert_eq!(
        refusal(&["*"], &["10.0.0.0/8"], "2002:a00:1::"),
        "`deny` has \"10.0.0.0/8\", and 2002:a00:1::, which stands for 10.0.0.1, is private (10.0.0.0/8)"
    );
    assert_eq!(refusal(&[], &[], "8.8.8.8"), "`allow` is empty");
    let many: Vec<String> = (1..=12).map(|port| format!("*:{port}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert!(refusal(&many, &[], "8.8.8.8").contains("\"*:8\" and 4 more)"));
}

#[test]
fn the_address_that_is_dialled_counts_not_the_one_that_was_asked_for() {
    let public = policy(&["public"], &[]);
    let dialled: SocketAddr = "127.0.0.1:80".parse().unwrap();
    assert!(public.address("8.8.8.8", dialled).is_err());
    assert!(public.address("db.example", dialled).is_err());
}
