//! A tunnel as Python sees it: each method parses its bytes, has the worker do one thing, and raises what came of it.
//!
//! Every wait happens without Python's lock; dropping the object ends the worker, which never needs that lock.

use std::collections::BTreeMap;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use warren_io::carriage::RelaySettings;
use warren_io::offloads::{Ladder, State, Wanted};
use warren_io::proto::filter::{self, Direction, Record, Rules};
use warren_io::proto::{
    Cipher, ConfigError, DeviceConfig, Endpoint, Mode, PeerConfig, PeerId, PrivateKey, StampWindow,
    Transport, Unix, limits,
};
use warren_io::{Desk, Error};

use crate::errors::raise;
use crate::events::{Tuple, show, show_carriage};
use warren_io::values::{
    array, parse_endpoint, parse_prefix, parse_preshared_keys, parse_private_keys,
    parse_public_keys, parse_remote, show_endpoint,
};

const ENDPOINT_ROAM: u8 = 0;
const ENDPOINT_MANAGED: u8 = 1;
const TRANSPORT_WIREGUARD: u8 = 0;
const TRANSPORT_TAKES_AES: u8 = 1;
const TRANSPORT_CHOOSES_AES: u8 = 2;
const CIPHER_NONE: u8 = 0;
const CIPHER_CHACHA20_POLY1305: u8 = 1;
const CIPHER_AES_256_GCM: u8 = 2;
const TRANSPORTS: [(&str, u8); 6] = [
    ("TRANSPORT_WIREGUARD", TRANSPORT_WIREGUARD),
    ("TRANSPORT_TAKES_AES", TRANSPORT_TAKES_AES),
    ("TRANSPORT_CHOOSES_AES", TRANSPORT_CHOOSES_AES),
    ("CIPHER_NONE", CIPHER_NONE),
    ("CIPHER_CHACHA20_POLY1305", CIPHER_CHACHA20_POLY1305),
    ("CIPHER_AES_256_GCM", CIPHER_AES_256_GCM),
];
const OFFLOAD_ON: u8 = 0;
const OFFLOAD_ABSENT: u8 = 1;
const OFFLOAD_UNWANTED: u8 = 2;
const OFFLOAD_REFUSED: u8 = 3;
const OFFLOAD_BROKEN: u8 = 4;
const OFFLOAD_TAKEN_DOWN: u8 = 5;
const OFFLOAD_STATES: [(&str, u8); 6] = [
    ("OFFLOAD_ON", OFFLOAD_ON),
    ("OFFLOAD_ABSENT", OFFLOAD_ABSENT),
    ("OFFLOAD_UNWANTED", OFFLOAD_UNWANTED),
    ("OFFLOAD_REFUSED", OFFLOAD_REFUSED),
    ("OFFLOAD_BROKEN", OFFLOAD_BROKEN),
    ("OFFLOAD_TAKEN_DOWN", OFFLOAD_TAKEN_DOWN),
];
/// Answers of `find_rule` that are no rule.
const NO_RULE: i64 = -1;
const NO_FILTER: i64 = -2;
const SECOND_NS: u64 = 1_000_000_000;

/// (rx bytes, tx bytes, last handshake, last authenticated packet, session alive, endpoint, cipher)
type PeerStatsTuple<'py> = (u64, u64, u64, u64, u8, Bound<'py, PyBytes>, u8);

/// (number, public keys, preshared keys, allowed, mode, keepalive, transport, gate)
type PeerTuple = (u64, Vec<u8>, Vec<u8>, Vec<Vec<u8>>, u8, u16, u8, u8);

/// One WireGuard device with its TUN, its UDP sockets and its worker threads.
#[pyclass(frozen, module = "warren.engine._native")]
pub struct Tunnel {
    inner: warren_io::Tunnel,
}

