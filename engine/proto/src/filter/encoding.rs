//! The rules as bytes: how the caller hands them over.
//!
//! All numbers big-endian. Version 1, one byte. Then prefix sets: their number (4 bytes), and of each its length (4)
//! and its prefixes: family (1: 4 or 6), length (1), address (4 or 16). Then rules: their number (4), and of each its
//! own number (4), direction (1: 1 in, 2 out), whether it names a protocol (1: 0 or 1) and which (1), the set of the
//! peer's addresses and of this machine's (4 each), how many port ranges (2), and of each its first and last (2 each).
//! Nothing may follow. What is not exactly so changes nothing.

use core::net::IpAddr;

use super::reason::Direction;
use super::rules::{Refused, Rule, Rules};
use crate::{Prefix, limits};

const VERSION: u8 = 1;
const CUT: Refused = Refused("the rules end too early");

impl Rules {
    /// From their bytes.
    ///
    /// # Errors
    /// [`Refused`] says what is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, Refused> {
        let (sets, rules) = read(bytes)?;
        Self::compile(&sets, &rules)
    }
}

/// Sets and rules, as they stand there.
pub(crate) fn read(bytes: &[u8]) -> Result<(Vec<Vec<Prefix>>, Vec<Rule>), Refused> {
    if bytes.len() > limits::FILTER_BYTES {
        return Err(Refused("the rules are longer than they may be"));
    }
    let mut rest = Rest(bytes);
    if rest.byte()? != VERSION {
        return Err(Refused("the rules have another version"));
    }
    let sets = (0..rest.number()?).map(|_| set(&mut rest)).collect::<Result<Vec<_>, _>>()?;
    let count = rest.number()?;
    if count as usize > limits::FILTER_RULES {
        return Err(Refused("more rules than may be"));
    }
    let rules = (0..count).map(|_| rule(&mut rest)).collect::<Result<Vec<_>, _>>()?;
    if rest.0.is_empty() { Ok((sets, rules)) } else { Err(Refused("something follows the rules")) }
}

fn set(rest: &mut Rest<'_>) -> Result<Vec<Prefix>, Refused> {
    (0..rest.number()?).map(|_| prefix(rest)).collect()
}

fn prefix(rest: &mut Rest<'_>) -> Result<Prefix, Refused> {
    let (family, length) = (rest.byte()?, rest.byte()?);
    let address = match family {
        4 => IpAddr::from(rest.take::<4>()?),
        6 => IpAddr::from(rest.take::<16>()?),
        _ => return Err(Refused("a prefix is of family 4 or 6")),
    };
    let prefix = Prefix::new(address, length);
    prefix.filter(|prefix| prefix.address() == address).ok_or(Refused("a prefix has no such length, or host bits"))
}

fn rule(rest: &mut Rest<'_>) -> Result<Rule, Refused> {
    let number = rest.number()?;
    let direction = Direction::of(rest.byte()?).ok_or(Refused("a rule has no such direction"))?;
    let protocol = match (rest.byte()?, rest.byte()?) {
        (0, 0) => None,
        (1, protocol) => Some(protocol),
        _ => return Err(Refused("a rule names a protocol or none")),
    };
    let (remotes, locals) = (rest.number()? as usize, rest.number()? as usize);
    let count = u16::from_be_bytes(rest.take()?);
    if usize::from(count) > limits::FILTER_PORTS {
        return Err(Refused("a rule has more port ranges than may be"));
    }
    let ports = (0..count).map(|_| range(rest)).collect::<Result<_, _>>()?;
    Ok(Rule { number, direction, protocol, remotes, locals, ports })
}

fn range(rest: &mut Rest<'_>) -> Result<(u16, u16), Refused> {
    let (first, last) = (u16::from_be_bytes(rest.take()?), u16::from_be_bytes(rest.take()?));
    if first <= last { Ok((first, last)) } else { Err(Refused("a port range ends before it begins")) }
}

/// What is left to read.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Refused> {
        let (head, tail) = self.0.split_first_chunk::<N>().ok_or(CUT)?;
        self.0 = tail;
        Ok(*head)
    }

    fn byte(&mut self) -> Result<u8, Refused> {
        let [byte] = self.take()?;
        Ok(byte)
    }

    fn number(&mut self) -> Result<u32, Refused> {
        self.take().map(u32::from_be_bytes)
    }
}
