//! Forged, replayed, cross-network, premature: counted, and without effect. SECURITY.md, rules 30, 33, 34, 36.

use core::net::SocketAddr;

use super::lifecycle::joined;
use super::world::{
    BEGAN_S, RELAY, Seeded, Terms, World, credentials, identity_key, make_certificate, make_grant, public,
    relay_address, relay_key, server_config, signer,
};
use crate::relay::client::{Config, Credentials, Event};
use crate::relay::frame::{self, CONTROL, DATA, HEADER};
use crate::relay::grant::Refusal;
use crate::relay::{Client, Link, limits};
use crate::{PrivateKey, Random};

fn elsewhere(host: u8) -> Link {
    Link::Udp(SocketAddr::from(([203, 0, 113, host], 7_000)))
}

fn config() -> Config {
    Config { relay_key: relay_key().public(), remotes: vec![relay_address()], has_stream: false }
}

/// The last frame of this kind that went to the relay.
fn captured(world: &World, kind: u8) -> (Link, Vec<u8>) {
    world.seen.iter().rev().find(|(_, bytes)| bytes[0] == kind).cloned().expect("one went by")
}

/// What a client with these credentials is told.
fn told(terms: &Terms, credentials: Credentials) -> Option<Refusal> {
    let mut world = World::new(11);
    let at = world.add_with(1, terms, config());
    world.nodes[at].client = Client::new(config(), Box::new(Seeded(5)));
    let now = world.now();
    assert!(world.nodes[at].client.set_credentials(now, credentials));
    world.until(3_000, |it| !it.nodes[at].events.is_empty());
    world.nodes[at].events.iter().find_map(|event| match event {
        Event::Refused { reason } => Some(*reason),
        _ => None,
    })
}

#[test]
fn every_flaw_of_the_credentials_is_refused_by_its_name() {
    let good = Terms::default();
    let terms = |change: fn(&mut Terms)| {
        let mut terms = Terms::default();
        change(&mut terms);
        terms
    };
    assert_eq!(told(&good, credentials(1, 0, &good)), None);
    let named = terms(|it| it.relays = Some(vec![1, RELAY]));
    assert_eq!(told(&named, credentials(1, 0, &named)), None);
    let cases = [
        (terms(|it| it.not_after_s = BEGAN_S - 1), Refusal::Expired),
        (terms(|it| it.issued_s = BEGAN_S + 3_600), Refusal::Expired),
        (terms(|it| it.not_after_s = BEGAN_S + 40 * 86_400), Refusal::Expired),
        (terms(|it| it.relays = Some(vec![1, 2])), Refusal::OtherRelay),
        (terms(|it| it.relays = Some(vec![])), Refusal::OtherRelay),
    ];
    for (terms, refusal) in cases {
        assert_eq!(told(&terms, credentials(1, 0, &terms)), Some(refusal));
    }
    let mut untrusted = credentials(1, 0, &good);
    untrusted.grant = make_grant(&identity_key(0x77), &public(&identity_key(1)), &good);
    assert_eq!(told(&good, untrusted), Some(Refusal::Signer));
    let mut altered = credentials(1, 0, &good);
    altered.grant[5] ^= 1;
    assert_eq!(told(&good, altered), Some(Refusal::Signature), "a limit changed behind the signer's back");
    let mut endless = credentials(1, 0, &good);
    endless.certificate = make_certificate(&identity_key(1), 1, &endless.session_key, BEGAN_S + 86_400);
    assert_eq!(told(&good, endless), Some(Refusal::Expired));
    let mut stolen = credentials(1, 0, &good);
    let thief = identity_key(66);
    let mut forged = make_certificate(&thief, 1, &stolen.session_key, BEGAN_S + 3_600);
    forged[76..108].copy_from_slice(&public(&identity_key(1)));
    stolen.certificate = forged;
    assert_eq!(told(&good, stolen), Some(Refusal::Signature), "a grant without its identity's signature");
}

#[test]
fn a_session_key_that_is_not_the_certificates_proves_nothing() {
    let mut world = World::new(12);
    let at = world.add(1);
    assert!(world.until(1_000, |it| it.is_connected(at)));
    // Another relay's client: the same frames, sealed for another relay's key.
    let mut other =
        Client::new(Config { relay_key: PrivateKey::new([9; 32]).public(), ..config() }, Box::new(Seeded(6)));
    assert!(!other.set_credentials(world.now(), credentials(1, 0, &Terms::default())), "not for this relay");
    let proof = world.seen.iter().find(|(_, bytes)| bytes.len() > 400).cloned().expect("the proof");
    let mut swapped = proof.1.clone();
    swapped[44..76].copy_from_slice(&PrivateKey::new([9; 32]).public().0);
    assert!(world.inject(proof.0, &swapped).is_empty());
    assert_eq!(world.server.counters().drop_proof_forged, 1);
}

