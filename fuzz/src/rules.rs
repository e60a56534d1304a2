//! Rules as text: what cannot be read is named, and what the message proposes can be.

use wintersock::policy::{Exceptions, Policy};

use crate::text::{check, lines};

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let of = |key| lines(text, key).map(str::to_owned).collect::<Vec<_>>();
    let (allow, deny) = (of("allow"), of("deny"));
    let whole = Policy::parse(Some(&allow), &deny);
    // A list can be read if each of its rules can.
    let each = allow.iter().chain(&deny).all(|rule| one(rule));
    assert_eq!(whole.is_ok(), each);
    if let Err(error) = &whole {
        check(error, &["ERR_INVALID_OPTION"]);
    }
    for rule in allow.iter().chain(&deny) {
        secrets(rule);
    }
}

fn read(rule: &str) -> Result<Policy, String> {
    Policy::parse(None, &[rule.to_owned()]).map_err(|error| {
        check(&error, &["ERR_INVALID_OPTION"]);
        error.to_string()
    })
}

fn one(rule: &str) -> bool {
    let message = match read(rule) {
        Ok(policy) => {
            assert!(!policy.is_open(), "it denies something");
            // Where a policy takes it, so does NO_PROXY, unless it is about what no proxy reaches.
            let unix = rule.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("unix"))
                && (rule.len() == 4
                    || rule[4..].starts_with(':')
                    || rule.eq_ignore_ascii_case("unix-abstract"));
            assert_eq!(Exceptions::parse(&[rule.to_owned()]).is_ok(), !unix, "{rule:?}");
            return true;
        }
        Err(message) => message,
    };
    assert!(message.contains("`deny[0]`"), "{message}");
    for proposed in proposals(&message) {
        assert!(read(&proposed).is_ok(), "{rule:?} was answered {message:?}, but so was {proposed:?}");
    }
    false
}

/// What a message says is to be written.
fn proposals(message: &str) -> Vec<String> {
    // Before it the rule is quoted, with whatever is in it.
    let Some((_, words)) = message.rsplit_once("\": ") else { return Vec::new() };
    if let Some(rest) = words.strip_prefix("write the address as ") {
        return vec![rest.to_owned()];
    }
    if let Some((range, alone)) = words
        .strip_prefix("the address has bits after the prefix; write ")
        .and_then(|rest| rest.strip_suffix(" for it alone")?.split_once(", or "))
    {
        return vec![range.to_owned(), alone.to_owned()];
    }
    let quoted = |text: &str| text.split('"').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let is_name = words.contains(" for a host of that name") || words.contains(" for all names below it");
    if is_name { quoted(words) } else { Vec::new() }
}

/// A rule that is a URL with a password: it is not repeated.
fn secrets(rule: &str) {
    const SECRET: &str = "hunter2-and-more";
    if rule.contains(SECRET) || rule.starts_with("unix:") {
        return;
    }
    let url = format!("http://user:{SECRET}@{rule}");
    let message = read(&url).expect_err("it has a password");
    assert!(!message.contains(SECRET), "{message}");
}
