//! Lines that take no more: the greedy lose their own oldest, nobody else loses anything.

use proptest::prelude::*;

use crate::relay::fair::{Backlog, Fair};
use crate::relay::limits;

#[test]
fn a_backlog_gives_up_its_oldest_frames_and_keeps_order() {
    let mut backlog = Backlog::default();
    let count = limits::BACKLOG / 1_002 + 10;
    let dropped: usize = (0..count).map(|number| backlog.push(&[number as u8; 1_000])).sum();
    assert_eq!(dropped, 10 + usize::from(!limits::BACKLOG.is_multiple_of(1_002)) - 1);
    let mut out = Vec::new();
    backlog.take(64 << 10, &mut out);
    assert!(out.len() <= 64 << 10 && out.len() > 63 << 10);
    assert_eq!(&out[..3], &[3, 232, dropped as u8]);
}

#[test]
fn who_floods_a_full_socket_costs_a_modest_one_nothing() {
    let mut fair = Fair::default();
    for number in 0..100_u8 {
        for _ in 0..1_000 {
            fair.push("greedy", &[0xff; 1_400]);
        }
        assert_eq!(fair.push("modest", &[number; 1_000]), 0);
    }
    let mut modest = Vec::new();
    let mut others = 0;
    while modest.len() < 100 {
        let (key, frame) = fair.pop().expect("all of the modest one's frames");
        if key == "modest" { modest.push(frame[0]) } else { others += 1 }
    }
    assert_eq!(modest, (0..100).collect::<Vec<u8>>());
    assert!(others <= 100, "turns are of equal bytes: {others}");
}

proptest! {
    #[test]
    fn what_goes_in_comes_out_once_and_in_order_or_was_counted(
        frames in prop::collection::vec((0_u8..4, 0_usize..3_000), 1..600)
    ) {
        let (mut fair, mut backlog) = (Fair::default(), Backlog::default());
        let (mut lost, mut lost_of_one) = (0, 0);
        for (at, (key, length)) in frames.iter().enumerate() {
            let frame = [&(at as u32).to_be_bytes()[..], &vec![0; *length]].concat();
            lost += fair.push(*key, &frame);
            lost_of_one += backlog.push(&frame);
        }
        let mut last = [None; 4];
        let mut count = 0;
        while let Some((key, frame)) = fair.pop() {
            let number = frame.first_chunk().map(|it| u32::from_be_bytes(*it));
            prop_assert!(number > last[usize::from(key)]);
            last[usize::from(key)] = number;
            count += 1;
        }
        prop_assert!(fair.is_empty());
        prop_assert_eq!(count + lost, frames.len());
        let mut out = Vec::new();
        while !backlog.is_empty() {
            backlog.take(10_000, &mut out);
        }
        let (mut rest, mut count) = (&out[..], 0);
        while let Some((length, after)) = rest.split_first_chunk() {
            rest = &after[usize::from(u16::from_be_bytes(*length))..];
            count += 1;
        }
        prop_assert_eq!(count + lost_of_one, frames.len());
    }
}
