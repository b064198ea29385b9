//! Bodies of the fuzz targets about relays' streams: what a relay, or somebody in its place, may answer.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a target stops at the first surprise"
)]

use super::upgrade::{head_end, is_accepted, status};
use super::url::{Proxy, Url};
use super::websocket::{Reader, write_binary};

/// A server's side of a WebSocket: read in one piece or byte by byte it is the same, and never more than there is.
pub fn stream(data: &[u8]) {
    assert_eq!(read(data, data.len().max(1)), read(data, 1));
    let mut written = Vec::new();
    write_binary(data, [1, 2, 3, 4], &mut written);
    assert!(written.len() >= data.len() + 6);
}

/// Payload, and whether it ended.
fn read(data: &[u8], step: usize) -> (Vec<u8>, bool) {
    let (mut reader, mut held, mut payload) = (Reader::default(), Vec::new(), Vec::new());
    for piece in data.chunks(step) {
        held.extend_from_slice(piece);
        loop {
            let Ok((skipped, here)) = reader.next(&held) else {
                return (payload, true);
            };
            if (skipped, here) == (0, 0) {
                break;
            }
            assert!(skipped + here <= held.len());
            payload.extend_from_slice(held.get(skipped..skipped + here).unwrap());
            held.drain(..skipped + here);
        }
        reader.take_pong([0; 4], &mut Vec::new());
    }
    (payload, false)
}

/// The HTTP answer to an upgrade, and the texts that lead there: refused or read, never worse.
pub fn upgrade(data: &[u8]) {
    if let Some(end) = head_end(data) {
        assert!(data.get(..end).unwrap().ends_with(b"\r\n\r\n"));
    }
    assert!(status(data).is_none_or(|code| code < 1_000));
    assert!(!is_accepted(data, "dGhlIHNhbXBsZSBub25jZQ==") || data.len() > 28);
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Some(url) = Url::parse(text) {
        let scheme = if url.is_tls { "https" } else { "http" };
        let again = Url::parse(&format!("{scheme}://{}", url.authority()));
        assert_eq!(again, Some(url));
    }
    if let Some(proxy) = Proxy::parse(text) {
        assert!(proxy.port != 0 && !proxy.host.is_empty());
    }
}
