//! Lists as in `NO_PROXY`.

use super::{Noise, list, rounds};
use crate::policy::Exceptions;

fn covers(rules: &[&str], host: &str, port: u16) -> bool {
    Exceptions::parse(&list(rules)).unwrap().covers(host, port)
}

#[test]
fn a_domain_covers_what_is_below_it() {
    for rule in ["example.com", ".example.com", "EXAMPLE.com."] {
        for host in ["example.com", "a.example.com", "a.b.Example.Com."] {
            assert!(covers(&[rule], host, 80), "{rule} {host}");
        }
        for host in ["notexample.com", "example.com.evil", "com", "example.org"] {
            assert!(!covers(&[rule], host, 80), "{rule} {host}");
        }
    }
    assert!(
        covers(&["*.example.com"], "a.example.com", 80) && !covers(&["*.example.com"], "example.com", 80)
    );
    assert!(covers(&["localhost"], "localhost", 80) && covers(&[".local"], "printer.local", 80));
}

#[test]
fn addresses_cover_what_is_written_as_one() {
    for (rule, host, expected) in [
        ("*", "db.example", true),
        ("*", "10.0.0.1", true),
        ("10.0.0.0/8", "10.1.2.3", true),
        ("10.0.0.0/8", "::ffff:10.1.2.3", true),
        ("10.0.0.0/8", "0x0a.1", true),
        ("10.0.0.0/8", "11.0.0.1", false),
        ("10.0.0.0/8", "db.example", false),
        ("192.168.1.1/16", "192.168.9.9", true),
        ("::1", "[::1]", true),
        ("[::1]:80", "::1", true),
        ("[::1]:81", "::1", false),
        ("127.0.0.1", "127.0.0.1", true),
        ("127.0.0.1", "localhost", false),
        ("private", "10.0.0.1", true),
        ("local", "10.0.0.1", false),
        ("example.com:80", "www.example.com", true),
        ("example.com:8080", "www.example.com", false),
        ("example.com:1-79", "example.com", false),
    ] {
        assert_eq!(covers(&[rule], host, 80), expected, "{rule} {host}");
    }
    assert!(!covers(&["*"], "1.2.3.4.5", 80));
    assert!(!covers(&[], "db.example", 80));
}

#[test]
fn entries_may_be_lists() {
    let rules = ["localhost,127.0.0.1, .svc  10.0.0.0/8,,", ""];
    for host in ["localhost", "127.0.0.1", "a.svc", "10.9.9.9"] {
        assert!(covers(&rules, host, 80), "{host}");
    }
    assert!(!covers(&rules, "a.b", 80));
}

#[test]
fn what_cannot_be_used_is_named() {
    let error = |rule: &str| Exceptions::parse(&list(&["a.example", rule])).unwrap_err();
    assert_eq!(error("10.0.0.0/33").code(), "ERR_INVALID_OPTION");
    assert!(
        error("10.0.0.0/33").to_string().starts_with("invalid option: `proxy.except[1]` \"10.0.0.0/33\": ")
    );
    assert!(error("unix").to_string().contains("`proxy.except[1]`"));
    let mut noise = Noise(7);
    for _ in 0..rounds(10_000) {
        if let Ok(exceptions) = Exceptions::parse(&[noise.text()]) {
            exceptions.covers(&noise.text(), 80);
        }
    }
}
