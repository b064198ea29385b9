//! One WebSocket of the front that carries relay frames: bytes in, frames to the hub; the mailbox out, many frames a
//! message. A state machine over any byte stream; its task, deadlines and place in the front's tables are the front's.
//!
//! What waits for the client waits in its mailbox, which drops its oldest: so a client that reads slowly holds at most
//! one message here. An idle one holds no buffer.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use warren_proto::Span;
use warren_proto::relay::Link;
use warren_proto::relay::websocket::{self, Ended, Reader};

use super::hub::{Hub, Mailbox, Turn};
use crate::limits::{
    RELAY_STREAM_MESSAGE_BYTES, RELAY_STREAM_READ_BYTES, RELAY_STREAM_TURN, RELAY_UNPROVEN_BYTES,
};

/// How a poll ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turned {
    /// The client closed, broke the rules, or is gone; or the relay ended it.
    Over,
    /// Waiting for the client to take bytes began or ended.
    Waiting,
}

/// One WebSocket.
pub struct Socket<S> {
    stream: S,
    number: u64,
    hub: Arc<Hub>,
    mailbox: Arc<Mailbox>,
    reader: Reader,
    /// Frames that are not whole yet.
    input: Vec<u8>,
    /// Bytes that came since the client was last seen to have proved nothing.
    unproven: usize,
    /// The message being written, and how much of it was taken.
    output: Vec<u8>,
    taken: usize,
    waits_since: Option<Instant>,
    unflushed: bool,
    ended: Option<Ended>,
    waits: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// A stream whose handshake is done, under a number that is never used again; `early` came behind the handshake.
    pub fn new(stream: S, number: u64, hub: Arc<Hub>, early: &[u8]) -> Self {
        let mailbox = hub.open_stream(number);
        let mut socket = Self {
            stream,
            number,
            hub,
            mailbox,
            reader: Reader::default(),
            input: Vec::new(),
            unproven: 0,
            output: Vec::new(),
            taken: 0,
            waits_since: None,
            unflushed: false,
            ended: None,
            waits: false,
        };
        socket.feed(early);
        socket
    }

    /// What the hub says and puts in.
    #[must_use]
    pub fn mailbox(&self) -> Arc<Mailbox> {
        Arc::clone(&self.mailbox)
    }

    /// Since when the client takes no bytes though some wait.
    #[must_use]
    pub fn waits_since(&self) -> Option<Instant> {
        self.waits_since
    }

    /// Forget the session; the byte stream, for a last word.
    pub fn into_stream(self) -> S {
        self.hub.close_stream(self.number);
        self.stream
    }

    /// The close frame that tells the client why.
    #[must_use]
    pub fn goodbye(&self) -> [u8; 4] {
        websocket::close(self.ended)
    }

    /// Move what can be moved both ways. `scratch` is empty memory for reading; `bytes` are told (in, out).
    pub fn poll(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &mut [u8],
        turn: &mut Turn,
        bytes: &mut (usize, usize),
    ) -> Poll<Turned> {
        for round in 0..=RELAY_STREAM_TURN {
            let (Ok(has_read), Ok(())) =
                (self.read(cx, scratch, turn, bytes), self.write(cx, bytes))
            else {
                return Poll::Ready(Turned::Over);
            };
            if self.ended.is_some() || self.mailbox.is_over() {
                return Poll::Ready(Turned::Over);
            }
            if !has_read {
                break;
            }
            if round == RELAY_STREAM_TURN {
                cx.waker().wake_by_ref(); // others have their turn
            }
        }
        let waits = self.waits_since.is_some();
        if waits == self.waits {
            return Poll::Pending;
        }
        self.waits = waits;
        Poll::Ready(Turned::Waiting)
    }

