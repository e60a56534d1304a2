//! Many connections at the same time.

use std::{
    io::{self, ErrorKind},
    net::TcpStream,
    time::Instant,
};

use mio::{Events, Interest, Poll, Token};
use serde_json::{Value, json};

use super::{
    job::Job,
    link::{Dialler, Link, ended, excess},
    usage::{Start, ratio, resident},
};
use crate::{
    edge::Edge,
    wire::{Received, Scratch, Wire},
};

/// Connections that send messages back and forth, each at its own pace.
struct Players {
    poll: Poll,
    events: Events,
    all: Vec<Player>,
    message: Vec<u8>,
}

struct Player {
    wire: Wire<Edge>,
    /// How many bytes of the message are still to be sent.
    unsent: usize,
    /// How many bytes of the message have not come back yet.
    missing: usize,
}

/// How many rounds all connections together do.
///
/// # Errors
/// If a connection fails.
pub(crate) fn pingpong(job: &Job) -> io::Result<Value> {
    let mut scratch = Scratch::new();
    let mut players = Players::new(job, &mut scratch)?;
    players.play(job.end_of_warming(), &mut scratch)?;
    let start = Start::now();
    let rounds = players.play(job.end(1.0), &mut scratch)?;
    let spent = start.spent();
    Ok(json!({
        "rounds_per_s": ratio(rounds, spent.seconds),
        "cpu_us_per_round": spent.cpu_s * 1e6 / ratio(rounds, 1.0),
        "cpu_s": spent.cpu_s,
    }))
}

/// How much the resident memory of the process grows with a connection that has been used. To be asked of a process that
/// has done nothing else yet: memory that was freed before would hide the growth.
///
/// # Errors
/// If a connection fails.
pub(crate) fn idle(job: &Job) -> io::Result<Value> {
    let mut scratch = Scratch::new();
    let dialler = Dialler::new(job)?;
    let message = vec![0; job.size];
    let mut open = |number: usize| -> io::Result<Vec<Link>> {
        let mut links = Vec::with_capacity(number);
        for _ in 0..number {
            let mut link = dialler.open(job.ports.echo, &mut scratch)?;
            link.send(&message, &mut scratch)?;
            link.receive(message.len() as u64, &mut scratch)?;
            links.push(link);
        }
        Ok(links)
    };
    // What the first connections cost is not a matter of a single one. They stay, lest others reuse their memory.
    let early = open(job.sockets.div_ceil(10))?;
    let before = resident()?;
    let links = open(job.sockets)?;
    let grown = resident()?.saturating_sub(before);
    drop((early, links));
    Ok(json!({ "kib_per_socket": ratio(grown as u64, 1024.0) / ratio(job.sockets as u64, 1.0) }))
}

impl Players {
    fn new(job: &Job, scratch: &mut Scratch) -> io::Result<Self> {
        let poll = Poll::new()?;
        let dialler = Dialler::new(job)?;
        let mut players = Vec::with_capacity(job.sockets);
        for index in 0..job.sockets {
            let wire = dialler.open(job.ports.echo, scratch)?.wire.over(|stream: TcpStream| {
                stream.set_nonblocking(true)?;
                let mut stream = mio::net::TcpStream::from_std(stream);
                let both = Interest::READABLE | Interest::WRITABLE;
                poll.registry().register(&mut stream, Token(index), both)?;
                Ok(Edge::new(stream))
            })?;
            players.push(Player { wire, unsent: 0, missing: 0 });
        }
        Ok(Self { poll, events: Events::with_capacity(1024), all: players, message: vec![0; job.size] })
    }

    /// Has all play until `end`, and waits for the rounds that are under way: how many there were.
    fn play(&mut self, end: Instant, scratch: &mut Scratch) -> io::Result<u64> {
        for player in &mut self.all {
            player.begin(&self.message, scratch)?;
        }
        let mut playing = self.all.len();
        let mut rounds = 0;
        while playing > 0 {
            match self.poll.poll(&mut self.events, None) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            let over = Instant::now() >= end;
            for event in &self.events {
                let Some(player) = self.all.get_mut(event.token().0) else { continue };
                player.wire.stream().wake(event.is_read_closed() || event.is_error());
                while player.advance(&self.message, scratch)? {
                    rounds += 1;
                    if over {
                        playing -= 1;
                        break;
                    }
                    player.begin(&self.message, scratch)?;
                }
            }
        }
        Ok(rounds)
    }
}

impl Player {
    /// Begins a round.
    fn begin(&mut self, message: &[u8], scratch: &mut Scratch) -> io::Result<()> {
        self.unsent = message.len();
        self.missing = message.len();
        self.send(message, scratch)
    }

    fn send(&mut self, message: &[u8], scratch: &mut Scratch) -> io::Result<()> {
        self.wire.flush()?;
        while self.unsent > 0 {
            match self.wire.write(&message[message.len() - self.unsent..], scratch)? {
                0 => break,
                sent => self.unsent -= sent,
            }
        }
        Ok(())
    }

    /// Sends and receives as far as it can be done now: whether the round is over. It is not, if none has begun.
    fn advance(&mut self, message: &[u8], scratch: &mut Scratch) -> io::Result<bool> {
        self.send(message, scratch)?;
        loop {
            match self.wire.read(scratch)? {
                Received::Nothing => return Ok(false),
                Received::Bytes(0) => {}
                Received::Bytes(length) => {
                    self.missing = self.missing.checked_sub(length).ok_or_else(excess)?;
                    if self.missing == 0 {
                        return Ok(true);
                    }
                }
                Received::End => return Err(ended()),
            }
        }
    }
}
