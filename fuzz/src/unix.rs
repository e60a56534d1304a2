//! Unix domain sockets: paths and patterns, compared with a matcher that tries everything.

use arbitrary::{Arbitrary, Unstructured};
use wintersock::{endpoint::UnixName, policy::Policy};

use crate::text::{check, check_message};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    allow: Option<Vec<Rule<'a>>>,
    deny: Vec<Rule<'a>>,
    path: Path<'a>,
}

#[derive(Arbitrary, Debug)]
enum Rule<'a> {
    Everything,
    Word(u8),
    Path(Path<'a>),
}

/// Parts from few letters, so that some fit others, or any text.
#[derive(Arbitrary, Debug)]
enum Path<'a> {
    Parts(Vec<u8>, Vec<u8>),
    Text(&'a str),
    Abstract(&'a str),
}

const WORDS: [&str; 6] = ["unix", "unix-abstract", "local", "private", "public", "network"];

impl Path<'_> {
    fn text(&self, patterns: bool) -> String {
        let letters = |bytes: &[u8], alphabet: &str| {
            let letters: Vec<char> = alphabet.chars().collect();
            bytes.iter().take(12).map(|byte| letters[usize::from(*byte) % letters.len()]).collect::<String>()
        };
        match self {
            Self::Parts(directory, name) => {
                let last = letters(name, if patterns { "ab.*" } else { "ab." });
                format!("/{}/{last}", letters(directory, "ab./"))
            }
            Self::Text(text) => (*text).to_owned(),
            Self::Abstract(name) => format!("@{name}"),
        }
    }
}

impl Rule<'_> {
    fn text(&self) -> String {
        match self {
            Self::Everything => "*".into(),
            Self::Word(word) => WORDS[usize::from(*word) % WORDS.len()].into(),
            Self::Path(path) => format!("unix:{}", path.text(true)),
        }
    }
}

/// Absolute, with nothing to be resolved in it.
fn is_plain(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    parts.len() > 1
        && parts[0].is_empty()
        && parts[1..].iter().all(|part| !part.is_empty() && *part != "." && *part != "..")
        && !path.contains('\0')
}

/// Whether `*` for any characters makes the pattern the name.
fn fits(pattern: &[char], name: &[char]) -> bool {
    let mut reached = vec![false; name.len() + 1];
    reached[0] = true;
    for c in pattern {
        if *c == '*' {
            let first = reached.iter().position(|is| *is).unwrap_or(reached.len());
            reached.iter_mut().skip(first).for_each(|is| *is = true);
        } else {
            for at in (0..=name.len()).rev() {
                reached[at] = at > 0 && reached[at - 1] && name[at - 1] == *c;
            }
        }
    }
    reached[name.len()]
}

fn matches(pattern: &str, path: &str) -> bool {
    let split = |text: &str| text.rsplit_once('/').map(|(before, last)| (before.to_owned(), last.to_owned()));
    match (split(pattern), split(path)) {
        (Some((directory, pattern)), Some((of, name))) => {
            let [pattern, name] = [pattern, name].map(|text| text.chars().collect::<Vec<_>>());
            directory == of && fits(&pattern, &name)
        }
        _ => false,
    }
}

impl Rule<'_> {
    fn covers(&self, path: &str, allows: bool) -> bool {
        let is_abstract = path.starts_with('@');
        match self {
            Self::Everything => true,
            Self::Word(word) => match WORDS[usize::from(*word) % WORDS.len()] {
                "unix" => !is_abstract,
                "unix-abstract" => is_abstract,
                "local" | "private" => !allows,
                _ => false,
            },
            Self::Path(_) if is_abstract => false,
            Self::Path(_) if !is_plain(path) => !allows,
            Self::Path(pattern) => matches(&pattern.text(true), path),
        }
    }

    /// Whether all that `other`, which covers the same socket, is about is in it, and more.
    fn is_wider_than(&self, other: &Self) -> bool {
        let rank = |rule: &Self| match rule {
            Self::Everything => 4,
            Self::Word(word) => match WORDS[usize::from(*word) % WORDS.len()] {
                "private" => 3,
                "local" => 2,
                _ => 1,
            },
            Self::Path(_) => 0,
        };
        match (self, other) {
            (Self::Path(wide), Self::Path(narrow)) => {
                // Something that no pattern has, where anything may be.
                let fresh = |text: &str| text.replace('*', "\u{1f9ca}");
                let [wide, narrow] = [wide.text(true), narrow.text(true)];
                matches(&wide, &fresh(&narrow)) && !matches(&narrow, &fresh(&wide))
            }
            _ => rank(self) > rank(other),
        }
    }
}

pub(crate) fn run(data: &[u8]) {
    let Ok(input) = Input::arbitrary(&mut Unstructured::new(data)) else { return };
    let texts = |rules: &[Rule<'_>]| rules.iter().map(Rule::text).collect::<Vec<_>>();
    let (allow, deny) = (input.allow.as_deref().map(texts), texts(&input.deny));
    let path = input.path.text(false);
    let policy = match Policy::parse(allow.as_deref(), &deny) {
        Ok(policy) => policy,
        Err(error) => return check(&error, &["ERR_INVALID_OPTION"]),
    };
    let judged = policy.unix("", &UnixName(path.clone()));
    if let Err(refusal) = &judged {
        check_message(&refusal.rule);
    }
    let everything = vec![Rule::Everything];
    let allowing =
        input.allow.as_deref().unwrap_or(&everything).iter().filter(|rule| rule.covers(&path, true));
    let allowing: Vec<&Rule<'_>> = allowing.collect();
    let stands = |rule: &Rule<'_>| {
        rule.covers(&path, false) && !allowing.iter().any(|allow| rule.is_wider_than(allow))
    };
    let expected = !allowing.is_empty() && !input.deny.iter().any(stands);
    assert_eq!(judged.is_ok(), expected, "allow {allow:?} deny {deny:?} path {path:?}: {judged:?}");
}
