//! Rules as they are written.

use super::{Noise, list, rounds};
use crate::policy::Policy;

#[test]
fn rules_that_are_right() {
    for rule in [
        "public",
        "private",
        "local",
        "network",
        "unix",
        "unix-abstract",
        "PUBLIC",
        "*",
        "*:443",
        "public:443",
        "local:1-65535",
        "10.0.0.0/8",
        "10.0.0.0/8:5432",
        "10.0.0.0/8:5432-5439",
        "0.0.0.0/0",
        "::/0",
        "10.0.0.1",
        "10.0.0.1:80",
        "::1",
        "[::1]",
        "[::1]:80",
        "fd00::/8",
        "[fd00::/8]",
        "[fd00::/8]:5432",
        "::ffff:10.0.0.0/104",
        "db.example",
        "db.example.",
        "DB.example:5432",
        "*.example",
        "*.example:443",
        "localhost",
        "db",
        "postgres_1",
        "xn--bcher-kva.example",
        "privat.",
        "1.example",
        "unix:/run/postgresql/*",
        "unix:/run/.s.PGSQL.5432",
        "unix:/*",
        "network:80-80",
    ] {
        assert!(Policy::parse(Some(&list(&[rule])), &list(&[rule])).is_ok(), "{rule}");
    }
}

#[test]
fn rules_that_are_wrong_say_what_would_be_right() {
    for (rule, advice) in [
        ("", "it is empty"),
        (" public", "it has a space or a comma in it"),
        ("10.0.0.0/8,10.1.0.0/16", "write each rule as a string of its own"),
        ("https://db.example", "leave out the scheme"),
        ("10.0.0.0/33", "write a number from 0 to 32"),
        ("10.0.0.0/", "write a number from 0 to 32"),
        ("10.0.0.0/08", "write a number from 0 to 32"),
        ("10.0.0.0/+8", "write a number from 0 to 32"),
        ("10.0.0.0/-1", "write a number from 0 to 32"),
        ("10.0.0.0/999999999999", "write a number from 0 to 32"),
        ("10.0.0.0/255.0.0.0", "write a number from 0 to 32"),
        ("::/129", "write a number from 0 to 128"),
        ("10.0.0.1/8", "write 10.0.0.0/8, or 10.0.0.1 for it alone"),
        ("fd00::1/8", "write fd00::/8, or fd00::1 for it alone"),
        ("10.0.0/24", "write all four parts of the address"),
        ("publ>ic", "names have letters"),
        (".b>c", "names have letters"),
        (".b\u{1b}c", "names have letters"),
        (".1.2", "names have letters"),
        ("10/8", "write all four parts of the address"),
        ("127.1", "write the address as 127.0.0.1"),
        ("0x7f.0.0.1", "write the address as 127.0.0.1"),
        ("010.0.0.0/8", "write the address as 8.0.0.0"),
        ("2130706433", "write the address as 127.0.0.1"),
        ("25", "a port stands behind a host; write \"*:25\" for all hosts"),
        (":25", "write \"*:25\""),
        ("80-90", "write \"*:80-90\""),
        ("70000", "write the address as 0.1.17.112"),
        ("256.0.0.1", "no name ends in a number"),
        ("10.*", "in a name `*` can only be all of the first part"),
        ("*.10", "no name ends in a number"),
        ("example/8", "is no IP address"),
        ("fe80::1%eth0", "leave out `%`"),
        ("fd00::/8:5432", "write the port after brackets: \"[fd00::/8]:port\""),
        ("[fd00::]/8", "the prefix goes into the brackets"),
        ("[fd00::/8", "`]` is missing"),
        ("[fd00::/8]x", "after `]` comes `:`"),
        ("[10.0.0.1]:80", "only IPv6 has brackets"),
        ("::g", "is no IP address"),
        ("*:0", "is no port"),
        ("*:65536", "is no port"),
        ("*:+1", "is no port"),
        ("*:", "is no port"),
        ("*:https", "is no port"),
        ("*:1-", "is no port"),
        ("*:443-80", "write 80-443"),
        ("*:80:90", "is no IP address"),
        ("unix:80", "the path must begin with `/`"),
        ("unix-abstract:80", "Unix domain sockets have no ports"),
        ("unix:", "write \"unix\" for all paths"),
        ("unix:*", "write \"unix\" for all paths"),
        ("unix:@name", "write \"unix-abstract\""),
        ("unix:run/x", "the path must begin with `/`"),
        ("unix:/run/../x", "without `//`, `.` and `..`"),
        ("unix:/run//x", "without `//`, `.` and `..`"),
        ("unix:/run/", "without `//`, `.` and `..`"),
        ("unix:/run/../*", "without `//`, `.` and `..`"),
        ("unix:/*/x", "in the last part of a path only"),
        ("publik", "write \"public\", or \"publik.\""),
        ("Privat", "write \"private\", or \"privat.\""),
        ("locale", "write \"local\", or \"locale.\""),
        ("networks", "write \"network\""),
        ("unix_abstract", "write \"unix-abstract\""),
        (".example", "write \"*.example\" for all names below it"),
        ("*.", "in a name `*` can only be"),
        ("*..", "it is no keyword"),
        ("*.*", "in a name `*` can only be"),
        ("db*.example", "in a name `*` can only be"),
        ("bücher.example", "write the name in punycode"),
        ("a..b", "it is no keyword"),
        ("a\0b", "it is no keyword"),
        ("a_b!", "it is no keyword"),
    ] {
        for (allow, deny, place) in
            [(vec!["local", rule], vec![], "`allow[1]`"), (vec![], vec![rule], "`deny[0]`")]
        {
            let error = Policy::parse(Some(&list(&allow)), &list(&deny)).unwrap_err();
            assert_eq!(error.code(), "ERR_INVALID_OPTION");
            let message = error.to_string();
            assert!(message.starts_with(&format!("invalid option: {place} {rule:?}: ")), "{message}");
            assert!(message.contains(advice), "{message}");
        }
    }
    let long = "x".repeat(300);
    let message = Policy::parse(None, &[long]).unwrap_err().to_string();
    assert!(message.len() < 300, "{message}");
}