    /// Read as much as one batch holds and carry it. True: there may be more.
    fn read(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &mut [u8],
        turn: &mut Turn,
        bytes: &mut (usize, usize),
    ) -> io::Result<bool> {
        let mut has_more = true;
        // Who proved nothing is judged after each piece.
        let most = if self.mailbox.is_proven() {
            RELAY_STREAM_READ_BYTES
        } else {
            0
        };
        let mut is_first = true;
        while has_more && self.ended.is_none() && (is_first || self.input.len() < most) {
            is_first = false;
            let mut buffer = ReadBuf::new(scratch);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buffer)? {
                Poll::Pending => has_more = false,
                Poll::Ready(()) if buffer.filled().is_empty() => {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                Poll::Ready(()) => {
                    let count = buffer.filled().len();
                    bytes.0 = bytes.0.saturating_add(count);
                    self.feed(scratch.get(..count).unwrap_or_default());
                }
            }
        }
        self.carry(turn);
        if self.mailbox.is_proven() {
            self.unproven = 0;
        } else if self.unproven > RELAY_UNPROVEN_BYTES {
            self.ended = Some(Ended::Broken);
        }
        Ok(has_more)
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.unproven = self.unproven.saturating_add(bytes.len());
        if let Err(ended) = self.reader.feed(bytes, &mut self.input) {
            self.ended = Some(ended);
        }
    }

    /// Give every whole frame to the hub.
    fn carry(&mut self, turn: &mut Turn) {
        let link = Link::Stream(self.number);
        let mut frames = Vec::new();
        let mut at = 0;
        while let Some(length) = self
            .input
            .get(at..)
            .and_then(|rest| rest.first_chunk::<2>())
        {
            let len = usize::from(u16::from_be_bytes(*length));
            let start = at.saturating_add(2);
            let end = start.saturating_add(len);
            if end > self.input.len() {
                break;
            }
            frames.push((link, Span { start, len }));
            at = end;
        }
        if frames.is_empty() {
            return;
        }
        self.hub.carry(&mut self.input, &frames, turn);
        if at == self.input.len() {
            self.input = Vec::new();
        } else {
            self.input.drain(..at);
        }
    }

    /// Write what waits, one message after the other, until there is none or the client takes no more.
    fn write(&mut self, cx: &mut Context<'_>, bytes: &mut (usize, usize)) -> io::Result<()> {
        for _ in 0..RELAY_STREAM_TURN {
            if self.output.is_empty() && !self.compose() {
                break;
            }
            while let Some(rest) = self
                .output
                .get(self.taken..)
                .filter(|rest| !rest.is_empty())
            {
                let Poll::Ready(count) = Pin::new(&mut self.stream).poll_write(cx, rest)? else {
                    self.waits_since.get_or_insert_with(Instant::now);
                    return Ok(());
                };
                if count == 0 {
                    return Err(io::ErrorKind::WriteZero.into());
                }
                bytes.1 = bytes.1.saturating_add(count);
                self.taken = self.taken.saturating_add(count);
                self.unflushed = true;
            }
            self.output = Vec::new();
            self.taken = 0;
            self.waits_since = None;
        }
        if self.unflushed {
            match Pin::new(&mut self.stream).poll_flush(cx)? {
                Poll::Ready(()) => {
                    self.unflushed = false;
                    self.waits_since = None;
                }
                Poll::Pending => {
                    self.waits_since.get_or_insert_with(Instant::now);
                    return Ok(());
                }
            }
        }
        if self.output.is_empty() && !self.mailbox.is_empty() {
            cx.waker().wake_by_ref();
        }
        Ok(())
    }

    /// The next message: a pong that is owed, or all frames that fit. False: nothing waits.
    fn compose(&mut self) -> bool {
        if let Some(payload) = self.reader.take_pong() {
            self.output = websocket::pong(&payload);
            return true;
        }
        if self.mailbox.is_empty() {
            return false;
        }
        // Room for the longest header; a shorter one ends where that would.
        self.output = vec![0; websocket::HEADER];
        self.mailbox
            .take(RELAY_STREAM_MESSAGE_BYTES, &mut self.output);
        let (header, count) =
            websocket::binary_header(self.output.len().saturating_sub(websocket::HEADER));
        self.taken = websocket::HEADER.saturating_sub(count);
        let room = self
            .output
            .get_mut(self.taken..websocket::HEADER)
            .unwrap_or_default();
        room.iter_mut()
            .zip(header)
            .for_each(|(to, from)| *to = from);
        true
    }
}
