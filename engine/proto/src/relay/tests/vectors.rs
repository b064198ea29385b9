//! The credentials that Python writes (`tests/vectors/relay/relay.json`) are read and judged here alike.

use super::world::{BEGAN_S, RELAY};
use crate::relay::grant::Refusal;
use crate::relay::{certificate, grant};

const FILE: &str = include_str!("../../../../../tests/vectors/relay/relay.json");

fn vector(name: &str) -> Vec<u8> {
    let at = FILE.find(&format!("\"{name}\": \"")).expect("a vector of this name");
    let text = FILE[at..].split('"').nth(3).unwrap();
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn grants() {
    let bytes = vector("grant for all relays");
    let all = grant::parse(&bytes).unwrap();
    assert!(all.all_relays && all.check(1, BEGAN_S).is_ok() && all.check(2, BEGAN_S).is_ok());
    assert_eq!((&all.signer[..], &all.identity[..]), (&vector("signer")[..], &vector("identity")[..]));
    assert_eq!(*all.network, core::array::from_fn(|at| at as u8));
    let bytes = vector("grant for relays 7 and 2^64-1, 10 Mbit/s, 64 KiB");
    let some = grant::parse(&bytes).unwrap();
    assert_eq!(some.relays().collect::<Vec<_>>(), [RELAY, u64::MAX]);
    assert_eq!((some.rate_kbit_s, some.burst_kib), (10_000, 64));
    assert_eq!((some.check(RELAY, BEGAN_S), some.check(8, BEGAN_S)), (Ok(()), Err(Refusal::OtherRelay)));
    assert_eq!(some.check(RELAY, some.not_after_s + 1), Err(Refusal::Expired));
    for at in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        let verdict = grant::parse(&altered).map(|it| it.check(RELAY, BEGAN_S));
        assert!(!matches!(verdict, Some(Ok(()))), "byte {at}");
    }
}

#[test]
fn certificates() {
    let bytes = vector("session certificate");
    let it = certificate::parse(&bytes).unwrap();
    let (relay, session) = (*it.relay_key, *it.session_key);
    assert_eq!(relay.to_vec(), vector("relay key"));
    let private: [u8; 32] = vector("session private key").try_into().unwrap();
    assert_eq!(session, crate::PrivateKey::new(private).public().0);
    assert_eq!(it.check(&relay, &session, BEGAN_S), Ok(()));
    assert_eq!(it.check(&session, &session, BEGAN_S), Err(Refusal::Malformed));
    assert_eq!(it.check(&relay, &session, BEGAN_S + 3_601), Err(Refusal::Expired));
    for at in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        let verdict = certificate::parse(&altered).map(|it| it.check(&relay, &session, BEGAN_S));
        assert!(!matches!(verdict, Some(Ok(()))), "byte {at}");
    }
}

/// The curve's points of small order sign any message under lax rules; here none of them is a signer.
#[test]
fn a_small_order_signer_signs_nothing() {
    let mut bytes = vector("grant for all relays");
    let length = bytes.len();
    let signer = 92..124;
    for low in [0_u8, 1, 0xec] {
        let fill = if low == 0xec { 0xff } else { 0 };
        bytes[signer.clone()].fill(fill);
        bytes[92] = low;
        bytes[123] = if low == 0xec { 0x7f } else { 0 };
        bytes[length - 64..].fill(0);
        bytes[length - 64] = 1;
        let verdict = grant::parse(&bytes).map(|it| it.check(1, BEGAN_S));
        assert_eq!(verdict, Some(Err(Refusal::Signature)), "{low}");
    }
}
