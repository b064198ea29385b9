//! Published vectors of the primitives, and transcripts made by another program (`vectors/make.py`).

use crate::cipher::{ChaCha, DataKey, extended, hchacha20};
use crate::cookie::Holder;
use crate::handshake::{Begin, Claimed, Initiator};
use crate::keys::Secret;
use crate::message::{self, Message};
use crate::tai64n::{LastStamp, Stamper, encode};
use crate::transport::{Session, padded};
use crate::{Cipher, Instant, PresharedKey, PrivateKey, PublicKey, StampWindow, Unix, noise};

const CHACHA: Cipher = Cipher::ChaCha20Poly1305;
const MADE: &str = include_str!("../../vectors/handshake.txt");

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap() as u8;
    digits.chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

fn array<const N: usize>(text: &str) -> [u8; N] {
    hex(text).try_into().unwrap()
}

fn made(name: &str) -> Vec<u8> {
    let line = MADE.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    hex(line.unwrap())
}

#[test]
fn blake2s_is_that_of_rfc_7693() {
    let wanted = "508C5E8C327C14E2E1A72BA34EEB452F37458B209ED63A294D999B4C86675982";
    assert_eq!(noise::hash(&[b"a", b"bc"]).to_vec(), hex(wanted));
}

#[test]
fn x25519_is_that_of_rfc_7748() {
    let alice = PrivateKey::new(array("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"));
    let bob = PrivateKey::new(array("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"));
    assert_eq!(alice.public().0.to_vec(), hex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"));
    assert_eq!(bob.public().0.to_vec(), hex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"));
    let shared = hex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
    assert_eq!(alice.exchange(&bob.public()).unwrap().0.to_vec(), shared);
    assert_eq!(bob.exchange(&alice.public()).unwrap().0.to_vec(), shared);
    assert!(alice.exchange(&PublicKey([0; 32])).is_none(), "a point of low order gives no secret");
}

#[test]
fn chacha20_poly1305_is_that_of_rfc_8439() {
    let key: [u8; 32] = core::array::from_fn(|at| 0x80 + at as u8);
    let nonce = array("070000004041424344454647");
    let aad = hex("50515253c0c1c2c3c4c5c6c7");
    let text = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, \
        sunscreen would be it.";
    let mut data = text.to_vec();
    let cipher = ChaCha::new(&Secret(key));
    let tag = cipher.seal_with(nonce, &aad, &mut data).unwrap();
    assert_eq!(tag.to_vec(), hex("1ae10b594f09e26a7e902ecbd0600691"));
    assert_eq!(data[..16].to_vec(), hex("d31a8d34648e60db7b86afbc53ef7ec2"));
    data.extend(tag);
    assert_eq!(cipher.open_with(nonce, &aad, &mut data).unwrap(), text);
}

/// Both by Python: `hashlib.blake2s(LABEL, key=PSK)`, and `cryptography`'s AESGCM with the counter as Noise writes it.
#[test]
fn the_choice_of_aes_and_its_data_are_what_another_program_makes() {
    let chosen = |key| PresharedKey::new(key).choosing(Cipher::Aes256Gcm);
    let wanted = array("6c1835e2cb800c79cbf0a0ad78c8db71adf1eea5969b8962eecae874096c96df");
    assert_eq!(*chosen([0; 32]).bytes(), wanted);
    let wanted = array("76cdb6d58687efe89c3869c1a1a6a54f9c1464cb6b5438c8442ecfc7b8097a93");
    assert_eq!(*chosen(core::array::from_fn(|at| at as u8)).bytes(), wanted);
    assert_eq!(*PresharedKey::new([5; 32]).choosing(CHACHA).bytes(), [5; 32]);

    let mut data: [u8; 32] = core::array::from_fn(|at| at as u8);
    let key = DataKey::new(Cipher::Aes256Gcm, &Secret([7; 32]));
    let tag = key.seal(0x01_0203_0405, &mut data).unwrap();
    assert_eq!(data.to_vec(), hex("8c1684724df40d47363ef2a2f0443b0e18a21152521997093ecd9a69975792ea"));
    assert_eq!(tag.to_vec(), hex("77c1631bf512b18ca9900fcd0cb1fe9c"));
}

#[test]
fn hchacha20_and_xchacha20_poly1305_are_those_of_the_draft() {
    let key: [u8; 32] = core::array::from_fn(|at| at as u8);
    let subkey = hchacha20(&key, &array("000000090000004a0000000031415927"));
    let wanted = "82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc";
    assert_eq!(subkey.0.to_vec(), hex(wanted));

    let key: [u8; 32] = core::array::from_fn(|at| 0x80 + at as u8);
    let nonce: [u8; 24] = core::array::from_fn(|at| 0x40 + at as u8);
    let mut data = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, \
        sunscreen would be it."
        .to_vec();
    let (cipher, short) = extended(&key, &nonce);
    let tag = cipher.seal_with(short, &hex("50515253c0c1c2c3c4c5c6c7"), &mut data).unwrap();
    assert_eq!(data[..16].to_vec(), hex("bd6d179d3e83d43b9576579493c0e939"));
    assert_eq!(tag.to_vec(), hex("c0875924c1c7987947deafd8780acf49"));
}

#[test]
fn hmac_kdf_and_mac_are_those_of_another_program() {
    let key: [u8; 32] = core::array::from_fn(|at| at as u8);
    let short: [u8; 16] = core::array::from_fn(|at| at as u8);
    assert_eq!(noise::hmac(&key, &[b"what do ya want ", b"for nothing?"]).0.to_vec(), made("hmac"));
    let outputs: [Secret; 3] = noise::kdf(&Secret(key), b"input");
    for (number, output) in outputs.iter().enumerate() {
        assert_eq!(output.0.to_vec(), made(&format!("kdf{}", number + 1)));
    }
    assert_eq!(noise::mac(&key, &[b"mess", b"age"]).to_vec(), made("mac32"));
    assert_eq!(noise::mac(&short, &[b"message"]).to_vec(), made("mac16"));
}

#[test]
fn a_stamp_is_that_of_another_program_and_stamps_always_grow() {
    let time = 1_795_248_000_500_000_000;
    assert_eq!(encode(Unix(time)).to_vec(), made("stamp"));
    let second = 1_000_000_000;
    let window = StampWindow { floor: Unix(time), ceiling: Unix(time + 60 * second) };
    let mut stamper = Stamper::new(window, LastStamp::default());
    let mut last = [0; 12];
    for wall in [0, time + 5 * second, time + second, time + 5 * second, time + 90 * second, time + 91 * second] {
        let stamp = stamper.next(Unix(wall));
        assert!(stamp > last && stamp >= encode(Unix(time)) && stamp < encode(window.ceiling));
        last = stamp;
    }
    let mut other = Stamper::new(StampWindow { floor: Unix(0), ceiling: Unix(u64::MAX) }, LastStamp::default());
    let whitened = other.next(Unix(time + 0xff_ffff));
    assert_eq!(whitened, Stamper::new(window, LastStamp::default()).next(Unix(time + 0xff_ffff)), "to 16 ms");
    assert_ne!(whitened, encode(Unix(time + 0xff_ffff)));
}

#[test]
fn a_handshake_with_fixed_keys_gives_the_bytes_of_another_program() {
    let [static_i, static_r, ephemeral_i, ephemeral_r] = [1, 2, 3, 4].map(|number| PrivateKey::new([number; 32]));
    let preshared = PresharedKey::new([5; 32]);
    let static_static = static_i.exchange(&static_r.public()).unwrap();
    let (initiator, mut wire) = Initiator::begin(Begin {
        local: &static_i,
        remote: static_r.public(),
        static_static: &static_static,
        ephemeral: ephemeral_i,
        index: 0x0102_0304,
        stamp: encode(Unix(1_795_248_000_500_000_000)),
    })
    .unwrap();
    Holder::default().stamp(Instant(0), &mut wire, &noise::mac1_key(&static_r.public()));
    assert_eq!(wire.to_vec(), made("initiation"));

    let Some(Message::Initiation(read)) = message::parse(&wire) else { panic!() };
    let claimed = Claimed::read(&read, &static_r).unwrap();
    assert_eq!(claimed.initiator, static_i.public());
    let proven = claimed.prove(&read, &static_static).unwrap();
    assert_eq!(proven.stamp.to_vec(), made("stamp"));
    let (keys_r, mut wire) = proven.respond(&ephemeral_r, &preshared, CHACHA, 0xa0b0_c0d0).unwrap();
    Holder::default().stamp(Instant(0), &mut wire, &noise::mac1_key(&static_i.public()));
    assert_eq!(wire.to_vec(), made("response"));

    let Some(Message::Response(read)) = message::parse(&wire) else { panic!() };
    let wrong = [PresharedKey::new([6; 32])];
    assert!(initiator.finish(&read, &static_i, &wrong, &[CHACHA]).is_none());
    assert!(initiator.finish(&read, &static_i, &[], &[CHACHA]).is_none());
    let list = [PresharedKey::new([6; 32]), preshared];
    let keys_i = initiator.finish(&read, &static_i, &list, &[Cipher::Aes256Gcm, CHACHA]).unwrap();
    assert_eq!(keys_i.cipher, CHACHA, "what wireguard-go's transcript was made with");

    let pair = (PublicKey([0; 32]), PublicKey([0; 32]));
    let mut region = [0xff; 16 + 32 + 16];
    region[16..37].copy_from_slice(&hex("4500001500000000000000000000000000000000 21"));
    assert!(Session::new(Instant(0), &keys_i, 1, true, pair).seal(&mut region, 21));
    assert_eq!(region.to_vec(), made("transport"));
    let mut region = [0; 32];
    assert!(Session::new(Instant(0), &keys_r, 1, false, pair).seal(&mut region, 0));
    assert_eq!(region.to_vec(), made("keepalive"));
}

#[test]
fn padding_is_to_16_within_the_mtu() {
    for (len, mtu, wanted) in
        [(0, 1400, 0), (1, 1400, 16), (16, 1400, 16), (1399, 1400, 1400), (1401, 1400, 1416), (9, 0, 16), (7, 8, 8)]
    {
        assert_eq!(padded(len, mtu), wanted, "{len} in {mtu}");
    }
}

#[test]
fn secrets_do_not_print() {
    let printed = format!("{:?} {:?}", PrivateKey::new([7; 32]), PresharedKey::new([7; 32]));
    assert_eq!(printed, "[redacted] [redacted]");
}
