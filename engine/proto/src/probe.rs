//! Our probes (magic, hint, body, tag): which are genuine. What they mean is the path agent's business.
//!
//! `d7 57 52 4e | hint(8) | body | tag(16)`; the hint names a registered key, the tag is BLAKE2s under that key over
//! everything before it. Nothing here answers: a probe is an event or a counter.

use std::collections::BTreeMap;

use crate::bucket::{Bucket, Sources};
use crate::time::Instant;
use crate::{Endpoint, PeerId, Random, limits, message, noise, random};
use zeroize::Zeroize;

const MAGIC: [u8; 4] = [0xd7, b'W', b'R', b'N'];
/// Magic, hint and tag around the smallest body: kind, flags, two reserved bytes, counter, transaction, address, port.
const LEAST: usize = 4 + 8 + (4 + 8 + 8 + 16 + 2) + 16;

/// Why a probe goes no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Unknown,
    Invalid,
    TooMany,
}

struct Key {
    key: [u8; 32],
    peer: PeerId,
}

impl Drop for Key {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

/// The registered keys and how many tags may be verified.
pub(crate) struct Probes {
    keys: BTreeMap<[u8; 8], Key>,
    by_source: Sources,
    all: Bucket,
}

/// The parts of a probe.
#[derive(Debug)]
pub struct Probe<'a> {
    hint: &'a [u8; 8],
    covered: &'a [u8],
    tag: &'a [u8; 16],
}

/// Does it begin as ours do?
#[must_use]
pub fn looks_like_probe(datagram: &[u8]) -> bool {
    datagram.starts_with(&MAGIC)
}

/// Take a probe apart; `None` if it is too short, too long or has no magic.
#[must_use]
pub fn parse(datagram: &[u8]) -> Option<Probe<'_>> {
    if !(LEAST..=limits::CONTROL_DATAGRAM).contains(&datagram.len()) {
        return None;
    }
    let mut rest = datagram;
    let magic: &[u8; 4] = message::take(&mut rest)?;
    let hint = message::take(&mut rest)?;
    let (covered, tag) = datagram.split_last_chunk()?;
    (*magic == MAGIC).then_some(Probe { hint, covered, tag })
}

impl Probes {
    pub(crate) fn new(random: &mut dyn Random) -> Self {
        Self { keys: BTreeMap::new(), by_source: Sources::new(random::bytes(random)), all: Bucket::default() }
    }

    /// Register a key; false when there is no room for another.
    pub(crate) fn set(&mut self, hint: [u8; 8], key: [u8; 32], peer: PeerId) -> bool {
        let room = self.keys.len() < limits::PROBE_KEYS || self.keys.contains_key(&hint);
        if room {
            self.keys.insert(hint, Key { key, peer });
        }
        room
    }

    pub(crate) fn remove(&mut self, hint: &[u8; 8]) -> bool {
        self.keys.remove(hint).is_some()
    }

    pub(crate) fn remove_peer(&mut self, peer: PeerId) {
        self.keys.retain(|_, key| key.peer != peer);
    }

    #[cfg(any(test, feature = "fuzz"))]
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whose probe this is, once its tag verified.
    pub(crate) fn verify(&mut self, now: Instant, datagram: &[u8], source: &Endpoint) -> Result<PeerId, Refusal> {
        let probe = parse(datagram).ok_or(Refusal::Invalid)?;
        let key = self.keys.get(probe.hint).ok_or(Refusal::Unknown)?;
        if !(self.by_source.take(now, source, limits::SOURCE_PROBES) && self.all.take(now, limits::PROBES)) {
            return Err(Refusal::TooMany);
        }
        let tag = noise::mac(&key.key, &[probe.covered]);
        if noise::same(&tag, probe.tag) { Ok(key.peer) } else { Err(Refusal::Invalid) }
    }
}
