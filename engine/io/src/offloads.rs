//! What a kernel can do for us, as a ladder: each offload is tried at the start, taken down when it fails, and says why
//! it is off. Everything works without any of them, only slower.

/// One thing that the kernel may do for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offload {
    /// The TUN says what a packet is made of, and leaves checksums to us (`IFF_VNET_HDR`).
    TunHeaders,
    /// TCP crosses the TUN as superpackets (TSO).
    TunTcp,
    /// UDP crosses the TUN as superpackets (USO, Linux 6.2).
    TunUdp,
    /// One send carries many datagrams (`UDP_SEGMENT`, Linux 4.18).
    UdpSend,
    /// One receive brings many datagrams (`UDP_GRO`, Linux 5.0).
    UdpReceive,
}

/// All of them; the place of each is its bit in [`Wanted`].
pub const OFFLOADS: [Offload; 5] = [
    Offload::TunHeaders,
    Offload::TunTcp,
    Offload::TunUdp,
    Offload::UdpSend,
    Offload::UdpReceive,
];

impl Offload {
    /// As settings and status call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TunHeaders => "tun-checksum",
            Self::TunTcp => "tun-tcp",
            Self::TunUdp => "tun-udp",
            Self::UdpSend => "udp-send",
            Self::UdpReceive => "udp-receive",
        }
    }
}

/// Whether an offload is in use, or why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// In use.
    On,
    /// The device has no such thing, or another one that it stands on is off.
    Absent,
    /// The user does not want it.
    Unwanted,
    /// The kernel refused it at the start, with this errno.
    Refused(i32),
    /// The self-test at the start saw it mangle data.
    Broken,
    /// It failed at work, with this errno.
    TakenDown(i32),
}

/// Which offloads the user allows: a bit each, in the order of [`OFFLOADS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted(pub u32);

impl Wanted {
    /// Whatever the kernel has.
    pub const ALL: Self = Self(u32::MAX);

    /// What to begin with: `On` where it may be tried.
    #[must_use]
    pub fn start(self, offload: Offload) -> State {
        let bit = 1_u32 << offload as u32;
        if self.0 & bit == 0 {
            State::Unwanted
        } else {
            State::On
        }
    }
}

/// The state of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ladder([State; OFFLOADS.len()]);

impl Ladder {
    /// A device that has none of them.
    pub const NONE: Self = Self([State::Absent; OFFLOADS.len()]);

    /// Of one.
    #[must_use]
    pub fn get(&self, offload: Offload) -> State {
        self.0
            .get(offload as usize)
            .copied()
            .unwrap_or(State::Absent)
    }

    /// Whether it is in use.
    #[must_use]
    pub fn is_on(&self, offload: Offload) -> bool {
        self.get(offload) == State::On
    }

    /// Changes one.
    pub fn set(&mut self, offload: Offload, state: State) {
        if let Some(place) = self.0.get_mut(offload as usize) {
            *place = state;
        }
    }

    /// Takes one down that is in use.
    pub fn take_down(&mut self, offload: Offload, errno: i32) {
        if self.is_on(offload) {
            self.set(offload, State::TakenDown(errno));
        }
    }

    /// What two devices have together: each says something of its own offloads only.
    #[must_use]
    pub fn with(mut self, other: &Self) -> Self {
        for offload in OFFLOADS {
            if self.get(offload) == State::Absent {
                self.set(offload, other.get(offload));
            }
        }
        self
    }

    /// What all workers of a tunnel have: one that is off for any of them is off.
    #[must_use]
    pub fn least(mut self, other: &Self) -> Self {
        for offload in OFFLOADS {
            if self.is_on(offload) {
                self.set(offload, other.get(offload));
            }
        }
        self
    }

    /// Each with its name.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, State)> {
        let ladder = *self;
        OFFLOADS
            .into_iter()
            .map(move |offload| (offload.name(), ladder.get(offload)))
    }
}
