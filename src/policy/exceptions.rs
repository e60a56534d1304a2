//! What is connected to without a proxy.

use super::{
    grammar::{Dialect, parse_lists},
    host::{Spelling, normal, spelling},
    rule::{Area, Rule},
};
use crate::error::Error;

/// A list as in `NO_PROXY`: rules as in `allow`, except that `example` and `.example` are a domain and all names below it. Nothing is looked
/// up for it: rules about addresses cover hosts that are written as an address.
#[derive(Clone, Debug)]
pub struct Exceptions {
    rules: Vec<Rule>,
}

impl Exceptions {
    /// An entry may be several with commas or spaces between them.
    ///
    /// # Errors
    /// [`Error::Option`]: the rules that cannot be used.
    pub fn parse(rules: &[String]) -> Result<Self, Error> {
        let separate = |list: &String| {
            let parts = list.split(|c: char| c == ',' || c.is_whitespace());
            parts.filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>()
        };
        let rules: Vec<String> = rules.iter().flat_map(separate).collect();
        let [rules] = parse_lists([("proxy.except", &rules)], Dialect::NoProxy)?;
        match rules.iter().position(|rule| matches!(rule.area, Area::Unix(_))) {
            Some(index) => Err(Error::Option {
                code: "ERR_INVALID_OPTION",
                detail: format!(
                    "invalid option: `proxy.except[{index}]`: Unix domain sockets are never reached by a proxy; leave it out"
                ),
            }),
            None => Ok(Self { rules }),
        }
    }

    /// Whether a host, as it is asked for, is connected to directly.
    pub fn covers(&self, host: &str, port: u16) -> bool {
        match spelling(host) {
            Spelling::Address(address) => {
                self.rules.iter().any(|rule| rule.covers(None, address.to_canonical(), port))
            }
            Spelling::Name => {
                let name = normal(host);
                self.rules.iter().any(|rule| rule.covers_name(&name, port))
            }
            Spelling::Malformed => false,
        }
    }
}