#[test]
fn a_cookie_counts_for_its_address_its_attempt_and_ten_seconds() {
    let mut world = World::new(13);
    let hello = frame::hello(&[5; 16]);
    let answers = world.inject(elsewhere(1), &hello);
    let [(link, answer)] = &answers[..] else { panic!("{answers:?}") };
    assert!(*link == elsewhere(1) && answer.len() < hello.len());
    let at = world.add(1);
    assert!(world.until(1_000, |it| it.is_connected(at)));
    let proof = world.seen.iter().find(|(_, bytes)| bytes.len() > 400).cloned().expect("the proof");
    assert!(world.inject(elsewhere(1), &proof.1).is_empty(), "from another address");
    assert_eq!(world.server.counters().drop_cookie, 1);
    world.pass_ms(10_000);
    assert!(world.inject(proof.0, &proof.1).is_empty(), "too late");
    assert_eq!(world.server.counters().drop_cookie, 2);
}

#[test]
fn a_replayed_proof_ends_nobodys_session() {
    let (mut world, a, b) = joined();
    let proof = world.seen.iter().find(|(_, bytes)| bytes.len() > 400).cloned().expect("a's proof");
    let there = world.channel(a, b).unwrap();
    for _ in 0..20 {
        world.inject(proof.0, &proof.1);
    }
    assert!(world.server.gauges().pending >= 10, "each is a session that nobody confirms");
    assert!(world.send(a, there, b"still here"));
    assert!(world.until(200, |it| it.nodes[b].payloads.len() == 1));
    assert_eq!(world.server.counters().takeovers, 0);
    world.pass_ms(12_000);
    assert_eq!(world.server.gauges().pending, 0);
    assert!(world.is_connected(a) && world.is_connected(b));
}

#[test]
fn replayed_forged_and_truncated_frames_are_counted_and_go_nowhere() {
    let (mut world, a, b) = joined();
    let there = world.channel(a, b).unwrap();
    world.send(a, there, &[7; 100]);
    world.pass_ms(100);
    for kind in [DATA, CONTROL] {
        let (link, genuine) = captured(&world, kind);
        let before = *world.server.counters();
        assert!(world.inject(link, &genuine).is_empty());
        assert_eq!(world.server.counters().drop_replayed, before.drop_replayed + 1);
        assert!(world.inject(elsewhere(3), &genuine).is_empty(), "a replay from elsewhere moves nothing");
        assert_eq!(world.server.counters().moves, 0);
        let edges = (0..genuine.len()).filter(|at| kind == CONTROL || *at < HEADER + 16 || *at >= genuine.len() - 16);
        for at in edges {
            let mut forged = genuine.clone();
            forged[at] ^= 0x10;
            let answers = world.inject(link, &forged);
            assert!(answers.iter().all(|(to, it)| *to == link && it.len() <= 8), "byte {at} of {kind:x}: {answers:?}");
        }
        for length in 0..genuine.len() {
            let answers = world.inject(link, &genuine[..length]);
            assert!(answers.iter().all(|(_, it)| it.len() < length.max(9)), "{length} bytes of {kind:x}");
        }
    }
    assert_eq!(world.nodes[b].payloads.len(), 1);
    assert!(world.is_connected(a));
}

#[test]
fn a_member_of_another_network_reaches_nobody_here() {
    let (mut world, a, b) = joined();
    let terms = Terms { network: 2, ..Terms::default() };
    let stranger = world.add_with(3, &terms, config());
    let (now, name) = (world.now(), world.nodes[b].identity);
    world.nodes[stranger].client.open_channel(now, name);
    assert!(world.until(1_000, |it| it.nodes[stranger].events.contains(&Event::Absent { identity: name })));
    // It knows every number that went by, and tries them all inside its own session.
    let there = world.channel(a, b).unwrap();
    let back = world.channel(b, a).unwrap();
    for channel in [there, back, 0, 1, u32::MAX] {
        assert!(world.send(stranger, channel, b"cross-network"));
    }
    world.pass_ms(200);
    assert!(world.nodes[a].payloads.is_empty() && world.nodes[b].payloads.is_empty());
    assert_eq!(world.server.counters().drop_unknown_channel, 5);
    // The same identity in another network is another member.
    let twin = world.add_with(2, &terms, config());
    assert!(world.until(1_000, |it| it.channel(stranger, twin).is_some()));
    assert!(world.is_connected(b));
}

#[test]
fn no_bulk_goes_to_an_address_that_did_not_answer() {
    let (mut world, a, b) = joined();
    let (there, back) = (world.channel(a, b).unwrap(), world.channel(b, a).unwrap());
    // Somebody on the way sends a's own next frame from a victim's address before a's copy arrives.
    world.nodes[a].udp_blocked = false;
    let victim = elsewhere(9);
    world.send(a, there, b"genuine");
    let (_, genuine) = captured(&world, DATA);
    let answers = world.inject(victim, &genuine);
    let to_victim: usize = answers.iter().filter(|(link, _)| *link == victim).map(|(_, it)| it.len()).sum();
    assert!(to_victim <= 64, "one small question, {to_victim} bytes");
    for _ in 0..50 {
        world.send(b, back, &[0; 1_000]);
    }
    world.pass_ms(200);
    assert_eq!(world.nodes[a].payloads.len(), 50, "they still go where the client last answered");
    assert_eq!(world.server.counters().moves, 0);
}