impl Tunnel {
    /// Has the first worker do something, without Python's lock.
    fn call<R, F>(&self, py: Python<'_>, work: F) -> PyResult<R>
    where
        R: Send + 'static,
        F: FnOnce(&mut Desk<'_>) -> R + Send + 'static,
    {
        py.detach(|| self.inner.call(work)).map_err(raise)
    }

    /// Every worker.
    fn call_each<R, F>(&self, py: Python<'_>, work: F) -> PyResult<Vec<R>>
    where
        R: Send + 'static,
        F: FnOnce(&mut Desk<'_>) -> R + Clone + Send + 'static,
    {
        py.detach(|| self.inner.call_each(work)).map_err(raise)
    }

    /// The worker that has a peer, for what the engine may refuse.
    fn configure<F>(&self, py: Python<'_>, peer: u64, work: F) -> PyResult<()>
    where
        F: FnOnce(&mut Desk<'_>) -> Result<(), ConfigError> + Send + 'static,
    {
        py.detach(|| self.inner.call_owner(PeerId(peer), work))
            .map_err(raise)?
            .map_err(|error| raise(error.into()))
    }

    /// Every worker, for what the engine may refuse: all know the same, so all refuse the same.
    fn configure_each<F>(&self, py: Python<'_>, work: F) -> PyResult<()>
    where
        F: FnOnce(&mut Desk<'_>) -> Result<(), ConfigError> + Clone + Send + 'static,
    {
        let done: Result<(), ConfigError> = self.call_each(py, work)?.into_iter().collect();
        done.map_err(|error| raise(error.into()))
    }
}

#[pymethods]
impl Tunnel {
    #[new]
    #[expect(
        clippy::too_many_arguments,
        reason = "a tunnel is made as a whole; Python names each argument"
    )]
    fn new(
        py: Python<'_>,
        ifname: &[u8],
        mtu: usize,
        listen_port: u16,
        private_keys: &[u8],
        stamp_floor_s: u64,
        stamp_ceiling_s: u64,
        offloads: u32,
        workers: usize,
    ) -> PyResult<Self> {
        let config = DeviceConfig {
            private_keys: parse_private_keys(private_keys).map_err(raise)?,
            mtu,
            stamps: stamp_window(stamp_floor_s, stamp_ceiling_s),
            handshakes_per_s: limits::HANDSHAKES_PER_S,
            owner: warren_io::proto::Owner::default(),
            last_stamp: warren_io::proto::LastStamp::default(),
        };
        let wanted = Wanted(offloads);
        let inner =
            py.detach(|| warren_io::Tunnel::open(ifname, listen_port, config, wanted, workers));
        Ok(Self {
            inner: inner.map_err(raise)?,
        })
    }

    fn ifname<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.inner.name())
    }

    fn workers(&self) -> usize {
        self.inner.workers()
    }

    fn listen_port(&self) -> u16 {
        self.inner.port()
    }

    fn listen_on(&self, py: Python<'_>, port: u16) -> PyResult<()> {
        py.detach(|| self.inner.listen_on(port)).map_err(raise)
    }

    fn set_mark(&self, py: Python<'_>, mark: u32) -> PyResult<()> {
        py.detach(|| self.inner.set_mark(mark)).map_err(raise)
    }

    fn set_mtu(&self, py: Python<'_>, mtu: usize) -> PyResult<()> {
        py.detach(|| self.inner.set_mtu(mtu)).map_err(raise)
    }

    fn event_fd(&self) -> i32 {
        self.inner.event_fd()
    }

    fn take_events<'py>(&self, py: Python<'py>, most: usize) -> Vec<Tuple<'py>> {
        let events = self.inner.take_events(most);
        events.into_iter().map(|event| show(py, event)).collect()
    }

    fn set_private_keys(&self, py: Python<'_>, private_keys: &[u8]) -> PyResult<()> {
        let keys = parse_private_keys(private_keys).map_err(raise)?;
        self.configure_each(py, move |desk| desk.device.set_private_keys(desk.now, keys))
    }

    fn set_stamp_window(&self, py: Python<'_>, floor_s: u64, ceiling_s: u64) -> PyResult<()> {
        let window = stamp_window(floor_s, ceiling_s);
        self.call_each(py, move |desk| desk.device.set_stamp_window(window))?;
        Ok(())
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "a peer is set as a whole; Python names each argument"
    )]
    fn set_peer(
        &self,
        py: Python<'_>,
        peer: u64,
        public_keys: &[u8],
        preshared_keys: &[u8],
        allowed: Vec<Vec<u8>>,
        mode: u8,
        keepalive_s: u16,
        transport: u8,
    ) -> PyResult<()> {
        let prefixes: Result<Vec<_>, Error> =
            allowed.iter().map(|prefix| parse_prefix(prefix)).collect();
        let config = PeerConfig {
            public_keys: parse_public_keys(public_keys).map_err(raise)?,
            preshared_keys: parse_preshared_keys(preshared_keys).map_err(raise)?,
            allowed: prefixes.map_err(raise)?,
            mode: parse_mode(mode).map_err(raise)?,
            keepalive_s,
            transport: parse_transport(transport).map_err(raise)?,
        };
        self.configure_each(py, move |desk| {
            desk.device.set_peer(desk.now, PeerId(peer), config)
        })
    }

    fn set_peers(&self, py: Python<'_>, peers: Vec<PeerTuple>) -> PyResult<()> {
        let parsed: PyResult<Vec<_>> = peers.into_iter().map(parse_peer).collect();
        let parsed = parsed?;
        self.configure_each(py, move |desk| {
            for (peer, config, is_open) in parsed {
                if !is_open && desk.device.knows(peer) {
                    desk.device.set_gate(peer, false)?;
                }
                desk.device.set_peer(desk.now, peer, config)?;
                desk.device.set_gate(peer, is_open)?;
            }
            Ok(())
        })
    }

    fn set_gate(&self, py: Python<'_>, peer: u64, is_open: u8) -> PyResult<()> {
        self.configure(py, peer, move |desk| {
            desk.device.set_gate(PeerId(peer), is_open != 0)
        })
    }

    fn set_path_mtu(&self, py: Python<'_>, peer: u64, mtu: u16) -> PyResult<()> {
        let mtu = (mtu != 0).then_some(mtu);
        self.configure(py, peer, move |desk| {
            desk.device.set_path_mtu(PeerId(peer), mtu)
        })
    }

    fn set_endpoint(&self, py: Python<'_>, peer: u64, endpoint: &[u8]) -> PyResult<()> {
        let endpoint = match endpoint {
            [] => None,
            bytes => Some(Endpoint::Udp {
                remote: parse_remote(bytes).map_err(raise)?,
            }),
        };
        self.configure(py, peer, move |desk| {
            desk.device.set_endpoint(desk.now, PeerId(peer), endpoint)
        })
    }

    fn set_endpoint_relay(
        &self,
        py: Python<'_>,
        peer: u64,
        relay: u64,
        channel: u32,
    ) -> PyResult<()> {
        let endpoint = Some(Endpoint::Relay { relay, channel });
        self.configure(py, peer, move |desk| {
            desk.device.set_endpoint(desk.now, PeerId(peer), endpoint)
        })
    }

    fn remove_peer(&self, py: Python<'_>, peer: u64) -> PyResult<()> {
        self.configure_each(py, move |desk| {
            match desk.device.remove_peer(PeerId(peer)) {
                true => Ok(()),
                false => Err(ConfigError::UnknownPeer),
            }
        })
    }

    fn initiate(&self, py: Python<'_>, peer: u64) -> PyResult<()> {
        self.configure(py, peer, move |desk| {
            desk.device.initiate(desk.now, PeerId(peer))
        })
    }

    fn ping(&self, py: Python<'_>, peer: u64, token: u64) -> PyResult<()> {
        self.configure(py, peer, move |desk| {
            desk.device.ping(desk.now, PeerId(peer), token)
        })
    }

    fn set_probe_key(&self, py: Python<'_>, hint: &[u8], key: &[u8], peer: u64) -> PyResult<()> {
        let hint = array(hint, "a hint is 8 bytes").map_err(raise)?;
        let key = array(key, "a probe key is 32 bytes").map_err(raise)?;
        let set = self.call(py, move |desk| {
            desk.device.set_probe_key(hint, key, PeerId(peer))
        })?;
        set.map_err(|error| raise(error.into()))
    }

    fn remove_probe_key(&self, py: Python<'_>, hint: &[u8]) -> PyResult<()> {
        let hint = array(hint, "a hint is 8 bytes").map_err(raise)?;
        self.call(py, move |desk| desk.device.remove_probe_key(hint))?;
        Ok(())
    }

    fn expect_stun(&self, py: Python<'_>, transaction: &[u8], for_ms: u64) -> PyResult<()> {
        let transaction = array(transaction, "a STUN transaction is 12 bytes").map_err(raise)?;
        self.call(py, move |desk| {
            desk.device.expect_stun(desk.now, transaction, for_ms)
        })
    }

    fn send(&self, py: Python<'_>, endpoint: &[u8], datagram: &[u8]) -> PyResult<()> {
        let endpoint = parse_endpoint(endpoint).map_err(raise)?;
        if datagram.len() > warren_io::limits::CALLER_DATAGRAM_MAX_BYTES {
            return Err(raise(Error::Argument("a datagram is at most 1500 bytes")));
        }
        let datagram = datagram.to_vec();
        let had_room = self.call(py, move |desk| desk.send(endpoint, &datagram))?;
        if had_room {
            Ok(())
        } else {
            Err(raise(Error::Busy))
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "a relay is set as a whole; Python names each argument"
    )]
    fn set_relay(
        &self,
        py: Python<'_>,
        relay: u64,
        relay_key: &[u8],
        session_key: &[u8],
        certificate: &[u8],
        grant: &[u8],
        endpoints: Vec<Vec<u8>>,
        url: &[u8],
        proxy: &[u8],
    ) -> PyResult<()> {
        let remotes: Result<Vec<_>, Error> = endpoints
            .iter()
            .map(|remote| parse_remote(remote))
            .collect();
        let settings = RelaySettings {
            relay_key: array(relay_key, "a relay's key is 32 bytes").map_err(raise)?,
            session_key: PrivateKey::new(
                array(session_key, "a session key is 32 bytes").map_err(raise)?,
            ),
            certificate: certificate.to_vec(),
            grant: grant.to_vec(),
            remotes: remotes.map_err(raise)?,
            url: text(url)?,
            proxy: text(proxy)?,
        };
        self.call(py, move |desk| desk.set_relay(relay, settings))?
            .map_err(|sentence| raise(Error::Argument(sentence)))
    }

    fn remove_relay(&self, py: Python<'_>, relay: u64) -> PyResult<()> {
        self.call(py, move |desk| desk.remove_relay(relay))
    }

    fn open_channel(&self, py: Python<'_>, relay: u64, identity: &[u8]) -> PyResult<()> {
        let identity = array(identity, "an identity is 32 bytes").map_err(raise)?;
        let is_known = self.call(py, move |desk| {
            desk.relays.open_channel(desk.now, relay, identity)
        })?;
        if is_known {
            Ok(())
        } else {
            Err(raise(Error::Argument(
                "no such relay, or as many channels as may be",
            )))
        }
    }

    fn close_channel(&self, py: Python<'_>, relay: u64, identity: &[u8]) -> PyResult<()> {
        let identity = array(identity, "an identity is 32 bytes").map_err(raise)?;
        self.call(py, move |desk| {
            desk.relays.close_channel(desk.now, relay, identity)
        })
    }

    fn relay_stats(&self, py: Python<'_>, relay: u64) -> PyResult<(u64, u64, u64, u64)> {
        let stats = self.call(py, move |desk| desk.relays.stats(relay))?;
        Ok((
            stats.carriage.map_or(0, show_carriage),
            stats.round_trip_ns,
            stats.rx_bytes,
            stats.tx_bytes,
        ))
    }

    fn peer_stats<'py>(&self, py: Python<'py>, peer: u64) -> PyResult<PeerStatsTuple<'py>> {
        let look = move |desk: &mut Desk<'_>| desk.device.peer_stats(desk.now, PeerId(peer));
        let stats = py.detach(|| self.inner.call_owner(PeerId(peer), look));
        let stats = stats.map_err(raise)?;
        let stats = stats.ok_or_else(|| raise(ConfigError::UnknownPeer.into()))?;
        let time = |at: Option<Unix>| at.map_or(0, |at| at.0);
        let endpoint = stats.endpoint.map(show_endpoint).unwrap_or_default();
        Ok((
            stats.rx_bytes,
            stats.tx_bytes,
            time(stats.last_handshake),
            time(stats.last_authenticated),
            u8::from(stats.alive),
            PyBytes::new(py, &endpoint),
            show_cipher(stats.cipher),
        ))
    }

    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let all = self.call_each(py, |desk| {
            let flows = desk.device.named_flows();
            (desk.device.counters().clone(), desk.losses, flows)
        })?;
        let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
        for (counters, losses, flows) in all {
            for (name, count) in counters.named().chain(losses.named()).chain(flows) {
                let sum = sums.entry(name).or_default();
                *sum = sum.saturating_add(count);
            }
        }
        let stats = PyDict::new(py);
        for (name, sum) in sums {
            stats.set_item(PyBytes::new(py, name.as_bytes()), sum)?;
        }
        Ok(stats)
    }

    fn set_filter(&self, py: Python<'_>, rules: &[u8]) -> PyResult<()> {
        let parsed = match rules {
            [] => None,
            bytes => Some(Arc::new(
                py.detach(|| Rules::parse(bytes))
                    .map_err(|refused| raise(Error::Argument(refused.0)))?,
            )),
        };
        // The old rules are freed here, not between two batches of packets.
        self.call_each(py, move |desk| desk.device.set_filter(desk.now, parsed))?;
        Ok(())
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the ends of a flow; Python names each argument"
    )]
    fn find_rule(
        &self,
        py: Python<'_>,
        direction: u8,
        protocol: u8,
        local: &[u8],
        remote: &[u8],
        local_port: u16,
        remote_port: u16,
    ) -> PyResult<i64> {
        let direction = Direction::of(direction)
            .ok_or_else(|| raise(Error::Argument("a direction is 1 (in) or 2 (out)")))?;
        let (local, is_v4) = address(local).map_err(raise)?;
        let (remote, other) = address(remote).map_err(raise)?;
        if is_v4 != other {
            return Err(raise(Error::Argument("addresses of two families")));
        }
        let tuple = filter::Tuple {
            is_v4,
            protocol,
            local,
            remote,
            local_port,
            remote_port,
        };
        let found = self.call(py, move |desk| desk.device.find_rule(direction, &tuple))?;
        Ok(match found {
            None => NO_FILTER,
            Some(None) => NO_RULE,
            Some(Some(number)) => number.into(),
        })
    }

    fn filter_drops<'py>(&self, py: Python<'py>, peer: u64) -> PyResult<Bound<'py, PyBytes>> {
        let look = move |desk: &mut Desk<'_>| desk.device.filter_drops(PeerId(peer));
        let drops = py.detach(|| self.inner.call_owner(PeerId(peer), look));
        Ok(records(py, &drops.map_err(raise)?))
    }

    fn take_flow_records<'py>(
        &self,
        py: Python<'py>,
        most: usize,
    ) -> PyResult<(Bound<'py, PyBytes>, u64)> {
        // Each worker's are in order; `most` is of each, so that none waits for another's.
        let all = self.call_each(py, move |desk| desk.device.take_flow_records(most))?;
        let (taken, lost): (Vec<_>, Vec<_>) = all.into_iter().unzip();
        Ok((records(py, &taken.concat()), lost.iter().sum()))
    }

    fn offloads<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let all = self.call_each(py, |desk| desk.ladder)?;
        let ladder = all.into_iter().reduce(|all, one| all.least(&one));
        let ladder = ladder.unwrap_or(Ladder::NONE);
        let states = PyDict::new(py);
        for (name, state) in ladder.named() {
            states.set_item(PyBytes::new(py, name.as_bytes()), number(state))?;
        }
        Ok(states)
    }

    fn close(&self, py: Python<'_>) {
        py.detach(|| self.inner.close());
    }
}

