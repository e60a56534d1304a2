//! What is known by the name alone, and what a proxy may be given.

use super::{Noise, denying, lets_name, policy, rounds};
use crate::policy::{Spelling, numeric, spelling};

#[test]
fn names_are_compared_without_case_and_the_dot_at_the_end() {
    let deny = denying(&["DB.example.", "*.Corp.example"]);
    for host in ["db.example", "Db.ExAmPlE", "db.example.", "a.corp.example", "a.b.CORP.example."] {
        assert!(deny.host(host, 5432).is_err(), "{host}");
        assert!(!lets_name(&deny, host, "8.8.8.8"), "{host}");
        assert!(!deny.vouches_for(host, 5432), "{host}");
    }
    for host in
        ["corp.example", "xdb.example", "db.example.com", "a.xcorp.example", ".corp.example", "8.8.8.8"]
    {
        assert!(lets_name(&deny, host, "8.8.8.8"), "{host}");
    }
    let allow = policy(&["db.example", "*.corp.example"], &[]);
    for host in ["DB.EXAMPLE.", "a.b.corp.example"] {
        assert_eq!(allow.host(host, 1), Ok(()), "{host}");
        assert!(lets_name(&allow, host, "10.0.0.1"), "{host}");
    }
    for host in ["corp.example", "evil-db.example", "db.example.evil", "xcorp.example", "8.8.8.8"] {
        assert!(allow.host(host, 1).is_err(), "{host}");
        assert!(!lets_name(&allow, host, "8.8.8.8"), "{host}");
    }
    assert!(!lets_name(&allow, "ä.corp.example", "8.8.8.8"));
    let refusal = allow.host("Evil.Example.", 1).unwrap_err().rule;
    assert_eq!(refusal, "no rule of `allow` (\"db.example\", \"*.corp.example\") covers evil.example");
}

#[test]
fn a_host_that_ends_in_a_number_is_no_name() {
    for host in [
        "256.256.256.256",
        "1.2.3.4.5",
        "1.2.3.4.0",
        "1.2.3.256",
        "08",
        "0x",
        "0xg.1",
        "a.0x7f",
        "4294967296",
        "example.1",
        "1..2",
        "0x100000000",
        "",
        ".",
        "[::1",
        "::1]",
        "1:2",
        ":::",
        "[127.0.0.1]",
        "a b",
        "a\0",
        "127.0.0.1\0",
        "１２７.0.0.1",
        "127。0。0。1",
        "ä.example",
        "a/b",
        "*",
        "a%b",
        "127.0.0.1 ",
        "\t127.0.0.1",
        "+1",
        "0x+1",
        "99999999999999999999",
    ] {
        assert_eq!(spelling(host), Spelling::Malformed, "{host:?}");
        assert_eq!(numeric(host), None, "{host:?}");
        let refusal = denying(&["*:25"]).host(host, 443).unwrap_err().rule;
        assert!(refusal.contains("neither a host name nor an IP address"), "{refusal}");
        assert!(!denying(&["*:25"]).vouches_for(host, 443));
        assert_eq!(denying(&[]).host(host, 443), Ok(()));
    }
    for host in [
        "example",
        "db-1.example",
        "1.example",
        "0x7f.0x",
        "_srv.example",
        "xn--bcher-kva.example",
        "0xgg",
        "a.",
    ] {
        let expected = if host == "0x7f.0x" { Spelling::Malformed } else { Spelling::Name };
        assert_eq!(spelling(host), expected, "{host}");
    }
}

#[test]
fn a_host_is_refused_at_once_only_if_no_address_can_help() {
    assert_eq!(policy(&["public"], &["private"]).host("db.example", 443), Ok(()));
    assert_eq!(policy(&["unix"], &[]).host("db.example", 443), Ok(()));
    assert!(policy(&["public:80"], &[]).host("db.example", 443).is_err());
    assert!(policy(&["db.example:80"], &[]).host("db.example", 443).is_err());
    assert!(policy(&[], &[]).host("db.example", 443).is_err());
    assert!(denying(&["*"]).host("db.example", 443).is_err());
    assert!(denying(&["*:443"]).host("db.example", 443).is_err());
    assert_eq!(policy(&["*", "10.0.0.0/8:443"], &["*:443"]).host("db.example", 443), Ok(()));
    assert!(!lets_name(&policy(&["*", "10.0.0.0/8:443"], &["*:443"]), "db.example", "8.8.8.8"));
    assert!(lets_name(&policy(&["*", "10.0.0.0/8:443"], &["*:443"]), "db.example", "10.0.0.1"));
    // An address is judged as a whole.
    assert!(policy(&["public"], &[]).host("10.0.0.1", 443).is_err());
    assert!(policy(&["public"], &[]).host("0x0a.1", 443).is_err());
}

#[test]
fn a_proxy_is_given_names_that_no_rule_about_addresses_could_refuse() {
    for (allow, deny, expected) in [
        (&["*"][..], &[][..], true),
        (&["*"], &["evil.example"], true),
        (&["*"], &["db.example"], false),
        (&["*"], &["*:25"], true),
        (&["*"], &["*:443"], false),
        (&["*"], &["private"], false),
        (&["*"], &["10.0.0.0/8:25"], true),
        (&["public"], &[], false),
        (&["*:443", "10.0.0.0/8"], &[], true),
        (&["*:80", "0.0.0.0/0"], &[], false),
        (&["unix"], &[], false),
        (&["db.example"], &[], true),
        (&["db.example:80"], &[], false),
        (&["public", "*.example"], &["private"], true),
        (&["public", "*.example"], &["private", "db.example"], false),
        (&["*.example"], &["*:443"], false),
        (&["*.example:443"], &["*:443"], true),
    ] {
        assert_eq!(policy(allow, deny).vouches_for("db.example", 443), expected, "{allow:?} {deny:?}");
    }
    assert!(policy(&["public"], &[]).vouches_for("8.8.8.8", 443));
    assert!(!policy(&["public"], &[]).vouches_for("127.1", 443));
}

#[test]
fn no_text_is_too_strange() {
    let mut noise = Noise(0x2545_f491_4f6c_dd1d);
    let policies = [denying(&["private", "*.example", "*:25"]), policy(&["public", "db.example"], &[])];
    for _ in 0..rounds(20_000) {
        let host = noise.text();
        let known = numeric(&host);
        for policy in &policies {
            let judged = policy.host(&host, 443);
            let vouched = policy.vouches_for(&host, 443);
            assert!(!vouched || judged.is_ok(), "{host:?}");
            let dialled = std::net::SocketAddr::from(([127, 0, 0, 1], 443));
            assert!(policy.address(&host, dialled).is_err() || spelling(&host) == Spelling::Name, "{host:?}");
        }
        if let Ok(address) = host.parse::<std::net::Ipv4Addr>() {
            assert_eq!(known, Some(address.into()));
        }
    }
}
