//! What the line is told on stdin.

use std::io::{self, Read, Write};

use crate::{
    flows::{Kind, Rule},
    icmp::Refusal,
};

/// A command. Directions: 0 is from client to server, `up`; 1 is `down`.
#[derive(Debug)]
pub(crate) enum Command {
    /// `line up|down|both <members>`: what the line is like from now on.
    Line(Vec<usize>, String),
    /// `drop (up|down <kind> <count>)*`: which packets are lost whatever the dice say, of each connection.
    Drop(Vec<Rule>),
    /// `refuse up|down|both <why>|nothing`: packets are not passed on, and the sender is told so.
    Refuse(Vec<usize>, Option<Refusal>),
    /// `counts`: what happened so far, as `name=number`. Of netem there are only `packets` and `lost`.
    Counts,
    /// `ends <port>`: how often either side has sent FIN and RST over the connections to that port of the server.
    Ends(u16),
}

impl Command {
    fn read(text: &str) -> Option<Self> {
        let (name, rest) = text.split_once(' ').unwrap_or((text, ""));
        Some(match name {
            "line" => {
                let (directions, members) = rest.split_once(' ').unwrap_or((rest, ""));
                Self::Line(directions_of(directions)?, members.to_owned())
            }
            "drop" => {
                let words: Vec<&str> = rest.split_whitespace().collect();
                let rule = |words: &[&str]| {
                    let [direction, kind, count] = words else { return None };
                    let direction = *directions_of(direction)?.first()?;
                    Some(Rule { direction, kind: Kind::named(kind)?, count: count.parse().ok()? })
                };
                Self::Drop(words.chunks(3).map(rule).collect::<Option<_>>()?)
            }
            "refuse" => {
                let (directions, why) = rest.split_once(' ')?;
                let why = if why == "nothing" { None } else { Some(Refusal::named(why)?) };
                Self::Refuse(directions_of(directions)?, why)
            }
            "counts" => Self::Counts,
            "ends" => Self::Ends(rest.parse().ok()?),
            _ => return None,
        })
    }
}

fn directions_of(name: &str) -> Option<Vec<usize>> {
    match name {
        "up" => Some(vec![0]),
        "down" => Some(vec![1]),
        "both" => Some(vec![0, 1]),
        _ => None,
    }
}

/// Commands as they come.
#[derive(Debug, Default)]
pub(crate) struct Commands {
    begun: Vec<u8>,
}

impl Commands {
    /// Reads what is there, and answers each command by what `obey` gives. Whether more can come.
    ///
    /// # Errors
    /// What the system says of stdin and stdout.
    pub(crate) fn serve(
        &mut self,
        mut obey: impl FnMut(Command) -> Result<String, String>,
    ) -> io::Result<bool> {
        let mut chunk = [0; 4096];
        let length = io::stdin().read(&mut chunk)?;
        self.begun.extend(chunk.iter().take(length));
        while let Some(end) = self.begun.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.begun.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let line = line.trim();
            let done = Command::read(line).ok_or_else(|| format!("no command: {line}")).and_then(&mut obey);
            say(&match done {
                Ok(answer) => format!("ok {answer}"),
                Err(error) => format!("error {error}"),
            })?;
        }
        Ok(length > 0)
    }
}

/// Writes a line to stdout.
///
/// # Errors
/// What the system says.
pub(crate) fn say(line: &str) -> io::Result<()> {
    let mut stdout = io::stdout();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}
