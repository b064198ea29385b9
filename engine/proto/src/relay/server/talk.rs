//! What a client says inside its session, one item after the other.

use super::Server;
use crate::Now;
use crate::relay::item::Item;
use crate::relay::link::Link;

impl Server {
    pub(super) fn handle_item(&mut self, now: Now, slot: u32, link: Link, item: &Item) {
        let Some(member) = self.sessions.get(slot).and_then(|session| session.member) else { return };
        match item {
            Item::Ping(token) => self.say_note(slot, &[Item::Pong(*token)]),
            Item::Open(identity) => self.open(now, member, *identity),
            Item::Close(identity) => self.close(now, member, identity),
            Item::Response(token) => self.handle_response(slot, link, *token),
            Item::Bye(_) => self.end_session(now, slot, None),
            // What only a relay says, or nobody asked for.
            Item::Pong(_)
            | Item::Opened(..)
            | Item::Absent(_)
            | Item::Closed(..)
            | Item::Denied(..)
            | Item::Challenge(_)
            | Item::Fresh => {}
        }
    }
}
