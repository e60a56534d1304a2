//! Rules of `allow` and `deny`, without anything that connects.

mod addresses;
mod exceptions;
mod grammar;
mod hosts;
mod precedence;
mod unix;

use std::net::{IpAddr, SocketAddr};

use super::{Policy, Refusal};

fn list(rules: &[&str]) -> Vec<String> {
    rules.iter().map(|rule| (*rule).to_owned()).collect()
}

fn policy(allow: &[&str], deny: &[&str]) -> Policy {
    Policy::parse(Some(&list(allow)), &list(deny)).unwrap()
}

fn denying(deny: &[&str]) -> Policy {
    Policy::parse(None, &list(deny)).unwrap()
}

/// Judges an address that was asked for as such.
fn judge(policy: &Policy, address: &str, port: u16) -> Result<(), Refusal> {
    let ip: IpAddr = address.parse().unwrap();
    policy.address(address, SocketAddr::new(ip, port))
}

fn lets(policy: &Policy, address: &str, port: u16) -> bool {
    judge(policy, address, port).is_ok()
}

/// Judges an address that a name was found to have.
fn lets_name(policy: &Policy, name: &str, address: &str) -> bool {
    policy.address(name, SocketAddr::new(address.parse().unwrap(), 443)).is_ok()
}

/// How often something is tried, or how long it is. Miri is a thousand times slower.
const fn rounds(usual: usize) -> usize {
    if cfg!(miri) { usual / 200 } else { usual }
}

/// Text that no two runs differ in: letters that rules are made of, in any order.
struct Noise(u64);

impl Noise {
    fn number(&mut self) -> u64 {
        // Xorshift.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn text(&mut self) -> String {
        const PIECES: [&str; 40] = [
            "0",
            "1",
            "9",
            "255",
            "256",
            "0x",
            "f",
            "::",
            ":",
            ".",
            "..",
            "/",
            "//",
            "32",
            "128",
            "129",
            "-",
            "*",
            "*.",
            "[",
            "]",
            "%",
            "unix:",
            "@",
            "public",
            "private",
            "local",
            "example",
            "\0",
            "ä",
            "。",
            " ",
            ",",
            "80",
            "65535",
            "65536",
            "99999999999999999999",
            "ffff",
            "\u{202e}",
            "😀",
        ];
        let length = self.number() % 9;
        (0..length).map(|_| PIECES[usize::try_from(self.number() % 40).unwrap()]).collect()
    }
}
