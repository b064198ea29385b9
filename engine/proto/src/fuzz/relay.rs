//! What a relay and its clients read of strangers: frames, papers, items, WebSockets; and that no stranger moves a relay.

use std::cell::RefCell;

use super::input::Input;
use crate::relay::frame::{self, Frame};
use crate::relay::server::{Config, Rate};
use crate::relay::websocket::{Reader, accept};
use crate::relay::{Link, Server, certificate, grant, item, limits};
use crate::{Instant, Now, PrivateKey, Random, Unix, demux};

const DAY_NS: u64 = 86_400_000_000_000;

/// Bytes that count up: tables and cookies need some, and a target needs the same each time.
struct Counting(u64);

impl Random for Counting {
    fn fill(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(8) {
            self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            chunk.copy_from_slice(&(self.0 ^ (self.0 >> 29)).to_le_bytes()[..chunk.len()]);
        }
    }
}

/// A frame has one kind, by its first byte; papers and items that are read have the lengths that they say.
pub(super) fn formats(data: &[u8]) {
    if let Some(parsed) = frame::parse(data) {
        assert_eq!(demux::kind(data), demux::Kind::Relay);
        assert!(data.len() <= limits::FRAME);
        let is_data = matches!(parsed, Frame::Data(_));
        assert_eq!(is_data, data[0] == frame::DATA);
        assert!(is_data || data.len() <= limits::OWN_FRAME);
    }
    if let Some(grant) = grant::parse(data) {
        assert!(data.len() <= 512 && grant.relays().count() <= grant::RELAYS);
        assert!(grant.check(1, 0).is_err(), "nobody guesses a signature");
    }
    if let Some(it) = certificate::parse(data) {
        assert_eq!(data.len(), certificate::LEN);
        let late_s = it.not_after_s.saturating_add(1);
        assert!(it.check(it.relay_key, it.session_key, late_s).is_err());
    }
    if let Some(items) = item::read_all(data) {
        assert!(items.len() <= data.len() / 2);
    }
    assert!(accept(data).is_none_or(|text| text.len() == 28 && data.len() == 24));
}

/// A WebSocket's bytes in any pieces give the same payload and the same end, and never more payload than bytes.
pub(super) fn websocket(data: &[u8]) {
    let step = usize::from(data.first().copied().unwrap_or(0) & 31) + 1;
    let fed = |step: usize| {
        let (mut reader, mut out) = (Reader::default(), Vec::new());
        let ended = data.chunks(step).try_for_each(|piece| reader.feed(piece, &mut out));
        (out, ended)
    };
    let (whole, parts) = (fed(usize::MAX), fed(step));
    assert_eq!(whole, parts);
    assert!(whole.0.len() <= data.len());
}

thread_local! {
    static RELAY: RefCell<Option<(Server, u64)>> = const { RefCell::new(None) };
}

/// Whatever strangers send, from wherever: none of them gets a session, and each gets fewer bytes than it sent.
pub(super) fn server(data: &[u8]) {
    RELAY.with_borrow_mut(|place| {
        let (server, now_ns) = place.get_or_insert_with(|| {
            let config = Config {
                number: 1,
                private_key: PrivateKey::new([7; 32]),
                signers: vec![[9; 32]],
                members: 4,
                client_rate: Rate::default(),
                network_rate: Rate::default(),
                total_rate: Rate::default(),
            };
            let now = Now { mono: Instant(DAY_NS), wall: Unix(DAY_NS) };
            (Server::new(config, now, Box::new(Counting(1))), DAY_NS)
        });
        let mut input = Input::new(data);
        let mut cookie: Option<Vec<u8>> = None;
        while !input.is_empty() {
            *now_ns += 1_000_000 * (1 + u64::from(input.byte()));
            let now = Now { mono: Instant(*now_ns), wall: Unix(*now_ns) };
            let from = match input.byte() & 7 {
                host @ 0..=5 => Link::Udp(([192, 0, 2, host], 9).into()),
                number => Link::Stream(u64::from(number)),
            };
            let mut bytes = question(&mut input, cookie.as_deref());
            let sent = bytes.len();
            assert_eq!(server.handle(now, from, &mut bytes), None, "a stranger's frame went somewhere");
            let (mut out, mut given) = ([0; limits::OWN_FRAME], 0);
            while let Some((to, length)) = server.poll_transmit(&mut out) {
                assert_eq!(to, from);
                given += length;
                if frame::parse(&out[..length]).is_some_and(|it| matches!(it, Frame::Cookie { .. })) {
                    cookie = Some(out[20..44].to_vec());
                }
            }
            assert!(given < sent.max(1), "{given} bytes for {sent}");
            assert!(server.poll_event().is_none() && server.poll_timeout().is_none());
        }
        let gauges = server.gauges();
        assert_eq!((gauges.members, gauges.pending, gauges.channels), (0, 0, 0));
        server.check();
    });
}

/// What a stranger can make: hellos, proofs around a cookie that it was given, frames of sessions that are not.
fn question(input: &mut Input<'_>, cookie: Option<&[u8]>) -> Vec<u8> {
    match input.byte() & 3 {
        0 => frame::hello(&[input.byte(); 16]).to_vec(),
        1 => {
            let name = [input.byte(); 16];
            let cookie = cookie.and_then(|it| it.first_chunk::<24>()).copied().unwrap_or_default();
            let mut proof = frame::proof_header(&name, &cookie, &[input.byte() | 1; 32]).to_vec();
            proof.resize(500, 0);
            proof[80..].iter_mut().zip(input.some()).for_each(|(to, from)| *to = *from);
            proof
        }
        2 => {
            let mut bytes = vec![0; 20 + usize::from(input.byte())];
            bytes.iter_mut().zip(input.some()).for_each(|(to, from)| *to = *from);
            bytes[0] = frame::DATA + (bytes[0] & 1);
            bytes
        }
        _ => input.some().to_vec(),
    }
}