/// Records one behind the other.
fn records<'py>(py: Python<'py>, records: &[Record]) -> Bound<'py, PyBytes> {
    let bytes: Vec<u8> = records.iter().flat_map(Record::bytes).collect();
    PyBytes::new(py, &bytes)
}

/// The number of an address of 4 or 16 bytes, and whether it is IPv4's.
fn address(bytes: &[u8]) -> Result<(u128, bool), Error> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Ok((u32::from_be_bytes(v4).into(), true));
    }
    let v6 = array(bytes, "an address is 4 or 16 bytes")?;
    Ok((u128::from_be_bytes(v6), false))
}

fn stamp_window(floor_s: u64, ceiling_s: u64) -> StampWindow {
    StampWindow {
        floor: Unix(floor_s.saturating_mul(SECOND_NS)),
        ceiling: Unix(ceiling_s.saturating_mul(SECOND_NS)),
    }
}

fn text(bytes: &[u8]) -> PyResult<String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| raise(Error::Argument("a URL is UTF-8")))
}

fn parse_peer(peer: PeerTuple) -> PyResult<(PeerId, PeerConfig, bool)> {
    let (number, public_keys, preshared_keys, allowed, mode, keepalive_s, transport, is_open) =
        peer;
    let prefixes: Result<Vec<_>, Error> =
        allowed.iter().map(|prefix| parse_prefix(prefix)).collect();
    let config = PeerConfig {
        public_keys: parse_public_keys(&public_keys).map_err(raise)?,
        preshared_keys: parse_preshared_keys(&preshared_keys).map_err(raise)?,
        allowed: prefixes.map_err(raise)?,
        mode: parse_mode(mode).map_err(raise)?,
        keepalive_s,
        transport: parse_transport(transport).map_err(raise)?,
    };
    Ok((PeerId(number), config, is_open != 0))
}

