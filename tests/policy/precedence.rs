//! Which of two rules wins.

use std::net::{Ipv4Addr, SocketAddr};

use super::{Noise, denying, lets, lets_name, policy, rounds};

#[test]
fn without_rules_everything_is_let_through() {
    assert!(denying(&[]).is_open());
    assert!(policy(&["public", "*"], &[]).is_open());
    for closed in [
        policy(&[], &[]),
        policy(&["*:443"], &[]),
        policy(&["*"], &["local"]),
        policy(&["0.0.0.0/0", "::/0"], &[]),
    ] {
        assert!(!closed.is_open());
    }
    for address in ["127.0.0.1", "8.8.8.8", "ff02::1", "::"] {
        assert!(lets(&denying(&[]), address, 25));
        assert!(!lets(&policy(&[], &[]), address, 25));
        assert!(!lets(&denying(&["*"]), address, 25));
    }
}

#[test]
fn the_narrower_range_wins_and_deny_wins_a_tie() {
    // kj's own examples.
    let nested = policy(&["10.0.0.0/8", "10.1.2.3/32"], &["10.1.2.0/24"]);
    for (address, expected) in
        [("10.9.9.9", true), ("10.1.2.9", false), ("10.1.2.3", true), ("11.0.0.1", false)]
    {
        assert_eq!(lets(&nested, address, 1), expected, "{address}");
    }
    let hole = policy(&["192.0.2.0/24"], &["192.0.2.3/32"]);
    assert!(lets(&hole, "192.0.2.4", 1) && !lets(&hole, "192.0.2.3", 1));

    for (allow, deny, address, expected) in [
        ("10.0.0.0/8", "10.0.0.0/8", "10.0.0.1", false),
        ("10.0.0.0/9", "10.0.0.0/8", "10.0.0.1", true),
        ("10.0.0.0/8", "10.0.0.0/9", "10.0.0.1", false),
        ("10.0.0.1", "10.0.0.1/32", "10.0.0.1", false),
        ("0.0.0.0/0", "0.0.0.0/0", "8.8.8.8", false),
        ("public", "0.0.0.0/0", "8.8.8.8", false),
        ("public", "::/0", "8.8.8.8", true),
        ("public", "::/0", "2606:4700::1", false),
        ("private", "0.0.0.0/0", "10.0.0.1", false),
        ("network", "8.8.8.8", "8.8.8.8", false),
        ("8.8.8.8", "public", "8.8.8.8", true),
        ("0.0.0.0/0", "public", "8.8.8.8", false),
        ("8.0.0.0/6", "public", "8.8.8.8", false),
        ("public", "public", "8.8.8.8", false),
        ("public", "network", "8.8.8.8", true),
        ("network", "public", "8.8.8.8", false),
        ("network", "public", "10.0.0.1", true),
        ("network", "private", "10.0.0.1", false),
        ("network", "private", "8.8.8.8", true),
        ("private", "local", "127.0.0.1", false),
        ("private", "local", "10.0.0.1", true),
        ("local", "private", "127.0.0.1", true),
        ("private", "network", "127.0.0.1", true),
        ("private", "network", "10.0.0.1", false),
        ("10.0.0.0/8", "private", "10.0.0.1", true),
        ("8.0.0.0/6", "private", "10.0.0.1", false),
        ("0.0.0.0/0", "private", "10.0.0.1", false),
        ("::1", "private", "::1", true),
        ("::/64", "local", "::1", false),
        ("fc00::/7", "private", "fd00::1", true),
        ("2000::/3", "public", "2606::1", false),
        ("2606::/16", "public", "2606::1", true),
        // Of several places, all of which are in the group.
        ("168.0.0.0/10", "network", "168.63.129.16", true),
        ("10.0.0.0/7", "network", "11.0.0.1", true),
        ("10.0.0.0/7", "private", "10.0.0.1", false),
        ("::/127", "local", "::1", true),
        ("::/126", "local", "::1", false),
        ("*", "private", "10.0.0.1", false),
        ("public", "*", "8.8.8.8", true),
        ("10.0.0.0/8", "*", "10.0.0.1", true),
        ("*", "*", "8.8.8.8", false),
    ] {
        assert_eq!(
            lets(&policy(&[allow], &[deny]), address, 443),
            expected,
            "{allow} but not {deny}: {address}"
        );
    }
}

