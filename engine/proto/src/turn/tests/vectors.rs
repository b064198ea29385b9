//! What others wrote down: RFC 5769's samples, and a credential as coturn's `turnutils_uclient -W` makes it.

use crate::turn::attribute::{kind, read_xored};
use crate::turn::credentials::{base64, parse_username};
use crate::turn::message::{Class, Method, parse};
use crate::turn::{Algorithm, Builder, Key, PasswordAlgorithm, TurnSecret};

const REQUEST: &str = "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff\
    80290008932ff9b151263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf";
const V4: &str = "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643\
    000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96";
const V6: &str = "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000140002a1470113a9faa5d3f179\
    bc25f4b5bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c";
const LONG_TERM: &str = "000100602112a44278ad3433c6ad72c029da412e00060012e3839ee38388e383aae38383e382afe382b90000\
    0015001c662f2f3439396b39353464364f4c33346f4c394653547679363473410014000b6578616d706c652e6f72670000080014\
    f67024656dd64a3e02b8e0712e85c9a28ca89666";
const PASSWORD: &[u8] = b"VOkJxbRl1RmTxUk/WvJxBt";

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn the_samples_of_rfc_5769_verify_under_their_key_and_no_other() {
    for sample in [REQUEST, V4, V6] {
        let whole = bytes(sample);
        let message = parse(&whole).unwrap();
        assert!(message.has_fingerprint && message.method == Method::Binding);
        assert_eq!(message.algorithm(), Some(Algorithm::Sha1));
        assert!(message.verifies(Algorithm::Sha1, &Key::of(PASSWORD)));
        assert!(!message.verifies(Algorithm::Sha1, &Key::of(b"VOkJxbRl1RmTxUk/WvJxBT")));
        assert!(!message.verifies(Algorithm::Sha256, &Key::of(PASSWORD)));
    }
    for (sample, address) in [(V4, "192.0.2.1:32853"), (V6, "[2001:db8:1234:5678:11:2233:4455:6677]:32853")] {
        let whole = bytes(sample);
        let message = parse(&whole).unwrap();
        assert_eq!(message.class, Class::Success);
        let mapped = read_xored(message.value(kind::XOR_MAPPED_ADDRESS).unwrap(), message.transaction);
        assert_eq!(mapped, address.parse().ok());
    }
}

#[test]
fn the_long_term_sample_verifies_under_the_key_of_user_realm_and_password() {
    let whole = bytes(LONG_TERM);
    let message = parse(&whole).unwrap();
    let (user, realm) = (message.value(kind::USERNAME).unwrap(), message.value(kind::REALM).unwrap());
    let key = Key::derive(PasswordAlgorithm::Md5, user, realm, b"TheMatrIX");
    assert!(message.verifies(Algorithm::Sha1, &key));
}

#[test]
fn what_is_built_reads_back_and_verifies() {
    let key = Key::of(b"any");
    for algorithm in [Algorithm::Sha1, Algorithm::Sha256] {
        let built = Builder::new(Class::Request, Method::Allocate, &[7; 12]).attribute(kind::SOFTWARE, b"odd");
        let built = built.seal(algorithm, &key).fingerprint().finish();
        let message = parse(&built).unwrap();
        assert!(message.has_fingerprint && message.verifies(algorithm, &key));
        assert_eq!(message.value(kind::SOFTWARE), Some(&b"odd"[..]));
        for at in 0..built.len() - 8 {
            let mut damaged = built.clone();
            damaged[at] ^= 0x10;
            assert!(parse(&damaged).is_none_or(|message| !message.verifies(algorithm, &key)), "byte {at}");
        }
    }
}

#[test]
fn attributes_behind_the_seal_do_not_count() {
    let built = Builder::new(Class::Request, Method::Refresh, &[7; 12]).attribute(kind::LIFETIME, &[0, 0, 0, 9]);
    let built = built.seal(Algorithm::Sha1, &Key::of(b"k")).attribute(kind::DATA, b"late").finish();
    let message = parse(&built).unwrap();
    assert!(message.has(kind::LIFETIME) && !message.has(kind::DATA));
}

#[test]
fn passwords_are_those_that_everybody_makes() {
    // printf '1700000000:alice' | openssl dgst -sha1 -hmac 'a secret of 24 bytes....' -binary | base64
    let secret = TurnSecret::new(b"a secret of 24 bytes....").unwrap();
    assert_eq!(secret.password(b"1700000000:alice").as_slice(), b"ZyyQMQPQiwJlw0n9HkMDmL212MA=");
    assert_eq!(base64(b""), b"");
    assert_eq!(base64(b"f"), b"Zg==");
    assert_eq!(base64(b"fo"), b"Zm8=");
    assert_eq!(base64(b"foobar"), b"Zm9vYmFy");
    assert!(TurnSecret::new(b"fifteen bytes..").is_none(), "rule 36: no TURN without a secret that is one");
}

#[test]
fn user_names_say_until_when_and_who() {
    let user = parse_username(b"1700000000:alice:work").unwrap();
    assert_eq!((user.expires_s, user.id), (1_700_000_000, &b"alice:work"[..]));
    for bad in [&b"alice"[..], b":alice", b"-1:alice", b"+1:a", b"1 :a", b"99999999999999999999999:a", &[b'1'; 300]] {
        assert_eq!(parse_username(bad), None);
    }
}
