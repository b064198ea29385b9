//! Fuzz targets of what the front reads of strangers, and of what its parent and operator tell it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a target stops at the first surprise"
)]
use std::cell::RefCell;
use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use tokio::sync::Notify;

use super::beat::Beat;
use super::control::Control;
use super::counters::Counters;
use super::head::{Framing, Head, Scanner};
use super::headers::{CONNECTION, PEER, to_client, to_web};
use super::hosts::Hosts;
use super::problem::Refusal;
use super::registry::Registry;
use super::settings::Limits;
use super::tls;

const HEAD_MAX: usize = 512;

/// One reading of a head, in whatever pieces it comes; and what passes says the same to another parser.
pub fn head(data: &[u8]) {
    let whole = Scanner::default().scan(data, HEAD_MAX);
    let mut scanner = Scanner::default();
    let step = usize::from(data.first().copied().unwrap_or(0) & 15).saturating_add(1);
    let mut end = 0;
    let in_pieces = loop {
        end = data.len().min(usize::saturating_add(end, step));
        let piece = scanner.scan(data.get(..end).unwrap(), HEAD_MAX);
        if piece != Ok(None) || end == data.len() {
            break piece;
        }
    };
    // A head that is malformed after its limit is refused for either, whichever is seen first.
    let too_large = [Err(Refusal::HeadTooLarge), Err(Refusal::Malformed)];
    let equal =
        whole == in_pieces || (too_large.contains(&whole) && too_large.contains(&in_pieces));
    assert!(
        equal,
        "{whole:?} in one piece, {in_pieces:?} in pieces of {step}"
    );
    if let Ok(Some(head)) = whole {
        assert!(head.length <= HEAD_MAX);
        agrees(data, head);
    }
}

/// httparse, which hyper reads with, ends the head at the same byte and finds no second way to frame what follows.
fn agrees(data: &[u8], head: Head) {
    let mut headers = [httparse::EMPTY_HEADER; 100];
    let mut request = httparse::Request::new(&mut headers);
    let parsed = request.parse(data).expect("what passes here passes there");
    assert_eq!(parsed, httparse::Status::Complete(head.length));
    let values = |name: &str| -> Vec<Vec<u8>> {
        let same = request
            .headers
            .iter()
            .filter(|line| line.name.eq_ignore_ascii_case(name));
        same.map(|line| line.value.trim_ascii().to_ascii_lowercase())
            .collect()
    };
    assert_eq!(values("host").len(), 1);
    let (lengths, codings) = (values("content-length"), values("transfer-encoding"));
    match head.framing {
        Framing::Chunked => assert!(lengths.is_empty() && codings == [b"chunked"]),
        Framing::Length(length) => {
            assert!(codings.is_empty() && lengths.len() <= 1);
            let said = lengths.first().map_or(0, |text| {
                std::str::from_utf8(text).unwrap().parse().unwrap()
            });
            assert_eq!(length, said);
        }
        Framing::Upgrade => {
            assert!(
                codings.is_empty() && request.version == Some(1) && request.method == Some("GET")
            );
            assert!(values("upgrade").iter().any(|value| value == b"websocket"));
        }
    }
}

/// Whatever lines a client or the web part sends, what is ours to say is said by us alone.
pub fn headers(data: &[u8]) {
    let Some((what, lines)) = data.split_first() else {
        return;
    };
    let upgrade = what & 1 == 1;
    let mut map = HeaderMap::new();
    for line in lines.split(|byte| *byte == b'\n').take(100) {
        let colon = line
            .iter()
            .position(|byte| *byte == b':')
            .unwrap_or(line.len());
        let (name, value) = line.split_at(colon);
        let value = value.get(1..).unwrap_or_default();
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name), HeaderValue::from_bytes(value))
        {
            map.append(name, value);
        }
    }
    let hosts = map.get_all(header::HOST).iter().count();
    let lengths = map.get_all(header::CONTENT_LENGTH).iter().count();
    let mut answer = map.clone();
    let (peer, number) = (
        HeaderValue::from_static("192.0.2.1"),
        HeaderValue::from_static("9"),
    );
    to_web(&mut map, &peer, &number, upgrade);
    assert_eq!(map.get_all(PEER).iter().collect::<Vec<_>>(), [&peer]);
    assert_eq!(
        map.get_all(CONNECTION).iter().collect::<Vec<_>>(),
        [&number]
    );
    assert_eq!(map.get_all(header::HOST).iter().count(), hosts);
    assert!(!map.contains_key(header::CONTENT_LENGTH) && !map.contains_key(header::EXPECT));
    for name in map.keys().map(HeaderName::as_str) {
        let ours = [PEER.as_str(), CONNECTION.as_str()].contains(&name);
        let foreign =
            name.starts_with("x-warren-") || name.starts_with("x-forwarded-") || name.contains('_');
        assert!(
            ours || !(foreign || ["forwarded", "via", "x-real-ip"].contains(&name)),
            "{name} passed"
        );
    }
    to_client(&mut answer, upgrade);
    assert_eq!(
        answer.get_all(header::CONTENT_LENGTH).iter().count(),
        lengths
    );
    for (map, extensions) in [(&map, false), (&answer, true)] {
        for name in [
            header::TE,
            header::TRAILER,
            header::TRANSFER_ENCODING,
            header::PROXY_AUTHORIZATION,
        ] {
            assert!(!map.contains_key(name));
        }
        assert_eq!(
            map.get_all(header::CONNECTION).iter().count(),
            usize::from(upgrade)
        );
        assert_eq!(
            map.get_all(header::UPGRADE).iter().count(),
            usize::from(upgrade)
        );
        assert!(extensions || !upgrade || !map.contains_key(header::SEC_WEBSOCKET_EXTENSIONS));
    }
}

