//! Against the naive models of `fuzz/filter.rs`, on arbitrary input.

use proptest::collection::vec;
use proptest::prelude::*;

use super::world::{IN, OUT};
use crate::Prefix;
use crate::filter::{Rule, Rules, Tuple};
use crate::fuzz::TARGETS;
use crate::fuzz::filter::find;

fn body(name: &str) -> crate::fuzz::Body {
    TARGETS.iter().find(|(known, _)| *known == name).unwrap().1
}

/// Of a small space, so that they meet.
fn prefix() -> impl Strategy<Value = Prefix> {
    (any::<bool>(), 0_u8..16, prop_oneof![Just(0_u8), Just(28), Just(30), Just(32)]).prop_map(
        |(is_v4, host, length)| {
            if is_v4 {
                Prefix::new([10, 0, 0, host].into(), length).unwrap()
            } else {
                let mut address = [0; 16];
                address[15] = host;
                Prefix::new(address.into(), if length == 0 { 0 } else { length + 96 }).unwrap()
            }
        },
    )
}

fn rule(number: u32) -> impl Strategy<Value = Rule> {
    let protocol = prop_oneof![Just(None), Just(Some(6)), Just(Some(17)), Just(Some(47))];
    let ports = vec((0_u16..20, 0_u16..6), 0..4);
    (any::<bool>(), protocol, 0_usize..3, 0_usize..3, ports).prop_map(
        move |(inward, protocol, remotes, locals, ports)| {
            let ports = ports.into_iter().map(|(first, more)| (first, first + more)).collect();
            Rule { number, direction: if inward { IN } else { OUT }, protocol, remotes, locals, ports }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn rules_answer_as_if_they_were_asked_one_by_one(
        sets in vec(vec(prefix(), 0..4), 3),
        rules in vec(1_u32..9, 0..12).prop_flat_map(|numbers| numbers.into_iter().map(rule).collect::<Vec<_>>()),
        asked in vec((any::<[bool; 2]>(), 0_u8..16, 0_u8..16, 0_usize..4, 0_u16..28), 64),
    ) {
        let compiled = Rules::compile(&sets, &rules).unwrap();
        for ([inward, is_v4], local, remote, protocol, port) in asked {
            let base = if is_v4 { 0x0a00_0000 } else { 0 };
            let tuple = Tuple {
                is_v4,
                protocol: [6, 17, 47, 1][protocol],
                local: base + u128::from(local),
                remote: base + u128::from(remote),
                local_port: port,
                remote_port: port / 2,
            };
            let direction = if inward { IN } else { OUT };
            prop_assert_eq!(compiled.find(direction, &tuple), find(&sets, &rules, direction, &tuple));
        }
    }

    #[test]
    fn flows_are_what_the_model_says(data in vec(any::<u8>(), 0..400)) {
        body("filter_flows")(&data);
    }

    #[test]
    fn packets_of_any_bytes_are_parsed_within_them(data in vec(any::<u8>(), 0..120), first in 0_usize..4) {
        let mut data = data;
        if let Some(byte) = data.first_mut() {
            *byte = [0x45, 0x60, 0x46, *byte][first];
        }
        body("filter_packet")(&data);
    }

    #[test]
    fn rules_of_any_bytes_are_refused_or_mean_what_they_say(data in vec(any::<u8>(), 0..200)) {
        let mut data = data;
        data.iter_mut().take(1).for_each(|version| *version = 1);
        body("filter_rules")(&data);
    }
}

#[test]
fn ten_thousand_rules_are_found_in_a_few_lists() {
    let host = |number: u32| vec![Prefix::new(core::net::Ipv4Addr::from(0x0a00_0000 + number).into(), 32).unwrap()];
    let sets: Vec<_> = (0..10_000).map(host).chain([vec![Prefix::new([10, 0, 0, 0].into(), 8).unwrap()]]).collect();
    let rules: Vec<_> = (0..10_000)
        .map(|number: u16| Rule {
            number: number.into(),
            direction: IN,
            protocol: Some(6),
            remotes: number.into(),
            locals: 10_000,
            ports: vec![(number, number)],
        })
        .collect();
    let compiled = Rules::compile(&sets, &rules).unwrap();
    assert_eq!(compiled.shapes(), 1);
    let tuple = |remote: u128, local_port| Tuple {
        is_v4: true,
        protocol: 6,
        local: 0x0a01_0203,
        remote: 0x0a00_0000 + remote,
        local_port,
        remote_port: 1,
    };
    assert_eq!(compiled.find(IN, &tuple(7777, 7777)), Some(7777));
    assert_eq!(compiled.find(IN, &tuple(7777, 7778)), None);
    assert_eq!(compiled.find(OUT, &tuple(7777, 7777)), None);
}

#[test]
fn more_than_may_be_is_refused() {
    let hosts: Vec<_> =
        (0..2000_u32).map(|host| Prefix::new(core::net::Ipv4Addr::from(host).into(), 32).unwrap()).collect();
    let rule = Rule { number: 1, direction: IN, protocol: None, remotes: 0, locals: 0, ports: vec![] };
    assert!(Rules::compile(&[hosts], std::slice::from_ref(&rule)).is_err(), "four million pairs");
    assert!(Rules::compile(&[], &[rule]).is_err(), "a set that is not there");
}
