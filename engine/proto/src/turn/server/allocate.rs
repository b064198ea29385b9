//! Allocate and Refresh (RFC 8656, 7 and 8): who gets which port, for how long.

use core::time::Duration;

use super::authenticate::Asked;
use super::{Due, NotOpened, Reservation, Server, Sockets};
use crate::counters::count;
use crate::time::Instant;
use crate::turn::allocation::{Allocation, Relayed, SocketNumber};
use crate::turn::attribute::{Family, kind, read_u32};
use crate::turn::build::Builder;
use crate::turn::quota::{Exceeded, UserSlot};
use crate::{limits, random};

/// UDP's number, in REQUESTED-TRANSPORT.
const UDP: u8 = 17;

/// What a request to allocate wants.
struct Wanted {
    families: Vec<Family>,
    /// The first family must be had; this one is told of if it cannot.
    additional: Option<Family>,
    port: WantedPort,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum WantedPort {
    Any,
    Even,
    /// An even one, and the next kept for a later request.
    Pair,
    Reserved([u8; 8]),
}

impl Server {
    pub(super) fn allocate(
        &mut self,
        now: Instant,
        asked: &Asked<'_>,
        sockets: &mut dyn Sockets,
    ) -> Result<Vec<u8>, u16> {
        if let Some(known) = self.allocation(&asked.client) {
            let is_repeated = known.transaction == *asked.message.transaction;
            return if is_repeated { Ok(self.allocated(now, asked, None, None)) } else { Err(437) };
        }
        let wanted = read_wanted(asked)?;
        let mut failed = None;
        let mut token = None;
        let mut relayed = Vec::new();
        let user = if let WantedPort::Reserved(token) = wanted.port {
            let (user, kept) = self.redeem(asked, &token, sockets).ok_or(508_u16)?;
            relayed.push(kept);
            user
        } else {
            let Some(family) = wanted.families.first() else { return Err(440) };
            let ports = if wanted.port == WantedPort::Pair { 2 } else { 1 };
            if ports == 2 && self.reservations.len() >= limits::TURN_RESERVATIONS {
                return Err(508);
            }
            let user = self.take(asked, ports)?;
            let opened = self.open(asked, *family, wanted.port, sockets);
            let opened = opened.inspect_err(|_| self.usage.give(&asked.client, user, ports))?;
            relayed.push(opened.0);
            token = opened.1.map(|second| self.reserve(now, asked, user, second));
            user
        };
        if let Some(family) = wanted.additional {
            match self.take(asked, 1).and_then(|user| {
                let opened = self.open(asked, family, WantedPort::Any, sockets);
                opened.inspect_err(|_| self.usage.give(&asked.client, user, 1))
            }) {
                Ok((more, _)) => relayed.push(more),
                Err(number) => failed = Some((family, number)),
            }
        }
        self.remember(now, asked, user, &relayed);
        Ok(self.allocated(now, asked, token, failed))
    }

    /// Keep the allocation and its indices.
    fn remember(&mut self, now: Instant, asked: &Asked<'_>, user: UserSlot, relayed: &[Relayed]) {
        let until = now.after(lifetime(asked));
        let fresh = Allocation::new(asked.client, asked.user, user, *asked.message.transaction, until, relayed);
        let slot = self.free.pop().unwrap_or(self.allocations.len());
        match self.allocations.get_mut(slot) {
            Some(place) => *place = Some(fresh),
            None => self.allocations.push(Some(fresh)),
        }
        self.by_client.insert(asked.client, slot);
        self.by_socket.extend(relayed.iter().map(|it| (it.socket, slot)));
        self.deadlines.insert((until, Due::Allocation(slot)));
        count(&mut self.counters.allocations_made);
    }

    /// The success that tells of the client's allocation.
    fn allocated(
        &mut self,
        now: Instant,
        asked: &Asked<'_>,
        token: Option<[u8; 8]>,
        failed: Option<(Family, u16)>,
    ) -> Vec<u8> {
        let Some(known) = self.allocation(&asked.client) else { return asked.refuse(508) };
        let (addresses, left) = (known.relayed().map(|it| it.address), known.until.since(now));
        asked.succeed(|answer| {
            let answer = addresses.fold(answer, |answer, it| answer.address(kind::XOR_RELAYED_ADDRESS, it));
            let answer = with_lifetime(answer, left).address(kind::XOR_MAPPED_ADDRESS, asked.client.remote);
            let answer = match token {
                Some(token) => answer.attribute(kind::RESERVATION_TOKEN, &token),
                None => answer,
            };
            match failed {
                Some((family, number)) => {
                    let part = |value: Option<u16>| value.and_then(|it| u8::try_from(it).ok()).unwrap_or(0);
                    let (class, rest) = (part(number.checked_div(100)), part(number.checked_rem(100)));
                    answer.attribute(kind::ADDRESS_ERROR_CODE, &[family.number(), 0, class, rest])
                }
                None => answer,
            }
        })
    }

