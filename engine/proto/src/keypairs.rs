//! The sessions of a peer (paper, 6.2 and 6.3): previous, current, next.
//!
//! We seal with `current` only. `next` is a session that we answered for: the initiator has to use it first, which
//! proves that our response arrived. `previous` still opens what is on its way. There are two of those, because after
//! two handshakes that crossed each side seals with its own session until the following one.
//! Whatever leaves is handed back, because its index has to be released.

use crate::Cipher;
use crate::time::Instant;
use crate::transport::Session;

/// Sessions that have ended.
pub(crate) type Ended = [Option<Box<Session>>; 2];

/// Which of them a datagram belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Current,
    Previous,
    Next,
}

/// Sessions of one peer. Boxed: each takes kilobytes, and most peers have none.
#[derive(Default)]
pub(crate) struct Keypairs {
    current: Option<Box<Session>>,
    next: Option<Box<Session>>,
    /// Newest first.
    previous: [Option<Box<Session>>; 2],
}

impl Keypairs {
    /// The one to seal with, if it may.
    pub(crate) fn usable(&mut self, now: Instant) -> Option<&mut Session> {
        self.current.as_deref_mut().filter(|session| session.can_send(now))
    }

    /// The one with this index.
    pub(crate) fn with_index(&mut self, index: u32) -> Option<(&mut Session, Place)> {
        let [newer, older] = &mut self.previous;
        [
            (&mut self.current, Place::Current),
            (newer, Place::Previous),
            (&mut self.next, Place::Next),
            (older, Place::Previous),
        ]
        .into_iter()
        .find_map(|(slot, place)| {
            let session = slot.as_deref_mut().filter(|session| session.local_index == index)?;
            Some((session, place))
        })
    }

    /// What the current one is sealed with, if it may seal.
    pub(crate) fn cipher(&self, now: Instant) -> Option<Cipher> {
        self.current.as_ref().filter(|session| session.can_send(now)).map(|session| session.cipher())
    }

    /// May any of them carry something, in either direction?
    pub(crate) fn alive(&self, now: Instant) -> bool {
        [&self.current, &self.next].into_iter().flatten().any(|session| session.can_send(now))
    }

    /// May the current one seal?
    pub(crate) fn can_send(&self, now: Instant) -> bool {
        self.current.as_ref().is_some_and(|session| session.can_send(now))
    }

    /// A handshake that we initiated is complete: its session is the one to use.
    pub(crate) fn install_initiated(&mut self, session: Session) -> Ended {
        let former = self.current.replace(Box::new(session));
        // If the peer began at the same time it may go on with its own session, so that one is kept too.
        let crossed = self.next.take();
        [self.retire(former), self.retire(crossed)]
    }

    /// We answered a handshake: its session waits for the initiator's first packet.
    pub(crate) fn install_answered(&mut self, session: Session) -> Ended {
        [self.next.replace(Box::new(session)), None]
    }

    /// The initiator used `next`.
    pub(crate) fn promote(&mut self) -> Ended {
        let former = match self.next.take() {
            Some(next) => self.current.replace(next),
            None => None,
        };
        [self.retire(former), None]
    }

    /// Remove those that fail the test.
    pub(crate) fn retain(&mut self, keep: impl Fn(&Session) -> bool) -> [Option<Box<Session>>; 4] {
        let [newer, older] = &mut self.previous;
        [&mut self.current, &mut self.next, newer, older].map(|slot| slot.take_if(|session| !keep(session)))
    }

    /// Make a session the newest previous one; the one that falls off the end.
    fn retire(&mut self, session: Option<Box<Session>>) -> Option<Box<Session>> {
        let session = session?;
        let [newer, older] = &mut self.previous;
        let gone = core::mem::replace(older, newer.take());
        *newer = Some(session);
        gone
    }

    #[cfg(any(test, feature = "fuzz"))]
    pub(crate) fn local_indices(&self) -> impl Iterator<Item = u32> {
        [&self.current, &self.next].into_iter().chain(&self.previous).flatten().map(|session| session.local_index)
    }

    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        [&self.current, &self.next].into_iter().chain(&self.previous).flatten().count()
    }
}
