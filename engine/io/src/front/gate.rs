//! Between the socket and hyper: lets one whole, unambiguous head through at a time, then exactly its body.
//!
//! So hyper never sees a malformed head (the front answers that itself), never begins with a request before the one in
//! service is answered, and the phases of the connection (`course`) follow from what passes here. What follows a
//! chunked body or an upgrade passes unread: such a connection carries no further request.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use hyper::rt::ReadBufCursor;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::connection::Conversation;
use super::counters::{Count, Counters};
use super::head::{Framing, Scanner};
use super::problem::Refusal;
use super::scratch;

/// Everything passes until the connection ends.
const ENDLESS: u64 = u64::MAX;

/// The reading and writing half that hyper gets.
pub struct Gate<S> {
    stream: S,
    conversation: Arc<Conversation>,
    counters: Arc<Counters>,
    head_max_bytes: usize,
    buffered: Vec<u8>,
    scanner: Scanner,
    /// How many bytes hyper may still have before the next head is looked for.
    allowance: u64,
    refusal: Option<Refusal>,
    /// hyper asked for the next request before this one was answered.
    parked: Option<Waker>,
}

impl<S> Gate<S> {
    /// A gate in front of a fresh connection.
    pub fn new(
        stream: S,
        conversation: Arc<Conversation>,
        counters: Arc<Counters>,
        head_max_bytes: usize,
    ) -> Self {
        Self {
            stream,
            conversation,
            counters,
            head_max_bytes,
            buffered: Vec::new(),
            scanner: Scanner::default(),
            allowance: 0,
            refusal: None,
            parked: None,
        }
    }

    /// The socket, what was read and not passed on, and why the gate shut, if it did.
    pub fn into_parts(self) -> (S, Vec<u8>, Option<Refusal>) {
        (self.stream, self.buffered, self.refusal)
    }

    /// Let the head through that the buffer begins with, and say how much follows it. `None`: it is not whole.
    fn open(&mut self, now: Instant) -> Result<Option<()>, Refusal> {
        self.conversation.course().handle_bytes(now);
        let scanned = self.scanner.scan(&self.buffered, self.head_max_bytes)?;
        let Some(head) = scanned else {
            return Ok(None);
        };
        self.scanner = Scanner::default();
        self.allowance = match head.framing {
            Framing::Length(length) => length.saturating_add(head.length as u64),
            Framing::Chunked | Framing::Upgrade => ENDLESS,
        };
        self.conversation.handle_head(head.framing, now);
        Ok(Some(()))
    }

    /// Give hyper what it may have, from the buffer.
    fn release(&mut self, cursor: &mut ReadBufCursor<'_>) {
        let most = usize::try_from(self.allowance).unwrap_or(usize::MAX);
        let count = most.min(self.buffered.len()).min(cursor.remaining());
        if let Some(bytes) = self.buffered.get(..count) {
            cursor.put_slice(bytes);
        }
        if count == self.buffered.len() {
            self.buffered = Vec::new(); // an idle connection keeps nothing
        } else {
            self.buffered.drain(..count);
        }
        self.spend(count);
    }

    fn spend(&mut self, count: usize) {
        if self.allowance != ENDLESS {
            self.allowance = self.allowance.saturating_sub(count as u64);
        }
    }
}

impl<S: AsyncRead + Unpin> Gate<S> {
    /// Read at most `most` bytes into the scratch and hand them to `take`; 0 is the end of the stream.
    fn poll_stream(
        &mut self,
        cx: &mut Context<'_>,
        most: usize,
        take: impl FnOnce(&mut Self, &[u8]),
    ) -> Poll<io::Result<usize>> {
        scratch::with(|scratch| {
            let room = most.min(scratch.len());
            let mut buffer = ReadBuf::new(scratch.get_mut(..room).unwrap_or_default());
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
            let bytes = buffer.filled();
            self.counters.add_many(Count::BytesIn, bytes.len());
            take(self, bytes);
            Poll::Ready(Ok(bytes.len()))
        })
    }
}

impl<S: AsyncRead + Unpin> hyper::rt::Read for Gate<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            if self.allowance > 0 && !self.buffered.is_empty() {
                self.release(&mut cursor);
                return Poll::Ready(Ok(()));
            }
            if self.allowance > 0 {
                let most = usize::try_from(self.allowance).unwrap_or(usize::MAX);
                let most = most.min(cursor.remaining());
                let count = ready!(self.poll_stream(cx, most, |_, bytes| cursor.put_slice(bytes)))?;
                self.spend(count);
                return Poll::Ready(Ok(()));
            }
            if !self.buffered.is_empty() {
                if self.conversation.course().is_serving() {
                    self.parked = Some(cx.waker().clone());
                    return Poll::Pending;
                }
                match self.open(Instant::now()) {
                    Ok(Some(())) => continue,
                    Ok(None) => {}
                    Err(refusal) => {
                        self.refusal = Some(refusal);
                        return Poll::Ready(Err(io::Error::other("refused")));
                    }
                }
            }
            let read = self.poll_stream(cx, usize::MAX, |gate, bytes| {
                gate.buffered.extend_from_slice(bytes);
            });
            if ready!(read)? == 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> hyper::rt::Write for Gate<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let count = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.counters.add_many(Count::BytesOut, count);
        Poll::Ready(Ok(count))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let count = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, slices))?;
        self.counters.add_many(Count::BytesOut, count);
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        if self.conversation.course().handle_flushed(Instant::now())
            && let Some(waker) = self.parked.take()
        {
            waker.wake();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