    pub(super) fn refresh(
        &mut self,
        now: Instant,
        asked: &Asked<'_>,
        sockets: &mut dyn Sockets,
    ) -> Result<Vec<u8>, u16> {
        let family = read_family(asked, kind::REQUESTED_ADDRESS_FAMILY)?;
        let is_end = asked.message.value(kind::LIFETIME).and_then(read_u32) == Some(0);
        let slot = self.by_client.get(&asked.client).copied();
        let (Some(slot), Some(known)) = (slot, self.allocation(&asked.client)) else {
            // Ending what is gone is what a repeated request does.
            return if is_end { Ok(asked.succeed(|answer| with_lifetime(answer, Duration::ZERO))) } else { Err(437) };
        };
        if family.is_some_and(|family| known.of_family(family).is_none()) {
            return Err(443);
        }
        if is_end {
            self.end_some(slot, family, sockets);
            return Ok(asked.succeed(|answer| with_lifetime(answer, Duration::ZERO)));
        }
        let (before, until) = (known.until, now.after(lifetime(asked)));
        known.until = until;
        self.deadlines.remove(&(before, Due::Allocation(slot)));
        self.deadlines.insert((until, Due::Allocation(slot)));
        Ok(asked.succeed(|answer| with_lifetime(answer, lifetime(asked))))
    }

    /// End an allocation, or one family of two.
    fn end_some(&mut self, slot: usize, family: Option<Family>, sockets: &mut dyn Sockets) {
        let Some(known) = self.allocations.get_mut(slot).and_then(Option::as_mut) else { return };
        let (client, user, has_two) = (known.client, known.user, known.relayed().count() > 1);
        match family.filter(|_| has_two).and_then(|family| known.take_family(family)) {
            Some(gone) => {
                self.usage.give(&client, user, 1);
                self.close(gone, sockets);
            }
            None => self.end(slot, sockets),
        }
    }

    fn take(&mut self, asked: &Asked<'_>, ports: u32) -> Result<UserSlot, u16> {
        self.usage.take(&asked.client, asked.user, ports).map_err(|exceeded| {
            count(&mut self.counters.denied_quota);
            match exceeded {
                Exceeded::Own => 486,
                Exceeded::All => 508,
            }
        })
    }

    /// Open a socket at a random port of the range; for a pair also the one after it.
    fn open(
        &mut self,
        asked: &Asked<'_>,
        family: Family,
        wanted: WantedPort,
        sockets: &mut dyn Sockets,
    ) -> Result<(Relayed, Option<Relayed>), u16> {
        for _ in 0..limits::TURN_PORT_TRIES {
            let port = self.random_port(wanted != WantedPort::Any);
            match self.open_at(asked, family, port, sockets) {
                Ok(first) if wanted != WantedPort::Pair => return Ok((first, None)),
                Ok(first) => match self.open_at(asked, family, port.saturating_add(1), sockets) {
                    Ok(second) => return Ok((first, Some(second))),
                    Err(_) => self.close(first, sockets),
                },
                Err(NotOpened::PortTaken) => {}
                Err(NotOpened::NoFamily) => return Err(440),
                Err(NotOpened::Exhausted) => return Err(508),
            }
        }
        Err(508)
    }

    fn random_port(&mut self, even: bool) -> u16 {
        let (first, last) = (*self.config.ports.start(), *self.config.ports.end());
        let many = u64::from(last.saturating_sub(first)).saturating_add(1);
        let at = random::below(&mut self.random, many);
        let port = first.saturating_add(u16::try_from(at).unwrap_or(0));
        if even { port & !1 } else { port }
    }

