//! A table that is full: who opens flows without end displaces his own.

use super::world::*;
use crate::filter::Reason;
use crate::limits;

const BOTH: [Said; 2] = [(1, IN, None, &[]), (2, OUT, None, &[])];

/// A SYN of the peer in `slot`, from one of its many ports.
fn syn(world: &mut World, slot: u32, number: usize) -> Result<(), Reason> {
    let (port, host) = (u16::try_from(number % 60_000).unwrap(), u8::try_from(number / 60_000).unwrap());
    let mut packet = tcp(IN, 80, port, SYN);
    packet[14] = host;
    packet[15] = u8::try_from(slot).unwrap();
    world.check_of(slot, IN, &packet)
}

/// A connection of the peer in `slot`, in use.
fn connected(world: &mut World, slot: u32, port: u16) -> [Vec<u8>; 2] {
    let mut packets = [tcp(OUT, port, 443, SYN), tcp(IN, port, 443, SYN | ACK), tcp(OUT, port, 443, ACK)];
    for (packet, direction) in packets.iter_mut().zip([OUT, IN, OUT]) {
        let at = if direction == IN { 15 } else { 19 };
        packet[at] = u8::try_from(slot).unwrap();
        assert_eq!(world.check_of(slot, direction, packet), Ok(()));
    }
    let [_, mut answer, sent] = packets;
    answer[33] = ACK;
    [sent, answer]
}

#[test]
fn a_flood_of_one_peer_leaves_the_flows_of_others_and_its_own_that_are_in_use() {
    let mut world = World::new(&BOTH);
    let mine = connected(&mut world, 1, 4000);
    let others = connected(&mut world, 2, 4001);
    for number in 0..limits::FLOWS + 1000 {
        assert_eq!(syn(&mut world, 1, number), Ok(()));
    }
    assert_eq!(world.filter.flows(), limits::PEER_FLOWS + 1);
    assert_eq!(world.filter.sums.evicted, (limits::FLOWS + 1000 + 1 - limits::PEER_FLOWS) as u64);
    assert_eq!(world.check_of(1, IN, &mine[1]), Ok(()));
    assert_eq!(world.check_of(2, IN, &others[1]), Ok(()));
    let (records, lost) = world.filter.take_records(usize::MAX);
    assert_eq!(records.len(), limits::FLOW_RECORDS / 2, "a flood takes half of the queue at most");
    assert_eq!(lost, world.filter.sums.evicted - records.len() as u64);
    world.filter.check_parts();
}

#[test]
fn where_the_table_is_full_the_richest_pays() {
    let mut world = World::new(&BOTH);
    world.filter.limit(1000);
    let poor: Vec<_> = (10..20).map(|slot| (slot, connected(&mut world, slot, 4000))).collect();
    for number in 0..2000 {
        for slot in [1, 2, 3] {
            assert_eq!(syn(&mut world, slot, number), Ok(()));
        }
    }
    assert_eq!(world.filter.flows(), 1000);
    for (slot, packets) in &poor {
        assert_eq!(world.check_of(*slot, IN, &packets[1]), Ok(()));
    }
    let newcomer = connected(&mut world, 30, 4000);
    assert_eq!(world.check_of(30, OUT, &newcomer[0]), Ok(()));
    assert_eq!(world.filter.flows(), 1000);
    world.filter.check_parts();
}

#[test]
fn of_flows_in_use_the_longest_unused_goes_first() {
    let mut world = World::new(&BOTH);
    world.filter.limit(3);
    let packets: Vec<_> = (0..3).map(|port| connected(&mut world, 1, 4000 + port)).collect();
    world.pass_s(2);
    assert_eq!(world.check_of(1, IN, &packets[0][1]), Ok(()));
    assert_eq!(syn(&mut world, 1, 1), Ok(()));
    let live: Vec<bool> = packets.iter().map(|[_, answer]| world.check_of(1, IN, answer).is_ok()).collect();
    assert_eq!(live, [true, false, true]);
}

#[test]
fn a_peer_that_goes_takes_its_flows_and_their_records_say_so() {
    let mut world = World::new(&BOTH);
    connected(&mut world, 1, 4000);
    syn(&mut world, 1, 5).unwrap();
    let others = connected(&mut world, 2, 4000);
    world.filter.forget(1);
    world.filter.forget(77);
    assert_eq!(world.filter.flows(), 1);
    assert!(world.records().iter().all(|record| record.end == crate::filter::End::PeerGone));
    assert_eq!(world.check_of(2, IN, &others[1]), Ok(()));
    world.filter.check_parts();
}
