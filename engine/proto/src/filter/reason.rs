//! Why a packet does not pass: one word each, the same for the counters, for what Python asks, and for people.

/// Which way a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// From a peer to this machine.
    In,
    /// From this machine to a peer.
    Out,
}

impl Direction {
    /// Its number outside.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::In => 1,
            Self::Out => 2,
        }
    }

    /// By its number.
    #[must_use]
    pub fn of(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::In),
            2 => Some(Self::Out),
            _ => None,
        }
    }
}

/// Why a packet was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// It would open a flow, and no rule accepts that.
    NoRule,
    /// It belongs to no flow, and cannot open one: TCP without SYN, an answer to an echo that nobody sent.
    NotOpened,
    /// It belongs to a flow whose rule was withdrawn.
    Withdrawn,
    /// Its headers are cut or contradict themselves.
    Malformed,
    /// A fragment without its first one, or a first one that hides its ports (RFC 1858, RFC 7112).
    Fragment,
    /// Source routing (RFC 5095, RFC 7126), or more extension headers than anybody needs.
    Headers,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 6] =
        [Self::NoRule, Self::NotOpened, Self::Withdrawn, Self::Malformed, Self::Fragment, Self::Headers];

    /// Its number outside; 0 is no reason.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::NoRule => 1,
            Self::NotOpened => 2,
            Self::Withdrawn => 3,
            Self::Malformed => 4,
            Self::Fragment => 5,
            Self::Headers => 6,
        }
    }
}
