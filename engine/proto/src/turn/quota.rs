//! What each user, each address and all may have (SECURITY.md, rule 36): allocations, and bytes a second.

use std::collections::BTreeMap;

use super::client::Client;
use crate::time::Instant;

/// The limits; the reasons of the defaults stand beside the setting (`warren/limits.py`).
#[derive(Clone, Copy, Debug)]
pub struct Quotas {
    /// Relayed ports of one user.
    pub ports_a_user: u32,
    /// Relayed ports of one client address (IPv6: one /64).
    pub ports_an_address: u32,
    /// Relayed ports in all.
    pub ports: u32,
    /// Payload bytes a second of one user, both ways together.
    pub user_bytes_per_s: u64,
    /// Payload bytes a second of all.
    pub bytes_per_s: u64,
}

/// Which of them was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exceeded {
    /// The user's or the address': 486.
    Own,
    /// All: 508.
    All,
}

/// A bucket of bytes, full at first: one second's worth.
#[derive(Clone, Copy, Debug, Default)]
struct Meter {
    full_at: u64,
}

impl Meter {
    fn take(&mut self, now: Instant, bytes: usize, per_s: u64) -> bool {
        let cost = (bytes as u64).saturating_mul(NS).checked_div(per_s).unwrap_or(u64::MAX);
        let full_at = self.full_at.max(now.0).saturating_add(cost);
        let granted = full_at.saturating_sub(now.0) <= NS;
        if granted {
            self.full_at = full_at;
        }
        granted
    }
}

const NS: u64 = 1_000_000_000;

#[derive(Default)]
struct User {
    name: Vec<u8>,
    ports: u32,
    meter: Meter,
}

/// A user by place in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UserSlot(usize);

/// Who has what. Both tables hold only who has a port, so they are bounded by `Quotas::ports`.
pub(crate) struct Use {
    quotas: Quotas,
    by_name: BTreeMap<Vec<u8>, UserSlot>,
    users: Vec<User>,
    free: Vec<usize>,
    by_address: BTreeMap<[u8; 23], u32>,
    ports: u32,
    meter: Meter,
}

impl Use {
    pub(crate) fn new(quotas: Quotas) -> Self {
        Self {
            quotas,
            by_name: BTreeMap::new(),
            users: Vec::new(),
            free: Vec::new(),
            by_address: BTreeMap::new(),
            ports: 0,
            meter: Meter::default(),
        }
    }

    /// Count `many` more ports for this user and address, if all may have them.
    pub(crate) fn take(&mut self, client: &Client, user: &[u8], many: u32) -> Result<UserSlot, Exceeded> {
        let of_user = self.by_name.get(user).and_then(|slot| self.users.get(slot.0)).map_or(0, |user| user.ports);
        let of_address = self.by_address.get(&client.source()).copied().unwrap_or(0);
        let within = |have: u32, most: u32| have.saturating_add(many) <= most;
        if !within(self.ports, self.quotas.ports) {
            return Err(Exceeded::All);
        }
        if !within(of_user, self.quotas.ports_a_user) || !within(of_address, self.quotas.ports_an_address) {
            return Err(Exceeded::Own);
        }
        let slot = self.slot(user);
        if let Some(user) = self.users.get_mut(slot.0) {
            user.ports = user.ports.saturating_add(many);
        }
        let address = self.by_address.entry(client.source()).or_default();
        *address = address.saturating_add(many);
        self.ports = self.ports.saturating_add(many);
        Ok(slot)
    }

    /// `many` ports of this user and address are free again.
    pub(crate) fn give(&mut self, client: &Client, slot: UserSlot, many: u32) {
        self.ports = self.ports.saturating_sub(many);
        if let Some(address) = self.by_address.get_mut(&client.source()) {
            *address = address.saturating_sub(many);
            if *address == 0 {
                self.by_address.remove(&client.source());
            }
        }
        let Some(user) = self.users.get_mut(slot.0) else { return };
        user.ports = user.ports.saturating_sub(many);
        if user.ports == 0 {
            let gone = core::mem::take(user);
            self.by_name.remove(&gone.name);
            self.free.push(slot.0);
        }
    }

    /// May this user's payload pass now?
    pub(crate) fn pass(&mut self, now: Instant, slot: UserSlot, bytes: usize) -> bool {
        let Some(user) = self.users.get_mut(slot.0) else { return false };
        user.meter.take(now, bytes, self.quotas.user_bytes_per_s)
            && self.meter.take(now, bytes, self.quotas.bytes_per_s)
    }

    /// Ports in use.
    pub(crate) fn ports(&self) -> u32 {
        self.ports
    }

    /// Entries of the two tables.
    #[cfg(any(test, feature = "fuzz"))]
    pub(crate) fn entries(&self) -> (usize, usize) {
        (self.by_name.len(), self.by_address.len())
    }

    fn slot(&mut self, user: &[u8]) -> UserSlot {
        if let Some(known) = self.by_name.get(user) {
            return *known;
        }
        let fresh = User { name: user.to_vec(), ..User::default() };
        let place = self.free.pop().unwrap_or(self.users.len());
        match self.users.get_mut(place) {
            Some(gone) => *gone = fresh,
            None => self.users.push(fresh),
        }
        let slot = UserSlot(place);
        self.by_name.insert(user.to_vec(), slot);
        slot
    }
}