fn parse_mode(mode: u8) -> Result<Mode, Error> {
    match mode {
        ENDPOINT_ROAM => Ok(Mode::Roam),
        ENDPOINT_MANAGED => Ok(Mode::Managed),
        _ => Err(Error::Argument(
            "a mode is ENDPOINT_ROAM or ENDPOINT_MANAGED",
        )),
    }
}

fn parse_transport(transport: u8) -> Result<Transport, Error> {
    match transport {
        TRANSPORT_WIREGUARD => Ok(Transport::WireGuard),
        TRANSPORT_TAKES_AES => Ok(Transport::TakesAes),
        TRANSPORT_CHOOSES_AES => Ok(Transport::ChoosesAes),
        _ => Err(Error::Argument("a transport is one of TRANSPORT_...")),
    }
}

fn show_cipher(cipher: Option<Cipher>) -> u8 {
    match cipher {
        None => CIPHER_NONE,
        Some(Cipher::ChaCha20Poly1305) => CIPHER_CHACHA20_POLY1305,
        Some(Cipher::Aes256Gcm) => CIPHER_AES_256_GCM,
    }
}

/// Whether AES is the faster cipher on this machine: 1 or 0.
#[pyfunction]
fn has_fast_aes() -> u8 {
    u8::from(warren_io::fast_aes::is_there())
}

/// A state and the errno behind it, 0 where there is none.
fn number(state: State) -> (u8, i32) {
    match state {
        State::On => (OFFLOAD_ON, 0),
        State::Absent => (OFFLOAD_ABSENT, 0),
        State::Unwanted => (OFFLOAD_UNWANTED, 0),
        State::Refused(errno) => (OFFLOAD_REFUSED, errno),
        State::Broken => (OFFLOAD_BROKEN, 0),
        State::TakenDown(errno) => (OFFLOAD_TAKEN_DOWN, errno),
    }
}

/// Adds the class and its constants to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("ENDPOINT_ROAM", ENDPOINT_ROAM)?;
    module.add("ENDPOINT_MANAGED", ENDPOINT_MANAGED)?;
    for (name, value) in TRANSPORTS {
        module.add(name, value)?;
    }
    module.add_function(wrap_pyfunction!(has_fast_aes, module)?)?;
    for (name, state) in OFFLOAD_STATES {
        module.add(name, state)?;
    }
    module.add_class::<Tunnel>()
}
