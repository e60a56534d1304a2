//! The line that is the kernel's: a pair of veth devices with the queueing discipline netem, where the kernel has it.

use std::{io, time::Duration};

use crate::{
    command::{Command, Commands, say},
    line::Line,
    namespace::{DEVICE, Namespace, tool},
};

/// Sets all up, and obeys until stdin ends.
///
/// # Errors
/// What the system says, also that it has no netem.
pub(crate) fn run(impatient: bool) -> io::Result<()> {
    let sides = [Namespace::new()?, Namespace::new()?];
    let [client, server] = &sides;
    // Without segments that are larger than a packet: what is lost would be lost by dozens.
    let whole = ["gso_max_segs", "1"];
    let link = ["link", "add", DEVICE];
    let peer = ["type", "veth", "peer", "name", DEVICE];
    tool("ip", &[&link[..], &whole, &peer, &whole, &["netns", &client.path()]].concat(), "")?;
    for (side, namespace) in sides.iter().enumerate() {
        namespace.enter()?;
        namespace.set_up(side, impatient)?;
        discipline(&Line::default())?;
    }
    say(&format!("ok {} {} v6={}", client.path(), server.path(), client.v6 && server.v6))?;
    let mut commands = Commands::default();
    while commands.serve(|command| obey(&sides, command))? {}
    Ok(())
}

fn obey(sides: &[Namespace; 2], command: Command) -> Result<String, String> {
    let (directions, members) = match command {
        Command::Line(directions, members) => (directions, members),
        Command::Counts => return counts(sides).map_err(|error| error.to_string()),
        _ => return Err("netem cannot do that".to_owned()),
    };
    let line: Line = members.parse()?;
    for direction in directions {
        let Some(side) = sides.get(direction) else { continue };
        side.enter().and_then(|()| discipline(&line)).map_err(|error| error.to_string())?;
    }
    Ok(String::new())
}

/// What both disciplines have sent and lost so far, in the words of `Command::Counts`.
fn counts(sides: &[Namespace; 2]) -> io::Result<String> {
    let (mut packets, mut lost) = (0, 0);
    for side in sides {
        side.enter()?;
        let said = tool("tc", &["-s", "qdisc", "show", "dev", DEVICE], "")?;
        let number = |before: &str| number_after(&said, before).ok_or_else(|| io::Error::other(said.clone()));
        let dropped = number("(dropped ")?;
        packets += number(" bytes ")? + dropped;
        lost += dropped;
    }
    Ok(format!("packets={packets} lost={lost}"))
}

/// The number that follows these words in what tc says.
fn number_after(said: &str, before: &str) -> Option<u64> {
    let (_, rest) = said.split_once(before)?;
    rest.split(|char: char| !char.is_ascii_digit()).next()?.parse().ok()
}

/// Makes the line so, out of the namespace that this process is in.
fn discipline(line: &Line) -> io::Result<()> {
    let arguments = arguments(line);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    tool("tc", &arguments, "").map(|_| ()).map_err(|error| {
        let unknown = error.to_string().contains("qdisc kind is unknown");
        if unknown { io::Error::other("this kernel has no netem") } else { error }
    })
}

/// In the words of tc.
fn arguments(line: &Line) -> Vec<String> {
    let micros = |time: Duration| format!("{}us", time.as_micros());
    let mut words: Vec<String> =
        format!("qdisc replace dev {DEVICE} root netem limit 10000").split(' ').map(str::to_owned).collect();
    if !line.delay.is_zero() {
        words.extend(["delay".to_owned(), micros(line.delay), micros(line.jitter.min(line.delay))]);
    }
    // Without a delay there is nothing to overtake.
    let reorder = if line.delay.is_zero() { 0.0 } else { line.reorder };
    let parts =
        [("loss", line.loss), ("duplicate", line.duplicate), ("corrupt", line.corrupt), ("reorder", reorder)];
    for (name, part) in parts {
        if part > 0.0 {
            words.extend([name.to_owned(), format!("{}%", part * 100.0)]);
        }
    }
    if let Some(rate) = line.rate {
        words.extend(["rate".to_owned(), format!("{rate}bit")]);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tc_says_is_counted() {
        let said = "qdisc netem 8001: root refcnt 2 limit 10000 loss 2%\n Sent 1234 bytes 56 pkt (dropped 7, overlimits 0 requeues 0)\n backlog 0b 0p requeues 0\n";
        assert_eq!((number_after(said, " bytes "), number_after(said, "(dropped ")), (Some(56), Some(7)));
        assert_eq!(number_after(said, "(lost "), None);
    }

    #[test]
    fn a_line_is_said_in_the_words_of_tc() {
        let said = |line: &str| arguments(&line.parse().unwrap()).join(" ");
        assert_eq!(said(""), "qdisc replace dev wire0 root netem limit 10000");
        assert_eq!(
            said("loss=0.02 delay=20 jitter=5 reorder=0.1 corrupt=0.01 rate=8000000"),
            "qdisc replace dev wire0 root netem limit 10000 delay 20000us 5000us loss 2% corrupt 1% reorder 10% rate 8000000bit"
        );
        assert_eq!(said("reorder=0.1"), said(""));
    }
}
