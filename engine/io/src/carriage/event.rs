//! What goes up about relays: the client's events with the relay's number, as far as somebody acts on them.

use warren_proto::relay::Link;
use warren_proto::relay::client::{Event, Loss};
use warren_proto::relay::grant::Refusal;

/// What carries a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carriage {
    /// The tunnel's own UDP port.
    Udp,
    /// A WebSocket over TLS or TCP.
    WebSocket,
}

impl Carriage {
    /// Of a line.
    #[must_use]
    pub fn of(link: Link) -> Self {
        match link {
            Link::Udp(_) => Self::Udp,
            Link::Stream(_) => Self::WebSocket,
        }
    }
}

/// Something about a relay that only the caller can act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RelayEvent {
    /// A session stands; also when another one took its place, or the carriage changed.
    Connected {
        /// Which relay.
        relay: u64,
        /// From the proof to the answer.
        round_trip_ns: u64,
        /// Over what.
        carriage: Carriage,
    },
    /// There is no session; the engine goes on trying.
    Lost {
        /// Which relay.
        relay: u64,
        /// For people.
        reason: String,
    },
    /// A channel leads to this identity.
    Channel {
        /// Which relay.
        relay: u64,
        /// By which number.
        channel: u32,
        /// To whom.
        identity: [u8; 32],
    },
    /// It leads nowhere any more.
    ChannelGone {
        /// Which relay.
        relay: u64,
        /// By which number.
        channel: u32,
        /// To whom it led.
        identity: [u8; 32],
    },
}

impl RelayEvent {
    /// There is no session.
    #[must_use]
    pub fn lost(relay: u64, reason: String) -> Self {
        Self::Lost { relay, reason }
    }

    /// What a client tells, as its caller hears it; `None` where nobody acts on it.
    #[must_use]
    pub fn of_client(relay: u64, event: Event) -> Option<Self> {
        Some(match event {
            Event::Connected {
                link,
                round_trip_ns,
                ..
            } => Self::Connected {
                relay,
                round_trip_ns,
                carriage: Carriage::of(link),
            },
            Event::Lost { reason } | Event::Failed { reason } => {
                Self::lost(relay, in_words(reason).into())
            }
            Event::Refused { reason } => Self::lost(relay, refusal(reason).into()),
            Event::Opened { identity, channel } => Self::Channel {
                relay,
                channel,
                identity,
            },
            Event::Closed {
                identity, channel, ..
            } => Self::ChannelGone {
                relay,
                channel,
                identity,
            },
            Event::Absent { .. } | Event::Denied { .. } | Event::RoundTrip { .. } => return None,
        })
    }
}

fn in_words(loss: Loss) -> &'static str {
    match loss {
        Loss::Silent => "it does not answer",
        Loss::Farewell(_) => "it ended the session",
        Loss::StreamEnded => "the connection over TLS ended",
        Loss::Stopped => "it is not used any more",
    }
}

fn refusal(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Malformed => "it does not understand our papers",
        Refusal::Signer => "it does not trust who signed our grant",
        Refusal::Signature => "a signature of our papers is wrong",
        Refusal::Expired => "our papers ran out, or a clock is wrong",
        Refusal::OtherRelay => "our grant is for other relays",
        Refusal::Revoked => "our membership was taken back",
        Refusal::Full => "it is full",
    }
}
