//! The client's side of a WebSocket that carries relay frames: RFC 6455, section 5, as far as a byte stream needs it.
//!
//! Pure. The payload of data frames, whatever their borders, is one stream of bytes; what lies in it is the relay
//! protocol's. Must not know TLS or sockets. Every length of the other side is checked before it is used.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

/// Longest header of a frame that a client writes: 2 bytes, 8 of length, 4 of mask.
pub const HEADER_MAX_BYTES: usize = 14;
/// A control frame's payload is never longer (section 5.5).
const CONTROL_MAX_BYTES: usize = 125;

const FINAL: u8 = 0x80;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xA;
const MASKED: u8 = 0x80;

/// The other side broke the rules, or said goodbye.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// A close frame.
    Closed,
    /// Reserved bits, a masked frame, an unknown or text frame, a long control frame.
    Broken,
}

/// What the reader is in the middle of.
#[derive(Debug, Default)]
pub struct Reader {
    /// Payload bytes of the current data frame still to come.
    remaining: u64,
    /// A ping to answer, with its payload.
    pong: Option<([u8; CONTROL_MAX_BYTES], usize)>,
}

/// One frame's header, and how long it is.
struct Head {
    opcode: u8,
    len: u64,
    bytes: usize,
}

impl Reader {
    /// Looks at `bytes`; gives (how many of them were headers or control frames, how many behind those are payload).
    /// Both zero: more bytes are needed. Take the payload and call again with what follows.
    ///
    /// # Errors
    /// [`Ended`]; nothing that follows counts.
    pub fn next(&mut self, bytes: &[u8]) -> Result<(usize, usize), Ended> {
        let mut skipped = 0;
        loop {
            let rest = bytes.get(skipped..).unwrap_or_default();
            if self.remaining > 0 {
                let here =
                    usize::try_from(self.remaining).map_or(rest.len(), |most| most.min(rest.len()));
                self.remaining = self.remaining.saturating_sub(here as u64);
                return Ok((skipped, here));
            }
            let Some(head) = parse_head(rest)? else {
                return Ok((skipped, 0));
            };
            if head.opcode & 0x8 == 0 {
                skipped = skipped.saturating_add(head.bytes);
                self.remaining = head.len;
                continue;
            }
            let len = head.len as usize; // at most 125: parse_head saw to it
            let end = head.bytes.saturating_add(len);
            let Some(payload) = rest.get(head.bytes..end) else {
                return Ok((skipped, 0));
            };
            skipped = skipped.saturating_add(end);
            match head.opcode {
                CLOSE => return Err(Ended::Closed),
                PING => {
                    let mut kept = [0; CONTROL_MAX_BYTES];
                    if let Some(to) = kept.get_mut(..len) {
                        to.copy_from_slice(payload);
                    }
                    // Section 5.5.3: of several pings the newest may be answered alone.
                    self.pong = Some((kept, len));
                }
                _ => {}
            }
        }
    }

    /// The answer to the newest ping, to be sent as a control frame.
    pub fn take_pong(&mut self, mask: [u8; 4], out: &mut Vec<u8>) -> bool {
        let Some((payload, len)) = self.pong.take() else {
            return false;
        };
        write_frame(PONG, payload.get(..len).unwrap_or_default(), mask, out);
        true
    }
}

/// The header at the beginning of `bytes`; `None` while it is not whole.
fn parse_head(bytes: &[u8]) -> Result<Option<Head>, Ended> {
    let &[first, second, ref rest @ ..] = bytes else {
        return Ok(None);
    };
    let opcode = first & 0x0F;
    let is_control = opcode & 0x8 != 0;
    let is_known = matches!(opcode, 0 | BINARY | CLOSE | PING | PONG);
    // A server never masks; a control frame is never a part of something, nor long.
    if first & 0x70 != 0
        || second & MASKED != 0
        || !is_known
        || (is_control && (first & FINAL == 0 || usize::from(second) > CONTROL_MAX_BYTES))
    {
        return Err(Ended::Broken);
    }
    let (len, bytes) = match second {
        126 => match rest.first_chunk::<2>() {
            Some(len) => (u64::from(u16::from_be_bytes(*len)), 4),
            None => return Ok(None),
        },
        127 => match rest.first_chunk::<8>() {
            Some(len) => (u64::from_be_bytes(*len), 10),
            None => return Ok(None),
        },
        len => (u64::from(len), 2),
    };
    if len > i64::MAX as u64 {
        return Err(Ended::Broken);
    }
    Ok(Some(Head { opcode, len, bytes }))
}

/// Appends one whole binary message with this payload, masked (section 5.3).
pub fn write_binary(payload: &[u8], mask: [u8; 4], out: &mut Vec<u8>) {
    write_frame(BINARY, payload, mask, out);
}

