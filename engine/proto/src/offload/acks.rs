//! TCP acknowledgements of one flow that wait beside each other: the newest says all that the older ones say.
//!
//! A bulk flow's receiver writes one for every superpacket or two, and each costs a tunnel as much as a full segment:
//! read, sealed, sent, opened, written. Of those that one turn reads in a row only the last goes on, which spares both
//! ends' work and half of a slow uplink. Decides by the headers alone, like CAKE's ack-filter (Høiland-Jørgensen et al.
//! 2018, 'Piece of CAKE', 3.4), but more strictly: nothing goes that carries anything beside a sequence number that
//! the next one passes. Duplicate acknowledgements, SACK blocks, echoes of congestion and everything else that TCP
//! tells by an acknowledgement all stay. Nothing waits for a packet that has not come yet.

use super::headers::{ACK, TCP, long, word};
use super::virtio::{Gso, VirtioHeader};

/// IPv6, TCP and its timestamps.
const LONGEST: usize = 72;
/// Two NOPs and the timestamps' kind and length (RFC 7323, appendix A): what every system writes.
const STAMPS: [u8; 4] = [1, 1, 8, 10];

/// The last acknowledgement read, which the next packet may make needless.
#[derive(Debug)]
pub struct HeldAck {
    header: VirtioHeader,
    room: [u8; LONGEST],
    len: usize,
}

impl Default for HeldAck {
    fn default() -> Self {
        Self { header: VirtioHeader::default(), room: [0; LONGEST], len: 0 }
    }
}

/// What is to be done with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offered {
    /// It is held, and nothing was before.
    Held,
    /// It is held in the place of one that it makes needless.
    Replaced,
    /// What is held goes first, then this is to be offered again or sealed.
    Passed,
}

impl HeldAck {
    /// Hold a packet that is nothing but an acknowledgement.
    pub fn offer(&mut self, header: &VirtioHeader, packet: &[u8]) -> Offered {
        if packet.len() > LONGEST || header.gso != Gso::None {
            return Offered::Passed;
        }
        let Some(new) = PureAck::parse(packet) else { return Offered::Passed };
        let replaced = match self.held() {
            None => Offered::Held,
            Some((_, old)) if PureAck::parse(old).is_some_and(|old| new.passes(&old)) => Offered::Replaced,
            Some(_) => return Offered::Passed,
        };
        let Some(room) = self.room.get_mut(..packet.len()) else { return Offered::Passed };
        room.copy_from_slice(packet);
        self.len = packet.len();
        self.header = *header;
        replaced
    }

    /// What is held, to be sealed.
    #[must_use]
    pub fn held(&self) -> Option<(&VirtioHeader, &[u8])> {
        let packet = self.room.get(..self.len).filter(|packet| !packet.is_empty())?;
        Some((&self.header, packet))
    }
}

/// A TCP segment without data, options beside timestamps, or any flag but ACK.
#[derive(Clone, Copy, Debug)]
struct PureAck<'a> {
    /// What has to be the same in the IP header, whose lengths follow from the segment's: version and traffic class,
    /// hops and protocol, addresses. IPv4's identification and checksum differ.
    ip: [&'a [u8]; 3],
    segment: &'a [u8],
}

impl<'a> PureAck<'a> {
    fn parse(packet: &'a [u8]) -> Option<Self> {
        let (ip, segment) = match packet.first()? >> 4 {
            4 => {
                let is_whole = word(packet, 6)? & 0x3fff == 0 && usize::from(word(packet, 2)?) == packet.len();
                let is_plain = packet.first() == Some(&0x45) && packet.get(9) == Some(&TCP) && is_whole;
                let ip = [packet.get(..2)?, packet.get(8..10)?, packet.get(12..20)?];
                is_plain.then_some((ip, packet.get(20..)?))?
            }
            6 => {
                let is_whole = usize::from(word(packet, 4)?).checked_add(40)? == packet.len();
                let ip = [packet.get(..4)?, packet.get(6..8)?, packet.get(8..40)?];
                (is_whole && packet.get(6) == Some(&TCP)).then_some((ip, packet.get(40..)?))?
            }
            _ => return None,
        };
        let is_bare = usize::from(segment.get(12)? >> 4).checked_mul(4)? == segment.len()
            && segment.get(12)? & 15 == 0
            && segment.get(13) == Some(&ACK)
            && word(segment, 18)? == 0;
        let options = segment.get(20..)?;
        let is_known = options.is_empty() || options.len() == 12 && options.starts_with(&STAMPS);
        (is_bare && is_known).then_some(Self { ip, segment })
    }

    /// Does this say all that the older one of the same flow says?
    fn passes(&self, older: &Self) -> bool {
        let same = |from: usize, to: usize| self.segment.get(from..to) == older.segment.get(from..to);
        let ports_sequence_and_flags = same(0, 8) && same(12, 14) && self.segment.len() == older.segment.len();
        // Both stamps, where there are any: a newer one never goes back.
        let steps = [8, 24, 28].map(|at| Some(long(self.segment, at)?.wrapping_sub(long(older.segment, at)?)));
        let [acknowledged, stamp, echo] = steps;
        let forward = |step: Option<u32>| step.is_none_or(|step| step < 1 << 31);
        self.ip == older.ip
            && ports_sequence_and_flags
            && acknowledged.is_some_and(|step| step != 0)
            && [acknowledged, stamp, echo].into_iter().all(forward)
    }
}
