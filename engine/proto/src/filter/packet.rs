//! What the filter has to know of a packet: addresses, protocol, ports, and what it means to a flow.
//!
//! IPv4 (RFC 791) and IPv6 with its extension headers (RFC 8200, 4), TCP's flags (RFC 9293, 3.1), UDP (RFC 768), ICMP's
//! echo and errors (RFC 792, RFC 4443). Only headers are looked at: the packet may be the first piece of a superpacket,
//! shorter than its length says. What could hide something is refused: a first fragment without its whole header chain
//! (RFC 1858, RFC 7112), source routes (RFC 5095, RFC 7126), more than [`HEADERS`] extension headers.

use super::reason::Reason;

/// Extension headers of one packet; RFC 8200 names six kinds, each once.
const HEADERS: usize = 8;

pub(crate) const ICMP: u8 = 1;
pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
pub(crate) const ICMP6: u8 = 58;

pub(crate) const FIN: u8 = 0x01;
pub(crate) const SYN: u8 = 0x02;
pub(crate) const RST: u8 = 0x04;
pub(crate) const ACK: u8 = 0x10;

/// Whom a packet is from and to. An echo's identifier stands as the port of who sent the request, the other is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ends {
    pub(crate) is_v4: bool,
    pub(crate) protocol: u8,
    pub(crate) source: u128,
    pub(crate) destination: u128,
    pub(crate) source_port: u16,
    pub(crate) destination_port: u16,
}

/// What a packet means to its flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// With these flags.
    Tcp(u8),
    Udp,
    EchoRequest,
    EchoReply,
    /// An error about a packet between these ends, where the quotation says so much.
    Error(Option<Ends>),
    /// Any other protocol or message: addresses are all it has.
    Bare,
}

/// A part of a packet (RFC 791, 3.2; RFC 8200, 4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fragment {
    pub(crate) id: u32,
    /// In units of 8 bytes; 0: the first, which has the ports.
    pub(crate) offset: u16,
}

/// A packet by its headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) ends: Ends,
    pub(crate) kind: Kind,
    pub(crate) fragment: Option<Fragment>,
}

/// The internet header and those that follow it: what comes behind them, and where.
pub(crate) struct Chain {
    pub(crate) is_v4: bool,
    source: u128,
    destination: u128,
    pub(crate) protocol: u8,
    pub(crate) at: usize,
    pub(crate) fragment: Option<Fragment>,
    /// An authentication header covers what follows: nobody on the way may change it (RFC 4302).
    pub(crate) is_signed: bool,
}

/// Read a packet.
///
/// # Errors
/// `Malformed`, `Fragment` or `Headers`.
pub(crate) fn parse(packet: &[u8]) -> Result<Packet, Reason> {
    let chain = chain(packet)?;
    let cut = if chain.fragment.is_some() { Reason::Fragment } else { Reason::Malformed };
    let mut ends = chain.ends();
    if let Some(fragment) = chain.fragment.filter(|fragment| fragment.offset > 0) {
        // A second piece that begins inside the header could change its flags (RFC 3128).
        if chain.protocol == TCP && fragment.offset == 1 {
            return Err(Reason::Fragment);
        }
        return Ok(Packet { ends, kind: Kind::Bare, fragment: Some(fragment) });
    }
    let header = packet.get(chain.at..).unwrap_or_default();
    let kind = match (chain.protocol, chain.is_v4) {
        (TCP, _) => tcp(header, &mut ends).ok_or(cut)?,
        (UDP, _) => {
            ports(header, 8, &mut ends).ok_or(cut)?;
            Kind::Udp
        }
        (ICMP, true) | (ICMP6, false) => icmp(header, &mut ends).ok_or(cut)?,
        _ => Kind::Bare,
    };
    Ok(Packet { ends, kind, fragment: chain.fragment })
}

fn tcp(header: &[u8], ends: &mut Ends) -> Option<Kind> {
    ports(header, 20, ends)?;
    let (length, flags) = (usize::from(header.get(12)? >> 4).saturating_mul(4), *header.get(13)?);
    // Nobody means SYN with FIN or RST; some filters once let it pass as 'not only SYN'.
    let is_odd = flags & SYN != 0 && flags & (FIN | RST) != 0;
    (length >= 20 && length <= header.len() && !is_odd).then_some(Kind::Tcp(flags))
}

fn icmp(header: &[u8], ends: &mut Ends) -> Option<Kind> {
    let (kind, rest) = (*header.first()?, header.get(8..)?);
    let identifier = word(header, 4)?;
    // RFC 792: unreachable, time exceeded, parameter problem (source quench and redirect are long deprecated);
    // RFC 4443: the four errors.
    Some(match (ends.is_v4, kind) {
        (true, 8) | (false, 128) => {
            ends.source_port = identifier;
            Kind::EchoRequest
        }
        (true, 0) | (false, 129) => {
            ends.destination_port = identifier;
            Kind::EchoReply
        }
        (true, 3 | 11 | 12) | (false, 1..=4) => Kind::Error(quoted(rest, ends.is_v4)),
        _ => Kind::Bare,
    })
}

