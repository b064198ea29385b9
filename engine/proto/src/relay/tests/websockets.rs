//! RFC 6455 as a table: what each frame does, in pieces of any size.

use proptest::prelude::*;

use crate::relay::websocket::{Ended, Reader, accept, binary_header, close, pong};

/// A client's frame, masked.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    let mut out = vec![first];
    match payload.len() {
        length @ 0..=125 => out.push(0x80 | length as u8),
        length @ 126..=65_535 => {
            out.push(0x80 | 126);
            out.extend((length as u16).to_be_bytes());
        }
        length => {
            out.push(0x80 | 127);
            out.extend((length as u64).to_be_bytes());
        }
    }
    out.extend(mask);
    out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    out
}

/// Fed in pieces of so many bytes: the payload, the last ping's answer, and how it ended.
fn fed(bytes: &[u8], piece: usize) -> (Vec<u8>, Option<Vec<u8>>, Result<(), Ended>) {
    let (mut reader, mut out) = (Reader::default(), Vec::new());
    let result = bytes.chunks(piece).try_for_each(|chunk| reader.feed(chunk, &mut out));
    (out, reader.take_pong(), result)
}

#[test]
fn the_example_of_section_1_3() {
    assert_eq!(accept(b"dGhlIHNhbXBsZSBub25jZQ==").as_deref(), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    for wrong in [&b""[..], b"dGhlIHNhbXBsZSBub25jZQ=", b"dGhlIHNhbXBsZSBub25jZQ==x", b"dGhlIHNhbXBsZSBub25j!Q=="] {
        assert_eq!(accept(wrong), None);
    }
}

#[test]
fn frames_as_a_table() {
    let broken = Err(Ended::Broken);
    let unmasked = |first: u8, payload: &[u8]| [&[first, payload.len() as u8][..], payload].concat();
    let long: Vec<u8> = (0..70_000).map(|at| at as u8).collect();
    let two_lengths = |wide: &[u8]| [&[0x82][..], wide, &[0; 4]].concat();
    type Case<'a> = (&'a str, Vec<u8>, &'a [u8], Result<(), Ended>);
    let cases: Vec<Case<'_>> = vec![
        ("empty message", frame(0x82, b""), b"", Ok(())),
        ("short message", frame(0x82, b"abc"), b"abc", Ok(())),
        ("125 bytes", frame(0x82, &long[..125]), &long[..125], Ok(())),
        ("126 bytes", frame(0x82, &long[..126]), &long[..126], Ok(())),
        ("65535 bytes", frame(0x82, &long[..65_535]), &long[..65_535], Ok(())),
        ("65536 bytes", frame(0x82, &long[..65_536]), &long[..65_536], Ok(())),
        ("two messages are one stream", [frame(0x82, b"ab"), frame(0x82, b"cd")].concat(), b"abcd", Ok(())),
        ("in two fragments", [frame(0x02, b"ab"), frame(0x80, b"cd")].concat(), b"abcd", Ok(())),
        ("empty fragments", [frame(0x02, b""), frame(0x00, b""), frame(0x80, b"")].concat(), b"", Ok(())),
        (
            "ping between fragments",
            [frame(0x02, b"ab"), frame(0x89, b"p"), frame(0x80, b"cd")].concat(),
            b"abcd",
            Ok(()),
        ),
        ("unasked pong", frame(0x8a, b"?"), b"", Ok(())),
        ("close", [frame(0x88, &[3, 232]), frame(0x82, b"late")].concat(), b"", Err(Ended::Closed)),
        ("close without status", frame(0x88, b""), b"", Err(Ended::Closed)),
        ("close of one byte", frame(0x88, b"x"), b"", broken),
        ("text", frame(0x81, b"hello"), b"", Err(Ended::Text)),
        ("reserved bit 1", frame(0xc2, b"ab"), b"", broken),
        ("reserved bit 2", frame(0xa2, b"ab"), b"", broken),
        ("reserved bit 3", frame(0x92, b"ab"), b"", broken),
        ("opcode 3", frame(0x83, b""), b"", broken),
        ("opcode 7", frame(0x87, b"ab"), b"", broken),
        ("opcode 11", frame(0x8b, b""), b"", broken),
        ("opcode 15", frame(0x8f, b"ab"), b"", broken),
        ("not masked", unmasked(0x82, b"ab"), b"", broken),
        ("ping of 126 bytes", frame(0x89, &long[..126]), b"", broken),
        ("fragmented ping", frame(0x09, b"ab"), b"", broken),
        ("continuation of nothing", frame(0x80, b"ab"), b"", broken),
        ("message inside a message", [frame(0x02, b"ab"), frame(0x82, b"cd")].concat(), b"ab", broken),
        ("16 bits for 125", two_lengths(&[0xfe, 0, 125]), b"", broken),
        ("64 bits for 65535", two_lengths(&[0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff]), b"", broken),
        ("length with the highest bit", two_lengths(&[0xff, 0x80, 0, 0, 0, 0, 0, 0, 0]), b"", broken),
    ];
    for (name, bytes, payload, result) in cases {
        for piece in [1, 2, 7, 4_096, usize::MAX] {
            let (out, _, ended) = fed(&bytes, piece);
            assert_eq!((&out[..], ended), (payload, result), "{name}, in pieces of {piece}");
        }
    }
}

#[test]
fn pings_are_answered_with_what_they_carry_and_the_newest_counts() {
    let bytes = [frame(0x89, b"first"), frame(0x89, b"second"), frame(0x89, &[7; 125])].concat();
    assert_eq!(fed(&bytes[..bytes.len() - 1], 3).1.as_deref(), Some(&b"second"[..]));
    let (_, asked, _) = fed(&bytes, 3);
    let answer = pong(&asked.unwrap());
    assert_eq!((&answer[..2], answer.len()), (&[0x8a, 125][..], 127));
    assert_eq!(close(Some(Ended::Text)), [0x88, 2, 3, 235]);
}

proptest! {
    #[test]
    fn any_bytes_in_any_pieces_end_the_same(bytes in prop::collection::vec(any::<u8>(), 0..300), piece in 1_usize..40) {
        let whole = fed(&bytes, usize::MAX);
        let parts = fed(&bytes, piece);
        prop_assert_eq!(&whole.2, &parts.2);
        prop_assert_eq!(whole.0, parts.0);
    }

    #[test]
    fn a_header_says_its_length(length in 0_usize..200_000) {
        let (header, count) = binary_header(length);
        let wide = header[2..count].iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
        let said = if count == 2 { usize::from(header[1]) } else { wide };
        prop_assert_eq!((header[0], said), (0x82, length));
    }
}
