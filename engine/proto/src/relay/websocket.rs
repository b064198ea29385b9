//! The server's half of a WebSocket (RFC 6455) that carries relay frames: the handshake's proof, and frames.
//!
//! The payload of binary messages is one stream of bytes, whatever their borders: `length (u16) | frame`, again and
//! again. So a message of any size needs no more room than one relay frame. Text, extensions, and clients that do not
//! mask are refused (sections 5.1, 5.2, 5.5). Must not know TLS or sockets, nor what is in a relay frame.

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

/// Longest header that this side writes: 2 bytes and 8 of length.
pub const HEADER: usize = 10;
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const FINAL: u8 = 0x80;
const RESERVED: u8 = 0x70;
const MASKED: u8 = 0x80;
const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
const CONTROL_MOST: usize = 125;

/// Why nothing that follows counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The client closed in order.
    Closed,
    /// It broke the protocol (status 1002).
    Broken,
    /// It sent text (status 1003).
    Text,
}

/// `Sec-WebSocket-Accept` for a key; `None` if the key is not 16 bytes in base64 (section 4.2.1).
#[must_use]
pub fn accept(key: &[u8]) -> Option<String> {
    let (digits, end) = key.split_at_checked(22)?;
    let known = |digit: &u8| digit.is_ascii_alphanumeric() || matches!(digit, b'+' | b'/');
    let is_key = end == b"==" && digits.iter().all(known);
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, &[key, GUID].concat());
    is_key.then(|| base64(hash.as_ref()))
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    let digit = |six: u32| match six & 63 {
        six @ 0..=25 => b'A'.saturating_add(six as u8),
        six @ 26..=51 => b'a'.saturating_add((six as u8).saturating_sub(26)),
        six @ 52..=61 => b'0'.saturating_add((six as u8).saturating_sub(52)),
        62 => b'+',
        _ => b'/',
    };
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().chain(&[0, 0]).take(3).fold(0_u32, |word, byte| word << 8 | u32::from(*byte));
        let digits = [word >> 18, word >> 12, word >> 6, word].map(digit);
        let count = chunk.len().saturating_add(1);
        let shown = digits.iter().enumerate().map(|(at, digit)| if at < count { *digit } else { b'=' });
        out.extend(shown.map(char::from));
    }
    out
}

/// Takes the client's bytes apart, in pieces of any size.
#[derive(Debug, Default)]
pub struct Reader {
    /// The header that is arriving.
    head: [u8; 14],
    head_len: usize,
    /// What is left of the frame's payload, and what it is.
    left: u64,
    opcode: u8,
    mask: [u8; 4],
    masked: usize,
    /// A message of several frames has begun.
    is_fragmented: bool,
    /// The payload of a control frame that is arriving.
    control: Vec<u8>,
    /// A ping to answer; a newer one takes its place (section 5.5.3).
    pong: Option<Vec<u8>>,
}