/// Appends a goodbye without a reason.
pub fn write_close(mask: [u8; 4], out: &mut Vec<u8>) {
    write_frame(CLOSE, &[], mask, out);
}

fn write_frame(opcode: u8, payload: &[u8], mask: [u8; 4], out: &mut Vec<u8>) {
    out.push(FINAL | opcode);
    let len = payload.len();
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(short), _) if short < 126 => out.push(MASKED | short),
        (_, Ok(medium)) => {
            out.push(MASKED | 126);
            out.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            out.push(MASKED | 127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&mask);
    let start = out.len();
    out.extend_from_slice(payload);
    let body = out.get_mut(start..).unwrap_or_default();
    // Eight bytes at a time: the mask repeats every four.
    let wide = u64::from_ne_bytes([
        mask[0], mask[1], mask[2], mask[3], mask[0], mask[1], mask[2], mask[3],
    ]);
    let mut words = body.chunks_exact_mut(8);
    for word in &mut words {
        if let Ok(plain) = <[u8; 8]>::try_from(&*word) {
            word.copy_from_slice(&(u64::from_ne_bytes(plain) ^ wide).to_ne_bytes());
        }
    }
    let tail = words.into_remainder();
    for (byte, key) in tail.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a server that reads by the RFC understands.
    fn unmask(frame: &[u8]) -> (u8, Vec<u8>) {
        let (len, at) = match frame[1] & 0x7F {
            126 => (usize::from(u16::from_be_bytes([frame[2], frame[3]])), 4),
            127 => panic!("not in these tests"),
            len => (usize::from(len), 2),
        };
        let mask = &frame[at..at + 4];
        let body = &frame[at + 4..at + 4 + len];
        let plain = body.iter().zip(mask.iter().cycle()).map(|(a, b)| a ^ b);
        (frame[0], plain.collect())
    }

    #[test]
    fn a_message_is_masked_and_reads_back() {
        // The masked "Hello" of RFC 6455, section 5.7, but as a binary message.
        let mut out = Vec::new();
        write_binary(b"Hello", [0x37, 0xfa, 0x21, 0x3d], &mut out);
        let wanted = [
            0x82, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58,
        ];
        assert_eq!(out, wanted);
        for len in [0, 1, 125, 126, 1_400, 65_535] {
            let payload: Vec<u8> = (0..len).map(|n| (n % 251) as u8).collect();
            out.clear();
            write_binary(&payload, [1, 2, 3, 4], &mut out);
            assert_eq!(unmask(&out), (0x82, payload));
        }
    }

    /// Feeds a stream in pieces of `step` bytes; the payload and the pongs.
    fn read(stream: &[u8], step: usize) -> (Vec<u8>, usize, Option<Ended>) {
        let (mut reader, mut held, mut payload, mut pongs) =
            (Reader::default(), Vec::new(), Vec::new(), 0);
        for piece in stream.chunks(step) {
            held.extend_from_slice(piece);
            loop {
                match reader.next(&held) {
                    Ok((0, 0)) => break,
                    Ok((skip, here)) => {
                        payload.extend_from_slice(&held[skip..skip + here]);
                        held.drain(..skip + here);
                    }
                    Err(ended) => return (payload, pongs, Some(ended)),
                }
                pongs += usize::from(reader.take_pong([0; 4], &mut Vec::new()));
            }
            pongs += usize::from(reader.take_pong([0; 4], &mut Vec::new()));
        }
        (payload, pongs, None)
    }

    #[test]
    fn the_payload_is_one_stream_whatever_the_borders() {
        let mut stream = vec![0x82, 3, 1, 2, 3, 0x02, 2, 4, 5, 0x89, 1, 9, 0x80, 1, 6];
        stream.extend([0x82, 126, 1, 0]);
        stream.extend([7; 256]);
        for step in [1, 2, 3, 7, 400] {
            let (payload, pongs, ended) = read(&stream, step);
            assert_eq!(payload[..6], [1, 2, 3, 4, 5, 6]);
            assert_eq!(
                (payload.len(), pongs, ended),
                (262, 1, None),
                "in steps of {step}"
            );
        }
    }

    #[test]
    fn what_the_rfc_forbids_ends_the_stream() {
        for bad in [
            &[0xC2, 0][..], // a reserved bit
            &[0x82, 0x81, 0, 0, 0, 0, 0],
            &[0x81, 0],      // text
            &[0x83, 0],      // reserved opcode
            &[0x09, 0],      // a fragmented ping
            &[0x89, 126, 0], // a long ping
            &[0x82, 127, 0xFF, 0, 0, 0, 0, 0, 0, 0],
        ] {
            assert_eq!(read(bad, 99).2, Some(Ended::Broken), "{bad:?}");
        }
        assert_eq!(read(&[0x88, 0], 1).2, Some(Ended::Closed));
    }
}
