//! Copies a WebSocket's bytes both ways between client and web part; knows nothing of frames.
//!
//! A way holds at most one chunk that its reader did not take yet, and reads nothing more before that is gone: this is
//! the backpressure. A chunk has one absolute deadline, so a reader of a byte a second is closed. An idle pair holds no
//! buffer and, once proven, no timer.
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use hyper::body::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;
use tokio::time::sleep_until;

use super::Front;
use super::connection::farewell;
use super::counters::{Count, Counters};
use super::registry::{DRAIN, EVICT, PROVEN, Ticket};
use super::scratch;

/// Chunks of one way in one poll; then others have their turn.
const TURN_CHUNKS: usize = 8;

/// One end of the line, with what was read from it before.
pub struct Side<S> {
    stream: S,
    rest: Bytes,
}

impl<S> Side<S> {
    /// An end whose first bytes are `rest`.
    pub fn new(stream: S, rest: Bytes) -> Self {
        Self { stream, rest }
    }
}

/// Copy until both ends are done, or one of them fails, stalls, or proved nothing in time.
pub async fn pump<S>(client: Side<S>, web: Side<UnixStream>, ticket: Ticket, front: &Front)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let opened = Instant::now();
    let mut pair = Pair::new(client, web, opened);
    let unproven_until = opened + front.limits.unproven;
    let mut drained_at = None;
    while !ticket.line.has(EVICT) {
        let now = Instant::now();
        if ticket.line.has(DRAIN) {
            // Half of what the front has left: the web part's goodbyes pass, and an end in order is still possible.
            drained_at.get_or_insert(now + front.limits.stop / 2);
        }
        let stalled_at = pair.waits_since().map(|since| since + front.limits.stall);
        let proof_due = (!ticket.line.has(PROVEN)).then_some(unproven_until);
        let deadlines = [
            (drained_at, None),
            (proof_due, Some(Count::ClosedUnproven)),
            (stalled_at, Some(Count::ClosedStalled)),
        ];
        let past = |due: Option<Instant>| due.is_some_and(|due| due <= now);
        if let Some((_, count)) = deadlines.iter().find(|(due, _)| past(*due)) {
            if let Some(count) = count {
                front.counters.add(*count);
            }
            break;
        }
        let deadline = deadlines.iter().filter_map(|(due, _)| *due).min();
        tokio::select! {
            biased;
            () = ticket.line.changed() => {}
            turn = std::future::poll_fn(|cx| pair.poll(cx, &front.counters)) => match turn {
                Turn::Over => break,
                Turn::Waiting => {}
            },
            () = sleep_until(deadline.unwrap_or(now).into()), if deadline.is_some() => {}
        }
    }
    drop(pair.web);
    farewell(pair.client).await;
}

/// Why the pair wants its shell to look.
enum Turn {
    Over,
    Waiting,
}

struct Pair<S> {
    client: S,
    web: UnixStream,
    up: Way,
    down: Way,
    /// Since when one way is finished and the other is not.
    half_since: Option<Instant>,
    waits: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Pair<S> {
    fn new(client: Side<S>, web: Side<UnixStream>, now: Instant) -> Self {
        Self {
            client: client.stream,
            web: web.stream,
            up: Way::new(&client.rest, now),
            down: Way::new(&web.rest, now),
            half_since: None,
            waits: false,
        }
    }

    /// Since when the pair waits for a reader, or for its second half to end.
    fn waits_since(&self) -> Option<Instant> {
        let ways = [self.up.waits_since, self.down.waits_since, self.half_since];
        ways.into_iter().flatten().min()
    }

    /// Copy what can be copied. Ready when all is over, and when waiting for a reader began or ended.
    fn poll(&mut self, cx: &mut Context<'_>, counters: &Counters) -> Poll<Turn> {
        let up = self.up.poll(cx, &mut self.client, &mut self.web, |count| {
            counters.add_many(Count::BytesIn, count);
        });
        let down = self
            .down
            .poll(cx, &mut self.web, &mut self.client, |count| {
                counters.add_many(Count::BytesOut, count);
            });
        if up.is_err() || down.is_err() || (self.up.finished && self.down.finished) {
            return Poll::Ready(Turn::Over);
        }
        // A half that ended gives the other one the time of one chunk to follow.
        if self.up.finished != self.down.finished {
            self.half_since.get_or_insert_with(Instant::now);
        }
        let waits = self.waits_since().is_some();
        if waits == self.waits {
            return Poll::Pending;
        }
        self.waits = waits;
        Poll::Ready(Turn::Waiting)
    }
}

/// One direction.
struct Way {
    chunk: Vec<u8>,
    taken: usize,
    unflushed: bool,
    ended: bool,
    finished: bool,
    waits_since: Option<Instant>,
}

impl Way {
    fn new(first: &[u8], now: Instant) -> Self {
        Self {
            chunk: first.to_vec(),
            taken: 0,
            unflushed: false,
            ended: false,
            finished: false,
            waits_since: (!first.is_empty()).then_some(now),
        }
    }