/// The ends of the packet that an error quotes; its ports stand in the first 4 bytes of what is left of it.
fn quoted(packet: &[u8], is_v4: bool) -> Option<Ends> {
    let chain = chain(packet).ok().filter(|chain| chain.is_v4 == is_v4)?;
    if chain.fragment.is_some_and(|fragment| fragment.offset > 0) {
        return None;
    }
    let header = packet.get(chain.at..)?;
    let mut ends = chain.ends();
    match (chain.protocol, is_v4) {
        (TCP | UDP, _) => ports(header, 4, &mut ends)?,
        (ICMP, true) | (ICMP6, false) => match (is_v4, *header.first()?) {
            (true, 8) | (false, 128) => ends.source_port = word(header, 4)?,
            (true, 0) | (false, 129) => ends.destination_port = word(header, 4)?,
            _ => return None,
        },
        _ => {}
    }
    Some(ends)
}

fn ports(header: &[u8], least: usize, ends: &mut Ends) -> Option<()> {
    header.get(..least)?;
    ends.source_port = word(header, 0)?;
    ends.destination_port = word(header, 2)?;
    Some(())
}

impl Chain {
    fn ends(&self) -> Ends {
        let Self { is_v4, source, destination, protocol, .. } = *self;
        Ends { is_v4, protocol, source, destination, source_port: 0, destination_port: 0 }
    }
}

/// Follow the headers of a packet to the transport's.
///
/// # Errors
/// As [`parse`].
pub(crate) fn chain(packet: &[u8]) -> Result<Chain, Reason> {
    match packet.first().map(|first| first >> 4) {
        Some(4) => chain_v4(packet),
        Some(6) => chain_v6(packet),
        _ => Err(Reason::Malformed),
    }
}

fn chain_v4(packet: &[u8]) -> Result<Chain, Reason> {
    let length = packet.first().map_or(0, |first| usize::from(first & 15).saturating_mul(4));
    let header = packet.get(..length).filter(|header| header.len() >= 20).ok_or(Reason::Malformed)?;
    if has_source_route(header.get(20..).unwrap_or_default()) {
        return Err(Reason::Headers);
    }
    let fields = || {
        let (id, flags) = (word(header, 4)?, word(header, 6)?);
        let (offset, more) = (flags & 0x1fff, flags & 0x2000 != 0);
        Some(Chain {
            is_v4: true,
            source: long(header, 12)?.into(),
            destination: long(header, 16)?.into(),
            protocol: *header.get(9)?,
            at: length,
            fragment: (offset > 0 || more).then_some(Fragment { id: id.into(), offset }),
            is_signed: false,
        })
    };
    fields().ok_or(Reason::Malformed)
}

/// Loose or strict (RFC 791, 3.1): the destination is then not where the packet goes.
fn has_source_route(mut options: &[u8]) -> bool {
    while let [kind, rest @ ..] = options {
        match kind {
            0 => return false,
            1 => options = rest,
            131 | 137 => return true,
            _ => {
                let length = rest.first().map_or(0, |length| usize::from(*length));
                options = options.get(length.max(2)..).unwrap_or_default();
            }
        }
    }
    false
}

fn chain_v6(packet: &[u8]) -> Result<Chain, Reason> {
    let address = |at: usize| packet.get(at..)?.first_chunk().map(|bytes| u128::from_be_bytes(*bytes));
    let (source, destination) = address(8).zip(address(24)).ok_or(Reason::Malformed)?;
    let mut chain = Chain {
        is_v4: false,
        source,
        destination,
        protocol: packet.get(6).copied().ok_or(Reason::Malformed)?,
        at: 40,
        fragment: None,
        is_signed: false,
    };
    for number in 0..=HEADERS {
        let cut = if chain.fragment.is_some() { Reason::Fragment } else { Reason::Malformed };
        let header = packet.get(chain.at..).unwrap_or_default();
        let length = match chain.protocol {
            // Hop-by-hop options stand first or nowhere.
            0 if number > 0 => return Err(Reason::Headers),
            0 | 43 | 60 | 135 | 139 | 140 => {
                usize::from(*header.get(1).ok_or(cut)?).saturating_add(1).saturating_mul(8)
            }
            44 if chain.fragment.is_some() => return Err(Reason::Headers),
            44 => 8,
            51 => usize::from(*header.get(1).ok_or(cut)?).saturating_add(2).saturating_mul(4),
            _ => return Ok(chain),
        };
        let header = header.get(..length.max(8)).ok_or(cut)?;
        let segments_left = header.get(3).copied().unwrap_or_default();
        if number == HEADERS || (chain.protocol == 43 && segments_left > 0) {
            return Err(Reason::Headers);
        }
        let is_fragment = chain.protocol == 44;
        chain.is_signed |= chain.protocol == 51;
        chain.protocol = header.first().copied().ok_or(cut)?;
        chain.at = chain.at.saturating_add(length);
        if is_fragment {
            let (place, id) = word(header, 2).zip(long(header, 4)).ok_or(cut)?;
            // One that is whole all the same is no fragment (RFC 6946).
            let is_part = place & !6 != 0;
            chain.fragment = is_part.then_some(Fragment { id, offset: place >> 3 });
            if place >> 3 > 0 {
                return Ok(chain);
            }
        }
    }
    Err(Reason::Headers)
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|field| u16::from_be_bytes(*field))
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|field| u32::from_be_bytes(*field))
}
