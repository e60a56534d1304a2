//! Where connections may go.
#![allow(missing_docs, clippy::all, clippy::pedantic, reason = "placeholder")]
use crate::{endpoint::UnixName, error::Error};
use std::net::SocketAddr;
#[derive(Debug, Default)]
pub struct Policy;
#[derive(Debug)]
pub struct Refusal {
    pub rule: String,
}
impl Policy {
    pub fn parse(_: Option<&[String]>, _: &[String]) -> Result<Policy, Error> {
        Ok(Policy)
    }
    pub fn is_open(&self) -> bool {
        true
    }
    pub fn host(&self, _: &str, _: u16) -> Result<(), Refusal> {
        Ok(())
    }
    pub fn address(&self, _: &str, _: SocketAddr) -> Result<(), Refusal> {
        Ok(())
    }
    pub fn unix(&self, _: &str, _: &UnixName) -> Result<(), Refusal> {
        Ok(())
    }
    pub fn vouches_for(&self, _: &str, _: u16) -> bool {
        true
    }
}
#[derive(Debug)]
pub struct Exceptions;
impl Exceptions {
    pub fn parse(_: &[String]) -> Result<Self, Error> {
        Ok(Self)
    }
    pub fn covers(&self, _: &str, _: u16) -> bool {
        false
    }
}
pub fn numeric(host: &str) -> Option<std::net::IpAddr> {
    host.parse().ok()
}
