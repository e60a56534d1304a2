//! The peer as it is started: the servers keep to their protocol, the client answers all jobs.

#[cfg(test)]
mod client;
#[cfg(test)]
mod process;
#[cfg(test)]
mod serve;
