//! TCP's maximum segment size (RFC 9293, 3.7.1) held to what a path carries, in the packets that announce it.
//!
//! An end that was told so never makes a packet that does not fit, also where nobody's ICMP reaches it. The option
//! counts payload without TCP's or IP's options (RFC 6691), so fixed headers are all that is subtracted. A SYN without
//! the option means 536 or 1220 bytes, and nothing is added to it.

use crate::filter::packet::{SYN, TCP, chain};
use crate::offload::Sum;
use crate::offload::headers::{put, word};

/// Kinds of options: the last one, padding, and ours (RFC 9293, 3.1).
const END: u8 = 0;
const PADDING: u8 = 1;
const MSS: u8 = 2;
/// Bytes of TCP's header without options, and where its checksum stands.
const TCP_HEADER: usize = 20;
const CHECKSUM: usize = 16;

/// Lower what a SYN or SYN-ACK announces to what fits packets of `mtu` bytes; true if it was more. Nothing else of the
/// packet changes but the checksum, which is right after as it was right before (RFC 1624).
pub(crate) fn clamp(packet: &mut [u8], mtu: usize) -> bool {
    let Some((at, most)) = announcing(packet, mtu) else { return false };
    let header = packet.get_mut(at..).and_then(header);
    header.is_some_and(|header| lower_all(header, most))
}

/// Where TCP begins in a packet that may announce, and the most that it may say.
fn announcing(packet: &[u8], mtu: usize) -> Option<(usize, u16)> {
    let chain = chain(packet).ok()?;
    if chain.protocol != TCP || chain.fragment.is_some() || chain.is_signed {
        return None;
    }
    let flags = *packet.get(chain.at.checked_add(13)?)?;
    let internet = if chain.is_v4 { 20 } else { 40 };
    let most = u16::try_from(mtu.checked_sub(internet)?.checked_sub(TCP_HEADER)?).ok()?;
    (flags & SYN != 0).then_some((chain.at, most))
}

/// TCP's whole header, options included.
fn header(segment: &mut [u8]) -> Option<&mut [u8]> {
    let len = usize::from(segment.get(12)? >> 4).checked_mul(4)?;
    segment.get_mut(..len).filter(|header| header.len() >= TCP_HEADER)
}

fn lower_all(header: &mut [u8], most: u16) -> bool {
    let (mut at, mut was_lowered) = (TCP_HEADER, false);
    while let Some(kind) = header.get(at).copied().filter(|kind| *kind != END) {
        let value = at.saturating_add(2);
        let len = match (kind, header.get(at.saturating_add(1)).copied()) {
            (PADDING, _) => 1,
            (_, Some(len)) if len >= 2 => usize::from(len),
            // Cut, or without end: what follows is nothing that could be read.
            _ => break,
        };
        if kind == MSS && len == 4 {
            was_lowered |= lower(header, value, most);
        }
        at = at.saturating_add(len);
    }
    was_lowered
}

fn lower(header: &mut [u8], at: usize, most: u16) -> bool {
    let Some(told) = word(header, at).filter(|told| *told > most) else { return false };
    let Some(sum) = header.get(CHECKSUM..).and_then(|rest| rest.first_chunk::<2>()).copied() else { return false };
    // A field that begins at an odd place lies across two words of the sum.
    let in_sum = |field: u16| if at & 1 == 0 { field } else { field.swap_bytes() };
    let before = Sum::default().add_field(sum.map(|byte| !byte));
    let after = before.without_word(in_sum(told)).add_word(in_sum(most));
    put(header, at, most.to_be_bytes());
    put(header, CHECKSUM, after.finish());
    true
}