#[test]
fn session_numbers_are_random() {
    let mut world = World::new(14);
    let nodes: Vec<usize> = (1..=8).map(|number| world.add(number)).collect();
    assert!(world.until(2_000, |it| nodes.iter().all(|at| it.is_connected(*at))));
    let numbers: Vec<u32> = nodes
        .iter()
        .map(|at| {
            let address = Link::Udp(world.nodes[*at].address);
            let (_, bytes) = world.seen.iter().find(|(link, it)| *link == address && it[0] == CONTROL).unwrap();
            u32::from_be_bytes(bytes[4..8].try_into().unwrap())
        })
        .collect();
    let steps: Vec<u32> = numbers.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
    assert!(steps.iter().all(|step| *step > 4 && *step < u32::MAX - 4), "{numbers:?}");
    assert!(numbers.iter().fold(0, |all, it| all | it) >> 28 > 0, "all bits are used: {numbers:?}");
}

#[test]
fn an_unproven_sender_never_gets_more_than_it_sent() {
    let (mut world, _, _) = joined();
    let mut rng = Seeded(99);
    let live: Vec<Vec<u8>> = world.seen.iter().map(|(_, bytes)| bytes.clone()).collect();
    for round in 0..20_000_u64 {
        let mut bytes = match rng.next() % 4 {
            0 => live[(rng.next() as usize) % live.len()].clone(),
            1 => frame::hello(&[round as u8; 16]).to_vec(),
            _ => {
                let mut bytes = vec![0; (rng.next() % 200) as usize];
                rng.fill(&mut bytes);
                bytes
            }
        };
        if let Some(first) = bytes.first_mut().filter(|_| rng.percent(70)) {
            *first = DATA + (rng.next() % 3) as u8;
        }
        if rng.percent(30) && !bytes.is_empty() {
            let at = (rng.next() as usize) % bytes.len();
            bytes[at] ^= 1 << (rng.next() % 8);
        }
        let from = elsewhere((rng.next() % 200) as u8);
        let answers = world.inject(from, &bytes);
        assert!(answers.iter().all(|(link, _)| *link == from));
        let given: usize = answers.iter().map(|(_, it)| it.len()).sum();
        assert!(given <= bytes.len(), "{given} bytes for {}", bytes.len());
        world.now_ns += 1_000_000;
    }
    assert_eq!(world.server.gauges().pending, 0, "and it costs no state");
}

#[test]
fn pending_sessions_have_a_cap_and_the_oldest_makes_room() {
    let mut world = World::new(15);
    let terms = Terms::default();
    let mut proofs = 0;
    // Many addresses of one key: what an owner of many machines could do.
    for count in 0..limits::PENDING + 200 {
        let link = Link::Udp(SocketAddr::from(([10, (count >> 16) as u8, (count >> 8) as u8, count as u8], 5_000)));
        let mut client = Client::new(config(), Box::new(Seeded(count as u64)));
        assert!(client.set_credentials(world.now(), credentials(1, 0, &terms)));
        let mut out = [0; limits::OWN_FRAME];
        let (_, length) = client.poll_transmit(&mut out).unwrap();
        let mut answers = world.inject(link, &out[..length]);
        let (_, mut cookie) = answers.pop().unwrap();
        client.handle(world.now(), Link::Udp(relay_address()), &mut cookie);
        let (_, length) = client.poll_transmit(&mut out).unwrap();
        proofs += world.inject(link, &out[..length]).len();
        world.now_ns += 1_300_000;
        assert!(world.server.gauges().pending <= limits::PENDING);
    }
    assert_eq!(proofs, limits::PENDING + 200);
    assert_eq!(world.server.counters().pending_forgotten, 200);
    assert_eq!(world.server.gauges().members, 0);
}

#[test]
fn proofs_have_a_budget_in_all_and_a_source_one_of_its_own() {
    let mut world = World::new(16);
    let at = world.add(1);
    assert!(world.until(1_000, |it| it.is_connected(at)));
    let proof = world.seen.iter().find(|(_, bytes)| bytes.len() > 400).cloned().expect("the proof");
    let before = world.server.counters().proofs;
    for _ in 0..1_000 {
        world.inject(proof.0, &proof.1);
    }
    let looked_at = world.server.counters().proofs - before;
    assert!(looked_at <= u64::from(limits::SOURCE_PROOFS.1), "{looked_at}");
    assert!(world.server.counters().drop_proof_rate >= 900);
}

#[test]
fn members_have_a_cap_and_who_is_over_it_is_told() {
    let mut config_of_two = server_config();
    config_of_two.members = 2;
    let mut world = World::with(17, config_of_two);
    let nodes: Vec<usize> = (1..=3).map(|number| world.add(number)).collect();
    world.pass_ms(2_000);
    let connected = nodes.iter().filter(|at| world.is_connected(**at)).count();
    assert_eq!((connected, world.server.gauges().members), (2, 2));
    let refused = world.nodes.iter().filter(|it| it.events.contains(&Event::Refused { reason: Refusal::Full }));
    assert_eq!(refused.count(), 1);
    assert!(signer().sign(b"").as_ref().len() == 64);
}