    fn open_at(
        &mut self,
        asked: &Asked<'_>,
        family: Family,
        port: u16,
        sockets: &mut dyn Sockets,
    ) -> Result<Relayed, NotOpened> {
        if !self.config.ports.contains(&port) || self.ports.contains(&(family, port)) {
            return Err(NotOpened::PortTaken);
        }
        let socket = SocketNumber(self.next_socket);
        self.next_socket = self.next_socket.saturating_add(1);
        let address = sockets.open(socket, family, port, &asked.client)?;
        let is_of_family = Family::of(address.ip()) == family;
        if !is_of_family || !self.relayed.insert(address) {
            sockets.close(socket);
            return Err(NotOpened::PortTaken);
        }
        self.ports.insert((family, port));
        Ok(Relayed { socket, address, port })
    }

    /// Keep the second of a pair for who names the token.
    fn reserve(&mut self, now: Instant, asked: &Asked<'_>, user: UserSlot, relayed: Relayed) -> [u8; 8] {
        let token = random::bytes(&mut self.random);
        let until = now.after(limits::TURN_RESERVATION_LIFETIME);
        let user_id = asked.user.to_vec();
        self.reservations.insert(token, Reservation { relayed, client: asked.client, user, user_id, until });
        self.deadlines.insert((until, Due::Reservation(token)));
        token
    }

    /// The reserved port, for the user who reserved it; from here on it counts for the address that claims it.
    fn redeem(&mut self, asked: &Asked<'_>, token: &[u8; 8], sockets: &mut dyn Sockets) -> Option<(UserSlot, Relayed)> {
        self.reservations.get(token).filter(|it| it.user_id == asked.user)?;
        let reserved = self.reservations.remove(token)?;
        self.deadlines.remove(&(reserved.until, Due::Reservation(*token)));
        self.usage.give(&reserved.client, reserved.user, 1);
        match self.usage.take(&asked.client, asked.user, 1) {
            Ok(user) => Some((user, reserved.relayed)),
            Err(_) => {
                self.close(reserved.relayed, sockets);
                None
            }
        }
    }
}

/// What the request wants, checked in the order of RFC 8656, 7.2.
fn read_wanted(asked: &Asked<'_>) -> Result<Wanted, u16> {
    let message = asked.message;
    match message.value(kind::REQUESTED_TRANSPORT) {
        Some([UDP, _, _, _]) => {}
        Some([_, _, _, _]) => return Err(442),
        _ => return Err(400),
    }
    let requested = read_family(asked, kind::REQUESTED_ADDRESS_FAMILY)?;
    let additional = read_family(asked, kind::ADDITIONAL_ADDRESS_FAMILY)?;
    let even = match message.value(kind::EVEN_PORT) {
        None => None,
        Some([bits]) => Some(bits & 0x80 != 0),
        Some(_) => return Err(400),
    };
    let token = match message.value(kind::RESERVATION_TOKEN) {
        None => None,
        Some(token) => Some(<[u8; 8]>::try_from(token).map_err(|_| 400_u16)?),
    };
    let conflict = token.is_some() && (even.is_some() || requested.is_some() || additional.is_some())
        || additional.is_some() && (requested.is_some() || even == Some(true))
        || additional == Some(Family::V4);
    if conflict {
        return Err(400);
    }
    let port = match (token, even) {
        (Some(token), _) => WantedPort::Reserved(token),
        (None, Some(true)) => WantedPort::Pair,
        (None, Some(false)) => WantedPort::Even,
        (None, None) => WantedPort::Any,
    };
    Ok(Wanted { families: vec![requested.unwrap_or(Family::V4)], additional, port })
}

/// The family that an attribute names: 440 for one that does not exist.
fn read_family(asked: &Asked<'_>, kind: u16) -> Result<Option<Family>, u16> {
    match asked.message.value(kind) {
        None => Ok(None),
        Some([number, _, _, _]) => Family::from_number(*number).map(Some).ok_or(440),
        Some(_) => Err(400),
    }
}

/// As long as is asked for, within the bounds.
fn lifetime(asked: &Asked<'_>) -> Duration {
    let (least, most) = limits::TURN_LIFETIME;
    let wanted = asked.message.value(kind::LIFETIME).and_then(read_u32);
    wanted.map_or(least, |wanted_s| Duration::from_secs(wanted_s.into()).clamp(least, most))
}

fn with_lifetime(answer: Builder, lifetime: Duration) -> Builder {
    let seconds = u32::try_from(lifetime.as_secs()).unwrap_or(u32::MAX);
    answer.attribute(kind::LIFETIME, &seconds.to_be_bytes())
}
