//! Unix domain sockets.

use super::{denying, policy};
use crate::{endpoint::UnixName, policy::Policy};

fn lets(policy: &Policy, path: &str) -> bool {
    policy.unix("", &UnixName(path.into())).is_ok()
}

#[test]
fn a_list_of_allow_opens_them_only_if_it_says_so() {
    for (allow, path, abstract_name) in [
        (&["*"][..], true, true),
        (&["unix"], true, false),
        (&["unix-abstract"], false, true),
        (&["UNIX"], true, false),
        (&["unix:/run/db.sock"], true, false),
        (&["unix:/run/*"], true, false),
        (&["public", "private", "local", "network", "0.0.0.0/0", "::/0"], false, false),
        (&["*:443"], false, false),
        (&["db.example"], false, false),
        (&[], false, false),
    ] {
        assert_eq!(lets(&policy(allow, &[]), "/run/db.sock"), path, "{allow:?}");
        assert_eq!(lets(&policy(allow, &[]), "@db"), abstract_name, "{allow:?}");
    }
}

#[test]
fn deny_closes_them_with_this_machine() {
    for (deny, path, abstract_name) in [
        ("local", false, false),
        ("private", false, false),
        ("*", false, false),
        ("unix", false, true),
        ("unix-abstract", true, false),
        ("unix:/run/db.sock", false, true),
        ("unix:/run/*", false, true),
        ("unix:/run/*.socket", true, true),
        ("public", true, true),
        ("network", true, true),
        ("*:25", true, true),
        ("local:80", true, true),
        ("127.0.0.0/8", true, true),
    ] {
        assert_eq!(lets(&denying(&[deny]), "/run/db.sock"), path, "{deny}");
        assert_eq!(lets(&denying(&[deny]), "@db"), abstract_name, "{deny}");
    }
    assert!(lets(&policy(&["*", "unix"], &["private"]), "/run/db.sock"));
    assert!(lets(&policy(&["unix:/run/db.sock"], &["unix"]), "/run/db.sock"));
    assert!(lets(&policy(&["unix:/run/db.sock"], &["unix:/run/*"]), "/run/db.sock"));
    assert!(lets(&policy(&["unix:/run/db*"], &["unix:/run/*"]), "/run/db.sock"));
    assert!(!lets(&policy(&["unix:/run/*"], &["unix:/run/db*"]), "/run/db.sock"));
    assert!(!lets(&policy(&["unix:/run/d*"], &["unix:/run/*k"]), "/run/db.sock"));
    assert!(!lets(&policy(&["unix"], &["unix"]), "/run/db.sock"));
    assert!(!lets(&policy(&["unix:/run/*"], &["unix:/run/db.sock"]), "/run/db.sock"));
}

#[test]
fn patterns_stay_in_their_directory() {
    let only = policy(&["unix:/run/pg/.s.*.54*2", "unix:/tmp/*", "unix:/*.sock"], &[]);
    for path in ["/run/pg/.s.PGSQL.5432", "/run/pg/.s..542", "/tmp/a", "/tmp/...", "/a.sock"] {
        assert!(lets(&only, path), "{path}");
    }
    for path in [
        "/run/pg/s.PGSQL.5432",
        "/run/pg/.s.PGSQL.5433",
        "/run/pg/.s.542",
        "/run/pg/.s.a/b.5432",
        "/tmp/a/b",
        "/tmp/../run/docker.sock",
        "/tmp/..",
        "/tmp/.",
        "/tmp//a",
        "//tmp/a",
        "/tmp/",
        "/tmp",
        "tmp/a",
        "./tmp/a",
        "",
        "/tmp/a\0b",
        "/run/docker.sock/",
        "/run/a.sock",
        "@/tmp/a",
        "/tmp/a/../b",
    ] {
        assert!(!lets(&only, path), "{path:?}");
    }
}

#[test]
fn another_spelling_of_a_path_is_refused_where_deny_has_paths() {
    let deny = denying(&["unix:/run/docker.sock"]);
    for path in [
        "/run/docker.sock",
        "/run//docker.sock",
        "/run/./docker.sock",
        "/tmp/../run/docker.sock",
        "run/docker.sock",
        "//run/docker.sock",
    ] {
        assert!(!lets(&deny, path), "{path}");
    }
    assert!(lets(&deny, "/run/db.sock"));
    assert!(lets(&denying(&["unix:/run/docker.*"]), "/run/db.sock"));
    assert!(!lets(&denying(&["unix:/run/docker.*"]), "/run/./docker.sock"));
    assert!(!lets(&policy(&["unix:/run/db.sock"], &[]), "/run//db.sock"));
    assert!(lets(&policy(&["unix"], &[]), "/run//db.sock"));
}

#[test]
fn a_name_that_stands_for_one_is_judged_with_it() {
    let socket = UnixName("/run/db.sock".into());
    assert!(policy(&["db.example"], &[]).unix("DB.example.", &socket).is_ok());
    assert!(policy(&["db.example"], &["local"]).unix("db.example", &socket).is_err());
    assert!(policy(&["db.example"], &["unix"]).unix("db.example", &socket).is_err());
    assert!(policy(&["db.example:5432"], &[]).unix("db.example", &socket).is_err());
    assert!(policy(&["public"], &[]).unix("db.example", &socket).is_err());
    assert!(policy(&["*"], &["db.example"]).unix("db.example", &socket).is_err());
    assert!(policy(&["unix"], &["evil.example"]).unix("db.example", &socket).is_ok());
    let refusal = policy(&["public"], &[]).unix("", &socket).unwrap_err().rule;
    assert_eq!(refusal, "no rule of `allow` (\"public\") covers \"unix:/run/db.sock\"");
    assert_eq!(
        denying(&["local"]).unix("", &socket).unwrap_err().rule,
        "`deny` has \"local\", and a Unix domain socket is on this machine"
    );
}

#[test]
fn a_pattern_is_narrower_only_if_all_that_fits_it_fits_the_other() {
    let path = "/run/db.sock";
    for (allow, deny) in [
        ("*.sock", "db*"),
        ("db*", "*.sock"),
        ("*b.sock", "db*"),
        ("d*.sock", "db*"),
        ("*", "*"),
        ("**", "*"),
        ("*", "**"),
        ("*.sock", "**.sock"),
        ("d*", "*db*k"),
        ("*.s*k", "*sock"),
        ("*", "db.sock"),
    ] {
        let rules = policy(&[&format!("unix:/run/{allow}")], &[&format!("unix:/run/{deny}")]);
        assert!(!lets(&rules, path), "{allow} {deny}");
    }
    for (allow, deny) in [
        ("db.sock", "*"),
        ("db*", "*"),
        ("db.*", "d*"),
        ("*db.sock*", "*.s*"),
        ("db*sock", "d*k"),
        ("d*.sock", "d**"),
    ] {
        let rules = policy(&[&format!("unix:/run/{allow}")], &[&format!("unix:/run/{deny}")]);
        assert!(lets(&rules, path), "{allow} {deny}");
    }
}