#[test]
fn ports_make_a_rule_narrower() {
    for (allow, deny, address, port, expected) in [
        ("public", "*:25", "8.8.8.8", 25, false),
        ("public", "*:25", "8.8.8.8", 26, true),
        ("10.0.0.0/8", "*:25", "10.0.0.1", 25, false),
        ("10.0.0.0/8:25", "*:25", "10.0.0.1", 25, true),
        ("10.0.0.0/8:20-30", "*:25", "10.0.0.1", 25, false),
        ("10.0.0.0/8:25-40", "*:20-30", "10.0.0.1", 25, false),
        ("10.0.0.0/8:20-30", "*:25-40", "10.0.0.1", 25, false),
        ("10.0.0.0/8:20-30", "*:20-30", "10.0.0.1", 25, true),
        ("*:443", "*", "8.8.8.8", 443, true),
        ("*:443", "*", "8.8.8.8", 444, false),
        ("*:443", "private", "10.0.0.1", 443, false),
        ("*:443", "*:443", "8.8.8.8", 443, false),
        ("10.0.0.0/8:5432-5439", "10.0.0.0/8", "10.0.0.1", 5432, true),
        ("10.0.0.0/8:5432-5439", "10.0.0.0/8", "10.0.0.1", 5439, true),
        ("10.0.0.0/8:5432-5439", "10.0.0.0/8", "10.0.0.1", 5440, false),
        ("10.0.0.0/8:5432", "10.1.0.0/16", "10.1.0.1", 5432, false),
        ("[fd00::/8]:5432", "private", "fd00::1", 5432, true),
        ("[fd00::/8]:5432", "private", "fd00::1", 5431, false),
        ("public:1-65535", "*:1-65534", "8.8.8.8", 65535, true),
        ("public:65535", "*:65535", "8.8.8.8", 65535, true),
    ] {
        assert_eq!(
            lets(&policy(&[allow], &[deny]), address, port),
            expected,
            "{allow} but not {deny}: {address} {port}"
        );
    }
    // A port that is not covered is not covered by a narrower rule either.
    assert!(lets(&policy(&["10.0.0.0/8", "10.1.0.0/16:80"], &[]), "10.1.0.1", 81));
}

#[test]
fn names_win_over_wider_names_and_over_nothing_else() {
    for (allow, deny, expected) in [
        ("db.example", "db.example", false),
        ("db.example", "*.example", true),
        ("*.example", "db.example", false),
        ("*.db.example", "*.example", true),
        ("*.example:443", "*.example", true),
        ("*.example", "*.example", false),
        ("db.example:443", "db.example", true),
        ("db.example", "db.example:443", false),
        ("db.example", "db.example:80", true),
        ("db.example", "*", true),
        ("db.example", "*:443", false),
        ("db.example:443", "*:443", true),
        ("*", "db.example", false),
        ("8.8.8.8", "db.example", false),
        ("public", "db.example", false),
        ("db.example", "8.8.8.8", false),
        ("db.example", "8.0.0.0/8", false),
        ("db.example", "0.0.0.0/0", false),
        ("db.example", "public", false),
        ("db.example:443", "network", false),
        ("db.example", "private", true),
    ] {
        let name = if allow.starts_with("*.db") { "a.db.example" } else { "db.example" };
        assert_eq!(
            lets_name(&policy(&[allow], &[deny]), name, "8.8.8.8"),
            expected,
            "{allow} but not {deny}"
        );
    }
}

#[test]
fn whatever_a_name_is_given_for_an_address_deny_refuses_its_own() {
    let groups = [
        "private",
        "local",
        "public",
        "network",
        "10.0.0.0/8",
        "0.0.0.0/1",
        "64:ff9b::/96",
        "169.254.169.254:443",
    ];
    let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
    for _ in 0..rounds(4_000) {
        let bits = noise.number();
        let v4 = Ipv4Addr::from_bits(
            u32::try_from(bits >> 32).unwrap()
                & [u32::MAX, 0x0aff_ffff, 0x7fff_ffff][usize::try_from(bits % 3).unwrap()],
        );
        let address = if bits & 8 == 0 { v4.to_string() } else { format!("64:ff9b::{v4}") };
        let group = groups[usize::try_from(bits >> 4 & 7).unwrap()];
        let dialled = SocketAddr::new(address.parse().unwrap(), 443);
        let is_denied = denying(&[group]).address("db.example", dialled).is_err();
        let named = policy(&["db.example", "*.example:443", "db.example:443"], &[group]);
        assert_eq!(named.address("db.example", dialled).is_err(), is_denied, "{group} {address}");
        assert_eq!(policy(&["*"], &[group]).address("db.example", dialled).is_err(), is_denied);
    }
}
