//! Which headers pass the front, and which ones it sets itself.
//!
//! What is between two neighbours stays between them (RFC 9110, 7.6.1). What speaks of where a request came from is
//! ours to say: a client's own words about that are removed, and so are names with an underscore, which some programs
//! take for the dashed ones.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};

/// The client's address, for the web part.
pub const PEER: HeaderName = HeaderName::from_static("x-warren-peer");
/// The connection's number, for the web part's `proven`.
pub const CONNECTION: HeaderName = HeaderName::from_static("x-warren-connection");

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// Between neighbours only.
const HOP_BY_HOP: [HeaderName; 9] = [
    header::CONNECTION,
    KEEP_ALIVE,
    PROXY_CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Connection options that may not remove a header: they belong to the message, whatever the sender says.
const KEPT: [HeaderName; 2] = [header::HOST, header::CONTENT_LENGTH];

/// Make a client's headers those of the request to the web part.
pub fn to_web(
    headers: &mut HeaderMap,
    peer: &HeaderValue,
    connection: &HeaderValue,
    upgrade: bool,
) {
    remove_hop_by_hop(headers);
    let foreign: Vec<HeaderName> = headers
        .keys()
        .filter(|name| is_ours_to_say(name))
        .cloned()
        .collect();
    for name in foreign {
        headers.remove(name);
    }
    headers.remove(header::EXPECT); // the body is here already
    headers.remove(header::CONTENT_LENGTH); // set anew from what was received
    if upgrade {
        // Compressed frames on a socket that carries secrets beside a stranger's words leak them (SECURITY.md, 38).
        headers.remove(header::SEC_WEBSOCKET_EXTENSIONS);
        set_upgrade(headers);
    }
    headers.insert(PEER, peer.clone());
    headers.insert(CONNECTION, connection.clone());
}

/// Make the web part's headers those of the answer.
pub fn to_client(headers: &mut HeaderMap, upgrade: bool) {
    remove_hop_by_hop(headers);
    if upgrade {
        set_upgrade(headers);
    }
}

fn set_upgrade(headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|option| HeaderName::from_bytes(option.trim_ascii()).ok())
        .filter(|name| !KEPT.contains(name))
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

fn is_ours_to_say(name: &HeaderName) -> bool {
    let name = name.as_str();
    name == "forwarded"
        || name == "x-real-ip"
        || name == "via"
        || name.contains('_')
        || name.starts_with("x-warren-")
        || name.starts_with("x-forwarded-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    #[test]
    fn what_a_client_says_about_its_origin_does_not_pass() {
        let mut map = headers(&[
            ("host", "a"),
            ("accept", "x"),
            ("connection", "close, x-secret, x-warren-peer, host"),
            ("x-secret", "1"),
            ("x-warren-peer", "10.0.0.1"),
            ("x-warren-anything", "1"),
            ("x_warren_peer", "1"),
            ("forwarded", "for=1"),
            ("x-forwarded-for", "1"),
            ("x-forwarded-proto", "https"),
            ("x-real-ip", "1"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("expect", "100-continue"),
            ("upgrade", "h2c"),
            ("keep-alive", "1"),
            ("proxy-authorization", "x"),
            ("content-length", "5"),
        ]);
        let (peer, number) = (
            HeaderValue::from_static("192.0.2.1"),
            HeaderValue::from_static("9"),
        );
        to_web(&mut map, &peer, &number, false);
        let expected = headers(&[
            ("host", "a"),
            ("accept", "x"),
            ("x-warren-peer", "192.0.2.1"),
            ("x-warren-connection", "9"),
        ]);
        assert_eq!(map, expected);
    }

    #[test]
    fn an_upgrade_keeps_its_handshake_and_never_offers_compression() {
        let mut map = headers(&[
            ("connection", "Upgrade, keep-alive"),
            ("upgrade", "websocket"),
            ("sec-websocket-key", "k"),
            ("sec-websocket-extensions", "permessage-deflate"),
        ]);
        let value = HeaderValue::from_static("1");
        to_web(&mut map, &value, &value, true);
        let expected = headers(&[
            ("connection", "upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-key", "k"),
            ("x-warren-peer", "1"),
            ("x-warren-connection", "1"),
        ]);
        assert_eq!(map, expected);
    }
}
