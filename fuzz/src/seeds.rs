//! What fuzzers begin with.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

use crate::{addresses::embed, certificates, pem::armoured};

/// Target, name and bytes of each.
#[must_use]
pub fn seeds() -> Vec<(&'static str, String, Vec<u8>)> {
    let mut all = Vec::new();
    let mut add = |target, name: &str, bytes: Vec<u8>| all.push((target, name.to_owned(), bytes));
    for (name, bytes) in chains() {
        add("certificates", name, bytes);
    }
    for (name, bytes) in files() {
        add("pem", name, bytes);
    }
    for (at, (flags, cut, answer)) in CONNECT.iter().enumerate() {
        let head = [&[*flags, *cut][..], b"db.example\0me\0correct-horse\0"].concat();
        add("connect", &at.to_string(), [&head[..], answer.as_bytes()].concat());
    }
    for (at, (flags, answer)) in SOCKS.iter().enumerate() {
        add(
            "socks",
            &at.to_string(),
            [&[*flags, 3][..], b"db.example\0me\0correct-horse\0", answer].concat(),
        );
    }
    for (target, texts) in [("hosts", HOSTS), ("rules", RULES), ("config", CONFIGS)] {
        for (at, text) in texts.iter().enumerate() {
            add(target, &at.to_string(), text.as_bytes().to_vec());
        }
    }
    for inner in [[127, 0, 0, 1], [10, 0, 0, 1], [8, 8, 8, 8], [169, 254, 169, 254]] {
        add("hosts", &format!("v4-{}", inner[0]), [&[0], &inner[..]].concat());
    }
    for form in 0..10 {
        for (at, inner) in [[127, 0, 0, 1], [10, 0, 0, 1], [8, 8, 8, 8]].into_iter().enumerate() {
            let address = embed(form, 0x2606_4700 << 96, u32::from_be_bytes(inner));
            add("hosts", &format!("v6-{form}-{at}"), [&[1], &address.octets()[..]].concat());
        }
    }
    for (at, operations) in RECORDS.iter().enumerate() {
        for flags in 0..4 {
            add("records", &format!("{at}-{flags}"), [&[flags], *operations].concat());
        }
    }
    add("records", "alert", vec![4, 21, 3, 3, 0, 2, 2, 40]);
    add("records", "plain", b"\x04HTTP/1.1 400 Bad Request\r\n\r\n".to_vec());
    all
}

/// The handshake, then what may follow it.
const RECORDS: [&[u8]; 6] = [
    &[0, 0, 0, 15, 0, 99, 0, 0, 0, 15, 0, 99, 0, 0, 0, 3, 0, 200, 15, 1, 0, 10, 0, 0],
    &[13, 0, 1, 0, 0, 0, 15, 0, 9, 0, 0, 0, 15, 0, 9, 0, 0, 0, 3, 70, 80, 15, 0, 77, 8, 0, 0, 15, 0, 1],
    &[0, 0, 0, 15, 0, 9, 0, 0, 0, 15, 0, 9, 11, 0, 0, 3, 1, 0, 11, 0, 0, 12, 40, 0, 0, 0, 0, 15, 99, 0],
    &[0, 0, 0, 4, 1, 0, 15, 0, 9],
    &[0, 0, 0, 15, 0, 9, 0, 0, 0, 3, 0, 50, 7, 0, 90, 15, 0, 99],
    &[0, 0, 0, 15, 0, 9, 0, 0, 0, 6, 0, 10, 21, 3, 3, 0, 2, 1, 0, 15, 0, 9],
];

