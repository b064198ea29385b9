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

/// Serve the public port until `control_in` ends or SIGTERM arrives; the GIL is released.
#[pyfunction]
#[pyo3(signature = (*, listeners, control_in, control_out, web_socket, hosts, certificate_chain, private_key,
    head_max_bytes, body_max_bytes, buffered_max_bytes, connections_max, unproven_an_address_max,
    head_ms, body_ms, response_ms, idle_ms, unproven_ms, stall_ms, stop_ms, first_connection,
    relay_sockets, relay_number, relay_key, relay_signers, relay_members, relay_rates))]
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
    buffered_max_bytes: usize,
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
) -> PyResult<()> {
    let relay = relay_config(
        relay_number,
        relay_key,
        relay_signers,
        relay_members,
        relay_rates,
    )?;
    let descriptors = Descriptors::adopt(&listeners, &relay_sockets, control_in, control_out)?;
    let settings = Settings {
        web_socket: PathBuf::from(OsStr::from_bytes(web_socket)),
        hosts,
        certificate_chain: certificate_chain.to_vec(),
        private_key: private_key.to_vec(),
        first_connection,
        relay,
        limits: Limits {
            head_max_bytes,
            body_max_bytes,
            buffered_max_bytes,
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

/// Adds the front to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(front_run, module)?)
}
