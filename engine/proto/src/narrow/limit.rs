//! How long an inner packet to a peer may be: what the caller said of the path, and what this host's kernel said.

use crate::limits;
use crate::time::Instant;

/// Both are about inner packets, in bytes; the smaller one counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PathMtu {
    /// By the caller, until it says something else.
    told: Option<u16>,
    /// By the kernel, about the endpoint in use, and when.
    learned: Option<(u16, Instant)>,
    /// The smaller one; kept so that the way of a packet costs one look.
    least: Option<u16>,
}

impl PathMtu {
    /// The limit; `None`: what fits the tunnel fits the path.
    pub(crate) fn limit(&self) -> Option<usize> {
        self.least.map(usize::from)
    }

    /// The caller's word.
    pub(crate) fn tell(&mut self, mtu: Option<u16>) {
        self.told = mtu.map(|mtu| mtu.max(limits::PATH_MTU_LEAST));
        self.settle();
    }

    /// The kernel's word, good for a while.
    pub(crate) fn learn(&mut self, now: Instant, mtu: u16) {
        self.learned = Some((mtu.max(limits::PATH_MTU_LEAST), now));
        self.settle();
    }

    /// The peer is elsewhere: what the kernel said was about another path.
    pub(crate) fn moved(&mut self) {
        self.learned = None;
        self.settle();
    }

    /// Paths get wider without a word: forget what is old.
    pub(crate) fn age(&mut self, now: Instant) {
        let is_old = |(_, since): &mut (u16, Instant)| now.since(*since) >= limits::PATH_MTU_LIFETIME;
        if self.learned.take_if(is_old).is_some() {
            self.settle();
        }
    }

    fn settle(&mut self) {
        self.least = [self.told, self.learned.map(|(mtu, _)| mtu)].into_iter().flatten().min();
    }
}
