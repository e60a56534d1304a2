//! The end of an open connection: flush, FIN, and a while of listening for the peer's end.

use std::{io, time::Duration};

use tokio::time::timeout;

use crate::{
    notify::{Interest, Notify, Watched},
    runtime::{Completion, Event},
    transport::{Broken, Transport},
};

/// How long a close goes on flushing, and then listening for the peer's end.
const CLOSE_BOUND: Duration = Duration::from_secs(1);

/// How far the write side has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteSide {
    /// Not at all.
    Open,
    /// The end is announced, but not all is flushed.
    Ending,
    /// FIN is sent.
    Ended,
}

/// Flushes, ends the write side, and listens for the peer's end for a while: closing a TCP socket with unread data makes
/// the kernel send RST, which may destroy at the peer what has just been flushed. `closed` does not wait for that.
///
/// Not `patient`: what cannot be flushed within a second is given up, and the peer gets RST instead of an end.
pub async fn drain(mut transport: Transport, write: WriteSide, patient: bool, completion: Completion) {
    let ended = async {
        match write {
            WriteSide::Ended => Ok(()),
            _ if patient => end(&mut transport, write).await,
            _ => timeout(CLOSE_BOUND, end(&mut transport, write))
                .await
                .unwrap_or_else(|_| Err(Broken::Io(io::ErrorKind::TimedOut.into()))),
        }
    };
    let done = ended.await.is_ok();
    if !done {
        transport.stream().reset_on_close();
    }
    completion.tell(Event::Closed);
    if done {
        let mut discarded = false;
        let late = timeout(CLOSE_BOUND, discard(transport.stream(), &mut discarded)).await.is_err();
        if late && discarded {
            // What the peer said was lost, and it has not noticed that nobody listens.
            transport.stream().reset_on_close();
        }
    }
}

async fn end(transport: &mut Transport, write: WriteSide) -> Result<(), Broken> {
    if write == WriteSide::Open {
        transport.announce_end();
    }
    while !transport.finish()? {
        transport.stream().ready(Interest::Writable).await?;
    }
    Ok(())
}

async fn discard(stream: &Watched, discarded: &mut bool) -> io::Result<()> {
    let mut unread = [0; 4096];
    loop {
        match stream.try_read(&mut unread) {
            Ok(0) => return Ok(()),
            Ok(_) => {
                *discarded = true;
                tokio::task::yield_now().await;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                stream.ready(Interest::Readable).await?;
            }
            Err(error) => return Err(error),
        }
    }
}
