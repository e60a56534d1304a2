//! Unix domain sockets: which of them a rule is about.

use crate::endpoint::UnixName;

/// Sockets that a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sockets {
    /// All that have a path.
    Paths,
    /// All of Linux's abstract namespace.
    Abstract,
    /// The one at this path.
    Path(String),
    /// All in a directory whose name fits.
    Glob {
        /// With the `/` at its end.
        directory: String,
        /// What stands between the `*`; at least two pieces.
        name: Vec<String>,
    },
}

impl Sockets {
    /// What stands after `unix:` in a rule.
    pub(super) fn parse(path: &str) -> Result<Self, String> {
        let plain = |path: &str| is_plain(path).then(|| path.to_owned());
        if path.starts_with('@') {
            return Err(
                "single abstract sockets have no rule; write \"unix-abstract\" for all of them".into()
            );
        }
        if matches!(path, "" | "*") {
            return Err("write \"unix\" for all paths".into());
        }
        let wrong = || {
            "the path must begin with `/` and be without `//`, `.` and `..`, as in \"unix:/run/postgresql/*\""
                .to_owned()
        };
        let (directory, name) = path.rsplit_once('/').ok_or_else(wrong)?;
        if directory.contains('*') {
            return Err(
                "`*` can stand in the last part of a path only, as in \"unix:/run/postgresql/*\"".into()
            );
        }
        if !name.contains('*') {
            return plain(path).map(Self::Path).ok_or_else(wrong);
        }
        if !directory.is_empty() && !is_plain(directory) {
            return Err(wrong());
        }
        Ok(Self::Glob { directory: format!("{directory}/"), name: pieces(name) })
    }

    /// Whether it is about a socket, as a rule of `deny` or (`strictly`) of `allow`. A path that can be spelt in a simpler way, as with
    /// `..`, might be any: it is refused where a rule of `deny` has a path, and let through by none of `allow`.
    pub(super) fn contains(&self, socket: &UnixName, strictly: bool) -> bool {
        let path = socket.0.as_str();
        match self {
            Self::Abstract => socket.is_abstract(),
            _ if socket.is_abstract() => false,
            Self::Paths => true,
            _ if !is_plain(path) => !strictly,
            Self::Path(one) => path == one,
            Self::Glob { directory, name } => path
                .strip_prefix(directory.as_str())
                .is_some_and(|rest| !rest.contains('/') && fits(rest, name)),
        }
    }

    /// Whether `other` is about fewer sockets, given that both are about the same one.
    pub(super) fn is_wider_than(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Paths | Self::Abstract, Self::Glob { .. } | Self::Path(_))
            | (Self::Glob { .. }, Self::Path(_)) => true,
            // Patterns may overlap, and then neither is the narrower one. A name has no `/`: in the place of a `*` only a `*` fits it.
            (Self::Glob { directory, name }, Self::Glob { directory: others, name: inner }) => {
                directory == others && name != inner && fits(&inner.join("/"), name)
            }
            _ => false,
        }
    }
}

/// What stands between the `*`. Several in a row are one.
fn pieces(name: &str) -> Vec<String> {
    let all: Vec<&str> = name.split('*').collect();
    let last = all.len().saturating_sub(1);
    let inner = |&(index, piece): &(usize, &str)| index == 0 || index == last || !piece.is_empty();
    all.into_iter().enumerate().filter(inner).map(|(_, piece)| piece.to_owned()).collect()
}

/// Whether a path can be compared by its text: absolute, and nothing in it to be resolved but symbolic links.
fn is_plain(path: &str) -> bool {
    path.strip_prefix('/').is_some_and(|rest| {
        rest.split('/').all(|part| !matches!(part, "" | "." | "..")) && !path.contains('\0')
    })
}

/// Whether a name is these pieces with anything between them.
fn fits(name: &str, pieces: &[String]) -> bool {
    let [first, middle @ .., last] = pieces else { return false };
    let Some(mut rest) = name.strip_prefix(first.as_str()) else { return false };
    for piece in middle {
        match rest.split_once(piece.as_str()) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last.as_str())
}
