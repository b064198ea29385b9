//! The server's front, as Python sees it: one call that serves until it is told to stop.
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use warren_io::front::{Descriptors, FrontError, Limits, Settings, run};
use warren_io::proto::PrivateKey;
use warren_io::proto::relay::server::{Config, Rate};
use warren_io::proto::turn::{Peers, Quotas, ServerConfig as TurnConfig, TurnSecret};
use warren_io::values;

/// Serve the public port until `control_in` ends or SIGTERM arrives; the GIL is released.
#[pyfunction]
#[pyo3(signature = (*, listeners, control_in, control_out, web_socket, hosts, certificate_chain, private_key,
    head_max_bytes, body_max_bytes, open_body_max_bytes, buffered_max_bytes, buffered_an_address_max_bytes,
    connections_max, unproven_an_address_max,
    head_ms, body_ms, response_ms, idle_ms, unproven_ms, stall_ms, stop_ms, first_connection,
    relay_sockets, relay_number, relay_key, relay_signers, relay_members, relay_rates,
    turn_listeners, turn_secret, turn_realm, turn_ports, turn_announced, turn_allowed, turn_relayed,
    turn_allowance_bytes, turn_quotas))]
#[allow(
    clippy::too_many_arguments,
    reason = "keyword-only: a settings object would be a second vocabulary"
)]
fn front_run(
    py: Python<'_>,
    listeners: Vec<i32>,
    control_in: i32,
    control_out: i32,
    web_socket: &[u8],
    hosts: Vec<Vec<u8>>,
    certificate_chain: &[u8],
    private_key: &[u8],
    head_max_bytes: usize,
    body_max_bytes: usize,
    open_body_max_bytes: usize,
    buffered_max_bytes: usize,
    buffered_an_address_max_bytes: usize,
    connections_max: usize,
    unproven_an_address_max: usize,
    head_ms: u64,
    body_ms: u64,
    response_ms: u64,
    idle_ms: u64,
    unproven_ms: u64,
    stall_ms: u64,
    stop_ms: u64,
    first_connection: u64,
    relay_sockets: Vec<i32>,
    relay_number: u64,
    relay_key: &[u8],
    relay_signers: &[u8],
    relay_members: usize,
    relay_rates: [(u64, u64); 3],
    turn_listeners: Vec<i32>,
    turn_secret: &[u8],
    turn_realm: &[u8],
    turn_ports: (u16, u16),
    turn_announced: Vec<Vec<u8>>,
    turn_allowed: Vec<Vec<u8>>,
    turn_relayed: u8,
    turn_allowance_bytes: usize,
    turn_quotas: (u32, u32, u32, u64, u64),
) -> PyResult<()> {
    let relay = relay_config(
        relay_number,
        relay_key,
        relay_signers,
        relay_members,
        relay_rates,
    )?;
    let turn = TurnConfig {
        realm: turn_realm.to_vec(),
        secret: turn_secret_of(turn_secret)?,
        allowance: turn_allowance_bytes,
        ports: turn_ports.0..=turn_ports.1,
        quotas: Quotas {
            ports_a_user: turn_quotas.0,
            ports_an_address: turn_quotas.1,
            ports: turn_quotas.2,
            user_bytes_per_s: turn_quotas.3,
            bytes_per_s: turn_quotas.4,
        },
        peers: turn_peers(&turn_allowed, turn_relayed != 0)?,
    };
    let turn_announced: Result<Vec<_>, _> = turn_announced
        .iter()
        .map(|bytes| values::parse_remote(bytes).map(|it| it.ip()))
        .collect();
    let descriptors = Descriptors::adopt(
        &listeners,
        &relay_sockets,
        &turn_listeners,
        control_in,
        control_out,
    )?;
    let settings = Settings {
        web_socket: PathBuf::from(OsStr::from_bytes(web_socket)),
        hosts,
        certificate_chain: certificate_chain.to_vec(),
        private_key: private_key.to_vec(),
        first_connection,
        relay,
        turn,
        turn_announced: turn_announced.map_err(|error| PyValueError::new_err(error.to_string()))?,
        limits: Limits {
            head_max_bytes,
            body_max_bytes,
            open_body_max_bytes,
            buffered_max_bytes,
            buffered_an_address_max_bytes,
            connections_max,
            unproven_an_address_max,
            head: Duration::from_millis(head_ms),
            body: Duration::from_millis(body_ms),
            response: Duration::from_millis(response_ms),
            idle: Duration::from_millis(idle_ms),
            unproven: Duration::from_millis(unproven_ms),
            stall: Duration::from_millis(stall_ms),
            stop: Duration::from_millis(stop_ms),
        },
    };
    py.detach(|| run(settings, descriptors))
        .map_err(|error| match error {
            FrontError::Settings(sentence) => PyValueError::new_err(sentence),
            FrontError::Io(error) => error.into(),
        })
}

/// The relay's settings; no key: no relay. Rates are (bytes a second, bytes at once) of a client, a network, in all.
fn relay_config(
    number: u64,
    key: &[u8],
    signers: &[u8],
    members: usize,
    rates: [(u64, u64); 3],
) -> PyResult<Option<Config>> {
    if key.is_empty() {
        return Ok(None);
    }
    let wrong = |text: &'static str| PyValueError::new_err(text);
    let key: [u8; 32] = key
        .try_into()
        .map_err(|_| wrong("a relay key has 32 bytes"))?;
    let signers = signers
        .chunks(32)
        .map(|it| it.try_into().ok())
        .collect::<Option<Vec<[u8; 32]>>>();
    let signers = signers.ok_or_else(|| wrong("a signer's key has 32 bytes"))?;
    let [client_rate, network_rate, total_rate] = rates.map(|(bytes_s, burst_bytes)| Rate {
        bytes_s,
        burst_bytes,
    });
    Ok(Some(Config {
        number,
        private_key: PrivateKey::new(key),
        signers,
        members,
        client_rate,
        network_rate,
        total_rate,
    }))
}

/// The secret of TURN's passwords; none: STUN only.
fn turn_secret_of(bytes: &[u8]) -> PyResult<Option<TurnSecret>> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let secret = TurnSecret::new(bytes);
    Ok(Some(secret.ok_or_else(|| {
        PyValueError::new_err("TURN's secret is too short")
    })?))
}

/// Who TURN's clients may reach.
fn turn_peers(allowed: &[Vec<u8>], relayed: bool) -> PyResult<Peers> {
    let prefixes: Result<Vec<_>, _> = allowed
        .iter()
        .map(|bytes| values::parse_prefix(bytes))
        .collect();
    let prefixes = prefixes.map_err(|error| PyValueError::new_err(error.to_string()))?;
    Peers::new(prefixes, relayed).ok_or_else(|| PyValueError::new_err("too many prefixes for TURN"))
}

/// Adds the front to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(front_run, module)?)
}