impl Reader {
    /// Take all of `bytes`; what they hold of binary messages goes to the end of `out`.
    ///
    /// # Errors
    /// [`Ended`]; nothing that follows counts.
    pub fn feed(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Ended> {
        while !bytes.is_empty() {
            if self.left > 0 {
                let here = usize::try_from(self.left).map_or(bytes.len(), |left| left.min(bytes.len()));
                let (payload, rest) = bytes.split_at_checked(here).unwrap_or((bytes, &[]));
                self.payload(payload, out);
                bytes = rest;
                if self.left == 0 {
                    self.end()?;
                }
                continue;
            }
            let Some((first, rest)) = bytes.split_first() else { break };
            bytes = rest;
            if let Some(place) = self.head.get_mut(self.head_len) {
                *place = *first;
            }
            self.head_len = self.head_len.saturating_add(1);
            if self.begin()? && self.left == 0 {
                self.end()?;
            }
        }
        Ok(())
    }

    /// The payload of a ping that waits for its answer.
    pub fn take_pong(&mut self) -> Option<Vec<u8>> {
        self.pong.take()
    }

    /// True when the header is whole.
    fn begin(&mut self) -> Result<bool, Ended> {
        let [first, second, ..] = self.head;
        if self.head_len < 2 {
            return Ok(false);
        }
        let (opcode, short) = (first & 15, second & 127);
        let is_control = opcode >= CLOSE;
        if self.head_len == 2 {
            let is_final = first & FINAL != 0;
            let follows = opcode == CONTINUATION;
            let known = matches!(opcode, CONTINUATION | TEXT | BINARY | CLOSE | PING | PONG);
            let fits = !is_control || (is_final && usize::from(short) <= CONTROL_MOST);
            let in_order = is_control || follows == self.is_fragmented;
            if first & RESERVED != 0 || second & MASKED == 0 || !known || !fits || !in_order {
                return Err(Ended::Broken);
            }
            if opcode == TEXT {
                return Err(Ended::Text);
            }
            if !is_control {
                self.is_fragmented = !is_final;
            }
        }
        let wide: usize = match short {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        if self.head_len < wide.saturating_add(6) {
            return Ok(false);
        }
        let (length, mask) = self.head.get(2..).and_then(|rest| rest.split_at_checked(wide)).unwrap_or_default();
        let long = length.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        let shortest = match wide {
            2 => long > 125,
            8 => long > 65_535 && long >> 63 == 0,
            _ => true,
        };
        if !shortest {
            return Err(Ended::Broken);
        }
        self.left = if wide == 0 { u64::from(short) } else { long };
        self.mask = mask.first_chunk().copied().unwrap_or_default();
        (self.opcode, self.masked, self.head_len) = (opcode, 0, 0);
        Ok(true)
    }

    fn payload(&mut self, payload: &[u8], out: &mut Vec<u8>) {
        let to = if self.opcode >= CLOSE { &mut self.control } else { out };
        let from = to.len();
        to.extend_from_slice(payload);
        let mut mask = self.mask;
        mask.rotate_left(self.masked & 3);
        unmask(to.get_mut(from..).unwrap_or_default(), mask);
        self.masked = self.masked.wrapping_add(payload.len());
        self.left = self.left.saturating_sub(payload.len() as u64);
    }

    /// A frame is whole.
    fn end(&mut self) -> Result<(), Ended> {
        if self.opcode < CLOSE {
            return Ok(());
        }
        let control = core::mem::take(&mut self.control);
        match self.opcode {
            CLOSE => Err(if control.len() == 1 { Ended::Broken } else { Ended::Closed }),
            PING => {
                self.pong = Some(control);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Eight bytes at a time.
fn unmask(bytes: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let mut chunks = bytes.chunks_exact_mut(8);
    for chunk in &mut chunks {
        let word = chunk.first_chunk().map_or(0, |word| u64::from_ne_bytes(*word));
        chunk.copy_from_slice(&(word ^ wide).to_ne_bytes());
    }
    chunks.into_remainder().iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
}

/// The header of a whole binary message of this length; unmasked, as a server writes (section 5.1).
#[must_use]
pub fn binary_header(length: usize) -> ([u8; HEADER], usize) {
    let mut header = [0; HEADER];
    let long = (length as u64).to_be_bytes();
    let [.., high, low] = long;
    let (head, count) = match length {
        0..=125 => (vec![FINAL | BINARY, low], 2),
        126..=65_535 => (vec![FINAL | BINARY, 126, high, low], 4),
        _ => ([&[FINAL | BINARY, 127][..], &long].concat(), HEADER),
    };
    header.iter_mut().zip(head).for_each(|(to, from)| *to = from);
    (header, count)
}

/// A pong with this payload, whole.
#[must_use]
pub fn pong(payload: &[u8]) -> Vec<u8> {
    let short = payload.get(..CONTROL_MOST.min(payload.len())).unwrap_or_default();
    let length = u8::try_from(short.len()).unwrap_or(0);
    [&[FINAL | PONG, length][..], short].concat()
}

/// A close frame that says why, whole.
#[must_use]
pub fn close(reason: Option<Ended>) -> [u8; 4] {
    let status: u16 = match reason {
        Some(Ended::Closed) => 1_000,
        Some(Ended::Broken) => 1_002,
        Some(Ended::Text) => 1_003,
        None => 1_001,
    };
    let [high, low] = status.to_be_bytes();
    [FINAL | CLOSE, 2, high, low]
}
