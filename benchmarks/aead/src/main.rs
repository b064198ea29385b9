//! Nanoseconds to seal and to open one packet in place, by library, cipher and length: `cargo run --release`.
//!
//! Lengths: a small packet, and full ones of the inner MTUs 1,420 and 1,440. Each figure is the least of many rounds,
//! because a machine that does something else makes rounds longer, never shorter.

use std::hint::black_box;
use std::time::Instant;

const LENGTHS: [usize; 3] = [64, 1_420, 1_440];
const ROUNDS: usize = 300;
const A_ROUND: u32 = 200;
const KEY: [u8; 32] = [7; 32];
const NONCE: [u8; 12] = [9; 12];
const TAG: usize = 16;

/// The least time of a round, for one call, in nanoseconds.
fn least_ns(mut call: impl FnMut()) -> f64 {
    let round = |call: &mut dyn FnMut()| {
        let began = Instant::now();
        (0..A_ROUND).for_each(|_| call());
        began.elapsed().as_nanos() as f64 / f64::from(A_ROUND)
    };
    (0..ROUNDS)
        .map(|_| round(&mut call))
        .fold(f64::INFINITY, f64::min)
}

/// `seal` writes the tag behind the data; `open` must accept it. Opening restores a copy, whose cost is taken off.
fn measure(name: &str, seal: impl Fn(&mut [u8]), open: impl Fn(&mut [u8]) -> bool) {
    let mut line = format!("{name:<34}");
    for len in LENGTHS {
        let mut packet = vec![1; len + TAG];
        let sealing = least_ns(|| seal(black_box(&mut packet)));
        packet.fill(1);
        seal(&mut packet);
        let mut work = packet.clone();
        let copying = least_ns(|| black_box(&mut work).copy_from_slice(black_box(&packet)));
        let opening = least_ns(|| {
            work.copy_from_slice(&packet);
            assert!(open(black_box(&mut work)));
        });
        line += &format!("{sealing:8.0} /{:5.0}", opening - copying);
    }
    println!("{line}");
}

fn of_ring(name: &str, algorithm: &'static ring::aead::Algorithm) {
    use ring::aead::{Aad, LessSafeKey, Nonce, UnboundKey};
    let key = LessSafeKey::new(UnboundKey::new(algorithm, &KEY).unwrap());
    let nonce = || Nonce::assume_unique_for_key(NONCE);
    let seal = |packet: &mut [u8]| {
        let (data, tag) = packet.split_at_mut(packet.len() - TAG);
        tag.copy_from_slice(
            key.seal_in_place_separate_tag(nonce(), Aad::empty(), data)
                .unwrap()
                .as_ref(),
        );
    };
    measure(name, seal, |packet| {
        key.open_in_place(nonce(), Aad::empty(), packet).is_ok()
    });
}

fn of_aws(name: &str, algorithm: &'static aws_lc_rs::aead::Algorithm) {
    use aws_lc_rs::aead::{Aad, LessSafeKey, Nonce, UnboundKey};
    let key = LessSafeKey::new(UnboundKey::new(algorithm, &KEY).unwrap());
    let nonce = || Nonce::assume_unique_for_key(NONCE);
    let seal = |packet: &mut [u8]| {
        let (data, tag) = packet.split_at_mut(packet.len() - TAG);
        tag.copy_from_slice(
            key.seal_in_place_separate_tag(nonce(), Aad::empty(), data)
                .unwrap()
                .as_ref(),
        );
    };
    measure(name, seal, |packet| {
        key.open_in_place(nonce(), Aad::empty(), packet).is_ok()
    });
}

fn of_rust_crypto<C: aes_gcm::aead::AeadInPlace + aes_gcm::aead::KeyInit>(name: &str) {
    let cipher = C::new_from_slice(&KEY).unwrap();
    let nonce = aes_gcm::aead::Nonce::<C>::from_slice(&NONCE);
    let seal = |packet: &mut [u8]| {
        let (data, tag) = packet.split_at_mut(packet.len() - TAG);
        tag.copy_from_slice(&cipher.encrypt_in_place_detached(nonce, &[], data).unwrap());
    };
    let open = |packet: &mut [u8]| {
        let (data, tag) = packet.split_at_mut(packet.len() - TAG);
        cipher
            .decrypt_in_place_detached(nonce, &[], data, aes_gcm::aead::Tag::<C>::from_slice(tag))
            .is_ok()
    };
    measure(name, seal, open);
}

fn of_graviola() {
    use graviola::aead::{AesGcm, ChaCha20Poly1305};
    let aes = AesGcm::new(&KEY);
    let seal = |packet: &mut [u8]| {
        let (data, tag) = packet.split_at_mut(packet.len() - TAG);
        aes.encrypt(&NONCE, &[], data, tag.try_into().unwrap());
    };
    let open = |packet: &mut [u8]| {
        let (data, tag) = packet.split_at_mut(packet.len() - TAG);
        aes.decrypt(&NONCE, &[], data, tag).is_ok()
    };
    measure("graviola AES-256-GCM", seal, open);
    let chacha = ChaCha20Poly1305::new(KEY);
    let seal = |packet: &mut [u8]| {
        let (data, tag) = packet.split_at_mut(packet.len() - TAG);
        chacha.encrypt(&NONCE, &[], data, tag.try_into().unwrap());
    };
    let open = |packet: &mut [u8]| {
        let (data, tag) = packet.split_at_mut(packet.len() - TAG);
        chacha.decrypt(&NONCE, &[], data, tag).is_ok()
    };
    measure("graviola ChaCha20-Poly1305", seal, open);
}

fn main() {
    println!(
        "{:<34}{}",
        "seal / open, ns",
        LENGTHS.map(|len| format!("{len:>15}")).concat()
    );
    of_ring("ring AES-256-GCM", &ring::aead::AES_256_GCM);
    of_aws("aws-lc-rs AES-256-GCM", &aws_lc_rs::aead::AES_256_GCM);
    of_rust_crypto::<aes_gcm::Aes256Gcm>("RustCrypto AES-256-GCM");
    of_ring("ring ChaCha20-Poly1305", &ring::aead::CHACHA20_POLY1305);
    of_aws(
        "aws-lc-rs ChaCha20-Poly1305",
        &aws_lc_rs::aead::CHACHA20_POLY1305,
    );
    of_rust_crypto::<chacha20poly1305::ChaCha20Poly1305>("RustCrypto ChaCha20-Poly1305");
    of_graviola();
}
