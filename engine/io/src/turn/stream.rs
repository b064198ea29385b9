//! One client over TCP, with TLS or without: bytes in, plain messages out, answers back. Told apart by the first byte.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;

use rustls::{ServerConfig, ServerConnection};
use warren_proto::Instant;
use warren_proto::turn::Client;

use crate::limits::{TURN_STREAM_ANSWERS_MAX_BYTES, TURN_STREAM_OUTPUT_MAX_BYTES};

/// The first byte of a TLS handshake; neither STUN nor channel data begins so.
const TLS_HANDSHAKE: u8 = 22;

/// See the module.
pub struct Stream {
    socket: TcpStream,
    /// Who it is.
    pub client: Client,
    /// Since when it has no allocation.
    pub unproven_since: Instant,
    /// Whether the set waits for writing.
    pub waits_for_writing: bool,
    tls: Option<Box<ServerConnection>>,
    has_begun: bool,
    /// Plain bytes that are no whole message yet.
    pub input: Vec<u8>,
    output: VecDeque<u8>,
}

/// The stream is over: closed by the client, broken, or abused.
pub struct Over;

impl Stream {
    /// A stream that said nothing yet.
    pub fn new(socket: TcpStream, client: Client, now: Instant) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        socket.set_nodelay(true)?;
        Ok(Self {
            socket,
            client,
            unproven_since: now,
            waits_for_writing: false,
            tls: None,
            has_begun: false,
            input: Vec::new(),
            output: VecDeque::new(),
        })
    }

    /// To be waited on.
    pub fn fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// Read once, through `scratch`, and append what it means to `input`.
    pub fn read(
        &mut self,
        scratch: &mut [u8],
        tls: Option<&Arc<ServerConfig>>,
    ) -> Result<(), Over> {
        let got = match self.socket.read(scratch) {
            Ok(0) => return Err(Over),
            Ok(got) => got,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(_) => return Err(Over),
        };
        let bytes = scratch.get(..got).unwrap_or_default();
        if !self.has_begun {
            self.has_begun = true;
            if bytes.first() == Some(&TLS_HANDSHAKE) {
                let config = tls.ok_or(Over)?;
                let session = ServerConnection::new(Arc::clone(config)).map_err(|_| Over)?;
                self.tls = Some(Box::new(session));
            }
        }
        match &mut self.tls {
            None => self.input.extend(bytes),
            Some(_) => self.decrypt(bytes)?,
        }
        Ok(())
    }

    fn decrypt(&mut self, mut bytes: &[u8]) -> Result<(), Over> {
        let Some(tls) = &mut self.tls else {
            return Ok(());
        };
        while !bytes.is_empty() {
            if tls.read_tls(&mut bytes).map_err(|_| Over)? == 0 {
                return Err(Over);
            }
            let state = tls.process_new_packets().map_err(|_| Over)?;
            let start = self.input.len();
            self.input
                .resize(start.saturating_add(state.plaintext_bytes_to_read()), 0);
            let room = self.input.get_mut(start..).unwrap_or_default();
            tls.reader().read_exact(room).map_err(|_| Over)?;
        }
        self.encrypt()
    }

    /// Bytes that TLS has to say.
    fn encrypt(&mut self) -> Result<(), Over> {
        while let Some(tls) = self.tls.as_mut().filter(|tls| tls.wants_write()) {
            tls.write_tls(&mut self.output).map_err(|_| Over)?;
        }
        Ok(())
    }

    /// Queue an answer. A client that asks and never reads is over.
    pub fn answer(&mut self, bytes: &[u8]) -> Result<(), Over> {
        if self.output.len() > TURN_STREAM_OUTPUT_MAX_BYTES + TURN_STREAM_ANSWERS_MAX_BYTES {
            return Err(Over);
        }
        self.queue(bytes)
    }

    /// Queue data of a peer; false where there is no room, and it was dropped.
    pub fn relay(&mut self, bytes: &[u8]) -> Result<bool, Over> {
        let fits = self.output.len().saturating_add(bytes.len()) <= TURN_STREAM_OUTPUT_MAX_BYTES;
        if fits {
            self.queue(bytes)?;
        }
        Ok(fits)
    }

    fn queue(&mut self, bytes: &[u8]) -> Result<(), Over> {
        match &mut self.tls {
            None => self.output.extend(bytes),
            Some(tls) => {
                tls.writer().write_all(bytes).map_err(|_| Over)?;
                self.encrypt()?;
            }
        }
        Ok(())
    }

    /// Write what waits, as far as it goes; whether something is left.
    pub fn flush(&mut self) -> Result<bool, Over> {
        while !self.output.is_empty() {
            let (front, _) = self.output.as_slices();
            match self.socket.write(front) {
                Ok(0) => return Err(Over),
                Ok(done) => drop(self.output.drain(..done)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(Over),
            }
        }
        Ok(false)
    }
}