    /// Move bytes until the one side has none or the other takes none.
    fn poll<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut R,
        to: &mut W,
        mut count: impl FnMut(usize),
    ) -> io::Result<()>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        for _ in 0..TURN_CHUNKS {
            if self.finished || !self.deliver(cx, to)? {
                return Ok(());
            }
            if self.ended {
                match Pin::new(&mut *to).poll_shutdown(cx)? {
                    Poll::Ready(()) => self.finished = true,
                    Poll::Pending => self.wait(),
                }
                return Ok(());
            }
            let Poll::Ready(read) = self.transfer(cx, from, to)? else {
                return self.flush(cx, to);
            };
            count(read);
            self.ended = read == 0;
        }
        cx.waker().wake_by_ref();
        Ok(())
    }

    /// Write what is left of the chunk. False: the reader does not take it.
    fn deliver<W: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut W,
    ) -> io::Result<bool> {
        while let Some(rest) = self.chunk.get(self.taken..).filter(|rest| !rest.is_empty()) {
            let Poll::Ready(written) = Pin::new(&mut *to).poll_write(cx, rest)? else {
                self.wait();
                return Ok(false);
            };
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.taken = self.taken.saturating_add(written);
            self.unflushed = true;
        }
        if !self.chunk.is_empty() {
            self.chunk = Vec::new();
            self.taken = 0;
            self.waits_since = None;
        }
        Ok(true)
    }

    /// Read once and write it on at once; what is not taken becomes the chunk. 0 is the end of the stream.
    fn transfer<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut R,
        to: &mut W,
    ) -> io::Result<Poll<usize>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        scratch::with(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            let Poll::Ready(()) = Pin::new(from).poll_read(cx, &mut buffer)? else {
                return Ok(Poll::Pending);
            };
            let bytes = buffer.filled();
            if bytes.is_empty() {
                return Ok(Poll::Ready(0));
            }
            let written = match Pin::new(to).poll_write(cx, bytes)? {
                Poll::Ready(written) => written,
                Poll::Pending => 0,
            };
            self.unflushed |= written > 0;
            let rest = bytes.get(written..).unwrap_or_default();
            if !rest.is_empty() {
                self.chunk = rest.to_vec();
                self.wait();
            }
            Ok(Poll::Ready(bytes.len()))
        })
    }

    fn flush<W: AsyncWrite + Unpin>(&mut self, cx: &mut Context<'_>, to: &mut W) -> io::Result<()> {
        if self.unflushed {
            match Pin::new(to).poll_flush(cx)? {
                Poll::Ready(()) => {
                    self.unflushed = false;
                    self.waits_since = None;
                }
                Poll::Pending => self.wait(),
            }
        }
        Ok(())
    }

    fn wait(&mut self) {
        self.waits_since.get_or_insert_with(Instant::now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    #[tokio::test]
    async fn a_way_holds_one_chunk_for_a_reader_that_takes_nothing() {
        let (mut source, mut from) = duplex(1024 * 1024);
        let (mut to, mut sink) = duplex(1000);
        let sent: Vec<u8> = (0..500_000_u32)
            .map(|number| number.to_be_bytes()[3])
            .collect();
        let write = source.write_all(&sent);
        assert!(write.await.is_ok());
        drop(source);
        let mut way = Way::new(b"", Instant::now());
        let mut turn = async |way: &mut Way| {
            std::future::poll_fn(|cx| Poll::Ready(way.poll(cx, &mut from, &mut to, |_| {}))).await
        };
        for _ in 0..100 {
            assert!(turn(&mut way).await.is_ok());
        }
        assert!(way.chunk.len() <= 16 * 1024 && way.waits_since.is_some());
        let mut received = Vec::new();
        let mut part = vec![0; 4096];
        while !way.finished {
            assert!(turn(&mut way).await.is_ok());
            let read = tokio::time::timeout(Duration::ZERO, sink.read(&mut part)).await;
            if let Ok(Ok(count)) = read {
                received.extend_from_slice(part.get(..count).unwrap_or_default());
            }
        }
        drop(to);
        assert!(sink.read_to_end(&mut received).await.is_ok());
        assert!(received == sent);
        assert!(way.chunk.capacity() == 0, "an idle way keeps no buffer");
    }
}
