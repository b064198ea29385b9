//! Bodies of this crate's fuzz targets, see `warren_proto::fuzz`: plain functions of bytes that stop at the first thing
//! that must not be. Compiled for tests and under the feature `fuzz` only.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a target stops at the first surprise"
)]

use std::net::SocketAddr;

use crate::carriage::fuzz as carriage;
use crate::front::fuzz as front;
use crate::proto::{
    Device, DeviceConfig, Instant, Now, PeerConfig, PeerId, PrivateKey, Random, Unix,
};
use crate::{Error, values};

/// Takes any bytes; panics where something is not as it must be.
pub type Body = fn(&[u8]);

/// Every target of this crate by its name, which is also the name of its corpus.
pub const TARGETS: &[(&str, Body)] = &[
    ("border", border),
    ("head", front::head),
    ("headers", front::headers),
    ("hosts", front::hosts),
    ("front_settings", front::settings),
    ("control", front::control),
    ("relay_stream", carriage::stream),
    ("relay_upgrade", carriage::upgrade),
];

const NOW: Now = Now {
    mono: Instant(1_000_000_000),
    wall: Unix(1_790_000_000_000_000_000),
};

/// Not random at all: nothing here depends on it.
struct Fixed;

impl Random for Fixed {
    fn fill(&mut self, out: &mut [u8]) {
        out.fill(7);
    }
}

/// What Python gives: an argument of a wrong length is refused, every other reads back as written, and what the engine
/// then refuses of it changes nothing.
fn border(data: &[u8]) {
    if let Ok(remote) = values::parse_remote(data) {
        assert_eq!(
            values::parse_remote(&values::show_remote(remote)).ok(),
            Some(remote)
        );
        assert!(!matches!(remote, SocketAddr::V6(v6) if v6.ip().to_ipv4_mapped().is_some()));
    } else {
        assert!(
            data.len() != 6 && data.len() != 18,
            "any address of the right length is one"
        );
    }
    let prefix = values::parse_prefix(data);
    assert!(prefix.is_err() || matches!(data.len(), 5 | 17));
    let (publics, allowed) = data.split_at(data.len().min(32));
    let publics = values::parse_public_keys(publics);
    let privates = values::parse_private_keys(data);
    let preshared = values::parse_preshared_keys(data);
    assert!(preshared.is_ok() == (data.len() % 32 == 0) && privates.is_ok() == preshared.is_ok());
    let Ok(public_keys) = publics else { return };
    let allowed: Result<Vec<_>, Error> = allowed.chunks(5).map(values::parse_prefix).collect();
    let Ok(allowed) = allowed else { return };
    let config = PeerConfig {
        public_keys,
        allowed,
        ..PeerConfig::default()
    };
    let mut device =
        Device::new(DeviceConfig::new(PrivateKey::new([1; 32])), Box::new(Fixed)).unwrap();
    let taken = device.set_peer(NOW, PeerId(1), config).is_ok();
    assert_eq!(device.peer_stats(NOW, PeerId(1)).is_some(), taken);
    assert_eq!(device.remove_peer(PeerId(1)), taken);
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::TARGETS;

    /// The inputs of a target: one a line, in hexadecimal; `#` begins a note.
    fn corpus(name: &str) -> Vec<Vec<u8>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
        let text = fs::read_to_string(folder.join(format!("{name}.hex"))).unwrap();
        let lines = text
            .lines()
            .map(|line| line.split('#').next().unwrap_or_default().trim());
        let byte =
            |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        lines
            .filter(|line| !line.is_empty())
            .map(|line| line.as_bytes().chunks(2).map(byte).collect())
            .collect()
    }

    #[test]
    fn every_target_takes_its_whole_corpus() {
        for (name, body) in TARGETS {
            let inputs = corpus(name);
            assert!(inputs.len() > 1, "the corpus of {name} is empty");
            inputs.iter().for_each(|input| body(input));
        }
    }
}
