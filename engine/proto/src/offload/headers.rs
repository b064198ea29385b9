//! The headers of a packet that can be split or merged: where each stands, and the fields that change.
//!
//! Knows IPv4 without a look at its options, IPv6 with whatever stands before the transport header, TCP and UDP.

use super::checksum::Sum;

/// TCP's flags (RFC 9293, 3.1).
pub(super) const FIN: u8 = 0x01;
pub(super) const SYN: u8 = 0x02;
pub(super) const RST: u8 = 0x04;
pub(super) const PSH: u8 = 0x08;
pub(super) const ACK: u8 = 0x10;
pub(super) const URG: u8 = 0x20;
pub(super) const CWR: u8 = 0x80;

pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;

/// Which transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Tcp,
    Udp,
}

impl Transport {
    /// Where the checksum stands in its header.
    pub(super) fn checksum_at(self) -> usize {
        match self {
            Self::Tcp => 16,
            Self::Udp => 6,
        }
    }

    pub(super) fn number(self) -> u8 {
        match self {
            Self::Tcp => TCP,
            Self::Udp => UDP,
        }
    }

    /// Length of its header, which begins `header`; `None` if that cannot be.
    pub(super) fn header_len(self, header: &[u8]) -> Option<usize> {
        match self {
            Self::Tcp => {
                let len = usize::from(header.get(12)? >> 4).checked_mul(4)?;
                (len >= 20 && len <= header.len()).then_some(len)
            }
            Self::Udp => (header.len() >= 8).then_some(8),
        }
    }
}

/// Two bytes at `at`, big-endian.
pub(crate) fn word(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|field| u16::from_be_bytes(*field))
}

/// Four bytes at `at`, big-endian.
pub(crate) fn long(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|field| u32::from_be_bytes(*field))
}

/// Replace the bytes at `at`; nothing happens where there are none.
pub(crate) fn put<const N: usize>(bytes: &mut [u8], at: usize, field: [u8; N]) {
    if let Some(to) = bytes.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        *to = field;
    }
}

/// Sizes are of packets, so they fit.
pub(crate) fn short(len: usize) -> u16 {
    u16::try_from(len).unwrap_or(u16::MAX)
}

/// Write the lengths of a packet of `total` bytes into its IP header, which ends at `transport`; for IPv4 finish the
/// header's checksum.
pub(crate) fn set_ip_length(packet: &mut [u8], is_v4: bool, transport: usize, total: usize) {
    if !is_v4 {
        put(packet, 4, short(total.saturating_sub(40)).to_be_bytes());
        return;
    }
    put(packet, 2, short(total).to_be_bytes());
    put(packet, 10, [0, 0]);
    let sum = Sum::default().plus(packet.get(..transport).unwrap_or_default());
    put(packet, 10, sum.finish());
}

/// The pseudo header's sum (RFC 9293, 3.1; RFC 8200, 8.1) for `len` bytes of transport.
pub(super) fn pseudo(packet: &[u8], is_v4: bool, transport: Transport, len: usize) -> Option<Sum> {
    let addresses = if is_v4 { packet.get(12..20)? } else { packet.get(8..40)? };
    Some(Sum::default().plus(addresses).add_word(u16::from(transport.number())).add_word(short(len)))
}
