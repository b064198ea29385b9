//! Which members are asked for, and which channels stand.

use std::collections::{BTreeMap, BTreeSet};

use super::{Ended, Event, Identity, limits};

/// Both, by name and by number.
#[derive(Default)]
pub(super) struct Channels {
    wanted: BTreeSet<Identity>,
    numbers: BTreeMap<Identity, u32>,
    names: BTreeMap<u32, Identity>,
}

impl Channels {
    /// Ask for this member; false: as many are asked for as may be.
    pub(super) fn want(&mut self, identity: Identity) -> bool {
        let fits = self.wanted.len() < limits::CHANNELS || self.wanted.contains(&identity);
        if fits {
            self.wanted.insert(identity);
        }
        fits
    }

    /// Ask for it no more. Its channel stands until the relay says otherwise: the other side may want it.
    pub(super) fn unwant(&mut self, identity: &Identity) {
        self.wanted.remove(identity);
    }

    pub(super) fn wanted(&self) -> impl Iterator<Item = &Identity> {
        self.wanted.iter()
    }

    /// The relay says so: what changed by it. A number leads to one member: whoever had it before has it no more.
    pub(super) fn opened(&mut self, identity: Identity, channel: u32) -> [Option<Event>; 3] {
        let before = self.numbers.get(&identity).copied();
        if before == Some(channel) || self.numbers.len() >= limits::CHANNELS.saturating_mul(2) {
            return [None, None, None];
        }
        let closed = before.and_then(|number| self.closed(number, Ended::Forgotten));
        let taken = self.closed(channel, Ended::Forgotten);
        self.numbers.insert(identity, channel);
        self.names.insert(channel, identity);
        [closed, taken, Some(Event::Opened { identity, channel })]
    }

    pub(super) fn closed(&mut self, channel: u32, reason: Ended) -> Option<Event> {
        let identity = self.names.remove(&channel)?;
        self.numbers.remove(&identity);
        Some(Event::Closed { identity, channel, reason })
    }

    /// No channel stands any more; what is asked for stays asked for.
    pub(super) fn forget_all(&mut self, reason: Ended) -> impl Iterator<Item = Event> + use<> {
        self.numbers.clear();
        let names = core::mem::take(&mut self.names);
        names.into_iter().map(move |(channel, identity)| Event::Closed { identity, channel, reason })
    }
}