#[test]
fn all_mistakes_are_named() {
    let message = |allow: &[&str], deny: &[&str]| {
        Policy::parse(Some(&list(allow)), &list(deny)).unwrap_err().to_string()
    };
    let two = message(&["local", "publik"], &["10.0.0.0/33", "public"]);
    assert!(two.starts_with("invalid option: `allow[1]` \"publik\": write "), "{two}");
    assert!(two.contains("; `deny[0]` \"10.0.0.0/33\": "), "{two}");
    assert!(message(&[""; 20], &[]).ends_with("; and 12 more"));
}

#[test]
fn no_text_is_too_strange() {
    let mut noise = Noise(0x1234_5678_9abc_def1);
    let mut right = 0;
    for _ in 0..rounds(40_000) {
        let rule = [noise.text()];
        if let Ok(policy) = Policy::parse(Some(&rule), &rule) {
            right += 1;
            // Of two equal lists `deny` wins everything.
            for host in ["db.example", "127.0.0.1", "8.8.8.8"] {
                assert!(policy.address(host, "8.8.8.8:80".parse().unwrap()).is_err(), "{rule:?}");
            }
        }
    }
    assert!(right > rounds(40_000) / 400, "{right}");
}

#[test]
fn a_rule_that_is_long_costs_no_more_than_its_length() {
    for unit in [".", "*.", "a.", "[", "::", "-", "1.", "unix:/", "%", "\u{e4}"] {
        let rule = unit.repeat(rounds(1_000_000) / unit.len());
        let error = Policy::parse(None, &list(&[&rule])).unwrap_err();
        assert!(error.to_string().len() < 1000, "{unit}");
    }
}
