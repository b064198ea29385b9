//! The HTTP words around a WebSocket's beginning (RFC 6455, section 4; RFC 9112): requests, and what counts of answers.
//!
//! Pure. Bytes of the other side are only looked at, in pieces that the caller bounded.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

/// Where a relay's WebSocket is.
pub const PATH: &str = "/relay/v1";
/// RFC 6455, section 1.3.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The request to upgrade; `key` is the nonce in base64.
pub fn request(authority: &str, key: &str) -> String {
    format!(
        "GET {PATH} HTTP/1.1\r\nHost: {authority}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
}

/// The status code of an answer.
pub fn status(head: &[u8]) -> Option<u16> {
    let rest = head.strip_prefix(b"HTTP/1.")?;
    let [b'0' | b'1', b' ', code @ ..] = rest else {
        return None;
    };
    let code = std::str::from_utf8(code.get(..3)?).ok()?;
    code.parse().ok()
}

/// Whether the answer is one to this very request.
pub fn is_accepted(head: &[u8], key: &str) -> bool {
    let wanted = digest(&SHA1_FOR_LEGACY_USE_ONLY, format!("{key}{GUID}").as_bytes());
    let wanted = base64(wanted.as_ref());
    header(head, "sec-websocket-accept").is_some_and(|value| value == wanted.as_bytes())
}

fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a [u8]> {
    head.split(|byte| *byte == b'\n').find_map(|line| {
        let at = line.iter().position(|byte| *byte == b':')?;
        let (found, value) = line.split_at_checked(at)?;
        found
            .eq_ignore_ascii_case(name.as_bytes())
            .then(|| value.get(1..).unwrap_or_default().trim_ascii())
    })
}

/// Where the bytes behind the empty line begin.
pub fn head_end(bytes: &[u8]) -> Option<usize> {
    let at = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(at.saturating_add(4))
}

/// RFC 4648, section 4.
#[allow(
    clippy::arithmetic_side_effects,
    reason = "of a key that we drew: 16 bytes, and places below 4"
)]
pub fn base64(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let three = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let six = (three >> (18 - 6 * place)) & 63;
            let letter = ALPHABET.get(six as usize).copied().unwrap_or(b'=');
            out.push(if place > chunk.len() {
                '='
            } else {
                letter.into()
            });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_as_in_its_rfc() {
        let pairs = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ];
        for (plain, encoded) in pairs {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
    }

    #[test]
    fn the_answer_of_the_rfcs_example_is_for_its_key_only() {
        let head = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\
            Sec-WebSocket-Accept:  s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\nbehind";
        assert_eq!(status(head), Some(101));
        assert!(is_accepted(head, "dGhlIHNhbXBsZSBub25jZQ=="));
        assert!(!is_accepted(head, "dGhlIHNhbXBsZSBub25jZR=="));
        assert_eq!(head_end(head), Some(head.len() - 6));
        assert_eq!(status(b"HTTP/2 200"), None);
        assert_eq!(status(b"HTTP/1.1 4"), None);
    }
}
