//! An open WebSocket to a relay, over TLS or not: frames in, frames out, nothing that blocks.
//!
//! Each turn of the worker makes one message of the frames that wait (at most `STREAM_MESSAGE_BYTES`, one TLS record),
//! each behind its length. Decides only how much waits where: frames in a ring that drops the oldest, at most one
//! message in TLS, and in the kernel what TCP_NOTSENT_LOWAT lets in, so that a slow line holds little that is old.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsRawFd, RawFd};

use rustls::ClientConnection;
use warren_proto::Random;

use super::dial::Open;
use super::ring::Ring;
use super::websocket::{self, Reader};
use crate::clock::Entropy;
use crate::limits::{
    STREAM_FRAMES_MAX, STREAM_INPUT_BYTES, STREAM_MESSAGE_BYTES, STREAM_UNSENT_BYTES,
};

/// Bytes of a frame's length in a message.
const LENGTH: usize = 2;
/// Room for one whole frame of the largest length beside the bytes of one read.
const PLAIN_BYTES: usize = LENGTH + u16::MAX as usize + STREAM_INPUT_BYTES;

/// The stream ended, broke, or the other side broke its rules; nothing of it counts any more.
#[derive(Debug)]
pub struct Ended;

/// One open stream.
pub struct Stream {
    tcp: TcpStream,
    tls: Option<Box<ClientConnection>>,
    reader: Reader,
    /// Bytes as they came: `raw[..raw_len]`.
    raw: Box<[u8]>,
    raw_len: usize,
    /// Payload not handed out yet: `plain[taken..plain_len]`.
    plain: Box<[u8]>,
    taken: usize,
    plain_len: usize,
    waiting: Ring,
    message: Vec<u8>,
    output: Vec<u8>,
    written: usize,
    masks: Masks,
}

/// Random masks, drawn from the kernel many at a time.
struct Masks {
    bytes: [u8; 256],
    used: usize,
}

impl Masks {
    fn draw(&mut self) -> [u8; 4] {
        if self.used.saturating_add(4) > self.bytes.len() {
            Entropy.fill(&mut self.bytes);
            self.used = 0;
        }
        let drawn = self
            .bytes
            .get(self.used..)
            .and_then(|rest| rest.first_chunk());
        self.used = self.used.saturating_add(4);
        drawn.copied().unwrap_or_default()
    }
}

impl Stream {
    /// Takes over a connection; frames are at most `frame_max_bytes` long.
    pub fn new(open: Open, frame_max_bytes: usize) -> Self {
        limit_unsent(&open.tcp);
        let mut raw = vec![0; STREAM_INPUT_BYTES].into_boxed_slice();
        // The head was read in pieces far below the buffer's size, so what came behind it fits.
        let raw_len = open.early.len().min(raw.len());
        if let Some((to, from)) = raw.get_mut(..raw_len).zip(open.early.get(..raw_len)) {
            to.copy_from_slice(from);
        }
        let message_max = frame_max_bytes.saturating_add(STREAM_MESSAGE_BYTES + LENGTH);
        Self {
            tcp: open.tcp,
            tls: open.tls,
            reader: Reader::default(),
            raw,
            raw_len,
            plain: vec![0; PLAIN_BYTES].into_boxed_slice(),
            taken: 0,
            plain_len: 0,
            waiting: Ring::new(STREAM_FRAMES_MAX, frame_max_bytes),
            message: Vec::with_capacity(message_max),
            output: Vec::with_capacity(message_max.saturating_add(websocket::HEADER_MAX_BYTES)),
            written: 0,
            masks: Masks {
                bytes: [0; 256],
                used: usize::MAX,
            },
        }
    }

    /// To be polled.
    pub fn fd(&self) -> RawFd {
        self.tcp.as_raw_fd()
    }

    /// Whether something waits for room in the socket.
    pub fn wants_write(&self) -> bool {
        !self.waiting.is_empty() || self.written < self.output.len() || self.tls_wants_write()
    }

    /// Puts a frame behind those that wait; how many were lost by it.
    pub fn push(&mut self, write: impl FnOnce(&mut [u8]) -> Option<usize>) -> u64 {
        self.waiting.push(write)
    }

    /// Gives the frames that came to `take` until it says that it has enough, or no more are there; whether it had
    /// enough, so that more may wait here.
    pub fn receive(&mut self, take: &mut dyn FnMut(&[u8]) -> bool) -> Result<bool, Ended> {
        loop {
            while let Some(frame) = self.next_frame() {
                let wants_more = take(self.plain.get(frame.clone()).unwrap_or_default());
                self.taken = frame.end;
                if !wants_more {
                    return Ok(true);
                }
            }
            self.plain.copy_within(self.taken..self.plain_len, 0);
            self.plain_len = self.plain_len.saturating_sub(self.taken);
            self.taken = 0;
            if !self.refill()? {
                return Ok(false);
            }
        }
    }

    /// Sends what waits, as far as the socket has room.
    pub fn flush(&mut self) -> Result<(), Ended> {
        loop {
            if !self.write_out().map_err(|_| Ended)? {
                return Ok(());
            }
            let mask = self.masks.draw();
            let has_pong = self.reader.take_pong(mask, &mut self.output);
            if !has_pong && self.waiting.is_empty() {
                return Ok(());
            }
            self.gather();
            if let Some(tls) = &mut self.tls {
                tls.writer().write_all(&self.output).map_err(|_| Ended)?;
                self.output.clear();
            }
        }
    }

