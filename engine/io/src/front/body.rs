//! Bodies: a request's, received whole before the web part hears of it, and an answer's, passed on piece by piece.
//!
//! A slow sender so costs the web part nothing, and the front at most its own limit; what all bodies together may
//! hold stands in `budget`. An answer that was read to its end gives its connection back to the pool; one that was not closes it.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use tokio::time::timeout_at;

use super::budget::Share;
use super::connection::Conversation;
use super::problem::Refusal;
use super::web::{Lease, Web};

/// Receive a whole body. Its bytes are copied together, because a frame of one byte may hold a buffer of thousands.
pub async fn receive(
    mut body: Incoming,
    max_bytes: usize,
    deadline: Instant,
    share: &mut Share,
) -> Result<Bytes, Refusal> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    if body.size_hint().lower() > max_bytes as u64 {
        return Err(Refusal::BodyTooLarge);
    }
    let announced = usize::try_from(body.size_hint().exact().unwrap_or(0)).unwrap_or(max_bytes);
    let mut whole = Vec::new();
    while let Some(frame) = timeout_at(deadline.into(), body.frame())
        .await
        .map_err(|_late| Refusal::BodyTimeout)?
    {
        let Ok(bytes) = frame.map_err(|_broken| Refusal::Malformed)?.into_data() else {
            continue; // trailers: nothing of ours reads them
        };
        if whole.len().saturating_add(bytes.len()) > max_bytes {
            return Err(Refusal::BodyTooLarge);
        }
        share.grow(bytes.len())?;
        if whole.is_empty() && bytes.len() == announced {
            return Ok(bytes);
        }
        whole.extend_from_slice(&bytes);
    }
    Ok(Bytes::from(whole))
}

/// The body of an answer.
pub struct Answer {
    source: Source,
    conversation: Arc<Conversation>,
}

enum Source {
    Own(Full<Bytes>),
    Web {
        incoming: Incoming,
        lease: Option<Lease>,
        /// Where the connection goes afterwards; `None`: it is closed.
        pool: Option<Arc<Web>>,
    },
}

impl Answer {
    /// An answer of the front itself.
    pub fn own(bytes: Bytes, conversation: &Arc<Conversation>) -> Self {
        Self {
            source: Source::Own(Full::new(bytes)),
            conversation: Arc::clone(conversation),
        }
    }

    /// An answer of the web part over the leased connection, which goes to the pool afterwards, or is closed.
    pub fn of_web(
        incoming: Incoming,
        lease: Lease,
        pool: Option<&Arc<Web>>,
        conversation: &Arc<Conversation>,
    ) -> Self {
        let mut source = Source::Web {
            incoming,
            lease: Some(lease),
            pool: pool.map(Arc::clone),
        };
        source.finish_if_over();
        Self {
            source,
            conversation: Arc::clone(conversation),
        }
    }
}

impl Source {
    fn finish_if_over(&mut self) {
        if let Self::Web { incoming, .. } = self
            && incoming.is_end_stream()
        {
            self.finish();
        }
    }

    /// The answer was read to its end.
    fn finish(&mut self) {
        if let Self::Web { lease, pool, .. } = self
            && let (Some(lease), Some(pool)) = (lease.take(), pool)
        {
            pool.give_back(lease);
        }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.source {
            Source::Own(full) => Pin::new(full)
                .poll_frame(cx)
                .map_err(|never: Infallible| match never {}),
            Source::Web {
                incoming, lease, ..
            } => {
                let frame = ready!(Pin::new(incoming).poll_frame(cx));
                match &frame {
                    None => self.source.finish(),
                    Some(Ok(_)) => self.source.finish_if_over(),
                    Some(Err(_)) => *lease = None,
                }
                Poll::Ready(frame)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Own(full) => full.is_end_stream(),
            Source::Web { incoming, .. } => incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Own(full) => full.size_hint(),
            Source::Web { incoming, .. } => incoming.size_hint(),
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.conversation.course().handle_answered();
    }
}
