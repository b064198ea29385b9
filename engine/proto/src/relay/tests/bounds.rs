//! Every frame has one shape, and a parser takes nothing else.

use crate::relay::frame::{self, Frame};
use crate::relay::item::{self, Ended, Farewell, Item};
use crate::{demux, relay};

#[test]
fn each_frame_reads_back_as_it_was_written() {
    let (random, cookie, key) = ([1; 16], [2; 24], [3; 32]);
    assert_eq!(frame::parse(&frame::hello(&random)), Some(Frame::Hello { random: &random }));
    let bytes = frame::cookie(&random, &cookie);
    assert_eq!(frame::parse(&bytes), Some(Frame::Cookie { random: &random, cookie: &cookie }));
    let bytes = [&frame::proof_header(&random, &cookie, &key)[..], &[0; 500]].concat();
    assert_eq!(frame::parse(&bytes), Some(Frame::Proof { random: &random, cookie: &cookie, session_key: &key }));
    assert_eq!(frame::parse(&frame::unknown(9)), Some(Frame::Unknown { session: 9 }));
    let header = frame::data_header(0x1234_5678_9abc, 5, 6, [7; 8]);
    let Some(Frame::Data(data)) = frame::parse(&header) else { panic!("an empty payload is one") };
    assert_eq!((data.counter, data.session, data.channel, data.tag), (0x0078_9abc & 0xff_ffff, 5, 6, [7; 8]));
    assert!(relay::HEADER <= 20 && header.len() == relay::HEADER, "what the tunnel's MTU leaves for it");
}

#[test]
fn answers_to_strangers_are_shorter_than_questions() {
    const { assert!(frame::COOKIE_LEN < frame::HELLO_LEN && frame::UNKNOWN_LEN < frame::HEADER) };
    assert!(frame::WELCOME_LEN < *frame::PROOF_LEN.start() && frame::REFUSAL_LEN < *frame::PROOF_LEN.start());
    assert!(*frame::PROOF_LEN.end() <= crate::relay::limits::OWN_FRAME);
}

#[test]
fn a_relays_frame_is_nobody_elses() {
    for first in [frame::DATA, frame::CONTROL, frame::HANDSHAKE] {
        assert_eq!(demux::kind(&[first; 40]), demux::Kind::Relay);
    }
    assert_ne!(demux::kind(&[0xd7; 40]), demux::Kind::Relay);
}

#[test]
fn items_read_back_unknown_kinds_are_skipped_and_cut_ones_refused() {
    let items = vec![
        Item::Ping(1),
        Item::Open([2; 32]),
        Item::Opened([3; 32], 4),
        Item::Closed(5, Ended::Gone),
        Item::Denied([6; 32], Ended::Full),
        Item::Fresh,
        Item::Bye(Farewell::Expired),
    ];
    let mut bytes = Vec::new();
    items.iter().for_each(|item| item::write(item, &mut bytes));
    assert_eq!(item::read_all(&bytes), Some(items.clone()));
    let mut newer = bytes.clone();
    newer.extend([200, 3, 1, 2, 3]);
    assert_eq!(item::read_all(&newer), Some(items));
    assert_eq!(item::read_all(&newer[..newer.len() - 1]), None);
    assert_eq!(item::read_all(&[1, 7, 0, 0, 0, 0, 0, 0, 0]), None, "a token has 8 bytes");
}