    /// Says goodbye, if the socket takes it at once.
    pub fn close(mut self) {
        websocket::write_close(self.masks.draw(), &mut self.output);
        if let Some(tls) = &mut self.tls {
            // Nobody waits for what comes of it.
            let _ = tls.writer().write_all(&self.output);
            tls.send_close_notify();
            self.output.clear();
        }
        let _ = self.write_out();
    }

    /// Where the next whole frame lies in `plain`.
    fn next_frame(&self) -> Option<std::ops::Range<usize>> {
        let rest = self.plain.get(self.taken..self.plain_len)?;
        let (len, rest) = rest.split_first_chunk::<LENGTH>()?;
        let len = usize::from(u16::from_be_bytes(*len));
        let start = self.taken.saturating_add(LENGTH);
        (rest.len() >= len).then_some(start..start.saturating_add(len))
    }

    /// Reads once and moves payload to `plain`; false if nothing is there to be read.
    fn refill(&mut self) -> Result<bool, Ended> {
        if self.raw_len == 0 {
            let count = self.read_some().map_err(|_| Ended)?;
            let Some(count) = count else { return Ok(false) };
            if count == 0 {
                return Err(Ended);
            }
            self.raw_len = count;
        } else if !self.unframe()? {
            // A header is cut: read behind it.
            let count = self.read_some().map_err(|_| Ended)?;
            let Some(count) = count else { return Ok(false) };
            if count == 0 {
                return Err(Ended);
            }
            self.raw_len = self.raw_len.saturating_add(count);
        }
        self.unframe()?;
        Ok(true)
    }

    /// Takes headers out of `raw` and moves what is payload; false if nothing moved. A cut header stays.
    fn unframe(&mut self) -> Result<bool, Ended> {
        let mut at = 0;
        loop {
            let rest = self.raw.get(at..self.raw_len).unwrap_or_default();
            let (skipped, here) = self.reader.next(rest).map_err(|_| Ended)?;
            if (skipped, here) == (0, 0) {
                break;
            }
            at = at.saturating_add(skipped);
            let end = at.saturating_add(here);
            let payload = self.raw.get(at..end).unwrap_or_default();
            // `refill` is called with less than one frame in `plain`, so all of `raw` fits behind it.
            let plain_end = self.plain_len.saturating_add(here);
            if let Some(room) = self.plain.get_mut(self.plain_len..plain_end) {
                room.copy_from_slice(payload);
            }
            self.plain_len = plain_end;
            at = end;
        }
        self.raw.copy_within(at..self.raw_len, 0);
        self.raw_len = self.raw_len.saturating_sub(at);
        Ok(at > 0)
    }

    /// Reads what is there behind `raw_len`; `None`: nothing, `0`: the end.
    fn read_some(&mut self) -> io::Result<Option<usize>> {
        let room = self.raw.get_mut(self.raw_len..).unwrap_or_default();
        let Some(tls) = &mut self.tls else {
            return or_nothing(self.tcp.read(room));
        };
        loop {
            if let Some(count) = or_nothing(tls.reader().read(room))? {
                return Ok(Some(count));
            }
            match or_nothing(tls.read_tls(&mut self.tcp))? {
                None => return Ok(None),
                Some(0) => return Ok(Some(0)),
                Some(_) => tls.process_new_packets().map_err(io::Error::other)?,
            };
        }
    }

    /// Makes one message of the frames that wait, behind what `output` has.
    fn gather(&mut self) {
        self.message.clear();
        while let Some(frame) = self.waiting.front() {
            if !self.message.is_empty()
                && self.message.len().saturating_add(frame.len()) > STREAM_MESSAGE_BYTES - LENGTH
            {
                break;
            }
            let len = u16::try_from(frame.len()).unwrap_or(u16::MAX);
            self.message.extend_from_slice(&len.to_be_bytes());
            self.message.extend_from_slice(frame);
            self.waiting.pop();
        }
        if !self.message.is_empty() {
            websocket::write_binary(&self.message, self.masks.draw(), &mut self.output);
        }
    }

    /// Whether all that was made went out.
    fn write_out(&mut self) -> io::Result<bool> {
        if let Some(tls) = &mut self.tls {
            while tls.wants_write() {
                if or_nothing(tls.write_tls(&mut self.tcp))?.is_none() {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        while let Some(rest) = self
            .output
            .get(self.written..)
            .filter(|rest| !rest.is_empty())
        {
            match or_nothing(self.tcp.write(rest))? {
                None => return Ok(false),
                Some(count) => self.written = self.written.saturating_add(count),
            }
        }
        self.output.clear();
        self.written = 0;
        Ok(true)
    }

    fn tls_wants_write(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.wants_write())
    }
}

/// What would block is `None`.
fn or_nothing(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(count) => Ok(Some(count)),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// tcp(7), TCP_NOTSENT_LOWAT; without it (an old kernel) more waits in the kernel, nothing else.
fn limit_unsent(tcp: &TcpStream) {
    let most: libc::c_int = STREAM_UNSENT_BYTES;
    // SAFETY: the option's value is a c_int that outlives the call, and its length is given.
    unsafe {
        libc::setsockopt(
            tcp.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_NOTSENT_LOWAT,
            std::ptr::from_ref(&most).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        );
    }
}