const CONNECT: [(u8, u8, &str); 10] = [
    (0, 1, "HTTP/1.1 101 Switching\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"),
    (0, 5, "HTTP/1.1 200 OK\r\n\r\nSSH-2.0-x"),
    (1, 1, "HTTP/1.0 200 Connection established\r\nVia: x\r\n\r\n"),
    (1, 9, "HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n"),
    (0, 2, "HTTP/1.1 407 Who\r\nProxy-Authenticate: Digest\r\nProxy-Authenticate: NTLM\r\n\r\n"),
    (2, 3, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\n\r\nHTTP/1.1 204 No\r\n\r\n"),
    (6, 0, "HTTP/1.1 502 Bad Gateway\n\n"),
    (16, 4, "HTTP/1.1 101 Switching\r\n\r\n"),
    (8, 4, "HTTP/1.1 2"),
    (0, 4, "\x16\x03\x01\x02"),
];

const SOCKS: [(u8, &[u8]); 8] = [
    (0, &[5, 0, 5, 0, 0, 1, 127, 0, 0, 1, 0, 80, 83, 83, 72]),
    (1, &[5, 2, 1, 0, 5, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 80]),
    (1, &[5, 0, 5, 0, 0, 3, 2, b'd', b'b', 0, 80]),
    (1, &[5, 2, 1, 1]),
    (0, &[5, 2]),
    (0, &[5, 255]),
    (2, &[5, 0, 5, 5, 0, 1, 0, 0, 0, 0, 0, 0]),
    (6, b"HTTP/1.1 400 Bad Request\r\n\r\n"),
];

const HOSTS: &[&str] = &[
    "2130706433",
    "0177.0.0.1",
    "0x7f.1",
    "127.1",
    "1.2.3.256",
    "[::ffff:10.0.0.1]",
    "fe80::1%eth0",
    "::10.0.0.1",
    "64:ff9b:1:a00:0:100::",
    "2001:0:a00:1::f5ff:fffe",
    "db.example.",
    "0x",
    "a.0x1",
    "1e3.example",
];

const RULES: &[&str] = &[
    "allow public\ndeny 10.0.0.0/8\ndeny *.example:5432-5439\nallow [fd00::/8]:5432",
    "deny privat\ndeny localhost.\ndeny 127.1\ndeny 10.0.0.1/8\ndeny http://a:b@c/",
    "allow unix:/run/*.sock\ndeny unix-abstract\nallow unix:@a\nallow .example\nallow a*b",
    "deny ::ffff:10.0.0.0/104\ndeny fd00::1%eth0\ndeny 1:2-1\ndeny [::1]:0\ndeny network:",
];

const CONFIGS: &[&str] = &[
    "allow public\nallow db.example\ndeny private\nhost db.example\naddress 10.0.0.1\naddress 8.8.8.8\nport 5432",
    "deny local\nhost 0x7f.1\nhost [::1]\nname db.example\nexcept .example\npath /run/db.sock\nsni localhost",
    "allow *\nallow unix\npath @abstract\nhost a.b\nmin TLSv1.2\nmax TLSv1.3\nsni ::1\nsocks5h\nexcept 10.0.0.0/8",
];

fn named(name: &str, alternatives: &[&str]) -> CertificateParams {
    let names: Vec<String> = alternatives.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("names");
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// Roots, the chain that a server presents, and the name that it is to have.
fn chains() -> Vec<(&'static str, Vec<u8>)> {
    let authority = |name: &str| {
        let mut params = named(name, &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(1));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params
    };
    let key = || KeyPair::generate().expect("a key");
    let (root_key, middle_key, leaf_key) = (key(), key(), key());
    let root = authority("root");
    let root_der = root.self_signed(&root_key).expect("a root").der().to_vec();
    let root = Issuer::new(root, root_key);
    let middle = authority("middle");
    let middle_der = middle.signed_by(&middle_key, &root).expect("an authority").der().to_vec();
    let middle = Issuer::new(middle, middle_key);
    let leaf = |names: &[&str]| named("leaf", names);
    let below_root =
        leaf(&["localhost", "127.0.0.1"]).signed_by(&leaf_key, &root).expect("a leaf").der().to_vec();
    let below_middle =
        leaf(&["*.example", "::1"]).signed_by(&leaf_key, &middle).expect("a leaf").der().to_vec();
    let alone = leaf(&["localhost"]).self_signed(&leaf_key).expect("a leaf").der().to_vec();
    let old = {
        let mut params = leaf(&["localhost"]);
        params.not_after = rcgen::date_time_ymd(1999, 1, 1);
        params.signed_by(&leaf_key, &root).expect("a leaf").der().to_vec()
    };
    // Names that a terminal would obey, and more than anybody reads.
    let steering =
        leaf(&["\u{1b}[2Jb.example", "a\r\nb"]).signed_by(&leaf_key, &root).expect("a leaf").der().to_vec();
    let many: Vec<String> = (0..400).map(|number| format!("{number}.example")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let many = leaf(&many).signed_by(&leaf_key, &root).expect("a leaf").der().to_vec();
    let (root, middle) = (&root_der[..], &middle_der[..]);
    vec![
        ("direct", certificates::written(&[root], &[&below_root], 0, 0)),
        ("other-name", certificates::written(&[root], &[&below_root], 2, 0)),
        ("below", certificates::written(&[root], &[&below_middle, middle], 2, 0)),
        ("gap", certificates::written(&[root], &[&below_middle], 3, 0)),
        ("alone", certificates::written(&[root], &[&alone], 0, 0)),
        ("trusted-itself", certificates::written(&[&alone], &[&alone], 0, 0)),
        ("untrusted-root", certificates::written(&[middle], &[&below_root, root], 1, 0)),
        ("old", certificates::written(&[root], &[&old], 0, 0)),
        ("early", certificates::written(&[root], &[&below_root], 0, 1)),
        ("steering", certificates::written(&[root], &[&steering], 0, 0)),
        ("many-names", certificates::written(&[root], &[&many], 0, 0)),
        ("authority", certificates::written(&[root], &[root], 0, 0)),
    ]
}

fn files() -> Vec<(&'static str, Vec<u8>)> {
    let key = KeyPair::generate().expect("a key");
    let der = named("client", &["client"]).self_signed(&key).expect("a certificate").der().to_vec();
    let (pem, private) = (armoured("CERTIFICATE", &der), key.serialize_pem());
    let both = format!("{pem}{private}");
    vec![
        ("certificate", pem.clone().into_bytes()),
        ("both", both.clone().into_bytes()),
        ("lines", both.replace('\n', "\\n").into_bytes()),
        ("indented", both.replace('\n', "\n  ").into_bytes()),
        ("der", der.clone()),
        ("apart", [pem.as_bytes(), &[0xff], &key.serialize_der()].concat()),
        ("apart-der", [&der[..], &[0xff], private.as_bytes()].concat()),
        ("short", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n".to_vec()),
    ]
}
