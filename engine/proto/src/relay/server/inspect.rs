//! What must hold of the tables at any time; for tests and fuzz targets.

use super::{Identity, Server};

impl Server {
    /// Panics where the tables disagree.
    pub(crate) fn check(&self) {
        for (slot, member) in self.members.iter() {
            let network = self.networks.get(&member.network).expect("its network");
            assert_eq!(network.members.get(&member.identity), Some(&slot));
            let session = self.sessions.get(member.session).expect("its session");
            assert_eq!(session.member, Some(slot));
            for channel in member.channels.iter() {
                let peer = self.members.get(channel.peer).expect("the other end's member");
                assert_eq!(peer.network, member.network, "a channel stays inside its network");
                let other = peer.channels.to(slot).expect("the other end");
                assert_eq!((other.number, other.peer_number), (channel.peer_number, channel.number));
                assert!(channel.is_asked || other.is_asked, "somebody wants it");
            }
            for awaited in &member.awaits {
                assert!(network.awaited.get(awaited).is_some_and(|waiting| waiting.contains(&slot)));
                assert!(!network.members.contains_key(awaited), "who is here is not awaited");
            }
        }
        for network in self.networks.values() {
            assert!(!network.members.is_empty());
            for (identity, waiting) in &network.awaited {
                assert!(!waiting.is_empty());
                for slot in waiting {
                    assert!(self.members.get(*slot).is_some_and(|member| member.awaits.contains(identity)));
                }
            }
        }
        let pending = self.sessions.iter().filter(|(_, session)| session.member.is_none()).count();
        assert_eq!(pending, self.pending.len());
        assert_eq!(self.sessions.len(), pending + self.members.len());
        assert_eq!(self.indices.used(), self.sessions.len());
        for (at, slot) in &self.due {
            assert_eq!(self.sessions.get(*slot).and_then(|session| session.due), Some(*at));
        }
    }

    /// The number by which the first one knows its channel to the second.
    #[cfg(test)]
    pub(crate) fn channel_between(&self, from: &Identity, to: &Identity) -> Option<u32> {
        let slot = |name: &Identity| self.members.iter().find(|(_, it)| it.identity == *name).map(|(slot, _)| slot);
        let (from, to) = (slot(from)?, slot(to)?);
        self.members.get(from)?.channels.to(to).map(|channel| channel.number)
    }
}