/// A list that is taken serves each of its own names, in any case, and nothing that is no name.
pub fn hosts(data: &[u8]) {
    let mut lines = data.split(|byte| *byte == b'\n');
    let asked = lines.next().unwrap_or_default();
    let entries: Vec<Vec<u8>> = lines.take(8).map(<[u8]>::to_vec).collect();
    let Ok(hosts) = Hosts::parse(&entries) else {
        return;
    };
    for entry in &entries {
        let bare = std::str::from_utf8(entry)
            .ok()
            .and_then(|text| text.parse::<std::net::Ipv6Addr>().ok());
        let written = bare.map_or_else(|| entry.clone(), |_| [b"[", &entry[..], b"]"].concat());
        assert!(
            hosts.serves(&written.to_ascii_uppercase()),
            "{:?}",
            String::from_utf8_lossy(&written)
        );
    }
    if hosts.serves(asked) {
        assert!(
            !entries.is_empty()
                && asked.is_ascii()
                && !asked.contains(&b'/')
                && !asked.contains(&b' ')
        );
        let (name, port) = asked.split_at(
            asked
                .iter()
                .rposition(|byte| *byte == b':')
                .unwrap_or(asked.len()),
        );
        let listed = entries.iter().any(|entry| {
            let same = |text: &[u8]| {
                let inner = text
                    .strip_prefix(b"[")
                    .and_then(|text| text.strip_suffix(b"]"))
                    .unwrap_or(text);
                entry.eq_ignore_ascii_case(text) || entry.eq_ignore_ascii_case(inner)
            };
            same(asked) || (!port.is_empty() && same(name))
        });
        assert!(
            listed,
            "{:?} is served but not listed",
            String::from_utf8_lossy(asked)
        );
    }
}

/// Any bytes for certificate and key: an acceptor or a sentence, which is too short to repeat a file.
pub fn settings(data: &[u8]) {
    let at = data
        .windows(2)
        .position(|pair| pair == b"\n\n")
        .unwrap_or(data.len());
    let (chain, key) = data.split_at(at);
    match tls::acceptor(chain, key) {
        Ok(acceptor) => assert_eq!(acceptor.is_none(), chain.is_empty() && key.is_empty()),
        Err(sentence) => assert!(!sentence.is_empty() && sentence.len() < 200),
    }
}

/// Any line of the parent is a word that we know or one more unknown; the answer to `stats` is one line.
pub fn control(data: &[u8]) {
    thread_local! {
        static CONTROL: RefCell<Control> = RefCell::new(over_null());
    }
    CONTROL.with_borrow_mut(|control| {
        data.split(|byte| *byte == b'\n')
            .for_each(|line| control.handle(line.trim_ascii()).unwrap());
        assert!(!control.stats().contains('\n'));
    });
}

fn over_null() -> Control {
    let null = || {
        File::options()
            .read(true)
            .write(true)
            .open("/dev/null")
            .unwrap()
    };
    let second = Duration::from_secs(1);
    let limits = Limits {
        head_max_bytes: HEAD_MAX,
        body_max_bytes: 1,
        open_body_max_bytes: 1,
        buffered_max_bytes: 1,
        buffered_an_address_max_bytes: 1,
        connections_max: 10,
        unproven_an_address_max: 1,
        head: second,
        body: second,
        response: second,
        idle: second,
        unproven: second,
        stall: second,
        stop: second,
    };
    Control {
        input: null(),
        output: null(),
        registry: Arc::new(Registry::new(&limits, 1)),
        counters: Arc::new(Counters::default()),
        relay: None,
        beat: Arc::new(Beat::new()),
        stop: Arc::new(Notify::new()),
    }
}
